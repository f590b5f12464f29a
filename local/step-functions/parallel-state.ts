import { SiblingFailed, StateFailure } from './failure.ts';
import type { Frame } from './interpreter.ts';
import type { Json } from './json.ts';
import type { Scope } from './scope.ts';

export type ScopeRunner = (scope: Scope, input: Json, frame: Frame) => Promise<Json>;

/**
 * Runs the branches at the same time; the first failure aborts the others and is the state's own.
 * @throws StateFailure; the signal's reason when that is aborted
 */
export async function runParallel(
  branches: readonly Scope[],
  input: Json,
  frame: Frame,
  run: ScopeRunner,
): Promise<Json[]> {
  const { history } = frame;
  history.record('ParallelStateStarted');
  const siblings = new AbortController();
  const signal = AbortSignal.any([frame.signal, siblings.signal]);
  const lines = branches.map(() => history.fork());
  let failure: unknown;
  const runBranch = async (branch: Scope, index: number): Promise<Json> => {
    const line = lines[index] ?? history.fork();
    try {
      return await run(branch, structuredClone(input), { ...frame, history: line, signal });
    } catch (error) {
      if (failure === undefined) {
        failure = error;
        history.continueFrom(line);
        for (const other of lines) other.close();
        siblings.abort(new SiblingFailed());
      }
      return null;
    }
  };
  const results = await Promise.all(branches.map(runBranch));
  frame.signal.throwIfAborted();
  if (failure !== undefined) {
    if (failure instanceof StateFailure) history.recordAside('ParallelStateFailed');
    throw failure;
  }
  for (const line of lines) history.continueFrom(line);
  history.recordAside('ParallelStateSucceeded');
  return results;
}
