/** Of AWS's durations: an instance that takes 30 seconds to start takes 0.6. */
const SMALLEST = 0.02;
/** A slow disk of a laptop that is read and written at once. */
const SLOWEST_COPY_BYTES_PER_SECOND = 50 * 1024 ** 2;
/** Well within the time that the state machine gives a volume to be created. */
const MOST_SIMULATED_SECONDS = 3_600;

/**
 * The factor on a drill's simulated durations. Bytes are copied in real time, deadlines pass in simulated time: all
 * disks together must be copied before they pass. In hundredths, 1 at most.
 *
 * For a helper appliance the same factor does. Its program is a real process, up in a second or two, and the 900
 * simulated seconds that it has until its first report are 18 real ones at the smallest factor. It beats at least every
 * half second and twelve beats may fail: what makes it silent is six real seconds at the smallest factor, and more with
 * larger disks. The time to write the disks is bounded by the helper's own deadline only, which is far above an hour.
 */
export function chooseTimeScale(diskBytes: readonly number[]): number {
  const bytes = diskBytes.reduce((sum, size) => sum + size, 0);
  const hundredths = Math.ceil((bytes * 100) / (SLOWEST_COPY_BYTES_PER_SECOND * MOST_SIMULATED_SECONDS));
  return Math.min(1, Math.max(SMALLEST, hundredths / 100));
}
