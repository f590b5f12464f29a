import type {
  DescribeInstancesRequest,
  DescribeInstancesResult,
  Instance,
  InstanceBlockDeviceMapping,
  InstanceMetadataOptionsResponse,
  Reservation,
} from '@aws-sdk/client-ec2';
import { describe, type FilterTable } from './filters.ts';
import { INSTANCE_TYPES } from './instance-types.ts';
import { instanceInterfaceOutput, privateDnsName, publicDnsName } from './interface-output.ts';
import { type Operations, query } from './operation.ts';
import type { InstanceRecord, MetadataOptionsRecord, VolumeRecord } from './records.ts';
import { groupIdentifiers } from './security-groups.ts';
import { interfacesOf, type Simulation, volumesOf, zoneId } from './simulation.ts';
import { tagList } from './tags.ts';

/** The model says `Windows`; what EC2 really sends, and its filter takes, is lower case. */
export const WIRE_WINDOWS = 'windows' as string as 'Windows';

/** The numbers that EC2 gives its instance states. */
const STATE_CODES = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;

export const stateOutput = (name: InstanceRecord['state']) => ({ Code: STATE_CODES[name], Name: name });

export const metadataOptionsOutput = (options: MetadataOptionsRecord): InstanceMetadataOptionsResponse => ({
  State: 'applied',
  HttpTokens: options.httpTokens,
  HttpPutResponseHopLimit: options.httpPutResponseHopLimit,
  HttpEndpoint: options.httpEndpoint,
  HttpProtocolIpv6: options.httpProtocolIpv6,
  InstanceMetadataTags: options.instanceMetadataTags,
});

function deviceOutput(volume: VolumeRecord): InstanceBlockDeviceMapping {
  const { attachment } = volume;
  return {
    DeviceName: attachment?.device,
    Ebs: {
      VolumeId: volume.id,
      Status: attachment?.state === 'busy' ? 'detaching' : attachment?.state,
      AttachTime: attachment && new Date(attachment.attachTime),
      DeleteOnTermination: attachment?.deleteOnTermination,
      EbsCardIndex: 0,
    },
  };
}

/** The root volume first, then the others as they were attached. */
function devicesOf(sim: Simulation, instance: InstanceRecord): VolumeRecord[] {
  const place = ({ attachment }: VolumeRecord) =>
    attachment?.device === instance.rootDeviceName ? '' : (attachment?.attachTime ?? '');
  return volumesOf(sim, instance.id).sort((a, b) => place(a).localeCompare(place(b)) || a.seq - b.seq);
}

/** What only an instance that is not terminated has. */
function livingOutput(sim: Simulation, instance: InstanceRecord): Partial<Instance> {
  if (instance.state === 'terminated') {
    return {
      BlockDeviceMappings: [],
      NetworkInterfaces: [],
      SecurityGroups: [],
      PrivateDnsName: '',
      PublicDnsName: '',
    };
  }
  const interfaces = interfacesOf(sim, instance.id);
  const [primary] = interfaces;
  const publicIp = primary?.association?.publicIp;
  return {
    BlockDeviceMappings: devicesOf(sim, instance).map(deviceOutput),
    NetworkInterfaces: interfaces.map((each) => instanceInterfaceOutput(sim, each)),
    SecurityGroups: groupIdentifiers(sim, primary?.groupIds ?? []),
    SubnetId: instance.subnetId,
    VpcId: instance.vpcId,
    SourceDestCheck: primary?.sourceDestCheck ?? true,
    PrivateIpAddress: primary?.privateIp,
    PrivateDnsName: primary ? privateDnsName(primary.privateIp) : '',
    PublicDnsName: publicIp ? publicDnsName(publicIp) : '',
    ...(publicIp ? { PublicIpAddress: publicIp } : {}),
  };
}

/** Members that an instance has only where its image or request gave them. */
function optionalOutput(instance: InstanceRecord): Partial<Instance> {
  const { stateReason, profile } = instance;
  return {
    ...(instance.platform ? { Platform: WIRE_WINDOWS } : {}),
    ...(instance.keyName ? { KeyName: instance.keyName } : {}),
    ...(instance.bootMode ? { BootMode: instance.bootMode } : {}),
    ...(instance.tpmSupport ? { TpmSupport: instance.tpmSupport } : {}),
    ...(instance.sriovNetSupport ? { SriovNetSupport: instance.sriovNetSupport } : {}),
    ...(profile ? { IamInstanceProfile: { Arn: profile.arn, Id: profile.profileId } } : {}),
    ...(stateReason ? { StateReason: { Code: stateReason.code, Message: stateReason.message } } : {}),
  };
}

export function instanceOutput(sim: Simulation, instance: InstanceRecord): Instance {
  const type = INSTANCE_TYPES.get(instance.type);
  const threads = instance.architecture === 'arm64' ? 1 : Math.min(2, type?.vcpus ?? 1);
  return {
    InstanceId: instance.id,
    ImageId: instance.imageId,
    InstanceType: instance.type,
    AmiLaunchIndex: instance.launchIndex,
    ClientToken: instance.clientToken ?? '',
    LaunchTime: new Date(instance.launchTime),
    State: stateOutput(instance.state),
    StateTransitionReason: instance.stateTransitionReason,
    Placement: {
      AvailabilityZone: instance.zone,
      AvailabilityZoneId: zoneId(sim, instance.zone),
      GroupName: '',
      Tenancy: 'default',
    },
    Architecture: instance.architecture,
    VirtualizationType: instance.virtualizationType,
    Hypervisor: 'xen',
    CurrentInstanceBootMode: instance.currentBootMode,
    PlatformDetails: instance.billing.platformDetails,
    UsageOperation: instance.billing.usageOperation,
    UsageOperationUpdateTime: new Date(instance.launchTime),
    RootDeviceName: instance.rootDeviceName,
    RootDeviceType: 'ebs',
    EbsOptimized: instance.ebsOptimized,
    EnaSupport: instance.enaSupport,
    Monitoring: { State: instance.monitoring ? 'enabled' : 'disabled' },
    MetadataOptions: metadataOptionsOutput(instance.metadataOptions),
    CpuOptions: { CoreCount: (type?.vcpus ?? 1) / threads, ThreadsPerCore: threads },
    EnclaveOptions: { Enabled: false },
    HibernationOptions: { Configured: false },
    MaintenanceOptions: { AutoRecovery: instance.autoRecovery ?? 'default' },
    CapacityReservationSpecification: { CapacityReservationPreference: 'open' },
    PrivateDnsNameOptions: {
      HostnameType: 'ip-name',
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    ProductCodes: [],
    Tags: tagList(instance),
    ...optionalOutput(instance),
    ...livingOutput(sim, instance),
  };
}

/** Instances of one launch. */
export function reservationOutput(sim: Simulation, instances: readonly InstanceRecord[]): Reservation {
  return {
    ReservationId: instances[0]?.reservationId,
    OwnerId: sim.context.accountId,
    Groups: [],
    Instances: instances.map((instance) => instanceOutput(sim, instance)),
  };
}

const FILTERS = (sim: Simulation): FilterTable<InstanceRecord> => {
  const interfaces = (instance: InstanceRecord) => interfacesOf(sim, instance.id);
  const volumes = (instance: InstanceRecord) => volumesOf(sim, instance.id);
  const groupIds = (instance: InstanceRecord) => interfaces(instance).flatMap((each) => each.groupIds);
  return {
    architecture: (instance) => instance.architecture,
    'availability-zone': (instance) => instance.zone,
    'availability-zone-id': (instance) => zoneId(sim, instance.zone),
    'block-device-mapping.delete-on-termination': (instance) =>
      volumes(instance).map((volume) => String(volume.attachment?.deleteOnTermination)),
    'block-device-mapping.device-name': (instance) =>
      volumes(instance).map((volume) => volume.attachment?.device),
    'block-device-mapping.status': (instance) => volumes(instance).map((volume) => volume.attachment?.state),
    'block-device-mapping.volume-id': (instance) => volumes(instance).map((volume) => volume.id),
    'boot-mode': (instance) => instance.bootMode,
    'client-token': (instance) => instance.clientToken,
    'current-instance-boot-mode': (instance) => instance.currentBootMode,
    'iam-instance-profile.arn': (instance) => instance.profile?.arn,
    'image-id': (instance) => instance.imageId,
    'instance-id': (instance) => instance.id,
    'instance-state-code': (instance) => STATE_CODES[instance.state],
    'instance-state-name': (instance) => instance.state,
    'instance-type': (instance) => instance.type,
    'instance.group-id': groupIds,
    'key-name': (instance) => instance.keyName,
    'launch-time': (instance) => instance.launchTime,
    'network-interface.group-id': groupIds,
    'network-interface.network-interface-id': (instance) => interfaces(instance).map((each) => each.id),
    'network-interface.subnet-id': (instance) => interfaces(instance).map((each) => each.subnetId),
    'owner-id': () => sim.context.accountId,
    platform: (instance) => instance.platform,
    'platform-details': (instance) => instance.billing.platformDetails,
    'private-ip-address': (instance) => interfaces(instance).map((each) => each.privateIp),
    'ip-address': (instance) => interfaces(instance).map((each) => each.association?.publicIp),
    'reservation-id': (instance) => instance.reservationId,
    'root-device-name': (instance) => instance.rootDeviceName,
    'root-device-type': () => 'ebs',
    'subnet-id': (instance) => instance.subnetId,
    tenancy: () => 'default',
    'usage-operation': (instance) => instance.billing.usageOperation,
    'virtualization-type': (instance) => instance.virtualizationType,
    'vpc-id': (instance) => instance.vpcId,
  };
};

export function describeInstancesOperations(sim: Simulation): Operations {
  return {
    DescribeInstances: query<DescribeInstancesRequest, DescribeInstancesResult>(
      'DescribeInstances',
      ['InstanceIds', 'Filters', 'MaxResults', 'NextToken', 'IncludeManagedResources'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'instance',
          items: sim.state.instances.all(),
          ids: input.InstanceIds,
          request: input,
          filters: FILTERS(sim),
          tagsOf: (instance) => instance.tags,
        });
        const launches = Map.groupBy(page, (instance) => instance.reservationId);
        return {
          Reservations: [...launches.values()].map((instances) => reservationOutput(sim, instances)),
          ...token,
        };
      },
    ),
  };
}
