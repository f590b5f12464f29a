import type { _InstanceType, ArchitectureType } from '@aws-sdk/client-ec2';

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
  /** EBS volumes at most; on `shared` types network interfaces count too. */
  readonly maxEbsAttachments: number;
  readonly attachmentLimit: 'shared' | 'dedicated';
  readonly maxInterfaces: number;
  readonly baselineMBps: number;
  readonly maximumMBps: number;
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
};

const USUAL_SIZES = ['large', 'xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge', '24xlarge'];
const ARM_SIZES = ['medium', 'large', 'xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge'];
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
  {
    names: ['m7g', 'm8g'],
    architecture: 'arm64',
    memoryPerVcpu: 4,
    platform: 'nitro',
    sizes: ARM_SIZES,
    dedicated: true,
  },
  {
    names: ['c7g', 'c7gn', 'c8g', 'c8gb', 'c8gn'],
    architecture: 'arm64',
    memoryPerVcpu: 2,
    platform: 'nitro',
    sizes: ARM_SIZES,
    dedicated: true,
  },
  {
    names: ['r7g', 'r8g'],
    architecture: 'arm64',
    memoryPerVcpu: 8,
    platform: 'nitro',
    sizes: ARM_SIZES,
    dedicated: true,
  },
];

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
const SHARED_LIMIT = 28;
const XEN_LIMIT = 40;

function attachmentsOf(family: Family, vcpus: number): number {
  if (family.platform === 'xen') return XEN_LIMIT;
  if (!family.dedicated) return SHARED_LIMIT;
  if (vcpus >= 96) return 64;
  return vcpus >= 48 ? 48 : 32;
}

function record(
  family: Family,
  name: string,
  shape: { vcpus: number; memoryMiB: number },
): InstanceTypeRecord {
  const nitro = family.platform === 'nitro';
  const arm = family.architecture === 'arm64';
  // EBS bandwidth of the seventh generation: 78 MB/s for each vCPU, at most 1,250 (c8gb 3,125).
  const ceiling = name.startsWith('c8gb.') ? 3_125 : 1_250;
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
    maxEbsAttachments: attachmentsOf(family, shape.vcpus),
    attachmentLimit: family.dedicated ? 'dedicated' : 'shared',
    maxInterfaces: shape.vcpus <= 2 ? 3 : shape.vcpus <= 8 ? 4 : 8,
    baselineMBps: nitro ? Math.min(ceiling, Math.round(shape.vcpus * 39)) : 56,
    maximumMBps: nitro ? ceiling : 56,
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
 * Common instance types. Architectures, boot modes, vCPUs and memory are AWS's; limits of attachments and
 * bandwidth follow its rules of thumb and may differ from the real figure of a single type.
 */
export const INSTANCE_TYPES: ReadonlyMap<string, InstanceTypeRecord> = makeTypes();

/** EBS volumes that may be attached to an instance with this many interfaces. */
export const volumeLimit = (type: InstanceTypeRecord, interfaces: number): number =>
  type.nitro && type.attachmentLimit === 'shared'
    ? type.maxEbsAttachments - interfaces
    : type.maxEbsAttachments;
