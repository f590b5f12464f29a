import type { _InstanceType, ArchitectureType } from '@aws-sdk/client-ec2';
import { ARM_BANDWIDTH } from './arm-bandwidth.ts';

/** What the simulation knows of an instance type. */
export interface InstanceTypeRecord {
  readonly name: _InstanceType;
  readonly architectures: readonly ArchitectureType[];
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly nitro: boolean;
  readonly bootModes: readonly ('legacy-bios' | 'uefi')[];
  readonly currentGeneration: boolean;
  readonly burstable: boolean;
  readonly tpm: boolean;
  /** Places for EBS volumes; on `shared` types network interfaces take theirs of the same. */
  readonly ebsPlaces: number;
  readonly attachmentLimit: 'shared' | 'dedicated';
  readonly maxInterfaces: number;
  readonly ebsBaselineMbps: number;
  readonly ebsMaximumMbps: number;
  /** Where it is known. */
  readonly networkBaselineGbps?: number;
  readonly networkPeakGbps?: number;
}

interface Family {
  readonly names: readonly string[];
  readonly architecture: 'x86_64' | 'arm64';
  /** GiB of memory for each vCPU, for those of `SIZES`. */
  readonly memoryPerVcpu: number;
  readonly platform: 'xen' | 'nitro';
  readonly sizes: readonly string[];
  readonly dedicated?: boolean;
  readonly oldGeneration?: boolean;
}

/** vCPUs of a size in the families that scale plainly. */
const VCPUS: Readonly<Record<string, number>> = {
  medium: 1,
  large: 2,
  xlarge: 4,
  '2xlarge': 8,
  '4xlarge': 16,
  '8xlarge': 32,
  '12xlarge': 48,
  '16xlarge': 64,
  '24xlarge': 96,
  '48xlarge': 192,
};

const USUAL_SIZES = ['large', 'xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge', '24xlarge'];
const ARM_SIZES = ['medium', 'large', 'xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge'];
const ARM_8_SIZES = [...ARM_SIZES, '24xlarge'];
const XEN_SIZES = ['large', 'xlarge', '2xlarge', '4xlarge'];

const FAMILIES: readonly Family[] = [
  {
    names: ['m4'],
    architecture: 'x86_64',
    memoryPerVcpu: 4,
    platform: 'xen',
    sizes: XEN_SIZES,
    oldGeneration: true,
  },
  {
    names: ['c4'],
    architecture: 'x86_64',
    memoryPerVcpu: 1.875,
    platform: 'xen',
    sizes: XEN_SIZES,
    oldGeneration: true,
  },
  {
    names: ['r4'],
    architecture: 'x86_64',
    memoryPerVcpu: 7.625,
    platform: 'xen',
    sizes: XEN_SIZES,
    oldGeneration: true,
  },
  {
    names: ['m5', 'm5a', 'm6i', 'm6a'],
    architecture: 'x86_64',
    memoryPerVcpu: 4,
    platform: 'nitro',
    sizes: USUAL_SIZES,
  },
  {
    names: ['c5', 'c5a', 'c6i', 'c6a'],
    architecture: 'x86_64',
    memoryPerVcpu: 2,
    platform: 'nitro',
    sizes: USUAL_SIZES,
  },
  {
    names: ['r5', 'r5a', 'r6i', 'r6a'],
    architecture: 'x86_64',
    memoryPerVcpu: 8,
    platform: 'nitro',
    sizes: USUAL_SIZES,
  },
  {
    names: ['m7i', 'm7a', 'm8i'],
    architecture: 'x86_64',
    memoryPerVcpu: 4,
    platform: 'nitro',
    sizes: USUAL_SIZES,
    dedicated: true,
  },
  {
    names: ['c7i', 'c7a', 'c8i'],
    architecture: 'x86_64',
    memoryPerVcpu: 2,
    platform: 'nitro',
    sizes: USUAL_SIZES,
    dedicated: true,
  },
  {
    names: ['r7i', 'r7a', 'r8i'],
    architecture: 'x86_64',
    memoryPerVcpu: 8,
    platform: 'nitro',
    sizes: USUAL_SIZES,
    dedicated: true,
  },
  { names: ['m6g'], architecture: 'arm64', memoryPerVcpu: 4, platform: 'nitro', sizes: ARM_SIZES },
  { names: ['c6g'], architecture: 'arm64', memoryPerVcpu: 2, platform: 'nitro', sizes: ARM_SIZES },
  { names: ['r6g'], architecture: 'arm64', memoryPerVcpu: 8, platform: 'nitro', sizes: ARM_SIZES },
  { names: ['m7g'], architecture: 'arm64', memoryPerVcpu: 4, platform: 'nitro', sizes: ARM_SIZES },
  { names: ['c7g', 'c7gn'], architecture: 'arm64', memoryPerVcpu: 2, platform: 'nitro', sizes: ARM_SIZES },
  { names: ['r7g'], architecture: 'arm64', memoryPerVcpu: 8, platform: 'nitro', sizes: ARM_SIZES },
  ...armFamilies(['c8g', 'm8g', 'r8g'], [...ARM_8_SIZES, '48xlarge']),
  // Their 48xlarge sizes have two cards for volumes or interfaces, which are not simulated.
  ...armFamilies(['c8gn', 'c8gb', 'm8gb', 'r8gb'], ARM_8_SIZES),
];

/** Families of the eighth generation: compute, general and memory have 2, 4 and 8 GiB for each vCPU. */
function armFamilies(names: readonly string[], sizes: readonly string[]): Family[] {
  return names.map((name) => ({
    names: [name],
    architecture: 'arm64',
    memoryPerVcpu: name.startsWith('c') ? 2 : name.startsWith('m') ? 4 : 8,
    platform: 'nitro',
    sizes,
    dedicated: true,
  }));
}

/** Burstable sizes have figures of their own: vCPUs and GiB. */
const BURSTABLE_SIZES: readonly (readonly [size: string, vcpus: number, memoryGiB: number])[] = [
  ['nano', 2, 0.5],
  ['micro', 2, 1],
  ['small', 2, 2],
  ['medium', 2, 4],
  ['large', 2, 8],
  ['xlarge', 4, 16],
  ['2xlarge', 8, 32],
];

const T2_VCPUS: Readonly<Record<string, number>> = { nano: 1, micro: 1, small: 1 };

/** One network interface takes one of the 28 places that Nitro types share; Xen Linux takes 40 by best effort. */
const SHARED_PLACES = 28;
const XEN_PLACES = 40;

/** Of types with a limit of their own for volumes it goes by size, up to 12xlarge, 16xlarge, 24xlarge and above. */
function placesOf(family: Family, vcpus: number): number {
  if (family.platform === 'xen') return XEN_PLACES;
  if (!family.dedicated) return SHARED_PLACES;
  if (vcpus <= 48) return 32;
  if (vcpus <= 64) return 48;
  return vcpus <= 96 ? 64 : 128;
}

/** EBS bandwidth: AWS's own figures for Graviton; of other Nitro types about 312 Mbps for each vCPU, 10 Gbps in bursts. */
function bandwidthOf(name: string, nitro: boolean, vcpus: number) {
  const known = ARM_BANDWIDTH.get(name);
  if (known) return known;
  if (!nitro) return { ebsBaselineMbps: 450, ebsMaximumMbps: 450 };
  const ebsBaselineMbps = Math.round(vcpus * 312.5);
  return { ebsBaselineMbps, ebsMaximumMbps: Math.max(10_000, ebsBaselineMbps) };
}

function record(
  family: Family,
  name: string,
  shape: { vcpus: number; memoryMiB: number },
): InstanceTypeRecord {
  const nitro = family.platform === 'nitro';
  const arm = family.architecture === 'arm64';
  return {
    // Put together of family and size: the SDK's list has every type there is, and ours are some of them.
    name: name as _InstanceType,
    ...shape,
    architectures: nitro ? [family.architecture] : ['i386', 'x86_64'],
    nitro,
    bootModes: arm ? ['uefi'] : nitro ? ['legacy-bios', 'uefi'] : ['legacy-bios'],
    currentGeneration: !family.oldGeneration,
    burstable: name.startsWith('t'),
    tpm: nitro && !arm,
    ebsPlaces: placesOf(family, shape.vcpus),
    attachmentLimit: family.dedicated ? 'dedicated' : 'shared',
    maxInterfaces: shape.vcpus <= 2 ? 3 : shape.vcpus <= 8 ? 4 : 8,
    ...bandwidthOf(name, nitro, shape.vcpus),
  };
}

function burstable(name: string, family: Family): InstanceTypeRecord[] {
  return BURSTABLE_SIZES.map(([size, vcpus, memoryGiB]) =>
    record(family, `${name}.${size}`, {
      vcpus: (name === 't2' ? T2_VCPUS[size] : undefined) ?? vcpus,
      memoryMiB: memoryGiB * 1024,
    }),
  );
}

function makeTypes(): Map<string, InstanceTypeRecord> {
  const base = { names: [], memoryPerVcpu: 0, sizes: [] };
  const types = [
    ...burstable('t2', { ...base, architecture: 'x86_64', platform: 'xen' }),
    ...burstable('t3', { ...base, architecture: 'x86_64', platform: 'nitro' }),
    ...burstable('t3a', { ...base, architecture: 'x86_64', platform: 'nitro' }),
    ...burstable('t4g', { ...base, architecture: 'arm64', platform: 'nitro' }),
    ...FAMILIES.flatMap((family) =>
      family.names.flatMap((name) =>
        family.sizes.map((size) => {
          const vcpus = VCPUS[size] ?? 2;
          return record(family, `${name}.${size}`, { vcpus, memoryMiB: vcpus * family.memoryPerVcpu * 1024 });
        }),
      ),
    ),
  ];
  return new Map(types.map((type) => [type.name, type]));
}

/**
 * Common instance types. Architectures, boot modes, vCPUs, memory, limits of attachments (DescribeInstanceTypes, by the
 * table of kubernetes-sigs/aws-ebs-csi-driver) and the bandwidth of Graviton types are AWS's; the bandwidth of others
 * follows rules of thumb and may differ from the real figure of a single type.
 */
export const INSTANCE_TYPES: ReadonlyMap<string, InstanceTypeRecord> = makeTypes();

/** EBS volumes that may be attached to an instance with this many interfaces. */
export const volumeLimit = (type: InstanceTypeRecord, interfaces: number): number =>
  type.nitro && type.attachmentLimit === 'shared' ? type.ebsPlaces - interfaces : type.ebsPlaces;
