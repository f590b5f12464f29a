import { z } from 'zod';
import { estimateSchema } from './estimate.ts';
import { diskReportSchema } from './helper.ts';

/*
 * What lies in the control bucket about one restore:
 *
 *   restores/<restoreId>/claim.json                              who works on it and how far it is
 *   restores/<restoreId>/<attempt>/plan.json                     what that attempt does
 *   restores/<restoreId>/<attempt>/ledger/<kind>/<name>.json     one entry for each thing it makes
 *   restores/<restoreId>/<attempt>/progress/<disk>/<from>.json   how far a batch is written, with strategy direct
 *   restores/<restoreId>/<attempt>/completion/<disk>.json        that a disk's snapshot was asked to be completed
 *   restores/<restoreId>/<attempt>/failure.json                  the first error, where there was one
 *   restores/<restoreId>/<attempt>/result.json                   how it ended
 */

/** A restore's life: `open` while it makes things, `closing` once clean-up has begun, `closed` when nothing is left to do. */
export const claimSchema = z.strictObject({
  restoreId: z.string(),
  attempt: z.number().int().positive(),
  executionArn: z.string(),
  claimedAt: z.iso.datetime(),
  state: z.enum(['open', 'closing', 'closed']),
  /** When clean-up began. */
  closingAt: z.iso.datetime().optional(),
  /** Set in one conditional write, the point of no return: from then on target and volumes are the result. */
  handedOverAt: z.iso.datetime().optional(),
  onFailure: z.enum(['cleanUp', 'keep']),
});

export const ledgerKindSchema = z.enum([
  'bucket',
  'upload',
  'import-task',
  'image-import-task',
  'snapshot',
  'volume',
  'image',
  'security-group',
  'instance',
  'attachment',
  'order',
  'start',
  'original',
  'stop',
  'detachment',
]);

/**
 * One thing a restore makes. Written as an intent before the thing is made; every later moment is added to it.
 * Names: the disk's id for what belongs to a disk, `source:<disk id>` for what of it goes into an import as image (no disk
 * id has a colon), `imported` for that import and its image, `launch` and `placeholder-root` for the launch image's parts
 * and the root it brought, `target`, `temporary`, `isolated` for the others. The first helper is `helper-1`, the one
 * that replaces it `helper-2`; a disk's attachment to it is `helper-1.<disk id>`; its security group is `helper`.
 * Of a restore to the original instance, `original` `target` is that instance, which is never removed: its end is to get
 * its own volumes back; `stop` `target` is there if it ran, `detachment` of a disk's id for each volume taken from it.
 */
export const ledgerEntrySchema = z.strictObject({
  kind: ledgerKindSchema,
  name: z.string(),
  diskId: z.string().optional(),
  step: z.string(),
  executionArn: z.string(),
  intendedAt: z.iso.datetime(),
  /** When the newest try to make it began. */
  triedAt: z.iso.datetime(),
  /** Id in AWS: volume id, bucket name, task id, …; absent until it is known. */
  resourceId: z.string().optional(),
  createdAt: z.iso.datetime().optional(),
  /** When it was seen in the state that it was made for. */
  readyAt: z.iso.datetime().optional(),
  /** When it became part of the result: from then on clean-up leaves it alone. */
  handedOverAt: z.iso.datetime().optional(),
  /** When AWS accepted to remove it: from then on not being found means being gone. */
  removalAskedAt: z.iso.datetime().optional(),
  removedAt: z.iso.datetime().optional(),
  /** Why it was left behind, where clean-up may not or could not remove it. */
  keptBecause: z.string().optional(),
  /** How it was made other than planned, and why. */
  note: z.string().optional(),
});

/** What an attempt failed with: the first error, of a disk's own execution where it was one. */
export const failureSchema = z.strictObject({
  error: z.string(),
  cause: z.string(),
  diskId: z.string().optional(),
});

/** How a restore ended: kept as result.json, and the execution's output when it succeeds. */
export const resultSchema = z.strictObject({
  restoreId: z.string(),
  attempt: z.number().int().positive(),
  executionArn: z.string(),
  outcome: z.enum(['restored', 'failed']),
  restorePoint: z.string().optional(),
  workload: z.string().optional(),
  strategy: z.string().optional(),
  restoreTo: z.enum(['new', 'volumes', 'original']).optional(),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime(),
  error: z.strictObject({ name: z.string(), cause: z.string() }).optional(),
  instance: z
    .strictObject({
      instanceId: z.string(),
      name: z.string(),
      instanceType: z.string(),
      availabilityZone: z.string(),
      started: z.enum(['running', 'not-started', 'not-asked']),
      /** Why it is not running, or its checks have not passed: the machine is restored all the same. */
      startProblem: z.string().optional(),
      statusChecks: z.enum(['ok', 'not passed']).optional(),
      consoleOutput: z.string().optional(),
    })
    .optional(),
  /** What the helper appliance did, where there was one. */
  helper: z
    .strictObject({
      /** More than one where the first had to be replaced. */
      instanceIds: z.array(z.string()),
      disks: z.array(diskReportSchema),
    })
    .optional(),
  volumes: z.array(
    z.strictObject({
      diskId: z.string(),
      volumeId: z.string(),
      /** Where no instance was made: what it would be attached as. */
      deviceName: z.string(),
      availabilityZone: z.string().optional(),
      sizeGiB: z.number().int(),
      diskBytes: z.number().int(),
      /** How it was made other than planned, and why. */
      note: z.string().optional(),
    }),
  ),
  /** Volumes that the original instance had, kept and left available. */
  replacedVolumes: z
    .array(z.strictObject({ diskId: z.string(), volumeId: z.string(), deviceName: z.string() }))
    .optional(),
  phases: z.array(
    z.strictObject({
      phase: z.string(),
      diskId: z.string().optional(),
      startedAt: z.iso.datetime(),
      endedAt: z.iso.datetime().optional(),
    }),
  ),
  /** What the plan expected of time and cost, and what it took; absent where the plan made no estimate. */
  measured: z
    .strictObject({
      estimate: estimateSchema.pick({ bootableSeconds: true, fullSpeedSeconds: true, costUsd: true }),
      /** Until it was handed over, ready to be started; absent where it never was. */
      bootableSeconds: z.number().nonnegative().optional(),
    })
    .optional(),
  cleanedUp: z.array(z.strictObject({ kind: ledgerKindSchema, resourceId: z.string() })),
  leftBehind: z.array(
    z.strictObject({ kind: ledgerKindSchema, resourceId: z.string().optional(), because: z.string() }),
  ),
  /** What clean-up failed with: what it left is in `leftBehind`. */
  cleanUpProblem: z.string().optional(),
  reason: z.string().optional(),
});

export type Claim = z.infer<typeof claimSchema>;
export type LedgerKind = z.infer<typeof ledgerKindSchema>;
export type LedgerEntry = z.infer<typeof ledgerEntrySchema>;
export type RestoreResult = z.infer<typeof resultSchema>;
export type Phase = RestoreResult['phases'][number];

/**
 * What is never removed by itself: uploads end with their bucket, attachments and starts with their instance; what was
 * done to the original instance is undone with it.
 */
export const ENDS_WITH_OTHERS: ReadonlySet<LedgerKind> = new Set([
  'upload',
  'attachment',
  'start',
  'stop',
  'detachment',
]);

/** Ledger name of an import as image, and of the image that it makes. */
export const IMPORTED = 'imported';
/** Ledger name of the volume or snapshot of a disk that goes into an import: not the disk's own yet. */
export const importSourceName = (diskId: string): string => `source:${diskId}`;

export const claimKey = (restoreId: string): string => `restores/${restoreId}/claim.json`;
export const attemptPrefix = (restoreId: string, attempt: number): string =>
  `restores/${restoreId}/${attempt}/`;
export const planKey = (restoreId: string, attempt: number): string =>
  `${attemptPrefix(restoreId, attempt)}plan.json`;
export const ledgerPrefix = (restoreId: string, attempt: number): string =>
  `${attemptPrefix(restoreId, attempt)}ledger/`;
export const ledgerKey = (
  restoreId: string,
  attempt: number,
  { kind, name }: Pick<LedgerEntry, 'kind' | 'name'>,
): string => `${ledgerPrefix(restoreId, attempt)}${kind}/${name}.json`;
export const failureKey = (restoreId: string, attempt: number): string =>
  `${attemptPrefix(restoreId, attempt)}failure.json`;
export const resultKey = (restoreId: string, attempt: number): string =>
  `${attemptPrefix(restoreId, attempt)}result.json`;

/** Roles of what clean-up may remove: `helper` is what belongs to a helper appliance alone. */
export const TEMPORARY_ROLES = ['temporary', 'helper'] as const;
export type TemporaryRole = (typeof TEMPORARY_ROLES)[number];

/** Tags of everything a restore makes. */
export const TAG = {
  restore: 'landfall:restore',
  role: 'landfall:role',
  /** `<attempt>/<kind>/<name>` of its ledger entry. */
  entry: 'landfall:entry',
  /** ISO time after which a temporary thing may be swept. */
  expires: 'landfall:expires',
} as const;

/** Further tags of restored instances and volumes: where they come from. */
export const ORIGIN_TAG = {
  /** What the machine, or the volume, is called at the source. */
  sourceName: 'landfall:source-name',
  restorePoint: 'landfall:restore-point',
  /** When the restore began, ISO time. */
  restoreStarted: 'landfall:restore-started',
  /** Of volumes: the disk's id. */
  disk: 'landfall:disk',
} as const;

/** Tags of what a restore to the original instance borrows: they say nothing about what may be removed. */
export const ORIGINAL_TAG = {
  /** Of the instance and its own volumes: the restore that may exchange these now. Gone when it is done. */
  borrowedBy: 'landfall:borrowed-by',
  /** Of the instance's own volumes, once they are exchanged: the restore that did it. */
  replacedBy: 'landfall:replaced-by',
} as const;

/** By the step that makes the thing whose making is the phase. */
const PHASE_TITLES: Readonly<Record<string, string>> = {
  'create-temporary-bucket': 'create the temporary bucket',
  'start-disk-upload': 'upload as RAW',
  'import-snapshot': 'import as snapshot',
  'create-disk-snapshot': 'snapshot disk',
  'import-image': 'import as image',
  'start-direct-snapshot': 'write snapshot',
  'create-volume': 'create volume',
  'launch-helper': 'launch helper',
  'create-empty-volume': 'create empty volume',
  'attach-to-helper': 'attach to helper',
  'order-helper': 'write disks',
  'create-launch-volume': 'create launch volume',
  'register-launch-image': 'register launch image',
  'launch-target': 'launch and stop target',
  'stop-original': 'stop the original instance',
  'attach-volume': 'attach volume',
  'start-target': 'start, until the status checks pass',
};

export interface RestoreTimes {
  readonly entries: readonly LedgerEntry[];
  readonly plan?: { readonly startedAt: string; readonly plannedAt: string };
  readonly claim?: Pick<Claim, 'handedOverAt' | 'closingAt'>;
  /** When the restore ended; absent while it is under way. */
  readonly endedAt?: string;
}

/** The phases a restore went through, oldest first, told from its record alone. */
export function phasesOf({ entries, plan, claim, endedAt }: RestoreTimes): Phase[] {
  const made = entries.flatMap(({ step, diskId, intendedAt, readyAt, createdAt }) => {
    const phase = PHASE_TITLES[step];
    if (phase === undefined) return [];
    // Orders are given in a moment; carrying them out takes as long as it takes.
    const ended = step === 'order-helper' ? readyAt : (readyAt ?? createdAt);
    return {
      phase,
      ...(diskId === undefined ? {} : { diskId }),
      startedAt: intendedAt,
      ...(ended === undefined ? {} : { endedAt: ended }),
    };
  });
  return [
    ...(plan ? [{ phase: 'plan', startedAt: plan.startedAt, endedAt: plan.plannedAt }] : []),
    ...made,
    ...(claim?.handedOverAt === undefined
      ? []
      : [{ phase: 'hand over', startedAt: claim.handedOverAt, endedAt: claim.handedOverAt }]),
    ...(claim?.closingAt === undefined
      ? []
      : [
          {
            phase: 'clean up',
            startedAt: claim.closingAt,
            ...(endedAt === undefined ? {} : { endedAt }),
          },
        ]),
  ].sort((a, b) => a.startedAt.localeCompare(b.startedAt));
}
