/** Work that goes on beside what it was started from, which must not end before it. */
export interface TaskSet {
  /** Keeps an eye on a task; its failure is for whoever else waits for it. */
  add<Result>(task: Promise<Result>): Promise<Result>;
  /** Waits until none is under way, however they end. */
  settle(): Promise<void>;
}

export function makeTaskSet(): TaskSet {
  const underWay = new Set<Promise<unknown>>();
  return {
    add(task) {
      const ended: Promise<unknown> = task.then(
        () => underWay.delete(ended),
        () => underWay.delete(ended),
      );
      underWay.add(ended);
      return task;
    },
    async settle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
