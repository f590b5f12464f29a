import { CommandError } from './errors.ts';

/** The file system has no room left. */
export class DiskFull extends CommandError {
  override readonly name = 'DiskFull';
}

/** Does work that writes at a place, and names the place where it runs full: the system does not. @throws DiskFull */
export async function namingFullDisk<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC')) throw cause;
    throw new DiskFull(
      `no space is left where ${place} is: ${cause.message}`,
      'Make room there, or choose another place.',
      { cause },
    );
  }
}
