import {
  AttachVolumeCommand,
  DetachVolumeCommand,
  type Instance,
  type InstanceBlockDeviceMapping,
  ModifyInstanceAttributeCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { PlannedOriginal, ReplacedVolume } from '../../../core/model/plan.ts';
import type { LedgerEntry, LedgerKind } from '../../../core/model/restore-record.ts';
import { giveBack } from '../../runtime/borrowed.ts';
import { describeInstance, describeVolumes } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { readPlan } from '../../runtime/ledger.ts';
import { plannedOriginal } from '../target/planned.ts';
import { going, kept, type Removal, type Removing } from './removal.ts';

// What our own steps asked for last has happened by then, and is seen: they run for a minute at most.
const SETTLED_SECONDS = 90;

// An attachment that hangs ends by force only: nothing of a restored volume was ever used by the stopped instance.
const STUCK_SECONDS = 600;

/** What is to be undone at the original instance, and what is there. */
interface PuttingBack extends Removing {
  readonly original: PlannedOriginal;
  readonly instance: Instance;
  /** Those of its volumes that were, or may have been, taken from it. */
  readonly taken: readonly ReplacedVolume[];
}

/**
 * Gives the original instance its own volumes back, under their devices, and starts it if it ran; the next step
 * towards that with each pass. It ends when nothing of it is ours any more: nothing of it is ever deleted.
 */
export async function putOriginalBack(removing: Removing): Promise<Removal> {
  const { context, entries, waitedSeconds } = removing;
  const original = plannedOriginal(await readPlan(context));
  const instance = await describeInstance({ id: original.instanceId });
  const state = instance?.State?.Name;
  if (!instance || state === 'terminated') {
    return waitedSeconds < SETTLED_SECONDS ? going : kept(lost(original, state));
  }
  const taken = original.replaced.filter(({ diskId }) => isDone(entries, 'detachment', diskId));
  const puttingBack = { ...removing, original, instance, taken };
  return (
    (await exchangeBack(puttingBack)) ?? (await resetLifetimes(puttingBack)) ?? (await resume(puttingBack))
  );
}

/** Whether a step did this, or may have done it; not where EC2 refused. */
const isDone = (entries: readonly LedgerEntry[], kind: LedgerKind, name: string): boolean =>
  entries.some((entry) => entry.kind === kind && entry.name === name && entry.removedAt === undefined);

const lost = ({ instanceId, replaced }: PlannedOriginal, state: string | undefined): string =>
  `the original instance ${instanceId} is ${state ?? 'gone'}; volumes it had: ${replaced
    .map(({ volumeId, deviceName }) => `${volumeId} (${deviceName})`)
    .join(', ')}`;

const deviceOf = (instance: Instance, volumeId: string | undefined): InstanceBlockDeviceMapping | undefined =>
  instance.BlockDeviceMappings?.find(({ Ebs }) => Ebs?.VolumeId === volumeId);

/** Undefined once the restored volumes are off and its own ones on. */
async function exchangeBack(puttingBack: PuttingBack): Promise<Removal | undefined> {
  const { instance, taken, entries, original, waitedSeconds } = puttingBack;
  const restored = entries
    .filter(({ kind, diskId, resourceId }) => kind === 'volume' && diskId !== undefined && resourceId)
    .flatMap(({ resourceId }) => deviceOf(instance, resourceId) ?? []);
  const missing = taken.filter(({ volumeId }) => !deviceOf(instance, volumeId));
  if (restored.length === 0 && missing.length === 0) {
    const isAttached = taken.every(
      ({ volumeId }) => deviceOf(instance, volumeId)?.Ebs?.Status === 'attached',
    );
    return isAttached ? undefined : going;
  }
  const { instanceId } = original;
  const state = instance.State?.Name;
  // Somebody has started it meanwhile: a root leaves a stopped instance only.
  if (state === 'running') await ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] }));
  if (state !== 'stopped') return going;
  for (const { Ebs } of restored) {
    const isStuck = Ebs?.Status !== 'attached';
    if (isStuck && waitedSeconds < STUCK_SECONDS) continue;
    await ec2.send(
      new DetachVolumeCommand({ VolumeId: Ebs?.VolumeId, InstanceId: instanceId, Force: isStuck }),
    );
  }
  const gone = await attachMissing(missing, puttingBack);
  return gone.length > 0 && gone.length === missing.length && waitedSeconds >= SETTLED_SECONDS
    ? kept(`of instance ${instanceId}, ${gone.join(', ')} cannot be put back: not there, or in use elsewhere`)
    : going;
}

/** Attaches those whose places are free; returns those that will not come. */
async function attachMissing(
  missing: readonly ReplacedVolume[],
  { instance, original }: PuttingBack,
): Promise<string[]> {
  if (missing.length === 0) return [];
  const volumes = await describeVolumes(missing.map(({ volumeId }) => volumeId));
  const gone: string[] = [];
  let refusal: unknown;
  for (const { volumeId, deviceName } of missing) {
    const state = volumes.get(volumeId)?.State;
    const isFree = !instance.BlockDeviceMappings?.some(({ DeviceName }) => DeviceName === deviceName);
    if (state !== 'available') gone.push(volumeId);
    if (state !== 'available' || !isFree) continue;
    try {
      await ec2.send(
        new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: original.instanceId, Device: deviceName }),
      );
    } catch (error) {
      // The others must not wait for it.
      refusal = error;
    }
  }
  if (refusal !== undefined) throw refusal;
  return gone;
}

/** EC2 forgets at each detachment whether a volume ends with its instance. */
async function resetLifetimes({ instance, taken, original }: PuttingBack): Promise<Removal | undefined> {
  const wrong = taken.filter(
    ({ volumeId, deleteOnTermination }) =>
      deviceOf(instance, volumeId)?.Ebs?.DeleteOnTermination !== deleteOnTermination,
  );
  if (wrong.length === 0) return undefined;
  await ec2.send(
    new ModifyInstanceAttributeCommand({
      InstanceId: original.instanceId,
      BlockDeviceMappings: wrong.map(({ deviceName, deleteOnTermination }) => ({
        DeviceName: deviceName,
        Ebs: { DeleteOnTermination: deleteOnTermination },
      })),
    }),
  );
  return going;
}

/** With all in its place: on as before, and nobody's any more. Not before what was asked for last is sure to be seen. */
async function resume({
  context,
  entries,
  instance,
  original,
  waitedSeconds,
}: PuttingBack): Promise<Removal> {
  if (waitedSeconds < SETTLED_SECONDS) return going;
  const state = instance.State?.Name;
  if (isDone(entries, 'stop', 'target') && state !== 'running') {
    if (state === 'stopped') {
      await ec2.send(new StartInstancesCommand({ InstanceIds: [original.instanceId] }));
    }
    return going;
  }
  await giveBack(context, original);
  return { outcome: 'gone', resourceId: original.instanceId };
}
