/**
 * Runs tasks at once. The first that fails aborts the signal of the others, and is thrown once all have ended: nothing
 * of them is running any more then.
 */
export async function together<Result>(
  tasks: readonly ((signal: AbortSignal) => Promise<Result>)[],
  outer: AbortSignal,
): Promise<Result[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const failures: unknown[] = [];
  const results = tasks.map(async (task) => {
    try {
      return [await task(signal)];
    } catch (error) {
      failures.push(error);
      stop.abort(error);
      return [];
    }
  });
  const ended = await Promise.all(results);
  if (failures.length > 0) throw failures[0];
  return ended.flat();
}
