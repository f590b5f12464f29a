import type { PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import { Findings } from './findings.ts';
import { planStrategies, STRATEGY_NAMES, type StrategyFacts, type StrategyOption } from './strategy.ts';

/** The strategy that the restore goes by. */
export interface ChosenStrategy {
  readonly disks: readonly PlannedDisk[];
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

/** Decides how the disks become volumes: as the request says, or by what is possible. */
export async function chooseStrategy(facts: StrategyFacts): Promise<StrategyChoice> {
  const asked = facts.request.strategy;
  const options = await planStrategies(facts, asked === 'auto' ? STRATEGY_NAMES : [asked]);
  const best = options.find(({ plan }) => plan !== undefined);
  const findings = new Findings();
  for (const option of best ? [best] : options) findings.add(option.findings);
  const { plan } = best ?? {};
  const reason = asked === 'auto' ? 'it is the simplest of those that are possible' : ASKED;
  const chosen = plan && {
    disks: plan.disks,
    strategy: (claimed: { restoreId: string; attempt: number }) => plan.strategy({ ...claimed, reason }),
  };
  return { chosen, findings, options };
}
