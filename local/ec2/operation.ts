import { AwsError, type Call, type Operation } from '../service.ts';
import { notSimulated } from './errors.ts';
import type { Simulation } from './simulation.ts';

export type Operations = Readonly<Record<string, Operation>>;

/**
 * Refuses a structure that asks for more than the simulation honours.
 * @throws UnsupportedOperation naming the first such member
 */
export function acceptOnly<T extends object>(
  value: T,
  names: readonly (keyof T & string)[],
  where: string,
): void {
  const accepted: readonly string[] = names;
  for (const [name, member] of Object.entries(value)) {
    if (isAbsent(member) || accepted.includes(name)) continue;
    throw notSimulated(`${where}: parameter ${name}`);
  }
}

const isAbsent = (member: unknown): boolean =>
  member === undefined || member === null || (Array.isArray(member) && member.length === 0);

interface DryRunnable {
  readonly DryRun?: boolean | undefined;
}

const dryRunDone = () =>
  new AwsError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);

/**
 * An operation that changes something, in two steps: `prepare` checks everything and changes nothing, and what it
 * returns makes the change, without waiting in between. A dry run ends between the two.
 */
export function mutation<In extends object, Out>(
  sim: Simulation,
  name: string,
  accepted: readonly (keyof In & string)[],
  prepare: (input: In, call: Call) => (() => Out) | Promise<() => Out>,
): Operation<In & DryRunnable, Out> {
  return async (input, call) => {
    const { DryRun: dryRun, ...asked } = input;
    acceptOnly<object>(asked, accepted as readonly never[], name);
    const commit = await prepare(input, call);
    if (dryRun) throw dryRunDone();
    const output = commit();
    sim.state.changed();
    return output;
  };
}

/** An operation that only looks. */
export function query<In extends object, Out>(
  name: string,
  accepted: readonly (keyof In & string)[],
  look: (input: In, call: Call) => Out | Promise<Out>,
): Operation<In & DryRunnable, Out> {
  return async (input, call) => {
    const { DryRun: dryRun, ...asked } = input;
    acceptOnly<object>(asked, accepted as readonly never[], name);
    const output = await look(input, call);
    if (dryRun) throw dryRunDone();
    return output;
  };
}
