import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ARM_IMAGE,
  DEADLINE,
  type HelperRegion,
  isAlive,
  POLL,
  ROLE_ID,
  startHelperRegion,
} from './helper-region.ts';

let at: HelperRegion;
beforeAll(async () => {
  at = await startHelperRegion();
});
afterAll(() => at.dispose());

const pidOf = (instanceId: string) => at.region.services.ec2.helperProcess(instanceId)?.pid;

async function rootOf(instanceId: string): Promise<string> {
  const { Volumes } = await at.ec2.describeVolumes({
    Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }],
  });
  return Volumes?.[0]?.VolumeId ?? '';
}

describe('an instance with the header of a helper', () => {
  it('runs the program of its bundle, with arguments and environment of its own', async () => {
    const id = await at.launch();
    const { pid, args, nodeOptions, environment, devices } = await at.report(id);
    expect(pidOf(id)).toBe(pid);
    const helpers = join(at.region.stateFolder, 'ec2', 'helpers');
    expect(args).toEqual([
      ...['--folder', `s3://helper-control/helpers/${ROLE_ID}:${id}/`],
      ...['--instance-id', id],
      ...['--devices', join(helpers, id, 'devices')],
      ...['--heartbeat-seconds', '0.5'],
      ...['--deadline', DEADLINE],
    ]);
    // As its service says, and nothing of the environment of whoever runs the region.
    expect(nodeOptions.slice(0, 2)).toEqual(['--max-semi-space-size=4', '--no-warnings']);
    expect(environment).toEqual({
      UV_THREADPOOL_SIZE: '8',
      MALLOC_ARENA_MAX: '2',
      AWS_ENDPOINT_URL: at.region.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: 'local',
      HOME: join(helpers, id),
    });
    const root = await rootOf(id);
    expect(devices).toEqual({ [root.replace('-', '')]: at.region.services.ec2.volumeFile(root) });
    expect(await at.consoleOf(id)).toContain('the fake program begins');
    const bundle = join(helpers, 'bundles', at.bundle.sha256, 'landfall-helper');
    expect((await readdir(bundle)).sort()).toEqual(['landfall-helper.mjs', 'landfall-helper.service']);
  });

  it('is the caller of what its program calls, and of the fetching of its bundle', async () => {
    const id = await at.launch();
    await at.report(id);
    const calls = at.region.calls.entries({ caller: id });
    expect(calls[0]).toMatchObject({ service: 's3', operation: 'GetObject', result: 'ok' });
    expect(calls[0]?.resources).toEqual(['helper-assets', `${at.bundle.sha256}.tar.gz`]);
    expect(calls.map(({ operation }) => operation)).toContain('PutObject');
  });

  it('terminates when the program is through, or stops where its attribute says so', async () => {
    const id = await at.launch({ kind: 'through' });
    await expect.poll(() => at.stateOf(id), POLL).toBe('terminated');
    const { Reservations } = await at.ec2.describeInstances({ InstanceIds: [id] });
    expect(Reservations?.[0]?.Instances?.[0]?.StateReason).toEqual({
      Code: 'Client.InstanceInitiatedShutdown',
      Message: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown',
    });
    expect(await at.consoleOf(id)).toContain('the program is through; powering off');
    const stopping = await at.launch({ kind: 'through' }, { InstanceInitiatedShutdownBehavior: 'stop' });
    await expect.poll(() => at.stateOf(stopping), POLL).toBe('stopped');
  });

  it('powers off after five crashes', async () => {
    const id = await at.launch({ kind: 'crashing' });
    await expect.poll(() => at.stateOf(id), POLL).toBe('terminated');
    const printed = await at.consoleOf(id);
    expect(printed.split('the fake program begins')).toHaveLength(1 + 5);
    expect(printed).toContain('the program crashed with exit code 3; it is started again');
    expect(printed).toContain('the program crashed 5 times, last with exit code 3; powering off');
  });

  it('goes on after a crash', async () => {
    const id = await at.launch();
    const { pid } = await at.report(id);
    await at.command(id, 'exit 1');
    await expect.poll(async () => (await at.report(id)).pid, POLL).not.toBe(pid);
    expect(await at.stateOf(id)).toBe('running');
  });

  it('stays running and says nothing more when the program is killed', async () => {
    const id = await at.launch();
    const { pid } = await at.report(id);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => at.consoleOf(id), POLL).toContain('killed (SIGKILL): the machine counts as one');
    expect(pidOf(id)).toBeUndefined();
    expect(await at.stateOf(id)).toBe('running');
    const calls = at.region.calls.entries({ caller: id }).length;
    expect(await at.stateOf(id)).toBe('running');
    expect(at.region.services.ec2.helpers()).toContainEqual(
      expect.objectContaining({ instanceId: id, status: 'hung' }),
    );
    expect(at.region.calls.entries({ caller: id })).toHaveLength(calls);
    await at.ec2.terminateInstances({ InstanceIds: [id] });
    await expect.poll(() => at.stateOf(id), POLL).toBe('terminated');
  });

  it.each([
    ['terminated', (id: string) => at.ec2.terminateInstances({ InstanceIds: [id] }), 'terminated'],
    ['stopped', (id: string) => at.ec2.stopInstances({ InstanceIds: [id] }), 'stopped'],
    ['rebooted', (id: string) => at.ec2.rebootInstances({ InstanceIds: [id] }), 'running'],
  ])('loses its program for good when it is %s', async (_, end, state) => {
    const id = await at.launch();
    const { pid } = await at.report(id);
    await end(id);
    await expect.poll(() => isAlive(pid), POLL).toBe(false);
    await expect.poll(() => at.stateOf(id), POLL).toBe(state);
    if (state === 'stopped') {
      await at.ec2.startInstances({ InstanceIds: [id] });
      await expect.poll(() => at.stateOf(id), POLL).toBe('running');
    }
    expect(pidOf(id)).toBeUndefined();
  });

  it('is terminated only after its program is gone', async () => {
    const id = await at.launch();
    const { pid } = await at.report(id);
    const seen: boolean[] = [];
    await at.ec2.terminateInstances({ InstanceIds: [id] });
    await expect
      .poll(async () => {
        const state = await at.stateOf(id);
        if (state === 'terminated') seen.push(isAlive(pid));
        return state;
      }, POLL)
      .toBe('terminated');
    expect(seen).toEqual([false]);
  });
});

describe('a helper that cannot come up', () => {
  const wrong = '0'.repeat(64);

  it.each([
    ['another digest', { sha256: wrong }, new RegExp(`the bundle has SHA-256 [0-9a-f]{64}, not ${wrong}`)],
    [
      'no such object',
      { bundle: 's3://helper-assets/none.tar.gz' },
      /none\.tar\.gz cannot be fetched: NoSuchKey/,
    ],
  ])('powers off and says why on its console: %s', async (_, header, message) => {
    const id = await at.launch(header);
    await expect.poll(() => at.stateOf(id), POLL).toBe('terminated');
    expect(await at.consoleOf(id)).toMatch(message);
    expect(at.region.calls.entries({ caller: id, operation: 'PutObject' })).toEqual([]);
    expect(await at.consoleOf(id)).not.toContain('the fake program begins');
  });

  it('powers off where the bundle is no archive, or has no program', async () => {
    const Body = 'no archive at all';
    await at.s3.putObject({ Bucket: 'helper-assets', Key: 'text', Body });
    const sha256 = createHash('sha256').update(Body).digest('hex');
    const id = await at.launch({ bundle: 's3://helper-assets/text', sha256 });
    await expect.poll(() => at.stateOf(id), POLL).toBe('terminated');
    expect(await at.consoleOf(id)).toContain('the bundle cannot be unpacked');
    const bundles = join(at.region.stateFolder, 'ec2', 'helpers', 'bundles');
    expect((await readdir(bundles)).filter((name) => name !== at.bundle.sha256)).toEqual([]);
  });

  it('has no credentials without a profile, and no use for the bundle on another architecture', async () => {
    const id = await at.launch({}, { IamInstanceProfile: undefined });
    const other = await at.launch({}, { ImageId: 'ami-0a11d00000a12023a', InstanceType: 'c7i.large' });
    await expect.poll(() => at.stateOf(id), POLL).toBe('terminated');
    expect(await at.consoleOf(id)).toContain('the instance has no profile');
    await expect.poll(() => at.stateOf(other), POLL).toBe('terminated');
    expect(await at.consoleOf(other)).toContain('the bundle is for arm64, this machine is x86_64');
  });

  it('needs a way to S3: a route, and a rule that lets it out', async () => {
    const { Vpc } = await at.ec2.createVpc({ CidrBlock: '10.0.0.0/16' });
    const VpcId = Vpc?.VpcId ?? '';
    const { Subnet } = await at.ec2.createSubnet({ VpcId, CidrBlock: '10.0.0.0/24' });
    const { GroupId = '' } = await at.ec2.createSecurityGroup({
      GroupName: 'closed',
      Description: 'lets nothing out',
      VpcId,
    });
    const everywhere = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
    await at.ec2.revokeSecurityGroupEgress({ GroupId, IpPermissions: [everywhere] });
    const launch = () => at.launch({}, { SubnetId: Subnet?.SubnetId, SecurityGroupIds: [GroupId] });
    const noRoute = await launch();
    await expect.poll(() => at.stateOf(noRoute), POLL).toBe('terminated');
    const table = VpcId.replace('vpc-', 'rtb-');
    expect(await at.consoleOf(noRoute)).toContain(
      `S3 could not be read for ten minutes: there is no route to S3 in ${table}; powering off`,
    );
    await at.ec2.createVpcEndpoint({
      VpcId,
      ServiceName: 'com.amazonaws.us-east-1.s3',
      RouteTableIds: [table],
    });
    const shutIn = await launch();
    await expect.poll(() => at.stateOf(shutIn), POLL).toBe('terminated');
    expect(await at.consoleOf(shutIn)).toContain(`no rule of ${GroupId} lets it out to S3`);
    expect(at.region.calls.entries({ caller: shutIn })).toEqual([]);
    const toS3 = {
      IpProtocol: 'tcp',
      FromPort: 443,
      ToPort: 443,
      PrefixListIds: [{ PrefixListId: 'pl-63a5400a' }],
    };
    await at.ec2.authorizeSecurityGroupEgress({ GroupId, IpPermissions: [toS3] });
    await at.report(await launch());
  });

  it('runs and does nothing where its header cannot be read', async () => {
    const id = await at.launch({ deadline: 'tomorrow', colour: 'red' });
    await expect.poll(() => at.stateOf(id), POLL).toBe('running');
    await expect
      .poll(() => at.consoleOf(id), POLL)
      .toMatch(/the header in the user data cannot be read: .*deadline.*colour/);
    expect(at.region.calls.entries({ caller: id })).toEqual([]);
    const script = Buffer.from('#!/bin/bash\n# landfall-helper {"version":\n').toString('base64');
    const torn = await at.launch({}, { UserData: script });
    await expect.poll(() => at.consoleOf(torn), POLL).toContain('cannot be read: it is not JSON');
  });

  it('is not looked for in other user data, nor started by an instance that fails at launch', async () => {
    const UserData = Buffer.from('#!/bin/bash\necho landfall-helper\n').toString('base64');
    const plain = await at.launch({}, { UserData, ImageId: ARM_IMAGE });
    at.region.faults.add({
      service: 'ec2',
      operation: 'RunInstances',
      action: { kind: 'spoil', endState: 'terminated', message: 'Server.InternalError: no luck' },
    });
    const failed = await at.launch();
    await expect.poll(() => at.stateOf(failed), POLL).toBe('terminated');
    await expect.poll(() => at.stateOf(plain), POLL).toBe('running');
    const known = at.region.services.ec2.helpers().map(({ instanceId }) => instanceId);
    expect(known).not.toContain(plain);
    expect(known).not.toContain(failed);
    await expect(stat(join(at.region.stateFolder, 'ec2', 'helpers', failed))).rejects.toThrow('ENOENT');
  });
});

describe('/_landfall/helpers', () => {
  it('tells a person which process is which instance', async () => {
    const id = await at.launch();
    const { pid } = await at.report(id);
    const answer = await fetch(`${at.region.endpoint}/_landfall/helpers`);
    const root = await rootOf(id);
    const folder = join(at.region.stateFolder, 'ec2');
    expect(await answer.json()).toContainEqual({
      instanceId: id,
      status: 'running',
      pid,
      devices: [{ serial: root.replace('-', ''), file: join(folder, 'volumes', `${root}.img`) }],
      console: join(folder, 'helpers', id, 'console.log'),
    });
  });
});
