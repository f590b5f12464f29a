import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeInstanceTypeOfferingsCommand } from '@aws-sdk/client-ec2';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { manifestSchema } from '../../core/model/manifest.ts';
import { describeFinding, parseRestoreRequest, type RestoreRequestInput } from '../../core/model/request.ts';
import { decide } from '../../lambdas/restore/plan/decide.ts';
import { Findings } from '../../lambdas/restore/plan/findings.ts';
import { ec2 } from '../../lambdas/runtime/ec2.ts';
import { type Region, startRegion } from '../../local/region.ts';
import { FUNCTION_ENVIRONMENT } from '../support/function-environment.ts';

/*
 * What the plan makes of a request's wishes, and of what it leaves to the source, against EC2's answers.
 */
const GIB = 1_024 ** 3;
const POINT = `rp-20261122T093000Z-${'a'.repeat(64)}`;
// The default VPC's, in us-east-1a and b.
const SUBNET_A = 'subnet-0a11d0000000000a1';
const SUBNET_B = 'subnet-0a11d0000000000b2';
const NO_SUBNET = 'subnet-0123456789abcdef0';

let region: Region;
let stateFolder: string;
beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'landfall-plan-'));
  region = await startRegion({ stateFolder, port: 0 });
  Object.assign(process.env, FUNCTION_ENVIRONMENT, { AWS_ENDPOINT_URL: region.endpoint });
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await region.stop();
  await rm(stateFolder, { recursive: true, force: true });
});

const manifestOf = (workload: object, volume: object = {}) =>
  manifestSchema.parse({
    format: 1,
    workload: {
      name: 'web01',
      kind: 'ec2',
      platform: 'linux',
      architecture: 'x86_64',
      usageOperation: 'RunInstances',
      rootDeviceName: '/dev/xvda',
      ...workload,
    },
    time: '2026-11-22T09:30:00.000Z',
    disks: ['root', 'data', 'logs'].map((id, order) => ({
      id,
      size: 8 * GIB,
      order,
      boot: order === 0,
      object: 'c'.repeat(64),
      diskDigest: 'd'.repeat(64),
      writtenDigest: 'e'.repeat(64),
      writtenBlocks: 16,
      segmentBytes: GIB,
      volume,
    })),
  });

const TYPED = { instanceType: 'm6i.large' };
const HERE = { ...TYPED, subnetId: SUBNET_B };

/** What is decided about a request, and what is found, one line each. */
async function plan(
  request: Omit<RestoreRequestInput, 'restorePoint'>,
  { workload = {}, volume }: { workload?: object; volume?: object } = {},
) {
  const parsed = parseRestoreRequest({ restorePoint: POINT, strategy: 'upload', ...request });
  if (!parsed.ok) return { errors: parsed.findings.map(describeFinding), warnings: [] };
  const findings = new Findings();
  const decision = await decide(manifestOf(workload, volume), parsed.request, {
    findings,
    compare: 'as-needed',
  });
  const isOnTopic = (line: string) => !line.startsWith('target.securityGroupIds = nothing');
  return {
    target: decision.target,
    disks: decision.choice.chosen?.disks,
    errors: findings.errors.map(describeFinding),
    warnings: findings.warnings.map(describeFinding).filter(isOnTopic),
  };
}

describe('excluded disks', () => {
  it('are not planned, and leave their device names to others', async () => {
    const { disks, errors } = await plan({
      target: HERE,
      disks: [
        { id: 'data', exclude: true, deviceName: '/dev/sdf' },
        { id: 'logs', deviceName: '/dev/sdf' },
      ],
    });
    expect(errors).toEqual([]);
    expect(disks?.map(({ id, deviceName }) => [id, deviceName])).toEqual([
      ['root', '/dev/xvda'],
      ['logs', '/dev/sdf'],
    ]);
  });

  it('may not be the boot disk of an instance', async () => {
    const { errors } = await plan({ target: HERE, disks: [{ id: 'root', exclude: true }] });
    expect(errors).toEqual([
      'disks[0].exclude = true: it is the boot disk, without which no instance starts. Leave it in, or give restoreTo "volumes"',
    ]);
  });

  it('may not be all, and are looked at with everything else', async () => {
    const { errors } = await plan({
      restoreTo: 'volumes',
      target: { subnetId: NO_SUBNET },
      disks: ['root', 'data', 'logs'].map((id) => ({ id, exclude: true })),
    });
    expect(errors).toEqual([
      'disks = exclude: every disk is left out. Leave at least one in',
      `target.subnetId = ${NO_SUBNET}: does not exist here. Give target.subnetId, or target.availabilityZone, e.g. us-east-1a, us-east-1b, us-east-1c`,
    ]);
  });
});

describe('what contradicts itself', () => {
  it('is refused, all of it at once', async () => {
    const { errors } = await plan({
      target: {
        ...HERE,
        name: 'a',
        namePrefix: 'b',
        nameSuffix: 'c',
        instanceTypes: ['m5.large'],
        subnetIds: [SUBNET_A],
        availabilityZone: 'us-east-1a',
      },
    });
    expect(errors).toEqual([
      'target.namePrefix = "b": contradicts target.name. Leave out one of the two',
      'target.nameSuffix = "c": contradicts target.name. Leave out one of the two',
      'target.instanceTypes = ["m5.large"]: contradicts target.instanceType. Leave out one of the two',
      `target.subnetIds = ["${SUBNET_A}"]: contradicts target.subnetId. Leave out one of the two`,
      'target.availabilityZone = "us-east-1a": contradicts target.subnetId. Leave out one of the two',
      'target.availabilityZone = "us-east-1a": contradicts target.subnetIds. Leave out one of the two',
    ]);
  });

  it.each([
    [{ disks: [{ id: 'data', initializationRate: 99 }] }, 'disks[0].initializationRate = 99'],
    [{ disks: [{ id: 'data', initializationRate: 301 }] }, 'disks[0].initializationRate = 301'],
    [
      { target: { metadataOptions: { httpPutResponseHopLimit: 65 } } },
      'target.metadataOptions.httpPutResponseHopLimit = 65',
    ],
    [{ target: { instanceTypes: [] } }, 'target.instanceTypes = []'],
    [
      { target: { availabilityZone: 'b' } },
      'target.availabilityZone = "b": must be the name of a zone, like us-east-1a',
    ],
  ])('is out of its range: %j', async (request, expected) => {
    const { errors } = await plan(request);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(expected);
  });
});

describe('alternatives', () => {
  it('takes the first subnet that will do, and all types', async () => {
    const { target, warnings, errors } = await plan({
      target: { instanceTypes: ['m6i.large', 'm5.large'], subnetIds: [NO_SUBNET, SUBNET_A, SUBNET_B] },
    });
    expect(errors).toEqual([]);
    expect(target).toMatchObject({
      instanceType: 'm6i.large',
      otherInstanceTypes: ['m5.large'],
      subnetId: SUBNET_A,
      availabilityZone: 'us-east-1a',
    });
    expect(warnings).toEqual([
      `target.subnetIds[0] = ${NO_SUBNET}: does not exist here; ${SUBNET_A} is used. Leave it out`,
    ]);
  });

  it('leaves out types that the zone has not', async () => {
    const send = ec2.send.bind(ec2);
    vi.spyOn(ec2, 'send').mockImplementation((async (command: Parameters<typeof send>[0]) => {
      const isAsked =
        command instanceof DescribeInstanceTypeOfferingsCommand &&
        JSON.stringify(command.input).includes('m6i.large');
      return isAsked ? { InstanceTypeOfferings: [] } : send(command);
    }) as never);
    const both = await plan({ target: { instanceTypes: ['m6i.large', 'm5.large'], subnetId: SUBNET_B } });
    expect(both.errors).toEqual([]);
    expect(both.target).toMatchObject({ instanceType: 'm5.large', otherInstanceTypes: [] });
    expect(both.warnings).toEqual([
      'target.instanceTypes[0] = m6i.large: is not offered in us-east-1b; the others are tried. Leave it out',
    ]);
    const one = await plan({ target: { instanceType: 'm6i.large', subnetIds: [SUBNET_B] } });
    expect(one.errors).toEqual([
      `target.subnetIds[0] = ${SUBNET_B}: us-east-1b offers no m6i.large. Give a subnet that the target can be in`,
    ]);
  });

  it('takes the subnet that holds the private address', async () => {
    const { target, warnings } = await plan({
      target: { ...TYPED, subnetIds: [SUBNET_A, SUBNET_B], privateIpAddress: '172.31.16.50' },
    });
    expect(target).toMatchObject({ subnetId: SUBNET_B });
    expect(warnings[0]).toContain(
      `target.subnetIds[0] = ${SUBNET_A}: does not hold target.privateIpAddress 172.31.16.50`,
    );
  });

  it('refuses each that is wrong', async () => {
    const { errors } = await plan({
      target: { instanceTypes: ['m7g.large', 'm99.huge'], subnetIds: [NO_SUBNET] },
    });
    expect(errors).toEqual([
      `target.subnetIds[0] = ${NO_SUBNET}: does not exist here. Give a subnet that the target can be in`,
      'target.instanceTypes[1] = m99.huge: this region has no such instance type. Choose another',
      'target.instanceTypes[0] = m7g.large: runs arm64, the machine is x86_64. Choose a type for x86_64',
    ]);
  });
});

describe('what the request leaves to the source', () => {
  const source = {
    instanceId: 'i-0123456789abcdef0',
    instanceType: 'm5.large',
    subnetId: SUBNET_B,
    sourceDestCheck: false,
    ebsOptimized: true,
    metadataOptions: {
      httpTokens: 'optional',
      httpEndpoint: 'disabled',
      httpPutResponseHopLimit: 4,
      instanceMetadataTags: 'enabled',
    },
    tags: { Name: 'shop', env: 'prod', 'aws:autoscaling:groupName': 'x', 'landfall:role': 'result' },
  };
  const volume = {
    volumeType: 'io2',
    iops: 1_000,
    deleteOnTermination: false,
    tags: { Name: 'shop disk', kind: 'x', 'aws:backup': 'y' },
  };

  it('is as at the source', async () => {
    const { target, disks, errors, warnings } = await plan({}, { workload: { source }, volume });
    expect([errors, warnings]).toEqual([[], []]);
    expect(target).toMatchObject({
      restoreTo: 'new',
      name: 'shop',
      sourceName: 'shop',
      instanceType: 'm5.large',
      otherInstanceTypes: [],
      subnetId: SUBNET_B,
      sourceDestCheck: false,
      ebsOptimized: true,
      httpTokens: 'optional',
      httpEndpoint: 'disabled',
      httpPutResponseHopLimit: 4,
      instanceMetadataTags: 'enabled',
      tags: { env: 'prod' },
      powerOn: true,
    });
    expect(target).not.toHaveProperty('associatePublicIpAddress');
    expect(disks?.[1]).toMatchObject({
      volumeType: 'io2',
      iops: 1_000,
      deleteOnTermination: false,
      tags: { Name: 'shop disk', kind: 'x' },
    });
    expect(disks?.[1]).not.toHaveProperty('initializationRate');
  });

  it('gives way to the request', async () => {
    const { target, disks } = await plan(
      {
        target: {
          namePrefix: 'dr ',
          instanceType: 'm6i.large',
          subnetId: SUBNET_A,
          metadataOptions: {
            httpTokens: 'required',
            httpEndpoint: 'enabled',
            instanceMetadataTags: 'disabled',
          },
          tags: { env: 'test' },
        },
        disks: [{ id: 'data', volumeType: 'gp3', initializationRate: 150 }],
      },
      { workload: { source }, volume },
    );
    expect(target).toMatchObject({
      name: 'dr shop',
      sourceName: 'shop',
      instanceType: 'm6i.large',
      subnetId: SUBNET_A,
      httpTokens: 'required',
      httpEndpoint: 'enabled',
      httpPutResponseHopLimit: 4,
      instanceMetadataTags: 'disabled',
      tags: { env: 'test' },
    });
    expect(disks?.[1]).toMatchObject({
      volumeType: 'gp3',
      initializationRate: 150,
      tags: { Name: 'dr shop disk', kind: 'x', env: 'test' },
    });
    expect(disks?.[1]).not.toHaveProperty('iops');
  });

  it('is told of where it cannot be', async () => {
    const { warnings, errors } = await plan(
      { target: { ...HERE, associatePublicIpAddress: false, tags: { 'cost centre': '7' } } },
      { workload: { source: { ...source, publicIpAddress: '203.0.113.7' } } },
    );
    expect(warnings).toEqual([
      'target.associatePublicIpAddress = false: the source instance had the public address 203.0.113.7; the target gets none. Give it as true for a new public address, or associate an Elastic IP address after the restore',
    ]);
    expect(errors).toEqual([
      'target.tags = cost centre: cannot be among the instance’s metadata: such keys hold letters, digits and + - = . , _ : @ only. Rename them, or give target.metadataOptions.instanceMetadataTags "disabled"',
    ]);
  });
});

describe('names and tags', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, '']));

  it.each([
    [42, []],
    [43, ['43 tags with those of the source']],
  ])('%d tags of an instance', async (count, expected) => {
    const source = { instanceId: 'i-0123456789abcdef0', tags: many(count) };
    const { errors } = await plan({ target: HERE }, { workload: { source } });
    expect(errors.map((line) => line.split(': ')[0])).toEqual(
      expected.map((value) => `target.tags = ${value}`),
    );
  });

  it.each([
    [41, []],
    [42, ['target.tags = 42 tags with those of the volume that disk root was']],
  ])('%d tags of a volume', async (count, expected) => {
    const { errors } = await plan({
      target: { ...HERE, tags: many(count) },
      disks: ['data', 'logs'].map((id) => ({ id, exclude: true })),
    });
    expect(errors.map((line) => line.split(': ')[0])).toEqual(expected);
  });

  it('refuses a name that no tag holds', async () => {
    const source = { instanceId: 'i-0123456789abcdef0', tags: { Name: 'n'.repeat(250) } };
    const { errors } = await plan(
      { target: { ...HERE, namePrefix: 'p'.repeat(7) } },
      { workload: { source } },
    );
    expect(errors.map((line) => line.split(': ')[1])).toEqual([
      'the name would have 257 characters; a tag holds 256. Shorten it, or give target.name',
    ]);
  });
});

describe('a boot mode', () => {
  it('is what the temporary launch image is registered with', async () => {
    const { target, errors, warnings } = await plan(
      { target: { ...HERE, bootMode: 'uefi' } },
      { workload: { bootMode: 'legacy-bios' } },
    );
    expect(errors).toEqual([]);
    expect(target).toMatchObject({ launchImage: { kind: 'blank', bootMode: 'uefi' } });
    expect(warnings).toEqual([
      'target.bootMode = uefi: whether the system on the disk can boot so is not looked at. Leave it out to boot as at the source',
    ]);
  });

  it.each([
    [{ architecture: 'arm64' }, 'm7g.large', 'arm64 instances boot by uefi only'],
    [{ tpmSupport: 'v2.0', bootMode: 'uefi' }, 'm6i.large', 'the machine has a TPM (v2.0), which needs uefi'],
  ])('that cannot be is refused: %j', async (workload, instanceType, problem) => {
    const { errors } = await plan(
      { target: { ...HERE, instanceType, bootMode: 'legacy-bios' } },
      { workload },
    );
    expect(errors).toContain(`target.bootMode = legacy-bios: ${problem}. Leave it out, or give uefi`);
  });
});

describe('volumes alone', () => {
  it('need a zone only, and warn of what only an instance has', async () => {
    const { target, errors, warnings } = await plan({
      restoreTo: 'volumes',
      target: { ...TYPED, availabilityZone: 'us-east-1c', keyName: 'lost', associatePublicIpAddress: false },
    });
    expect(errors).toEqual([]);
    expect(target).toEqual({
      restoreTo: 'volumes',
      name: 'web01',
      sourceName: 'web01',
      availabilityZone: 'us-east-1c',
    });
    expect(warnings).toEqual([
      'target.instanceType = "m6i.large": is not used: no instance is made. Leave it out, or give restoreTo "new"',
      'target.associatePublicIpAddress = false: is not used: no instance is made. Leave it out, or give restoreTo "new"',
      'target.keyName = "lost": is not used: no instance is made. Leave it out, or give restoreTo "new"',
    ]);
  });

  it('are made in the source’s zone where nothing else is said', async () => {
    const source = { instanceId: 'i-0123456789abcdef0', subnetId: NO_SUBNET, availabilityZone: 'us-east-1b' };
    const { target } = await plan({ restoreTo: 'volumes' }, { workload: { source, kind: 'ec2' } });
    expect(target).toMatchObject({ availabilityZone: 'us-east-1b' });
  });

  it.each([
    [
      'us-east-1z',
      'target.availabilityZone = us-east-1z: is no zone of this Region that can be used. Give one of us-east-1a, us-east-1b, us-east-1c',
    ],
    [
      undefined,
      'target.availabilityZone = nothing: neither the source’s subnet nor its zone is known here, so the request must name one. Give target.subnetId, or target.availabilityZone, e.g. us-east-1a, us-east-1b, us-east-1c',
    ],
  ])('in zone %s are refused', async (availabilityZone, expected) => {
    const { errors } = await plan({ restoreTo: 'volumes', target: { availabilityZone } });
    expect(errors).toEqual([expected]);
  });

  it('by a helper need a subnet for it, in their zone', async () => {
    const target = { availabilityZone: 'us-east-1b' };
    const without = await plan({ restoreTo: 'volumes', strategy: 'helper', target });
    expect(without.errors).toEqual([
      `helper.subnetId = nothing: the request names only a zone for the volumes, and the helper needs a subnet in it. Give a subnet of us-east-1b, e.g. ${SUBNET_B}`,
    ]);
    const elsewhere = await plan({
      restoreTo: 'volumes',
      strategy: 'helper',
      target,
      helper: { subnetId: SUBNET_A },
    });
    expect(elsewhere.errors[0]).toContain(`helper.subnetId = ${SUBNET_A}: is in us-east-1a`);
    const disks = [{ id: 'data', initializationRate: 200 }];
    const good = await plan({
      restoreTo: 'volumes',
      strategy: 'helper',
      target: { subnetId: SUBNET_B },
      disks,
    });
    expect(good.errors).toEqual([]);
    expect(good.warnings).toContain(
      'disks[0].initializationRate = 200: is not used: strategy helper makes the volume empty, which has its full speed at once. Leave it out',
    );
    expect(good.disks?.find(({ id }) => id === 'data')).not.toHaveProperty('initializationRate');
  });
});
