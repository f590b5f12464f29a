import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeRouteTablesCommand,
  ModifyVpcAttributeCommand,
  RevokeSecurityGroupEgressCommand,
  type RouteTable,
  type Subnet,
} from '@aws-sdk/client-ec2';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { manifestSchema } from '../../core/model/manifest.ts';
import { plannedStrategySchema } from '../../core/model/plan.ts';
import { describeFinding, type RestoreRequestInput, restoreRequestSchema } from '../../core/model/request.ts';
import { chooseStrategy } from '../../lambdas/restore/plan/choose-strategy.ts';
import { planDisks } from '../../lambdas/restore/plan/disks.ts';
import { Findings } from '../../lambdas/restore/plan/findings.ts';
import { describeSubnet } from '../../lambdas/runtime/describe.ts';
import { ec2 } from '../../lambdas/runtime/ec2.ts';
import { type Region, startRegion } from '../../local/region.ts';
import { FUNCTION_ENVIRONMENT } from '../support/function-environment.ts';

const GIB = 1_024 ** 3;
const TIB = 1_024 ** 4;
const POINT = `rp-20261122T093000Z-${'a'.repeat(64)}`;
const DEFAULT_VPC = 'vpc-0a11d0000000000a1';
// Its subnets in us-east-1a, b, c; its main route table has a gateway endpoint for S3.
const SUBNETS = ['subnet-0a11d0000000000a1', 'subnet-0a11d0000000000b2', 'subnet-0a11d0000000000c3'] as const;
const S3_LIST = 'pl-63a5400a';
const ZONE_B = 'us-east-1b';

let region: Region;
let stateFolder: string;
/** A VPC that has no way to S3, its subnet in zone b. */
let closed: { vpcId: string; subnetId: string };

beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'landfall-plan-'));
  region = await startRegion({ stateFolder, port: 0 });
  Object.assign(process.env, FUNCTION_ENVIRONMENT, { AWS_ENDPOINT_URL: region.endpoint });
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.9.0.0/16' }));
  const vpcId = Vpc?.VpcId ?? '';
  const { Subnet: subnet } = await ec2.send(
    new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: '10.9.0.0/24', AvailabilityZone: ZONE_B }),
  );
  closed = { vpcId, subnetId: subnet?.SubnetId ?? '' };
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await region.stop();
  await rm(stateFolder, { recursive: true, force: true });
});

interface Machine {
  /** Sizes of its disks in bytes. */
  readonly sizes?: readonly number[];
  /** How much of each disk is not zero. */
  readonly share?: number;
  readonly targetSubnet?: string | Subnet | undefined;
}

function manifestOf({ sizes = [8 * GIB], share = 1 }: Machine) {
  return manifestSchema.parse({
    format: 1,
    workload: { name: 'web01', kind: 'ec2', platform: 'linux', architecture: 'x86_64' },
    time: '2026-11-22T09:30:00.000Z',
    disks: sizes.map((size, order) => ({
      id: order === 0 ? 'root' : `data${order}`,
      size,
      order,
      boot: order === 0,
      object: 'c'.repeat(64),
      diskDigest: 'd'.repeat(64),
      writtenDigest: 'e'.repeat(64),
      writtenBlocks: Math.round((size * share) / (512 * 1_024)),
      segmentBytes: GIB,
    })),
  });
}

/** What is planned for a machine, and what is found, one line each. */
async function plan(request: Omit<RestoreRequestInput, 'restorePoint'>, machine: Machine = {}) {
  const parsed = restoreRequestSchema.parse({ restorePoint: POINT, ...request });
  const manifest = manifestOf(machine);
  const findings = new Findings();
  const disks = planDisks(manifest, parsed, { rootDeviceName: '/dev/xvda', findings });
  const wanted = 'targetSubnet' in machine ? machine.targetSubnet : SUBNETS[1];
  const targetSubnet = typeof wanted === 'string' ? await describeSubnet(wanted) : wanted;
  const { chosen: planned, findings: found } = await chooseStrategy({
    request: parsed,
    manifest,
    disks,
    targetSubnet,
  });
  findings.add(found);
  const strategy = planned?.strategy({ restoreId: 'r1', attempt: 1 });
  return {
    disks: planned?.disks,
    strategy: strategy && plannedStrategySchema.parse(strategy),
    errors: findings.errors.map(describeFinding),
    warnings: findings.warnings.map(describeFinding),
  };
}

const helperOf = ({ strategy }: Awaited<ReturnType<typeof plan>>) =>
  strategy?.name === 'helper' ? strategy : undefined;

describe('strategy helper', () => {
  it('is planned with all that the helper needs', async () => {
    const planned = await plan({ strategy: 'helper' });
    expect(planned).toMatchObject({ errors: [], warnings: [] });
    expect(planned.strategy).toEqual({
      name: 'helper',
      reason: 'the request asks for it',
      // Which one is best hangs on EC2's figures of the day.
      instanceTypes: expect.arrayContaining([expect.stringMatching(/^c8gb\./)]),
      instanceTypeReason: expect.stringMatching(
        /^the smallest type that carries what the volume can take \(132 MB\/s\): \d+ MB\/s to EBS/,
      ),
      imageId: 'ami-0a11d00000a12023b',
      imageRootDeviceName: '/dev/xvda',
      subnetId: SUBNETS[1],
      s3PrefixListId: S3_LIST,
      roleId: 'AROAHELPER',
      readBack: 'sample',
    });
    expect(planned.disks?.map(({ id, upload }) => [id, upload])).toEqual([['root', undefined]]);
  });

  it('takes disks that cannot be uploaded', async () => {
    const planned = await plan({ strategy: 'helper' }, { sizes: [8 * GIB, 64 * TIB], share: 0.01 });
    expect(planned).toMatchObject({ errors: [], warnings: [], strategy: { name: 'helper' } });
  });

  it('keeps to the settings of the request', async () => {
    const { GroupId = '' } = await ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: 'helpers',
        Description: 'lets all out',
        VpcId: DEFAULT_VPC,
      }),
    );
    const planned = await plan({
      strategy: 'helper',
      helper: {
        instanceType: 'c8g.2xlarge',
        subnetId: SUBNETS[1],
        securityGroupIds: [GroupId],
        readBack: 'all',
      },
    });
    expect(planned).toMatchObject({ errors: [], warnings: [] });
    expect(planned.strategy).toMatchObject({
      instanceTypes: ['c8g.2xlarge'],
      instanceTypeReason: expect.stringMatching(/^the request asks for it; it carries all of/),
      securityGroupIds: [GroupId],
      readBack: 'all',
    });
  });

  it('tells everything that is wrong at once', async () => {
    const planned = await plan(
      {
        strategy: 'helper',
        helper: {
          instanceType: 'm7i.large',
          subnetId: SUBNETS[0],
          securityGroupIds: ['sg-0123456789abcdef0', 'sg-0a11d0000000000a1'],
        },
      },
      { sizes: Array.from({ length: 33 }, () => GIB) },
    );
    expect(planned.errors.map((line) => line.replace(/ c8gb\.\w+/, ' TYPE'))).toEqual([
      `helper.subnetId = ${SUBNETS[0]}: is in us-east-1a, the target in us-east-1b; a volume cannot leave its zone. Give a subnet of us-east-1b, e.g. ${SUBNETS[1]}, ${closed.subnetId}`,
      `helper.securityGroupIds[0] = sg-0123456789abcdef0: VPC ${DEFAULT_VPC} of the helper’s subnet has no such security group. Give groups of that VPC, or leave them out: the restore makes one`,
      'helper.instanceType = m7i.large: runs x86_64; the helper’s system and program are for arm64, whatever the machine is. Choose another, e.g. TYPE, or leave it out',
      'helper.instanceType = m7i.large: takes 31 volumes besides its root, the machine has 33 disks. Choose one that takes them, e.g. TYPE',
    ]);
  });
});

describe('the type of the helper that a request names', () => {
  it.each([
    ['x9z.large', 'this region has no such instance type. Choose another, e.g. TYPE, or leave it out'],
    ['t4g.nano', 'has 512 MiB of memory, the helper needs 2 GiB. Choose another, e.g. TYPE, or leave it out'],
  ])('%s is refused', async (instanceType, why) => {
    const { errors } = await plan({ strategy: 'helper', helper: { instanceType } });
    expect(errors).toHaveLength(1);
    expect(errors[0]?.replace(/ c8gb\.\w+/, ' TYPE')).toBe(`helper.instanceType = ${instanceType}: ${why}`);
  });

  it('is taken though it is slower than the volumes, and the plan says so', async () => {
    const planned = await plan(
      { strategy: 'helper', helper: { instanceType: 'c8g.xlarge' } },
      { sizes: [GIB, GIB] },
    );
    expect(planned.errors).toEqual([]);
    expect(helperOf(planned)?.instanceTypeReason).toMatch(
      /^the request asks for it; it carries 59 % of what the 2 volumes can take together \(263 MB\/s\): 156 MB\/s/,
    );
  });
});

describe('more disks than a helper takes', () => {
  it('are refused with advice', async () => {
    const sizes = Array.from({ length: 76 }, () => GIB);
    const { errors } = await plan({ strategy: 'helper' }, { sizes });
    expect(errors).toContainEqual(
      expect.stringMatching(
        /^strategy = helper: the machine has 76 disks, and no helper to be had in us-east-1b takes more than \d+\. Use strategy upload, which has no such limit$/,
      ),
    );
  });
});

describe('the helper’s subnet', () => {
  it('must exist', async () => {
    const { errors } = await plan({ strategy: 'helper', helper: { subnetId: 'subnet-0123456789abcdef0' } });
    expect(errors).toEqual([
      `helper.subnetId = subnet-0123456789abcdef0: does not exist here. Give a subnet of us-east-1b, e.g. ${SUBNETS[1]}, ${closed.subnetId}`,
    ]);
  });

  it('has an address for the target and one for the helper', async () => {
    const target = await describeSubnet(SUBNETS[1]);
    const { errors } = await plan(
      { strategy: 'helper' },
      { targetSubnet: { ...target, AvailableIpAddressCount: 1 } },
    );
    expect(errors).toEqual([
      `helper.subnetId = ${SUBNETS[1]}: has one free address, and both the target and the helper need one. Give a subnet of us-east-1b, e.g. ${closed.subnetId}`,
    ]);
  });

  it('is checked as far as it can be where the target’s is not known', async () => {
    const planned = await plan(
      { strategy: 'helper', helper: { subnetId: closed.subnetId } },
      { targetSubnet: undefined },
    );
    expect(planned.errors).toHaveLength(1);
    expect((await plan({ strategy: 'helper' }, { targetSubnet: undefined })).strategy).toBeUndefined();
  });

  it('must have a way to S3', async () => {
    const { errors } = await plan({ strategy: 'helper' }, { targetSubnet: closed.subnetId });
    const table = closed.vpcId.replace('vpc-', 'rtb-');
    expect(errors).toEqual([
      `helper.subnetId = ${closed.subnetId}: its route table ${table} has no way to S3. Create a gateway endpoint for S3, which is free: aws ec2 create-vpc-endpoint --vpc-id ${closed.vpcId} --service-name com.amazonaws.us-east-1.s3 --route-table-ids ${table}`,
    ]);
  });

  it('is in a VPC that resolves names', async () => {
    const VpcId = (await describeSubnet(SUBNETS[1]))?.VpcId;
    const turn = (Value: boolean) =>
      ec2.send(new ModifyVpcAttributeCommand({ VpcId, EnableDnsSupport: { Value } }));
    await turn(false);
    const { errors } = await plan({ strategy: 'helper' });
    await turn(true);
    expect(errors).toEqual([
      `helper.subnetId = ${SUBNETS[1]}: its VPC ${VpcId} has no DNS resolution (enableDnsSupport), so the helper would not find S3. Turn it on: aws ec2 modify-vpc-attribute --vpc-id ${VpcId} --enable-dns-support, or give a subnet of another VPC`,
    ]);
    expect((await plan({ strategy: 'helper' })).errors).toEqual([]);
  });

  it.each([
    [
      { GatewayId: 'igw-1' },
      { errors: 1, warnings: 0 },
      'has no way to S3, only igw-1, and the helper has no public address',
    ],
    [
      { NatGatewayId: 'nat-1' },
      { errors: 0, warnings: 1 },
      'gets to S3 by nat-1 in its route table rtb-own, where every GB may cost',
    ],
  ])('with a table of its own that leads to %j', async (target, counts, told) => {
    answerRouteTables((names) =>
      names.includes('association.subnet-id')
        ? {
            RouteTableId: 'rtb-own',
            Routes: [{ DestinationCidrBlock: '0.0.0.0/0', State: 'active', ...target }],
          }
        : undefined,
    );
    const { errors, warnings } = await plan({ strategy: 'helper' });
    expect({ errors: errors.length, warnings: warnings.length }).toEqual(counts);
    const [line] = [...errors, ...warnings];
    expect(line).toContain(told);
    expect(line).toContain('--route-table-ids rtb-own');
  });
});

/** Answers DescribeRouteTables by the names of its filters; everything else is the region's to answer. */
function answerRouteTables(answer: (filters: string[]) => RouteTable | undefined): void {
  const send = ec2.send.bind(ec2);
  vi.spyOn(ec2, 'send').mockImplementation((async (command: Parameters<typeof send>[0]) => {
    if (!(command instanceof DescribeRouteTablesCommand)) return send(command);
    const table = answer((command.input.Filters ?? []).map(({ Name = '' }) => Name));
    return { RouteTables: table ? [table] : [] };
  }) as never);
}

describe('a security group of the request', () => {
  it('that lets nothing out is warned of', async () => {
    const { GroupId = '' } = await ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: 'closed',
        Description: 'lets nothing out',
        VpcId: DEFAULT_VPC,
      }),
    );
    await ec2.send(
      new RevokeSecurityGroupEgressCommand({
        GroupId,
        IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
      }),
    );
    const { errors, warnings } = await plan({ strategy: 'helper', helper: { securityGroupIds: [GroupId] } });
    expect(errors).toEqual([]);
    expect(warnings).toEqual([
      `helper.securityGroupIds = ${GroupId}: no rule of theirs lets TCP 443 out to ${S3_LIST} or to everywhere; without a way to S3 the helper is given up. Add such a rule, or leave the groups out: the restore makes one`,
    ]);
  });
});

describe('the time that writing takes', () => {
  it('is warned of when it comes near the deadline', async () => {
    const full = await plan({ strategy: 'helper' }, { sizes: [8 * GIB, 64 * TIB] });
    expect(full.errors).toEqual([]);
    expect(full.warnings).toEqual([
      'disk data1 = gp3, 125 MiB/s: writing its data takes about 6.2 days, and the restore gives up after 7. Give the disk more throughput for the restore, e.g. gp3 with disks[].throughput; it can be lowered afterwards',
    ]);
  });

  it('counts what is not zero, and twice what is read back', async () => {
    // 3.1 days
    const machine = { sizes: [8 * GIB, 64 * TIB], share: 0.5 };
    expect((await plan({ strategy: 'helper' }, machine)).warnings).toEqual([]);
    expect((await plan({ strategy: 'helper', helper: { readBack: 'all' } }, machine)).warnings).toEqual([
      expect.stringContaining('disk data1 = gp3, 125 MiB/s: writing its data takes about 6.2 days'),
    ]);
  });

  it('is the helper’s where that is slower', async () => {
    const disks = ['root', 'data1', 'data2', 'data3'].map((id) => ({ id, throughput: 1_000, iops: 4_000 }));
    const { warnings } = await plan(
      { strategy: 'helper', helper: { instanceType: 'c8g.xlarge' }, disks },
      { sizes: [GIB, 30 * TIB, 30 * TIB, 30 * TIB] },
    );
    expect(warnings).toEqual([
      'helper.instanceType = c8g.xlarge: writing all data at 156 MB/s takes about 7.3 days, and the restore gives up after 7. Name a type with more bandwidth to EBS',
    ]);
  });
});

describe('strategy auto', () => {
  it('takes what comes out best, and says with figures why', async () => {
    const planned = await plan({}, { share: 0.25 });
    expect(planned).toMatchObject({ errors: [], warnings: [] });
    expect(planned.strategy?.reason).toMatch(
      /^bootable in about \d+ min for about \$0\.\d\d; (.*; )?upload: \d+ min, \$0\.\d\d/,
    );
  });

  it('says that a helper’s settings are not used where another strategy is', async () => {
    const helper = { subnetId: SUBNETS[1], readBack: 'all' } as const;
    const { strategy, warnings } = await plan({ strategy: 'upload', helper });
    expect(strategy?.name).toBe('upload');
    expect(warnings).toEqual([
      `helper = {"subnetId":"${SUBNETS[1]}","readBack":"all"}: is not used: the strategy is upload, which has no helper. Ask for strategy helper, or leave it out`,
    ]);
  });

  it('leaves out what is not possible, and says why it is not', async () => {
    const planned = await plan({}, { sizes: [8 * GIB, 8 * TIB], share: 0.1 });
    expect(planned).toMatchObject({ errors: [], warnings: [] });
    expect(['helper', 'direct']).toContain(planned.strategy?.name);
    expect(planned.strategy?.reason).toContain(
      `upload is not possible (${8 * TIB} bytes: strategy upload takes disks of less than 8 TiB (the limit of ImportSnapshot))`,
    );
  });
});

describe('strategy upload', () => {
  it('says nothing of a helper that the request does not mention', async () => {
    const planned = await plan({ strategy: 'upload' });
    expect(planned).toMatchObject({ errors: [], warnings: [], strategy: { name: 'upload' } });
    expect(planned.strategy?.reason).toBe('the request asks for it');
  });

  it('asks EC2 nothing about helpers', async () => {
    const before = region.calls.entries().length;
    await plan({ strategy: 'upload' }, { targetSubnet: undefined });
    const asked = region.calls.entries().slice(before);
    expect(asked.filter(({ operation }) => !/^(GetServiceQuota|DescribeImport)/.test(operation))).toEqual([]);
  });
});
