import type { CreateVolumeCommandInput } from '@aws-sdk/client-ec2';
import type { Plan, PlannedDisk } from '../../../core/model/plan.ts';
import { ORIGIN_TAG } from '../../../core/model/restore-record.ts';
import type { Identity, Tag } from '../../runtime/ledger.ts';
import { originTags } from '../target/origin-tags.ts';

/** What a disk's volume is like, filled from a snapshot or empty: the same size, type, key and tags either way. */
export function volumeSettings(
  plan: Plan,
  disk: PlannedDisk,
  { clientToken, tags }: Identity,
): CreateVolumeCommandInput {
  return {
    ClientToken: clientToken,
    AvailabilityZone: plan.target.availabilityZone,
    Size: disk.volumeGiB,
    VolumeType: disk.volumeType,
    ...(disk.iops === undefined ? {} : { Iops: disk.iops }),
    ...(disk.throughput === undefined ? {} : { Throughput: disk.throughput }),
    ...(disk.encrypted ? { Encrypted: true } : {}),
    ...(disk.kmsKeyId === undefined ? {} : { KmsKeyId: disk.kmsKeyId }),
    TagSpecifications: [{ ResourceType: 'volume', Tags: [...tags, ...volumeTags(plan, disk)] }],
  };
}

// A tag's value holds 256 characters.
const NAME_CHARACTERS = 256;

function volumeTags(plan: Plan, disk: PlannedDisk): Tag[] {
  const Name = `${plan.target.name} ${disk.id}`.slice(0, NAME_CHARACTERS);
  const origin = { ...originTags(plan), [ORIGIN_TAG.disk]: disk.id };
  return Object.entries({ Name, ...disk.tags, ...origin }).map(([Key, Value]) => ({ Key, Value }));
}
