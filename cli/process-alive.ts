import { readFileSync } from 'node:fs';

/** Whether a process of this machine is there and at work. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !hasEnded(pid);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** A process that has ended keeps its id until its parent asks for it (state Z in Linux's /proc/PID/stat). */
function hasEnded(pid: number): boolean {
  try {
    // The name before the state may hold anything, brackets too.
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .startsWith('Z');
  } catch {
    return false;
  }
}
