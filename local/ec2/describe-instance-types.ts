import type {
  DescribeInstanceTypeOfferingsRequest,
  DescribeInstanceTypeOfferingsResult,
  DescribeInstanceTypesRequest,
  DescribeInstanceTypesResult,
  InstanceTypeInfo,
  NetworkInfo,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { invalidCombination, invalidValue } from './errors.ts';
import { makeFilter, paginate } from './filters.ts';
import { INSTANCE_TYPES, type InstanceTypeRecord, volumeLimit } from './instance-types.ts';
import { type Operations, query } from './operation.ts';
import { type Simulation, zoneId } from './simulation.ts';

/** @throws InvalidInstanceType */
function needTypes(names: readonly string[]): InstanceTypeRecord[] {
  const unknown = names.filter((name) => !INSTANCE_TYPES.has(name));
  if (unknown.length > 0) {
    throw new AwsError(
      'InvalidInstanceType',
      `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
    );
  }
  return names.map((name) => INSTANCE_TYPES.get(name)).filter((type) => type !== undefined);
}

/** Most types: 4 for each Mbps, as 40,000 with 10 Gbps. */
const IOPS_PER_MBPS = 4;

/** Of shared places the one of the first network interface is taken off already. */
const maximumAttachments = (type: InstanceTypeRecord): number =>
  type.nitro ? volumeLimit(type, 1) : type.ebsPlaces;

function networkOutput(type: InstanceTypeRecord): NetworkInfo {
  const { networkBaselineGbps: baseline, networkPeakGbps: peak = baseline } = type;
  const performance =
    peak === undefined
      ? { NetworkPerformance: type.nitro ? 'Up to 12.5 Gigabit' : 'Moderate' }
      : { NetworkPerformance: `${peak === baseline ? '' : 'Up to '}${peak} Gigabit` };
  return {
    ...performance,
    MaximumNetworkInterfaces: type.maxInterfaces,
    MaximumNetworkCards: 1,
    DefaultNetworkCardIndex: 0,
    NetworkCards: [
      {
        NetworkCardIndex: 0,
        ...performance,
        MaximumNetworkInterfaces: type.maxInterfaces,
        ...(baseline === undefined ? {} : { BaselineBandwidthInGbps: baseline }),
        ...(type.networkPeakGbps === undefined ? {} : { PeakBandwidthInGbps: type.networkPeakGbps }),
      },
    ],
    Ipv4AddressesPerInterface: 10,
    Ipv6Supported: true,
    EnaSupport: type.nitro ? 'required' : 'unsupported',
    EfaSupported: false,
  };
}

function typeOutput(type: InstanceTypeRecord): InstanceTypeInfo {
  const arm = type.architectures.includes('arm64');
  const threads = arm ? 1 : Math.min(2, type.vcpus);
  return {
    InstanceType: type.name,
    CurrentGeneration: type.currentGeneration,
    FreeTierEligible: ['t2.micro', 't3.micro'].includes(type.name),
    SupportedUsageClasses: ['on-demand'],
    SupportedRootDeviceTypes: ['ebs'],
    SupportedVirtualizationTypes: ['hvm'],
    BareMetal: false,
    Hypervisor: type.nitro ? 'nitro' : 'xen',
    ProcessorInfo: { SupportedArchitectures: [...type.architectures] },
    VCpuInfo: {
      DefaultVCpus: type.vcpus,
      DefaultCores: type.vcpus / threads,
      DefaultThreadsPerCore: threads,
    },
    MemoryInfo: { SizeInMiB: type.memoryMiB },
    InstanceStorageSupported: false,
    EbsInfo: {
      EbsOptimizedSupport: type.nitro ? 'default' : 'supported',
      EncryptionSupport: 'supported',
      NvmeSupport: type.nitro ? 'required' : 'unsupported',
      MaximumEbsAttachments: maximumAttachments(type),
      AttachmentLimitType: type.attachmentLimit,
      EbsOptimizedInfo: {
        BaselineBandwidthInMbps: Math.floor(type.ebsBaselineMbps),
        BaselineThroughputInMBps: type.ebsBaselineMbps / 8,
        BaselineIops: type.ebsBaselineMbps * IOPS_PER_MBPS,
        MaximumBandwidthInMbps: Math.floor(type.ebsMaximumMbps),
        MaximumThroughputInMBps: type.ebsMaximumMbps / 8,
        MaximumIops: type.ebsMaximumMbps * IOPS_PER_MBPS,
      },
    },
    NetworkInfo: networkOutput(type),
    HibernationSupported: false,
    BurstablePerformanceSupported: type.burstable,
    DedicatedHostsSupported: false,
    AutoRecoverySupported: true,
    SupportedBootModes: [...type.bootModes],
    NitroTpmSupport: type.tpm ? 'supported' : 'unsupported',
    ...(type.tpm ? { NitroTpmInfo: { SupportedVersions: ['2.0'] } } : {}),
  };
}

interface Placed<T> {
  readonly seq: number;
  readonly item: T;
}

const placed = <T>(items: readonly T[]): Placed<T>[] => items.map((item, seq) => ({ seq, item }));

/** Where offerings are asked for: by region, by zone name or by zone id. */
function locations(sim: Simulation, type: string): readonly string[] {
  if (type === 'region') return [sim.context.region];
  if (type === 'availability-zone') return sim.context.availabilityZones;
  if (type === 'availability-zone-id') return sim.context.availabilityZones.map((zone) => zoneId(sim, zone));
  throw invalidValue(`Value (${type}) for parameter locationType is invalid.`);
}

export function instanceTypeOperations(sim: Simulation): Operations {
  return {
    DescribeInstanceTypes: query<DescribeInstanceTypesRequest, DescribeInstanceTypesResult>(
      'DescribeInstanceTypes',
      ['InstanceTypes', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const names = input.InstanceTypes ?? [];
        if (names.length > 0 && input.MaxResults !== undefined) {
          throw invalidCombination(
            'The parameter InstanceTypes cannot be used with the parameter MaxResults',
          );
        }
        const passes = makeFilter(input.Filters, {
          'bare-metal': () => false,
          'burstable-performance-supported': (type: InstanceTypeRecord) => type.burstable,
          'current-generation': (type) => type.currentGeneration,
          hypervisor: (type) => (type.nitro ? 'nitro' : 'xen'),
          'instance-type': (type) => type.name,
          'memory-info.size-in-mib': (type) => type.memoryMiB,
          'nitro-tpm-support': (type) => (type.tpm ? 'supported' : 'unsupported'),
          'processor-info.supported-architecture': (type) => type.architectures,
          'supported-boot-mode': (type) => type.bootModes,
          'supported-root-device-type': () => 'ebs',
          'supported-virtualization-type': () => 'hvm',
          'vcpu-info.default-vcpus': (type) => type.vcpus,
        });
        const all = placed([...INSTANCE_TYPES.values()]);
        const wanted = new Set(needTypes(names).map((type) => type.name));
        const chosen = all.filter(({ item }) => (wanted.size === 0 || wanted.has(item.name)) && passes(item));
        const { page, ...token } = paginate(chosen, input, {
          seqOf: (each) => each.seq,
          limits: { min: 5, max: 100 },
        });
        return { InstanceTypes: page.map(({ item }) => typeOutput(item)), ...token };
      },
    ),
    DescribeInstanceTypeOfferings: query<
      DescribeInstanceTypeOfferingsRequest,
      DescribeInstanceTypeOfferingsResult
    >('DescribeInstanceTypeOfferings', ['LocationType', 'Filters', 'MaxResults', 'NextToken'], (input) => {
      const locationType = input.LocationType ?? 'region';
      const offerings = placed(
        locations(sim, locationType).flatMap((location) =>
          [...INSTANCE_TYPES.values()].map((type) => ({ location, type: type.name })),
        ),
      );
      const passes = makeFilter(input.Filters, {
        location: (each: (typeof offerings)[number]) => each.item.location,
        'instance-type': (each) => each.item.type,
      });
      const { page, ...token } = paginate(offerings.filter(passes), input, { seqOf: (each) => each.seq });
      return {
        InstanceTypeOfferings: page.map(({ item }) => ({
          InstanceType: item.type,
          LocationType: locationType,
          Location: item.location,
        })),
        ...token,
      };
    }),
  };
}
