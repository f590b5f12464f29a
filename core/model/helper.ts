import { z } from 'zod';

/*
 * What state machine and helper appliance tell each other. All of it lies in one folder of the control bucket, the only
 * one that this very instance may touch (its role's policy names `helpers/${aws:userid}/`, and aws:userid of an
 * instance is `<role id>:<instance id>`):
 *
 *   helpers/<role id>:<instance id>/orders.json         what it is to write; it ends itself when they are taken away
 *   helpers/<role id>:<instance id>/report.json         its heartbeat and progress
 *   helpers/<role id>:<instance id>/disks/<id>.json     how far a disk is, after a crash or for another helper
 */

const bytes = z.number().int().nonnegative();
const s3Url = z.string().startsWith('s3://');

/** Stands in URLs for the instance's id, which is not known before it is launched. */
export const INSTANCE_ID_PLACEHOLDER = '{instance-id}';

/** How the second line of a helper's user data begins; the rest of the line is the header, as JSON. */
export const HELPER_HEADER_PREFIX = '# landfall-helper ';

/** What a helper's user data begins with: all that the program needs to be brought up. */
export const helperHeaderSchema = z.strictObject({
  version: z.literal(1),
  /** `s3://bucket/key` of the bundle, a gzipped tar archive. */
  bundle: s3Url,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** `s3://bucket/helpers/<role id>:{instance-id}/`. */
  folder: s3Url.endsWith('/'),
  region: z.string().min(1),
  /** After it the helper ends itself, whatever it is doing. */
  deadline: z.iso.datetime(),
});
export type HelperHeader = z.infer<typeof helperHeaderSchema>;

export const helperFolder = (roleId: string, instanceId: string): string =>
  `helpers/${roleId}:${instanceId}/`;
export const ordersKey = (folder: string): string => `${folder}orders.json`;
export const reportKey = (folder: string): string => `${folder}report.json`;
export const diskStatesPrefix = (folder: string): string => `${folder}disks/`;
export const diskStateKey = (folder: string, diskId: string): string =>
  `${diskStatesPrefix(folder)}${diskId}.json`;

/** How much of what was written is read back from the volume and compared. */
export const readBackSchema = z.enum(['sample', 'all']);

/** What a helper is to do. Volumes are attached by the time it gets its orders. */
export const helperOrdersSchema = z.strictObject({
  version: z.literal(1),
  restoreId: z.string(),
  attempt: z.number().int().positive(),
  /** `s3://bucket/prefix`. */
  repository: s3Url,
  restorePoint: z.string(),
  readBack: readBackSchema,
  disks: z
    .array(
      z.strictObject({
        id: z.string(),
        volumeId: z.string().regex(/^vol-[0-9a-f]+$/),
        /** Size of the disk in the restore point. */
        diskBytes: bytes,
        /** Size of the volume, which was created empty for this disk. */
        volumeBytes: bytes,
      }),
    )
    .min(1),
});
export type HelperOrders = z.infer<typeof helperOrdersSchema>;

/**
 * How far a disk is. It is written before the first byte goes onto the volume (which was seen blank then), and after
 * segments were flushed to it: what it says is on the volume, is. Another helper goes on from it.
 */
export const diskStateSchema = z.strictObject({
  version: z.literal(1),
  restorePoint: z.string(),
  diskId: z.string(),
  volumeId: z.string(),
  segmentCount: z.number().int().positive(),
  /** Base64 of a bit per segment, the first segment the lowest bit of the first byte; set: written and flushed. */
  finished: z.string(),
  writtenBytes: bytes,
});
export type DiskState = z.infer<typeof diskStateSchema>;

export const diskReportSchema = z.strictObject({
  id: z.string(),
  state: z.enum(['waiting', 'checking', 'writing', 'reading-back', 'done']),
  /** Of the disk, zeros included, what earlier runs did too: reaches `diskBytes`. */
  doneBytes: bytes,
  diskBytes: bytes,
  /** Written onto the volume by this helper and those before it: what is not zero. */
  writtenBytes: bytes,
  /** Of `doneBytes`, what this run found done. */
  resumedBytes: bytes,
  readBackBytes: bytes,
  bytesPerSecond: bytes,
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
  /** Once done: SHA-256 over the digests of all blocks in order, found equal to the restore point's. */
  diskDigest: z.string().optional(),
});
export type DiskReport = z.infer<typeof diskReportSchema>;

/** Heartbeat and progress of a helper. It is silent when {@link MISSED_HEARTBEATS} of them are overdue. */
export const helperReportSchema = z.strictObject({
  version: z.literal(1),
  instanceId: z.string(),
  /** Counts the reports of this run, from 1. */
  sequence: z.number().int().positive(),
  reportedAt: z.iso.datetime(),
  /** Seconds until the next report, at the latest. */
  heartbeatSeconds: z.number().positive(),
  /** `ready`: up, and without orders; `done`: everything is flushed, read back, and no volume is open any more. */
  state: z.enum(['ready', 'working', 'done', 'failed']),
  error: z.strictObject({ name: z.string(), message: z.string(), diskId: z.string().optional() }).optional(),
  disks: z.array(diskReportSchema),
  /** Resident memory of the process. */
  memoryBytes: bytes,
});
export type HelperReport = z.infer<typeof helperReportSchema>;

export const HEARTBEAT_SECONDS = 10;
/** Two minutes at {@link HEARTBEAT_SECONDS}: longer than S3 and the program's own retries take to recover. */
export const MISSED_HEARTBEATS = 12;
