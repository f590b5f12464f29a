import type { CreateImageRequest, CreateImageResult } from '@aws-sdk/client-ec2';
import type { Call } from '../service.ts';
import { incorrectInstanceState, invalidValue, required } from './errors.ts';
import { mutation, type Operations } from './operation.ts';
import type { ImageDeviceRecord, InstanceRecord, VolumeRecord } from './records.ts';
import { checkImageName, insertImage, scheduleRegistration } from './register-image.ts';
import { need, type Simulation, volumesOf } from './simulation.ts';
import { insertSnapshot } from './snapshot-store.ts';
import { tagsAtCreation } from './tags.ts';

/** CreateImage: snapshots of all attached volumes, and an image like the instance over them. */

function deviceOf(volume: VolumeRecord, snapshotId: string): ImageDeviceRecord {
  const { attachment, sizeGiB, type, encrypted, iops, throughput } = volume;
  return {
    deviceName: attachment?.device ?? '',
    ebs: {
      snapshotId,
      sizeGiB,
      type,
      encrypted,
      deleteOnTermination: attachment?.deleteOnTermination ?? false,
      ...(iops === undefined || type === 'gp2' ? {} : { iops }),
      ...(throughput === undefined ? {} : { throughput }),
    },
  };
}

const imageFieldsOf = (instance: InstanceRecord) => ({
  architecture: instance.architecture,
  virtualizationType: instance.virtualizationType,
  billing: instance.billing,
  rootDeviceName: instance.rootDeviceName,
  enaSupport: instance.enaSupport,
  sourceInstanceId: instance.id,
  ...(instance.bootMode ? { bootMode: instance.bootMode } : {}),
  ...(instance.uefiData ? { uefiData: instance.uefiData } : {}),
  ...(instance.tpmSupport ? { tpmSupport: instance.tpmSupport } : {}),
  ...(instance.sriovNetSupport ? { sriovNetSupport: instance.sriovNetSupport } : {}),
});

function prepare(sim: Simulation, input: CreateImageRequest, call: Call): () => CreateImageResult {
  const instance = need(sim, 'instance', required(input.InstanceId, 'instanceId'));
  const name = checkImageName(sim, required(input.Name, 'name'));
  if (instance.state !== 'running' && instance.state !== 'stopped') {
    throw incorrectInstanceState(`Instance '${instance.id}' is not in state 'running', 'stopped'`);
  }
  const volumes = volumesOf(sim, instance.id);
  if (!volumes.some((volume) => volume.attachment?.device === instance.rootDeviceName)) {
    throw invalidValue(`Instance does not have a volume attached at root (${instance.rootDeviceName})`);
  }
  const tags = tagsAtCreation(input.TagSpecifications, ['image', 'snapshot']);
  return () => {
    const devices = volumes.map((volume) => {
      const description = `Created by CreateImage(${instance.id})`;
      const fields = { description, tags: tags('snapshot') };
      return deviceOf(volume, insertSnapshot(sim, volume, fields, {}).id);
    });
    const image = insertImage(sim, {
      ...imageFieldsOf(instance),
      name,
      description: input.Description ?? '',
      devices,
      tags: tags('image'),
    });
    if (!call.effects.stuck) scheduleRegistration(sim, image, call);
    return { ImageId: image.id };
  };
}

export function createImageOperations(sim: Simulation): Operations {
  return {
    CreateImage: mutation<CreateImageRequest, CreateImageResult>(
      sim,
      'CreateImage',
      // Nothing runs, so there is nothing to reboot for a consistent copy: NoReboot makes no difference.
      ['InstanceId', 'Name', 'Description', 'NoReboot', 'TagSpecifications'],
      (input, call) => prepare(sim, input, call),
    ),
  };
}
