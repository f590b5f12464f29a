import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { CreateKeyCommand, DisableKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { describeInstance, lookOf } from '../support/compare-restores.ts';
import { type HelperBench, makeHelperBench, until } from '../support/helper-bench.ts';
import { isRestored, MIB, sparseDisk } from '../support/restore-bench.ts';

let bench: HelperBench;
let kms: KMSClient;
beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
  kms = new KMSClient({
    endpoint: bench.region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
});
afterAll(async () => {
  kms?.destroy();
  await bench?.stop();
});

const machine = () => ({
  root: sparseDisk('root', 40 * MIB + 512, { boot: true }),
  data: sparseDisk('data', 100 * MIB, { deviceName: '/dev/sdf' }),
});
const { root, data } = machine();

// All at once: most of their time they wait, those with a lost helper for it to be missed.
describe.concurrent('a restore by strategy helper', { timeout: 120_000 }, () => {
  it('brings back every byte, as a running instance, and leaves nothing temporary behind', async () => {
    const restorePoint = await bench.backUp([root, data]);
    const { executionArn, status, result, cause } = await bench.restore(
      bench.request(restorePoint, {
        disks: [{ id: 'data', volumeType: 'gp3', iops: 3000, throughput: 250 }],
      }),
      'by-helper',
    );
    expect(cause).toBeUndefined();
    expect(status).toBe('SUCCEEDED');
    expect(result).toMatchObject({ outcome: 'restored', strategy: 'helper', leftBehind: [] });
    expect(result?.instance?.started).toBe('running');
    expect(result?.phases.map(({ phase, diskId }) => (diskId ? `${phase} ${diskId}` : phase))).toEqual(
      expect.arrayContaining([
        'launch helper',
        'create empty volume root',
        'create empty volume data',
        'attach to helper root',
        'attach to helper data',
        'write disks',
        'attach volume root',
        'attach volume data',
        'hand over',
      ]),
    );
    expect(result?.phases.every(({ endedAt }) => endedAt !== undefined)).toBe(true);
    const volumes = new Map(result?.volumes.map(({ diskId, volumeId }) => [diskId, volumeId]));
    expect(await isRestored(await bench.volumeFile(volumes.get('root')), root)).toBe(true);
    expect(await isRestored(await bench.volumeFile(volumes.get('data')), data)).toBe(true);
    expect(await bench.ownedBy('by-helper')).toEqual(
      [result?.instance?.instanceId, ...volumes.values()].sort(),
    );
    const instance = await describeInstance(bench.ec2, result?.instance?.instanceId ?? '');
    expect(instance).toMatchObject({ InstanceType: 'm6i.large', Architecture: 'x86_64' });
    expect(
      instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [
        DeviceName,
        Ebs?.VolumeId,
        Ebs?.DeleteOnTermination,
      ]).sort(),
    ).toEqual([
      ['/dev/sdf', volumes.get('data'), false],
      ['/dev/xvda', volumes.get('root'), true],
    ]);
    const [helperId = ''] = result?.helper?.instanceIds ?? [];
    expect(result?.helper?.instanceIds).toHaveLength(1);
    expect(result?.helper?.disks).toMatchObject([
      { id: 'root', state: 'done', doneBytes: 40 * MIB + 512, resumedBytes: 0 },
      { id: 'data', state: 'done', doneBytes: 100 * MIB, resumedBytes: 0 },
    ]);
    checkCallsOf(helperId);
    checkLaunch(executionArn);
  });

  it('makes the same volumes and the same instance as strategy upload', async () => {
    const restorePoint = await bench.backUp([root, data]);
    const wishes = {
      target: { name: 'twin', instanceType: 'm6i.large', subnetId: bench.subnetId, tags: { team: 'blue' } },
      disks: [{ id: 'data', volumeType: 'gp2', encrypted: true }],
    };
    const [byHelper, byUpload] = await Promise.all(
      ['helper', 'upload'].map((strategy) => bench.restore({ restorePoint, strategy, ...wishes })),
    );
    expect(byHelper).toMatchObject({ status: 'SUCCEEDED', result: { strategy: 'helper' } });
    expect(byUpload).toMatchObject({ status: 'SUCCEEDED', result: { strategy: 'upload' } });
    const looks = await Promise.all([byHelper, byUpload].map((ended) => lookOf(bench.ec2, ended?.result)));
    expect(looks[0]).toEqual(looks[1]);
    // It is the whole of what EC2 shows, but ids, addresses, times, and the snapshot that only one was made from.
    expect(Object.keys(looks[0]?.instance ?? {}).length).toBeGreaterThan(25);
    expect(looks[0]?.volumes).toMatchObject([
      { VolumeType: 'gp3', Size: 1, Encrypted: false },
      { VolumeType: 'gp2', Size: 1, Encrypted: true },
    ]);
  });
});

/** The role of a helper may read the bundle and repositories, and work in one folder: nothing else, and no EC2. */
function checkCallsOf(helperId: string): void {
  const calls = bench.region.calls.entries({ caller: helperId });
  expect(new Set(calls.map(({ service, operation }) => `${service} ${operation}`))).toEqual(
    new Set(['s3 GetObject', 's3 ListObjectsV2', 's3 PutObject']),
  );
  const { ControlBucket } = bench.outputs;
  const ownFolder = new RegExp(`^helpers/AROA[A-Z0-9]+:${helperId}/`);
  for (const { operation, input } of calls) {
    const name = String(input?.Key ?? input?.Prefix);
    const isOwn = input?.Bucket === ControlBucket && ownFolder.test(name);
    const isRepository = input?.Bucket === bench.repositoryBucket;
    const isBundle = String(input?.Bucket).startsWith('cdk-') && operation === 'GetObject';
    expect(isOwn || (operation !== 'PutObject' && (isRepository || isBundle)), `${operation} ${name}`).toBe(
      true,
    );
  }
}

function checkLaunch(executionArn: string): void {
  const calls = bench.region.calls.entries().filter(({ execution }) => execution === executionArn);
  const launch = calls.find(
    ({ operation, caller }) => operation === 'RunInstances' && caller === bench.functionOf('launch-helper'),
  )?.input;
  expect(launch).toMatchObject({
    InstanceInitiatedShutdownBehavior: 'terminate',
    MaintenanceOptions: { AutoRecovery: 'disabled' },
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    NetworkInterfaces: [{ SubnetId: bench.subnetId, AssociatePublicIpAddress: false }],
    BlockDeviceMappings: [{ Ebs: { Encrypted: true, DeleteOnTermination: true } }],
  });
  expect(launch).not.toHaveProperty('KeyName');
  const rules = calls.filter(({ operation }) => /^(Authorize|Revoke)SecurityGroup/.test(operation));
  const ofHelper = rules.filter(({ caller }) => caller === bench.functionOf('isolate-helper'));
  expect(ofHelper.map(({ operation }) => operation)).toEqual([
    'RevokeSecurityGroupEgress',
    'AuthorizeSecurityGroupEgress',
  ]);
  expect(ofHelper[1]?.input?.IpPermissions).toMatchObject([
    {
      IpProtocol: 'tcp',
      FromPort: 443,
      ToPort: 443,
      PrefixListIds: [{ PrefixListId: expect.stringMatching(/^pl-/) }],
    },
  ]);
}

describe.concurrent('a helper that is lost while it writes', { timeout: 120_000 }, () => {
  it('is replaced, when its program hangs; the second one writes only what the first has not finished', async () => {
    const disks = Object.values(machine());
    const { executionArn, first } = await bench.startHeld('hangs-once', disks);
    const helper = await bench.helperOf('hangs-once', 1);
    // 6 and 13 segments; all but the one whose read is held.
    await until('18 segments are finished', async () => {
      const ofDisks = await Promise.all(
        ['root', 'data'].map((id) => bench.finishedSegments('hangs-once', id)),
      );
      return ofDisks.reduce((sum, count) => sum + count, 0) === 18;
    });
    await bench.killHelper(helper);
    first.release();
    const { status, cause, result } = await bench.ended(executionArn);
    expect(cause).toBeUndefined();
    expect(status).toBe('SUCCEEDED');
    const second = await bench.helperOf('hangs-once', 2);
    expect(result?.helper?.instanceIds).toEqual([helper, second]);
    expect(bench.packReadsOf(helper).length).toBeGreaterThan(1);
    expect(bench.packReadsOf(second)).toEqual([first.read()]);
    expect(result?.helper?.disks.map(({ doneBytes }) => doneBytes)).toEqual([40 * MIB + 512, 100 * MIB]);
    for (const [index, disk] of disks.entries()) {
      const { volumeId } = result?.volumes[index] ?? {};
      expect(await isRestored(await bench.volumeFile(volumeId), disk)).toBe(true);
    }
    expect(await bench.ownedBy('hangs-once')).toEqual(
      [result?.instance?.instanceId, ...(result?.volumes ?? []).map(({ volumeId }) => volumeId)].sort(),
    );
  });

  it('is replaced once: when the second one hangs too, the restore fails, and leaves nothing', async () => {
    const { executionArn, first, hold } = await bench.startHeld('hangs-twice', Object.values(machine()));
    const helper = await bench.helperOf('hangs-twice', 1);
    await bench.killHelper(helper);
    first.release();
    const secondHold = hold();
    await secondHold.isHeld();
    const second = await bench.helperOf('hangs-twice', 2);
    await bench.killHelper(second);
    secondHold.release();
    const { status, error, cause } = await bench.ended(executionArn);
    expect(status).toBe('FAILED');
    expect(error).toBe('HelperSilent');
    expect(cause).toMatch(new RegExp(`^helper ${second} is working, last heard of \\d+ seconds ago$`));
    expect(await bench.ownedBy('hangs-twice')).toEqual([]);
    expect(await bench.record('restores/hangs-twice/1/result.json')).toMatchObject({
      outcome: 'failed',
      helper: { instanceIds: [helper, second] },
      leftBehind: [],
    });
  });

  it('is replaced, when somebody terminates it', async () => {
    const disks = Object.values(machine());
    const { executionArn, first } = await bench.startHeld('terminated', disks);
    const helper = await bench.helperOf('terminated', 1);
    await bench.ec2.send(new TerminateInstancesCommand({ InstanceIds: [helper] }));
    first.release();
    const { status, result } = await bench.ended(executionArn);
    expect(status).toBe('SUCCEEDED');
    expect(result?.helper?.instanceIds).toEqual([helper, await bench.helperOf('terminated', 2)]);
    for (const [index, disk] of disks.entries()) {
      const { volumeId } = result?.volumes[index] ?? {};
      expect(await isRestored(await bench.volumeFile(volumeId), disk)).toBe(true);
    }
  });
});

describe.concurrent('encrypted disks by strategy helper', { timeout: 120_000 }, () => {
  const makeKey = async () => (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';

  it('are refused before anything is made, when EC2 may not use the key', async () => {
    const key = await makeKey();
    await kms.send(new DisableKeyCommand({ KeyId: key }));
    const restorePoint = await bench.backUp([root]);
    const ended = await bench.restore(
      bench.request(restorePoint, { disks: [{ id: 'root', kmsKeyId: key }] }),
      'disabled-key',
    );
    expect(ended).toMatchObject({ status: 'FAILED', error: 'BadRequest' });
    expect(ended.cause).toBe(
      `disks[0].kmsKeyId = ${key}: is in state Disabled, so nothing can be encrypted with it. Enable it (aws kms enable-key), or give another`,
    );
    expect(await bench.ownedBy('disabled-key')).toEqual([]);
  });
});
