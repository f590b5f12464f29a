import type { Reservation, RunInstancesRequest } from '@aws-sdk/client-ec2';
import { AwsError, type Call } from '../service.ts';
import { attachmentLimit } from './attachments.ts';
import { reservationOutput } from './describe-instances.ts';
import { SECONDS } from './durations.ts';
import { invalidValue, notSimulated, required } from './errors.ts';
import { earlierResult, rememberResult } from './idempotency.ts';
import { makeId } from './ids.ts';
import {
  checkAutoRecovery,
  checkShutdownBehavior,
  checkTypeSuits,
  checkUserData,
  currentBootMode,
  defaultMetadataOptions,
  mergeMetadataOptions,
  needInstanceType,
  resolveProfile,
} from './instance-settings.ts';
import type { InstanceTypeRecord } from './instance-types.ts';
import { needKeyPair } from './key-pairs.ts';
import { checkDeviceCount, type LaunchDevice, planDevices } from './launch-devices.ts';
import { type LaunchInterface, planInterfaces } from './launch-network.ts';
import { checkStorage, checkVcpus } from './limits.ts';
import { insertInterface } from './network-interfaces.ts';
import { acceptOnly, mutation, type Operations } from './operation.ts';
import type { ImageRecord, InstanceRecord, Tag } from './records.ts';
import { find, need, nowText, type Simulation } from './simulation.ts';
import { tagsAtCreation } from './tags.ts';
import { insertVolume } from './volume-store.ts';

const ACCEPTED = [
  'BlockDeviceMappings',
  'ClientToken',
  'DisableApiStop',
  'DisableApiTermination',
  'EbsOptimized',
  'EnclaveOptions',
  'HibernationOptions',
  'IamInstanceProfile',
  'ImageId',
  'InstanceInitiatedShutdownBehavior',
  'InstanceType',
  'KeyName',
  'MaintenanceOptions',
  'MaxCount',
  'MetadataOptions',
  'MinCount',
  'Monitoring',
  'NetworkInterfaces',
  'Placement',
  'PrivateIpAddress',
  'SecurityGroupIds',
  'SecurityGroups',
  'SubnetId',
  'TagSpecifications',
  'UserData',
] as const;

/** Everything a launch comes to, checked; carrying it out cannot fail any more. */
interface Launch {
  readonly count: number;
  readonly image: ImageRecord;
  readonly type: InstanceTypeRecord;
  readonly devices: readonly LaunchDevice[];
  readonly interfaces: readonly LaunchInterface[];
  readonly settings: Pick<
    InstanceRecord,
    | 'keyName'
    | 'monitoring'
    | 'userData'
    | 'ebsOptimized'
    | 'shutdownBehavior'
    | 'disableApiStop'
    | 'disableApiTermination'
    | 'metadataOptions'
    | 'autoRecovery'
    | 'clientToken'
  >;
  readonly makeProfile: () => InstanceRecord['profile'];
  readonly tags: (type: 'instance' | 'volume' | 'network-interface') => Tag[];
}

function parseCount(input: RunInstancesRequest): number {
  const min = required(input.MinCount, 'MinCount');
  const max = required(input.MaxCount, 'MaxCount');
  if (min < 1 || max < min) {
    throw invalidValue(
      `Invalid value '${max}' for MaxCount. It must be at least MinCount (${min}), which is at least 1.`,
    );
  }
  return max;
}

function needImage(sim: Simulation, id: string): ImageRecord {
  if (id.startsWith('resolve:ssm:')) throw notSimulated('an ImageId of the form resolve:ssm:');
  const image = need(sim, 'image', id);
  if (image.state !== 'available') {
    throw new AwsError('InvalidAMIID.Unavailable', `The image ID '${id}' is in state '${image.state}'`);
  }
  return image;
}

function refuseUnsupported(input: RunInstancesRequest): void {
  if (input.EnclaveOptions?.Enabled) throw notSimulated('RunInstances: EnclaveOptions');
  if (input.HibernationOptions?.Configured) throw notSimulated('RunInstances: HibernationOptions');
  if (!input.Placement) return;
  acceptOnly(input.Placement, ['AvailabilityZone', 'AvailabilityZoneId', 'Tenancy'], 'Placement');
  if (input.Placement.Tenancy && input.Placement.Tenancy !== 'default')
    throw notSimulated('Placement: Tenancy');
}

function planLaunch(sim: Simulation, input: RunInstancesRequest): Launch {
  refuseUnsupported(input);
  const count = parseCount(input);
  const image = needImage(sim, required(input.ImageId, 'ImageId'));
  const type = needInstanceType(required(input.InstanceType, 'InstanceType'));
  checkTypeSuits(type, image);
  const interfaces = planInterfaces(sim, input, count);
  const devices = planDevices(sim, image, input.BlockDeviceMappings ?? []);
  checkDeviceCount(devices, attachmentLimit(type.name, interfaces.length));
  const instances = Array.from({ length: count }, () => type.name);
  checkVcpus(sim, instances);
  checkStorage(
    sim,
    instances.flatMap(() => devices.map((device) => device.shape)),
  );
  const keyName = input.KeyName === undefined ? undefined : needKeyPair(sim, input.KeyName).name;
  const profile = input.IamInstanceProfile;
  if (profile) resolveProfile(sim, profile);
  const metadataOptions = mergeMetadataOptions(
    defaultMetadataOptions(image.imdsSupport),
    input.MetadataOptions ?? {},
  );
  return {
    count,
    image,
    type,
    interfaces,
    devices,
    settings: {
      monitoring: input.Monitoring?.Enabled ?? false,
      ebsOptimized: input.EbsOptimized ?? false,
      shutdownBehavior: checkShutdownBehavior(input.InstanceInitiatedShutdownBehavior ?? 'stop'),
      disableApiStop: input.DisableApiStop ?? false,
      disableApiTermination: input.DisableApiTermination ?? false,
      metadataOptions,
      autoRecovery: checkAutoRecovery(input.MaintenanceOptions ?? {}),
      ...(keyName ? { keyName } : {}),
      ...(input.UserData ? { userData: checkUserData(input.UserData) } : {}),
      ...(input.ClientToken ? { clientToken: input.ClientToken } : {}),
    },
    makeProfile: () => (profile ? resolveProfile(sim, profile) : undefined),
    tags: tagsAtCreation(input.TagSpecifications, ['instance', 'volume', 'network-interface']),
  };
}

/** Fields that an instance keeps of the image it was launched from. */
const fieldsOfImage = (image: ImageRecord) => ({
  imageId: image.id,
  architecture: image.architecture,
  virtualizationType: image.virtualizationType,
  billing: image.billing,
  rootDeviceName: image.rootDeviceName,
  enaSupport: image.enaSupport,
  ...(image.platform ? { platform: image.platform } : {}),
  ...(image.bootMode ? { bootMode: image.bootMode } : {}),
  ...(image.uefiData ? { uefiData: image.uefiData } : {}),
  ...(image.tpmSupport ? { tpmSupport: image.tpmSupport } : {}),
  ...(image.sriovNetSupport ? { sriovNetSupport: image.sriovNetSupport } : {}),
});

function insertInstance(
  sim: Simulation,
  launch: Launch,
  place: { reservationId: string; launchIndex: number },
): InstanceRecord {
  const { image, type, interfaces, settings, tags } = launch;
  const subnet = interfaces[0]?.subnet;
  if (!subnet) throw new Error('a launch without a network interface');
  const profile = launch.makeProfile();
  return sim.state.instances.insert({
    ...place,
    ...fieldsOfImage(image),
    ...structuredClone(settings),
    id: makeId('i'),
    type: type.name,
    launchTime: nowText(sim),
    zone: subnet.zone,
    subnetId: subnet.id,
    vpcId: subnet.vpcId,
    currentBootMode: currentBootMode(type, image.bootMode),
    state: 'pending',
    stateReason: { code: 'pending', message: 'pending' },
    stateTransitionReason: '',
    tags: tags('instance'),
    ...(profile ? { profile } : {}),
  });
}

function insertDevices(sim: Simulation, launch: Launch, instance: InstanceRecord): void {
  for (const { deviceName, deleteOnTermination, ...device } of launch.devices) {
    insertVolume(
      sim,
      { ...device, zone: instance.zone, tags: launch.tags('volume') },
      {
        instanceId: instance.id,
        device: deviceName,
        state: 'attaching',
        attachTime: nowText(sim),
        deleteOnTermination,
      },
    );
  }
}

function attachInterfaces(sim: Simulation, launch: Launch, instance: InstanceRecord): void {
  for (const planned of launch.interfaces) {
    const record =
      (planned.interfaceId ? find(sim, 'networkInterface', planned.interfaceId) : undefined) ??
      insertInterface(sim, {
        subnet: planned.subnet,
        privateIp: planned.addresses[instance.launchIndex] ?? '',
        description: planned.description,
        groupIds: planned.groupIds,
        autoPublicIp: planned.autoPublicIp,
        tags: launch.tags('network-interface'),
      });
    record.attachment = {
      id: makeId('eni-attach'),
      instanceId: instance.id,
      deviceIndex: planned.deviceIndex,
      time: nowText(sim),
      state: 'attaching',
      deleteOnTermination: planned.deleteOnTermination,
    };
  }
}

/** What the same request launched before. @throws IdempotentInstanceTerminated, IdempotentParameterMismatch */
function earlierLaunch(sim: Simulation, input: RunInstancesRequest): InstanceRecord[] | undefined {
  const ids = earlierResult(sim, 'RunInstances', input);
  if (!ids) return undefined;
  const instances = ids.map((id) => find(sim, 'instance', id));
  if (instances.some((instance) => !instance || instance.state === 'terminated')) {
    throw new AwsError(
      'IdempotentInstanceTerminated',
      'The request to launch multiple instances completed successfully, but at least one instance has been terminated.',
    );
  }
  return instances.filter((instance) => instance !== undefined);
}

function prepare(sim: Simulation, input: RunInstancesRequest, call: Call): () => Reservation {
  const earlier = earlierLaunch(sim, input);
  if (earlier) return () => reservationOutput(sim, earlier);
  const launch = planLaunch(sim, input);
  return () => {
    const reservationId = makeId('r');
    const instances = Array.from({ length: launch.count }, (_, launchIndex) => {
      const instance = insertInstance(sim, launch, { reservationId, launchIndex });
      attachInterfaces(sim, launch, instance);
      return instance;
    });
    rememberResult(
      sim,
      'RunInstances',
      input,
      instances.map((instance) => instance.id),
    );
    // EC2 answers before the volumes are there.
    const answer = reservationOutput(sim, instances);
    for (const instance of instances) {
      insertDevices(sim, launch, instance);
      sim.events.instanceState(instance.id, 'pending');
      if (call.effects.stuck) continue;
      sim.transitions.schedule({
        kind: 'instance-started',
        resourceId: instance.id,
        seconds: SECONDS.instancePending,
        fate: call.effects,
      });
    }
    return answer;
  };
}

export function runInstancesOperations(sim: Simulation): Operations {
  return {
    RunInstances: mutation<RunInstancesRequest, Reservation>(sim, 'RunInstances', ACCEPTED, (input, call) =>
      prepare(sim, input, call),
    ),
  };
}
