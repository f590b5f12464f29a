/** Ranges [from, to) of segments, one for each Lambda run. */
export function cutIntoBatches(segmentCount: number, batchSegments: number): { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(segmentCount / batchSegments) }, (_, batch) => ({
    from: batch * batchSegments,
    to: Math.min((batch + 1) * batchSegments, segmentCount),
  }));
}
