import type { Volume } from '@aws-sdk/client-ec2';
import { LandfallError } from '../../core/model/errors.ts';
import type { Plan } from '../../core/model/plan.ts';
import { describeVolumes } from '../runtime/describe.ts';
import { markReady, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { aboutKey, type DiskVolume, furthest, writtenVolume, writtenVolumes } from './volume/of-disks.ts';

/** A volume is not what was ordered: written onto, it would not be the restored disk. */
export class VolumeNotAsOrdered extends LandfallError {
  override readonly name = 'VolumeNotAsOrdered';
}

const inputSchema = restoreContextSchema.extend({ poll: pollSchema });

const WORST_FIRST = [
  'error',
  'deleting',
  'deleted',
  'missing',
  'in-use',
  'not-visible-yet',
  'creating',
  'available',
] as const;

/** Looks at the empty volumes of all disks in one call; the one that is furthest from `available` tells the status. */
export const handler = makeStep(inputSchema, async ({ poll, ...context }) => {
  const plan = await readPlan(context);
  const volumes = await writtenVolumes(context, plan);
  const seen = await describeVolumes(volumes.map(({ volumeId }) => volumeId));
  const looks = volumes.map((volume) => {
    const found = seen.get(volume.volumeId);
    if (found) requireAsOrdered(found, volume, plan);
    return { ...volume, status: found?.State ?? unseen(poll) };
  });
  const last = furthest(looks, WORST_FIRST);
  const status = last?.status ?? 'missing';
  if (status === 'available') {
    await Promise.all(looks.map(({ disk }) => markReady(context, writtenVolume(plan, disk.id))));
  }
  const message = last ? messageOf(last) : 'the plan has no disks';
  return { status, message, poll: nextPoll(poll) };
});

function messageOf({ disk, volumeId, status }: DiskVolume & { status: string }): string {
  const told = `volume ${volumeId} of disk ${disk.id} is ${status}`;
  const isLost = ['error', 'deleting', 'deleted', 'missing'].includes(status);
  return isLost ? told + aboutKey(disk) : told;
}

/**
 * Held against the plan at every look, the one before the disks are attached among them. Size and origin above all:
 * a larger or filled volume would take the bytes without complaint. @throws VolumeNotAsOrdered
 */
function requireAsOrdered(
  { Size, SnapshotId, AvailabilityZone, Encrypted, KmsKeyId }: Volume,
  { disk, volumeId }: DiskVolume,
  { target }: Plan,
): void {
  const problems = [
    Size === disk.volumeGiB ? [] : `it has ${Size} GiB, not ${disk.volumeGiB}`,
    SnapshotId ? `it was made of snapshot ${SnapshotId}, not empty` : [],
    AvailabilityZone === target.availabilityZone
      ? []
      : `it is in zone ${AvailabilityZone}, not ${target.availabilityZone}`,
    // Where the account encrypts by default, a volume is encrypted unasked.
    disk.encrypted && Encrypted !== true ? 'it is not encrypted' : [],
    // EC2 tells a key by its ARN, which an id or an alias cannot be held against.
    /^arn:.*:key\//.test(disk.kmsKeyId ?? '') && KmsKeyId !== disk.kmsKeyId
      ? `its key is ${KmsKeyId}, not ${disk.kmsKeyId}`
      : [],
  ].flat();
  if (problems.length === 0) return;
  throw new VolumeNotAsOrdered(`volume ${volumeId} of disk ${disk.id}: ${problems.join(', ')}`);
}
