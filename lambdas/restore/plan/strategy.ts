import type { Estimate } from '../../../core/model/estimate.ts';
import type { PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import { planDirect } from './direct.ts';
import { Findings } from './findings.ts';
import { type HelperFacts, planHelper } from './helper.ts';
import { checkImportSources } from './import-sources.ts';
import { planUpload } from './upload.ts';

export type StrategyName = PlannedStrategy['name'];

/** What the strategies are planned from; each has findings of its own. */
export type StrategyFacts = Omit<HelperFacts, 'findings'>;

export interface StrategyPlan {
  /** With what this strategy needs to know of each. */
  readonly disks: readonly PlannedDisk[];
  readonly estimate: Estimate;
  /** Some names are an attempt's own, which is known once the restore is claimed. */
  readonly strategy: (chosen: Chosen) => PlannedStrategy;
}

export interface Chosen {
  readonly restoreId: string;
  readonly attempt: number;
  /** Why this strategy and no other. */
  readonly reason: string;
}

/** What one strategy comes to. */
export interface StrategyOption {
  readonly name: StrategyName;
  /** Its own: the other strategies need not care. */
  readonly findings: Findings;
  /** Undefined when its findings say why that is not possible. */
  readonly plan: StrategyPlan | undefined;
}

/** Plans a strategy as far as that is possible, and says in `facts.findings` what is wrong. */
type Planner = (facts: HelperFacts) => Promise<StrategyPlan | undefined>;

const PLANNERS: Readonly<Record<StrategyName, Planner>> = {
  direct: planDirect,
  upload: planUpload,
  helper: planHelper,
};

export const STRATEGY_NAMES: readonly StrategyName[] = ['direct', 'upload', 'helper'];

/** Plans strategies side by side. */
export async function planStrategies(
  facts: StrategyFacts,
  names: readonly StrategyName[],
): Promise<StrategyOption[]> {
  return await Promise.all(
    names.map(async (name) => {
      const findings = new Findings();
      const plan = await PLANNERS[name]({ ...facts, findings });
      checkImportSources(name, { conversion: facts.conversion, findings });
      return { name, findings, plan: findings.errors.length > 0 ? undefined : plan };
    }),
  );
}
