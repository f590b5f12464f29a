import { freeDeviceNames } from './disks.ts';

/** What the choice of a helper's instance type needs to know of a type. */
export interface HelperType {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  /** Bandwidth to EBS that it sustains, and that it reaches in bursts, in MB (10^6 bytes) a second. */
  readonly ebsMBps: number;
  readonly ebsBurstMBps: number;
  /** Bandwidth to the network that it sustains; unknown for types outside the table that EC2 says nothing about. */
  readonly networkMBps: number | undefined;
  /** EBS volumes that it takes besides its root, with one network interface. */
  readonly dataVolumes: number;
}

interface Figures {
  /** GiB of memory a vCPU, by family; in order of preference, the cheaper first. */
  readonly families: Readonly<Record<string, number>>;
  readonly attachments: 'dedicated' | 'shared';
  /** By size, in the order of SIZES. */
  readonly ebsMBps: readonly number[];
  readonly ebsBurstMBps: readonly number[];
  readonly networkGbps: readonly number[];
}

// The dedicated limits of attachments are by size, whatever the family.
const SIZES = [
  { size: 'medium', vcpus: 1, dedicatedVolumes: 32 },
  { size: 'large', vcpus: 2, dedicatedVolumes: 32 },
  { size: 'xlarge', vcpus: 4, dedicatedVolumes: 32 },
  { size: '2xlarge', vcpus: 8, dedicatedVolumes: 32 },
  { size: '4xlarge', vcpus: 16, dedicatedVolumes: 32 },
  { size: '8xlarge', vcpus: 32, dedicatedVolumes: 32 },
  { size: '12xlarge', vcpus: 48, dedicatedVolumes: 32 },
  { size: '16xlarge', vcpus: 64, dedicatedVolumes: 48 },
  { size: '24xlarge', vcpus: 96, dedicatedVolumes: 64 },
  { size: '48xlarge', vcpus: 192, dedicatedVolumes: 128 },
] as const;

/*
 * arm64 types of the Nitro system without instance store: what restores disks fast (EBS bandwidth of the gb, network
 * bandwidth of the gn families), and what there is elsewhere. Read in November 2026 from
 *  - EBS bandwidth: Amazon EC2 User Guide, "Amazon EBS-optimized instance types" (docs.aws.amazon.com/AWSEC2/latest/UserGuide/ebs-optimized.html);
 *  - vCPUs, memory, network baseline: Amazon EC2 Instance Types Guide (docs.aws.amazon.com/ec2/latest/instancetypes/co.html, gp.html, mo.html);
 *  - attachments: "Amazon EBS volume limits for Amazon EC2 instances" (…/UserGuide/volume_limits.html), and what
 *    DescribeInstanceTypes answers (table of kubernetes-sigs/aws-ebs-csi-driver, pkg/cloud/limits).
 * Left out: metal sizes, which boot slowly; the 48xlarge sizes of the gb and gn families, whose volumes or interfaces
 * are spread over two cards. DescribeInstanceTypes is trusted over every figure here.
 */
const TABLE: readonly Figures[] = [
  {
    families: { c8gb: 2, m8gb: 4, r8gb: 8 },
    attachments: 'dedicated',
    ebsMBps: [195.31, 390.62, 781.25, 1_562.5, 3_125, 6_250, 9_375, 12_500, 18_750],
    ebsBurstMBps: [3_125, 3_125, 3_125, 3_125, 3_125, 6_250, 9_375, 12_500, 18_750],
    networkGbps: [2.083, 4.166, 8.333, 16.666, 33.33, 66.66, 100, 133.33, 200],
  },
  {
    families: { c8gn: 2 },
    attachments: 'dedicated',
    ebsMBps: [95, 156.25, 312.5, 625, 1_250, 2_500, 3_750, 5_000, 7_500],
    ebsBurstMBps: [1_250, 1_250, 1_250, 1_250, 1_250, 2_500, 3_750, 5_000, 7_500],
    networkGbps: [3.125, 6.25, 12.5, 25, 50, 100, 150, 200, 300],
  },
  {
    families: { c7gn: 2 },
    attachments: 'shared',
    ebsMBps: [65.12, 130.25, 260.38, 520.88, 1_041.62, 2_083.38, 3_125, 4_166.62],
    ebsBurstMBps: [1_250, 1_250, 1_250, 1_250, 1_250, 2_500, 3_750, 5_000],
    networkGbps: [3.125, 6.25, 12.5, 25, 50, 100, 150, 200],
  },
  {
    families: { c8g: 2, m8g: 4, r8g: 8 },
    attachments: 'dedicated',
    ebsMBps: [39.38, 78.75, 156.25, 312.5, 625, 1_250, 1_875, 2_500, 3_750, 5_000],
    ebsBurstMBps: [1_250, 1_250, 1_250, 1_250, 1_250, 1_250, 1_875, 2_500, 3_750, 5_000],
    networkGbps: [0.52, 0.937, 1.875, 3.75, 7.5, 15, 22.5, 30, 40, 50],
  },
  {
    families: { c7g: 2, m7g: 4, r7g: 8 },
    attachments: 'shared',
    ebsMBps: [39.38, 78.75, 156.25, 312.5, 625, 1_250, 1_875, 2_500],
    ebsBurstMBps: [1_250, 1_250, 1_250, 1_250, 1_250, 1_250, 1_875, 2_500],
    networkGbps: [0.52, 0.937, 1.876, 3.75, 7.5, 15, 22.5, 30],
  },
];

// Volumes and network interfaces share 28 places. DescribeInstanceTypes says 27, with the one interface taken off.
const SHARED_PLACES = 28;
const INTERFACES = 1;
const ROOT_VOLUMES = 1;
// What the helper's volumes can be called, whatever its type takes.
const DEVICE_NAMES = [...freeDeviceNames(false)].length;

/** Volumes that a helper with one interface takes besides its root, of a limit as EC2 tells it. */
export function dataVolumesOf(limit: number, attachments: 'dedicated' | 'shared'): number {
  const volumes = attachments === 'shared' ? Math.min(limit, SHARED_PLACES - INTERFACES) : limit;
  return Math.min(volumes - ROOT_VOLUMES, DEVICE_NAMES);
}

/** Gbit/s as MB/s. */
export const gbpsAsMBps = (gbps: number): number => gbps * 125;

function typesOf(figures: Figures): HelperType[] {
  const { families, attachments, ebsMBps, ebsBurstMBps, networkGbps } = figures;
  return Object.entries(families).flatMap(([family, gibPerVcpu]) =>
    SIZES.slice(0, ebsMBps.length).map(({ size, vcpus, dedicatedVolumes }, index) => ({
      name: `${family}.${size}`,
      vcpus,
      memoryMiB: vcpus * gibPerVcpu * 1_024,
      ebsMBps: ebsMBps[index] ?? 0,
      ebsBurstMBps: ebsBurstMBps[index] ?? 0,
      networkMBps: gbpsAsMBps(networkGbps[index] ?? 0),
      dataVolumes: dataVolumesOf(attachments === 'shared' ? SHARED_PLACES : dedicatedVolumes, attachments),
    })),
  );
}

/** The instance types that a helper is chosen among, by name, in order of preference. */
export const HELPER_TYPES: ReadonlyMap<string, HelperType> = new Map(
  TABLE.flatMap(typesOf).map((type) => [type.name, type]),
);
