import { z } from 'zod';
import { bytesSchema } from './manifest.ts';
import { attemptPrefix } from './restore-record.ts';

/**
 * How far one batch of segments [from, to) is written into its snapshot: where its next try goes on, and what people
 * see. Its key in the control bucket is {@link directProgressKey}.
 */
export const directProgressSchema = z.strictObject({
  /** Of another snapshot it says nothing. */
  snapshotId: z.string(),
  from: z.number().int().nonnegative(),
  to: z.number().int().positive(),
  /** Everything of the batch before this byte of the disk is written. */
  offset: bytesSchema,
  /** Blocks of the batch before `offset` that are not zero. */
  writtenBlocks: z.number().int().nonnegative(),
  notedAt: z.iso.datetime(),
});
export type DirectProgress = z.infer<typeof directProgressSchema>;

export interface DirectDisk {
  readonly restoreId: string;
  readonly attempt: number;
  readonly diskId: string;
}

/** `restores/<restoreId>/<attempt>/progress/<disk>/`; its batches are called `<from>.json`. */
export const directProgressPrefix = ({ restoreId, attempt, diskId }: DirectDisk): string =>
  `${attemptPrefix(restoreId, attempt)}progress/${diskId}/`;
export const directProgressKey = (disk: DirectDisk, from: number): string =>
  `${directProgressPrefix(disk)}${from}.json`;
/** Present once it was asked to complete the disk's snapshot. */
export const directCompletionKey = (disk: DirectDisk): string =>
  `${attemptPrefix(disk.restoreId, disk.attempt)}completion/${disk.diskId}.json`;
/** What lies at {@link directCompletionKey}. */
export const directCompletionSchema = z.strictObject({
  snapshotId: z.string(),
  askedAt: z.iso.datetime(),
});
