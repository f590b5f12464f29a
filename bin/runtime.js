import { availableParallelism } from 'node:os';

/** How the command line's own process is started; also by whoever measures it. */

export const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  // What moves disks allocates buffers, not objects: a young generation of its default size only holds garbage (70 MiB less resident).
  '--max-semi-space-size=4',
];

/** @type {Record<string, string>} */
export const ENVIRONMENT = {
  // glibc gives every thread an arena of its own, which keeps what was freed: buffers of many threads add up.
  MALLOC_ARENA_MAX: '2',
  // Compression and file access run there; more threads than cores only take turns.
  UV_THREADPOOL_SIZE: String(Math.max(4, availableParallelism())),
};
