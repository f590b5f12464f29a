import type { Estimate } from '../../../core/model/estimate.ts';
import type { PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import { type RestoreRequest, shown } from '../../../core/model/request.ts';
import { bestStrategy } from './best-strategy.ts';
import { fieldOf } from './disks.ts';
import { Findings } from './findings.ts';
import {
  planStrategies,
  STRATEGY_NAMES,
  type StrategyFacts,
  type StrategyName,
  type StrategyOption,
} from './strategy.ts';

/** The strategy that the restore goes by. */
export interface ChosenStrategy {
  readonly name: StrategyName;
  /** Why this one and no other. */
  readonly reason: string;
  readonly disks: readonly PlannedDisk[];
  readonly estimate: Estimate;
  readonly strategy: (claimed: { restoreId: string; attempt: number }) => PlannedStrategy;
}

export interface StrategyChoice {
  /** Undefined when the findings say why none is possible. */
  readonly chosen: ChosenStrategy | undefined;
  /** What was found about the chosen strategy; about all of them where none is possible. */
  readonly findings: Findings;
  /** All that were looked at. */
  readonly options: readonly StrategyOption[];
}

const ASKED = 'the request asks for it';

/**
 * Decides how the disks become volumes: as the request says, else by what is possible and by the model.
 * `compare` says of which strategies the plan is to tell what they would come to.
 */
export async function chooseStrategy(
  facts: StrategyFacts,
  compare: 'all' | 'as-needed' = 'as-needed',
): Promise<StrategyChoice> {
  const { request } = facts;
  const asked = request.strategy;
  const names = asked === 'auto' || compare === 'all' ? STRATEGY_NAMES : [asked];
  const options = await planStrategies(facts, names);
  const best = asked === 'auto' ? bestStrategy(options.map(candidateOf)) : { name: asked, reason: ASKED };
  const findings = new Findings();
  for (const option of options) if (!best || option.name === best.name) findings.add(option.findings);
  const plan = options.find(({ name }) => name === best?.name)?.plan;
  if (!best || !plan) return { chosen: undefined, findings, options };
  if (best.name !== 'helper') checkHelperUnused(best.name, { request, findings });
  const { name, reason } = best;
  const { estimate } = plan;
  const disks = name === 'helper' ? withoutInitialization(plan.disks, { ...facts, findings }) : plan.disks;
  const strategy = (claimed: { restoreId: string; attempt: number }) => plan.strategy({ ...claimed, reason });
  return { chosen: { name, reason, disks, estimate, strategy }, findings, options };
}

const candidateOf = ({ name, plan, findings }: StrategyOption) => ({
  name,
  estimate: plan?.estimate,
  problems: findings.errors.map(({ value, problem }) =>
    value === 'nothing' ? problem : `${value}: ${problem}`,
  ),
});

function checkHelperUnused(
  chosen: StrategyName,
  { request: { helper }, findings }: { request: RestoreRequest; findings: Findings },
): void {
  const { readBack, ...others } = helper;
  const given = { ...others, ...(readBack === 'sample' ? {} : { readBack }) };
  if (Object.values(given).every((value) => value === undefined)) return;
  findings.warning(
    'helper',
    shown(given),
    `is not used: the strategy is ${chosen}, which has no helper`,
    'Ask for strategy helper, or leave it out',
  );
}

/** Volumes that a helper writes are made empty, and have their full speed at once; but those of an imported image are not. */
function withoutInitialization(
  disks: readonly PlannedDisk[],
  { request, conversion, findings }: StrategyFacts & { findings: Findings },
): PlannedDisk[] {
  const imported = new Set<string>(conversion?.kind === 'import-image' ? conversion.diskIds : []);
  return disks.map((disk) => {
    const { initializationRate, ...others } = disk;
    if (initializationRate === undefined || imported.has(disk.id)) return disk;
    findings.warning(
      `${fieldOf(request, disk.id)}.initializationRate`,
      initializationRate,
      'is not used: strategy helper makes the volume empty, which has its full speed at once',
      'Leave it out',
    );
    return others;
  });
}
