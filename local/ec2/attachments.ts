import type { AttachVolumeRequest, DetachVolumeRequest, VolumeAttachment } from '@aws-sdk/client-ec2';
import type { FaultEffects } from '../faults.ts';
import { AwsError, type Call } from '../service.ts';
import { checkDeviceName } from './device-names.ts';
import { SECONDS } from './durations.ts';
import { incorrectState, invalidValue, notSimulated, required } from './errors.ts';
import { INSTANCE_TYPES, volumeLimit } from './instance-types.ts';
import { keyProblem } from './kms.ts';
import { mutation, type Operations } from './operation.ts';
import type { AttachmentRecord, InstanceRecord, VolumeRecord } from './records.ts';
import { interfacesOf, need, nowText, type Simulation, volumesOf } from './simulation.ts';
import { attachmentOutput } from './volumes.ts';

/** How many volumes an instance may have, by its type and its interfaces. */
export function attachmentLimit(instanceType: string, interfaces: number): number {
  const type = INSTANCE_TYPES.get(instanceType);
  return type ? volumeLimit(type, interfaces) : 0;
}

function checkAttachable(sim: Simulation, volume: VolumeRecord, instance: InstanceRecord): void {
  if (volume.attachment) {
    throw new AwsError('VolumeInUse', `${volume.id} is already attached to an instance`);
  }
  if (volume.state !== 'available') throw incorrectState(`${volume.id} is not 'available'.`);
  if (instance.state !== 'running' && instance.state !== 'stopped') {
    throw incorrectState(`Instance '${instance.id}' is not 'running'.`);
  }
  if (volume.zone !== instance.zone) {
    throw new AwsError(
      'InvalidVolume.ZoneMismatch',
      `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`,
    );
  }
  const limit = attachmentLimit(instance.type, interfacesOf(sim, instance.id).length);
  if (volumesOf(sim, instance.id).length >= limit) {
    throw new AwsError(
      'AttachmentLimitExceeded',
      `The maximum number of volumes (${limit}) is attached to instance '${instance.id}' of type ${instance.type}`,
    );
  }
}

function checkDeviceFree(sim: Simulation, instance: InstanceRecord, device: string): void {
  const taken = volumesOf(sim, instance.id).some((each) => each.attachment?.device === device);
  if (taken) {
    throw invalidValue(
      `Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`,
    );
  }
}

function prepareAttachment(sim: Simulation, input: AttachVolumeRequest, call: Call): () => VolumeAttachment {
  const volume = need(sim, 'volume', required(input.VolumeId, 'volumeId'));
  const instance = need(sim, 'instance', required(input.InstanceId, 'instanceId'));
  const device = checkDeviceName(required(input.Device, 'device'));
  if (input.EbsCardIndex) throw notSimulated('an EbsCardIndex other than 0');
  checkAttachable(sim, volume, instance);
  checkDeviceFree(sim, instance, device);
  return () => {
    volume.state = 'in-use';
    volume.attachment = {
      instanceId: instance.id,
      device,
      state: 'attaching',
      attachTime: nowText(sim),
      deleteOnTermination: false,
    };
    schedule(sim, 'volume-attached', volume.id, call.effects);
    return attachmentOutput(volume)[0] ?? {};
  };
}

function schedule(
  sim: Simulation,
  kind: 'volume-attached' | 'volume-detached',
  volumeId: string,
  fate: FaultEffects,
): void {
  if (fate.stuck) return;
  const seconds = kind === 'volume-attached' ? SECONDS.volumeAttaching : SECONDS.volumeDetaching;
  sim.transitions.schedule({ kind, resourceId: volumeId, seconds, fate });
}

function needAttachment(volume: VolumeRecord, input: DetachVolumeRequest): AttachmentRecord {
  const { attachment } = volume;
  if (!attachment) throw incorrectState(`Volume '${volume.id}' is in the '${volume.state}' state.`);
  const { InstanceId: instanceId, Device: device } = input;
  if (instanceId !== undefined && instanceId !== attachment.instanceId) {
    throw new AwsError(
      'InvalidAttachment.NotFound',
      `The volume '${volume.id}' is not attached to instance '${instanceId}'.`,
    );
  }
  if (device !== undefined && device !== attachment.device) {
    throw new AwsError(
      'InvalidAttachment.NotFound',
      `The volume '${volume.id}' is not attached to instance '${attachment.instanceId}' as device '${device}'.`,
    );
  }
  return attachment;
}

function checkDetachable(instance: InstanceRecord, volume: VolumeRecord, attachment: AttachmentRecord): void {
  if (attachment.device === instance.rootDeviceName && instance.state !== 'stopped') {
    throw new AwsError(
      'OperationNotPermitted',
      `Unable to detach root volume '${volume.id}' from instance '${instance.id}'`,
    );
  }
  if (instance.state !== 'running' && instance.state !== 'stopped') {
    throw incorrectState(`Instance '${instance.id}' is in the '${instance.state}' state.`);
  }
}

function prepareDetachment(sim: Simulation, input: DetachVolumeRequest, call: Call): () => VolumeAttachment {
  const volume = need(sim, 'volume', required(input.VolumeId, 'volumeId'));
  if (input.InstanceId !== undefined) need(sim, 'instance', input.InstanceId);
  const attachment = needAttachment(volume, input);
  checkDetachable(need(sim, 'instance', attachment.instanceId), volume, attachment);
  // Only force gets a volume out of an attachment that hangs.
  if (attachment.state !== 'attached' && !input.Force) {
    throw incorrectState(`Volume '${volume.id}' is in the '${attachment.state}' state.`);
  }
  return () => {
    sim.transitions.cancel(volume.id, ['volume-attached', 'volume-detached']);
    attachment.state = call.effects.endState === 'busy' ? 'busy' : 'detaching';
    if (input.Force) attachment.forced = true;
    sim.helpers.devicesChanged(attachment.instanceId);
    if (attachment.state === 'detaching') schedule(sim, 'volume-detached', volume.id, call.effects);
    return attachmentOutput(volume)[0] ?? {};
  };
}

/** Parts a volume from its instance at once; what the end of a detachment and of an instance have in common. */
export function release(sim: Simulation, volume: VolumeRecord): void {
  sim.transitions.cancel(volume.id, ['volume-attached', 'volume-detached']);
  delete volume.attachment;
  volume.state = 'available';
}

/** A guest that still uses a device keeps it from parting, for as long as it likes; only force overrules it. */
async function finishDetachment(sim: Simulation, volume: VolumeRecord): Promise<void> {
  const { attachment } = volume;
  if (attachment?.state !== 'detaching') return;
  const isHeld = !attachment.forced && (await sim.helpers.holds(attachment.instanceId, volume.id));
  // Meanwhile its instance may have ended, which parts them.
  if (volume.attachment?.state !== 'detaching') return;
  if (isHeld) {
    schedule(sim, 'volume-detached', volume.id, {});
    return;
  }
  delete volume.attachment;
  volume.state = 'available';
}

/** A running instance needs the volume's key at once, a stopped one when it starts. */
function attachProblem(sim: Simulation, volume: VolumeRecord, instanceId: string): string | undefined {
  const isRunning = sim.state.instances.get(instanceId)?.state === 'running';
  return isRunning ? keyProblem(sim, volume.kmsKeyId) : undefined;
}

export function handleAttachmentTransitions(sim: Simulation): void {
  sim.transitions.on('volume-attached', (id, { fate }) => {
    const volume = sim.state.volumes.get(id);
    if (volume?.attachment?.state !== 'attaching') return;
    const problem = attachProblem(sim, volume, volume.attachment.instanceId);
    if (fate.endState || problem !== undefined) {
      delete volume.attachment;
      volume.state = fate.endState === 'error' ? 'error' : 'available';
      sim.events.volume(id, {
        event: 'attachVolume',
        result: 'failed',
        cause: fate.message ?? problem ?? '',
      });
      return;
    }
    volume.attachment.state = 'attached';
    sim.helpers.devicesChanged(volume.attachment.instanceId);
  });
  sim.transitions.on('volume-detached', async (id) => {
    const volume = sim.state.volumes.get(id);
    if (volume) await finishDetachment(sim, volume);
  });
}

export function attachmentOperations(sim: Simulation): Operations {
  return {
    AttachVolume: mutation<AttachVolumeRequest, VolumeAttachment>(
      sim,
      'AttachVolume',
      ['VolumeId', 'InstanceId', 'Device', 'EbsCardIndex'],
      (input, call) => prepareAttachment(sim, input, call),
    ),
    DetachVolume: mutation<DetachVolumeRequest, VolumeAttachment>(
      sim,
      'DetachVolume',
      ['VolumeId', 'InstanceId', 'Device', 'Force'],
      (input, call) => prepareDetachment(sim, input, call),
    ),
  };
}
