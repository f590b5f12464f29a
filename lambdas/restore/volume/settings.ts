import type { CreateVolumeCommandInput } from '@aws-sdk/client-ec2';
import type { Plan, PlannedDisk, PlannedTarget } from '../../../core/model/plan.ts';
import type { Identity, Tag } from '../../runtime/ledger.ts';

/** What a disk's volume is like, filled from a snapshot or empty: the same size, type, key and tags either way. */
export function volumeSettings(
  { target }: Plan,
  disk: PlannedDisk,
  { clientToken, tags }: Identity,
): CreateVolumeCommandInput {
  return {
    ClientToken: clientToken,
    AvailabilityZone: target.availabilityZone,
    Size: disk.volumeGiB,
    VolumeType: disk.volumeType,
    ...(disk.iops === undefined ? {} : { Iops: disk.iops }),
    ...(disk.throughput === undefined ? {} : { Throughput: disk.throughput }),
    ...(disk.encrypted ? { Encrypted: true } : {}),
    ...(disk.kmsKeyId === undefined ? {} : { KmsKeyId: disk.kmsKeyId }),
    TagSpecifications: [{ ResourceType: 'volume', Tags: [...tags, ...volumeTags(target, disk)] }],
  };
}

// A tag's value holds 256 characters.
const NAME_CHARACTERS = 256;

function volumeTags({ name, tags }: PlannedTarget, disk: PlannedDisk): Tag[] {
  const Name = `${name} ${disk.id}`.slice(0, NAME_CHARACTERS);
  return Object.entries({ Name, ...disk.tags, ...tags }).map(([Key, Value]) => ({ Key, Value }));
}
