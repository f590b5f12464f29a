import { StartSnapshotCommand } from '@aws-sdk/client-ebs';
import { z } from 'zod';
import { ebs } from '../runtime/ebs.ts';
import { makeOnce, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';
import { directDisk, plannedDirect } from './direct/planned.ts';
import { workersFor } from './direct/workers.ts';
import { writtenName } from './import-image/planned.ts';
import { cutIntoBatches } from './upload/batches.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/**
 * AWS gives a snapshot up when for so long no block was written, or it was not completed after the last one: the longest
 * it takes, three days. A terabyte at its limit takes 35 minutes, but waiting for Lambda's concurrency may take hours.
 * What is forgotten is removed by clean-up; this is its last resort.
 */
const TIMEOUT_MINUTES = 4_320;

/** Starts the snapshot that a disk is written into, and cuts the disk into batches of segments. */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const { accountPutsPerSecond } = plannedDirect(plan);
  const disk = directDisk(plan, diskId);
  const snapshotId = await makeOnce({
    context,
    entry: { kind: 'snapshot', name: writtenName(plan, diskId) },
    diskId,
    step: 'start-direct-snapshot',
    create: async ({ clientToken, tags }) => {
      const { SnapshotId } = await ebs.send(
        new StartSnapshotCommand({
          ClientToken: clientToken,
          VolumeSize: disk.volumeGiB,
          Description: `landfall restore ${plan.restoreId}, disk ${diskId}`,
          Timeout: TIMEOUT_MINUTES,
          // Said or not, the account may encrypt by default: then `false` would be refused.
          ...(disk.encrypted ? { Encrypted: true } : {}),
          ...(disk.kmsKeyId === undefined ? {} : { KmsKeyArn: disk.kmsKeyId }),
          Tags: tags,
        }),
      );
      return SnapshotId ?? '';
    },
  });
  return {
    snapshotId,
    workers: workersFor(disk, { disks: plan.disks, accountPutsPerSecond }),
    batches: cutIntoBatches(disk.segmentCount, disk.batchSegments),
  };
});
