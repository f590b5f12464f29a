import { CreateVolumeCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import type { PlannedDisk, PlannedTarget } from '../../core/model/plan.ts';
import { ec2 } from '../runtime/ec2.ts';
import {
  makeOnce,
  plannedDisk,
  readPlan,
  resourceOf,
  restoreContextSchema,
  type Tag,
} from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/** Creates a disk's volume from its snapshot, in the target's zone. */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const disk = plannedDisk(plan, diskId);
  const snapshotId = await resourceOf(context, { kind: 'snapshot', name: diskId });
  const volumeId = await makeOnce({
    context,
    entry: { kind: 'volume', name: diskId },
    diskId,
    step: 'create-volume',
    create: async ({ clientToken, tags }) => {
      const { VolumeId } = await ec2.send(
        new CreateVolumeCommand({
          ClientToken: clientToken,
          AvailabilityZone: plan.target.availabilityZone,
          SnapshotId: snapshotId,
          Size: disk.volumeGiB,
          VolumeType: disk.volumeType,
          ...(disk.iops === undefined ? {} : { Iops: disk.iops }),
          ...(disk.throughput === undefined ? {} : { Throughput: disk.throughput }),
          ...(disk.encrypted ? { Encrypted: true } : {}),
          ...(disk.kmsKeyId === undefined ? {} : { KmsKeyId: disk.kmsKeyId }),
          TagSpecifications: [{ ResourceType: 'volume', Tags: [...tags, ...volumeTags(plan.target, disk)] }],
        }),
      );
      return VolumeId ?? '';
    },
  });
  return { volumeId, poll: firstPoll(5, 30) };
});

// A tag's value holds 256 characters.
const NAME_CHARACTERS = 256;

function volumeTags({ name, tags }: PlannedTarget, disk: PlannedDisk): Tag[] {
  const Name = `${name} ${disk.id}`.slice(0, NAME_CHARACTERS);
  return Object.entries({ Name, ...disk.tags, ...tags }).map(([Key, Value]) => ({ Key, Value }));
}
