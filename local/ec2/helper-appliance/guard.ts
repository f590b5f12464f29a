/**
 * Loaded into a helper's program before the program itself: ends it when the region is gone, however that ended.
 * The channel to the region closes with the region's process, even one that was killed. (A program that never gets
 * back to its event loop does not notice.)
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Listening alone must not keep a program up that is through.
process.channel?.unref();
