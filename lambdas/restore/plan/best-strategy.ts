import { weightUsd } from '../../../core/model/cost-model.ts';
import { type Estimate, tellDuration, tellUsd } from '../../../core/model/estimate.ts';
import { WEIGHTS } from '../../../core/model/prices-and-speeds.ts';
import type { StrategyName } from './strategy.ts';

/** A strategy that is possible, or why it is not. */
export interface Candidate {
  readonly name: StrategyName;
  /** Absent where it is not possible. */
  readonly estimate: Estimate | undefined;
  /** What keeps from it; empty where it is possible. */
  readonly problems: readonly string[];
}

export interface BestStrategy {
  readonly name: StrategyName;
  /** One sentence with figures. */
  readonly reason: string;
}

/** Of strategies that come out alike the first of these is taken: the simpler one, which needs least around it. */
const SIMPLEST_FIRST: readonly StrategyName[] = ['direct', 'upload', 'helper'];

/**
 * The strategy that comes out best when time is counted as money; undefined where none is possible. The figures are
 * the model's (docs/cost-model.md).
 */
export function bestStrategy(candidates: readonly Candidate[]): BestStrategy | undefined {
  const possible = candidates
    .flatMap(({ name, estimate }) => (estimate ? { name, estimate, weight: weightUsd(estimate) } : []))
    .sort((a, b) => SIMPLEST_FIRST.indexOf(a.name) - SIMPLEST_FIRST.indexOf(b.name));
  const least = Math.min(...possible.map(({ weight }) => weight));
  const best = possible.find(({ weight }) => weight < least + WEIGHTS.tie.value);
  if (!best) return undefined;
  const isSimpler = best.weight > least;
  const others = candidates.filter(({ name }) => name !== best.name).map(tellOther);
  const reason = [
    `bootable in about ${tellDuration(best.estimate.bootableSeconds)} for about ${tellUsd(best.estimate.costUsd)}`,
    ...(isSimpler ? ['simpler than what would come out alike'] : []),
    ...others,
  ].join('; ');
  return { name: best.name, reason };
}

function tellOther({ name, estimate, problems }: Candidate): string {
  if (!estimate) return `${name} is not possible (${problems[0] ?? 'no reason is known'})`;
  return `${name}: ${tellDuration(estimate.bootableSeconds)}, ${tellUsd(estimate.costUsd)}`;
}
