import type { DiskReport, HelperOrders, HelperReport } from '../../core/model/helper.ts';
import { type DiskProgress, makeDiskProgress } from '../disk/progress.ts';
import { DiskFailure } from '../errors.ts';
import type { Limits } from './limits.ts';

export type ReportedError = NonNullable<HelperReport['error']>;

/** How far the helper is in its life. */
export type LifeState =
  | { readonly kind: 'ready' }
  | { readonly kind: 'working'; readonly disks: readonly DiskProgress[] }
  | { readonly kind: 'done'; readonly disks: readonly DiskReport[] }
  | { readonly kind: 'failed'; readonly disks: readonly DiskReport[]; readonly error: ReportedError };

export const progressOf = (
  { disks }: HelperOrders,
  { limits, onPhase }: { limits: Limits; onPhase: () => void },
): DiskProgress[] =>
  disks.map(({ id, diskBytes }) =>
    makeDiskProgress({ id, diskBytes, speedSeconds: 3 * limits.heartbeatSeconds, onPhase }),
  );

export function describeDisks(state: LifeState): DiskReport[] {
  if (state.kind === 'ready') return [];
  if (state.kind === 'working') return state.disks.map((disk) => disk.report());
  return [...state.disks];
}

/** What an earlier run came to: what is done stays done, and what is wrong is not tried again. */
export function resumeState(report: HelperReport | undefined): LifeState {
  if (report?.state === 'done') return { kind: 'done', disks: report.disks };
  if (report?.state === 'failed' && report.error) {
    return { kind: 'failed', disks: report.disks, error: report.error };
  }
  return { kind: 'ready' };
}

/** A report is small, whatever an error quotes. */
const LONGEST_MESSAGE = 2000;

export function describeError(error: unknown): ReportedError {
  if (error instanceof DiskFailure) return { ...describeError(error.cause), diskId: error.diskId };
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  return { name, message: message.slice(0, LONGEST_MESSAGE) };
}

/** The error itself, without the disk that it is about. */
export const causeOf = (error: unknown): unknown =>
  error instanceof DiskFailure ? causeOf(error.cause) : error;
