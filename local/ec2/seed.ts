import type { BootModeValues } from '@aws-sdk/client-ec2';
import type { DiskPiece } from './disks.ts';
import type { BillingRecord, ImageRecord } from './records.ts';
import { PLAIN_LINUX } from './register-image.ts';
import { routeTableId } from './route-tables.ts';
import { nowText, type Simulation } from './simulation.ts';
import { insertEndpoint } from './vpc-endpoints.ts';
import { insertVpc } from './vpcs.ts';

/** What is there in a new region. The ids are fixed, so that documentation and habits can name them. */
export const SEEDED = {
  vpc: 'vpc-0a11d0000000000a1',
  securityGroup: 'sg-0a11d0000000000a1',
  s3Endpoint: 'vpce-0a11d0000000000a1',
  /** In the order of the zones. */
  subnets: ['subnet-0a11d0000000000a1', 'subnet-0a11d0000000000b2', 'subnet-0a11d0000000000c3'],
  amazonLinuxX86: 'ami-0a11d00000a12023a',
  amazonLinuxArm: 'ami-0a11d00000a12023b',
  ubuntu: 'ami-0a11d00000b024040',
  windows: 'ami-0a11d0000000d2022',
} as const;

/** Amazon's account for Amazon Linux; Canonical's images carry its own. */
const AMAZON = '137112412989';
const CANONICAL = '099720109477';
const WINDOWS_ACCOUNT = '801119661308';

interface SeededImage {
  readonly id: string;
  readonly snapshotId: string;
  readonly name: string;
  readonly description: string;
  readonly ownerId: string;
  readonly ownerAlias?: string;
  readonly architecture: ImageRecord['architecture'];
  readonly bootMode?: BootModeValues;
  readonly imdsSupport?: string;
  readonly tpmSupport?: string;
  readonly rootDeviceName: string;
  readonly sizeGiB: number;
  readonly billing: BillingRecord;
}

const IMAGES: readonly SeededImage[] = [
  {
    id: SEEDED.amazonLinuxX86,
    snapshotId: 'snap-0a11d00000a12023a',
    name: 'al2023-ami-2023.9.20261101.0-kernel-6.18-x86_64',
    description: 'Amazon Linux 2023 AMI 2023.9.20261101.0 x86_64 HVM kernel-6.18',
    ownerId: AMAZON,
    ownerAlias: 'amazon',
    architecture: 'x86_64',
    bootMode: 'uefi-preferred',
    imdsSupport: 'v2.0',
    rootDeviceName: '/dev/xvda',
    sizeGiB: 8,
    billing: PLAIN_LINUX,
  },
  {
    id: SEEDED.amazonLinuxArm,
    snapshotId: 'snap-0a11d00000a12023b',
    name: 'al2023-ami-2023.9.20261101.0-kernel-6.18-arm64',
    description: 'Amazon Linux 2023 AMI 2023.9.20261101.0 arm64 HVM kernel-6.18',
    ownerId: AMAZON,
    ownerAlias: 'amazon',
    architecture: 'arm64',
    bootMode: 'uefi',
    imdsSupport: 'v2.0',
    rootDeviceName: '/dev/xvda',
    sizeGiB: 8,
    billing: PLAIN_LINUX,
  },
  {
    id: SEEDED.ubuntu,
    snapshotId: 'snap-0a11d00000b024040',
    name: 'ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101',
    description: 'Canonical, Ubuntu, 24.04, amd64 noble image',
    ownerId: CANONICAL,
    ownerAlias: 'amazon',
    architecture: 'x86_64',
    bootMode: 'uefi-preferred',
    imdsSupport: 'v2.0',
    rootDeviceName: '/dev/sda1',
    sizeGiB: 8,
    billing: PLAIN_LINUX,
  },
  {
    id: SEEDED.windows,
    snapshotId: 'snap-0a11d0000000d2022',
    name: 'Windows_Server-2022-English-Full-Base-2026.10.15',
    description: 'Microsoft Windows Server 2022 Full Locale English AMI provided by Amazon',
    ownerId: WINDOWS_ACCOUNT,
    ownerAlias: 'amazon',
    architecture: 'x86_64',
    rootDeviceName: '/dev/sda1',
    sizeGiB: 30,
    billing: { platformDetails: 'Windows', usageOperation: 'RunInstances:0002' },
  },
];

const CREATED = '2026-11-01T00:00:00.000Z';

/** A few bytes that can be recognised: a text, and the signature that BIOS looks for at the end of the first sector. */
function rootPieces(image: SeededImage): DiskPiece[] {
  const sector = Buffer.alloc(512);
  sector.write(`landfall local region: ${image.name}; nothing here boots`, 0);
  sector.writeUInt16LE(0xaa55, 510);
  const end = Buffer.from(`end of ${image.snapshotId}`);
  return [
    { offset: 0, bytes: sector },
    { offset: 1024 ** 3, bytes: end },
  ];
}

async function seedImage(sim: Simulation, image: SeededImage): Promise<void> {
  const { snapshotId, sizeGiB, billing, ownerId, ownerAlias, ...fields } = image;
  const owner = { ownerId, ...(ownerAlias ? { ownerAlias } : {}) };
  const fullBytes = await sim.disks.writeSnapshot(snapshotId, sizeGiB, rootPieces(image));
  sim.state.snapshots.insert({
    ...owner,
    id: snapshotId,
    volumeId: 'vol-ffffffff',
    sizeGiB,
    description: `Root of ${image.name}`,
    encrypted: false,
    startTime: CREATED,
    completionTime: CREATED,
    state: 'completed',
    progress: 100,
    fullBytes,
    billing,
    tags: [],
  });
  sim.state.images.insert({
    ...fields,
    ...owner,
    location: `amazon/${image.name}`,
    public: true,
    virtualizationType: 'hvm',
    billing,
    enaSupport: true,
    sriovNetSupport: 'simple',
    devices: [
      {
        deviceName: image.rootDeviceName,
        ebs: { snapshotId, sizeGiB, type: 'gp3', deleteOnTermination: true, encrypted: false },
      },
    ],
    creationDate: CREATED,
    state: 'available',
    tags: [],
    ...(billing.platformDetails === 'Windows' ? { platform: 'windows' as const } : {}),
  });
}

/** The way to S3 that a helper appliance in the default VPC takes; a new account has none, and has to make it. */
export function seedS3Endpoint(sim: Simulation): void {
  const vpc = sim.state.vpcs.get(SEEDED.vpc);
  if (!vpc) return;
  insertEndpoint(sim, {
    id: SEEDED.s3Endpoint,
    vpcId: vpc.id,
    routeTableIds: [routeTableId(vpc)],
    tags: [],
  });
}

/** Fills a new region: a default VPC with a subnet in each zone, Amazon's images, a key pair. */
export async function seed(sim: Simulation): Promise<void> {
  insertVpc(sim, {
    id: SEEDED.vpc,
    cidr: '172.31.0.0/16',
    isDefault: true,
    groupId: SEEDED.securityGroup,
  });
  for (const [index, zone] of sim.context.availabilityZones.entries()) {
    sim.state.subnets.insert({
      id: SEEDED.subnets[index] ?? `subnet-0a11d000000000${index}`,
      vpcId: SEEDED.vpc,
      cidr: `172.31.${16 * index}.0/20`,
      zone,
      isDefault: true,
      mapPublicIp: true,
      tags: [],
    });
  }
  for (const image of IMAGES) await seedImage(sim, image);
  sim.state.keyPairs.insert({
    id: 'key-0a11d0000000000a1',
    name: 'landfall-local',
    type: 'ed25519',
    // A public key whose private half nobody has: nothing boots here that one could log in to.
    publicKey:
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA landfall-local',
    fingerprint: 'dNZGiWlJ9jnMbPt5LzmUPOzpWRKDBTu2aMvKzGUoEfc=',
    createTime: nowText(sim),
    tags: [],
  });
}
