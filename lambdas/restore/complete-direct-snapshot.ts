import { setTimeout as sleep } from 'node:timers/promises';
import { CompleteSnapshotCommand } from '@aws-sdk/client-ebs';
import { z } from 'zod';
import { directCompletionKey, directCompletionSchema } from '../../core/model/direct-progress.ts';
import { parseRestorePointId } from '../../core/model/ids.ts';
import type { ManifestDisk } from '../../core/model/manifest.ts';
import type { Plan } from '../../core/model/plan.ts';
import { DiskNotFound, readManifest } from '../../core/repository/index.ts';
import { AwsRefused, nameAwsError, Throttled } from '../runtime/aws-errors.ts';
import { readRecord, writeRecord } from '../runtime/control-bucket.ts';
import { ebsOnce } from '../runtime/ebs.ts';
import { readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { openRepositoryAt } from '../runtime/repository.ts';
import { makeStep } from '../runtime/step.ts';
import { writtenName } from './import-image/planned.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string(), snapshotId: z.string().min(1) });

/**
 * Completes a disk's snapshot. EBS itself counts the blocks that were written, and holds the digest over all of their
 * digests against the manifest's: what is not the whole disk, byte for byte, never becomes a volume.
 */
export const handler = makeStep(inputSchema, async ({ diskId, snapshotId, ...context }) => {
  const plan = await readPlan(context);
  const listed = await diskOfManifest(plan, diskId);
  const key = directCompletionKey({ ...context, diskId });
  const askedBefore = (await readRecord(key, directCompletionSchema))?.value.snapshotId === snapshotId;
  if (!askedBefore) await writeRecord(key, { snapshotId, askedAt: new Date().toISOString() });
  await complete(snapshotId, listed).catch((error: unknown) => {
    // A try whose answer was lost may have completed it; whether it has, the snapshot's state tells.
    if (!(askedBefore && nameAwsError(error) instanceof AwsRefused)) throw error;
  });
  return { snapshotId, name: writtenName(plan, diskId), poll: firstPoll(5, 30) };
});

async function diskOfManifest(plan: Plan, diskId: string): Promise<ManifestDisk> {
  const repository = await openRepositoryAt(plan.repository);
  const { disks } = await readManifest(repository, parseRestorePointId(plan.restorePoint));
  const disk = disks.find(({ id }) => id === diskId);
  if (!disk) throw new DiskNotFound(`restore point ${plan.restorePoint} has no disk "${diskId}"`);
  return disk;
}

// CompleteSnapshot is let through ten times a second.
const TRIES = 8;

/** Throttles are waited out here; after a lost answer the step's next try decides. */
async function complete(SnapshotId: string, { writtenBlocks, writtenDigest }: ManifestDisk): Promise<void> {
  const command = new CompleteSnapshotCommand({
    SnapshotId,
    ChangedBlocksCount: writtenBlocks,
    // Of no blocks there is no digest: that there are none says it all.
    ...(writtenBlocks === 0
      ? {}
      : {
          Checksum: Buffer.from(writtenDigest, 'hex').toString('base64'),
          ChecksumAlgorithm: 'SHA256',
          ChecksumAggregationMethod: 'LINEAR',
        }),
  });
  for (let tries = 1; ; tries += 1) {
    try {
      await ebsOnce.send(command);
      return;
    } catch (error) {
      if (!(nameAwsError(error) instanceof Throttled) || tries >= TRIES) throw error;
      await sleep(Math.random() * 250 * 2 ** Math.min(tries, 5));
    }
  }
}
