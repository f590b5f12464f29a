import { LandfallError } from '../../core/model/errors.ts';
import { describeInstance, describeVolumes } from '../runtime/describe.ts';
import { markReady, readPlan } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen, withReason } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { requireAttachedAs } from './attach/attachment.ts';
import { attachmentName, hasEnded, helperContextSchema, helperDeviceName } from './helper/planned.ts';
import { aboutKey, type DiskVolume, furthest, writtenVolumes } from './volume/of-disks.ts';

/** A restored volume would be deleted together with the helper. */
export class EndsWithHelper extends LandfallError {
  override readonly name = 'EndsWithHelper';
}

const inputSchema = helperContextSchema.extend({ poll: pollSchema });

const WORST_FIRST = ['missing', 'detached', 'detaching', 'busy', 'not-visible-yet', 'attaching', 'attached'];

/**
 * Looks at the attachments of all disks to the helper in one call, before a byte is written. `lost`: the helper has ended,
 * and nothing will come to it any more.
 */
export const handler = makeStep(inputSchema, async ({ instance, instanceId, poll, ...context }) => {
  const plan = await readPlan(context);
  const volumes = await writtenVolumes(context, plan);
  const seen = await describeVolumes(volumes.map(({ volumeId }) => volumeId));
  const looks = volumes.map(({ disk, volumeId }) => {
    const attachment = seen.get(volumeId)?.Attachments?.[0];
    const deviceName = helperDeviceName(plan, disk.id);
    requireAttachedAs(attachment, { diskId: disk.id, volumeId, instanceId, deviceName });
    if (attachment?.DeleteOnTermination) {
      throw new EndsWithHelper(
        `volume ${volumeId} of disk ${disk.id} would be deleted when helper ${instanceId} ends`,
      );
    }
    return { disk, volumeId, deviceName, status: attachment?.State ?? unseen(poll) };
  });
  const last = furthest(looks, WORST_FIRST);
  const status = last?.status ?? 'missing';
  if (status === 'attached') {
    await Promise.all(
      looks.map(({ disk }) =>
        markReady(context, { kind: 'attachment', name: attachmentName(instance, disk.id) }),
      ),
    );
  }
  const next = { instance, instanceId, poll: nextPoll(poll) };
  if (status !== 'attached') {
    const helper = await describeInstance({ id: instanceId });
    const state = helper?.State?.Name ?? unseen(poll);
    if (state === 'missing' || (helper && hasEnded(state))) {
      const message = withReason(`helper ${instanceId} is ${state}`, helper?.StateReason?.Message);
      return { status: 'lost', message, ...next };
    }
  }
  const message = last ? messageOf(last, instanceId) : 'the plan has no disks';
  return { status, message, ...next };
});

function messageOf(
  { disk, volumeId, deviceName, status }: DiskVolume & { deviceName: string; status: string },
  instanceId: string,
): string {
  const place = `helper ${instanceId} ${deviceName}`;
  // The volume is there, see the loop before: it fell back to where it was.
  if (status === 'missing')
    return `volume ${volumeId} of disk ${disk.id} did not come to ${place}${aboutKey(disk)}`;
  return `volume ${volumeId} of disk ${disk.id} is ${status} at ${place}`;
}
