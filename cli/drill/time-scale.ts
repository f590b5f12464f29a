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
 * For a helper appliance the same factor does. Its program is a real process, up in a second or two, and has at least
 * 20 real seconds until its first report. It beats every half second or slower, and twelve beats may fail: it is silent
 * after six real seconds at the smallest factor, later with larger disks. To write the disks it has seven simulated
 * days, where an hour is what is reckoned with here.
 */
export function chooseTimeScale(diskBytes: readonly number[]): number {
  const bytes = diskBytes.reduce((sum, size) => sum + size, 0);
  const hundredths = Math.ceil((bytes * 100) / (SLOWEST_COPY_BYTES_PER_SECOND * MOST_SIMULATED_SECONDS));
  return Math.min(1, Math.max(SMALLEST, hundredths / 100));
}
