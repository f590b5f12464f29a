import { open } from 'node:fs/promises';
import {
  AttachVolumeCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  ModifyVolumeCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { CreateKeyCommand, DisableKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type HelperBench, makeHelperBench, until } from '../support/helper-bench.ts';
import { MIB, sparseDisk } from '../support/restore-bench.ts';

let bench: HelperBench;
let restorePoint: string;
beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
  restorePoint = await bench.backUp([sparseDisk('root', 12 * MIB, { boot: true })]);
});
afterAll(() => bench?.stop());
// A fault that never struck has tested nothing.
afterEach(() => expect(bench.region.faults.unhit()).toEqual([]));

/** Starts a restore, and waits until a step's call that names the volume is held. */
async function startHeldAt(
  restoreId: string,
  { operation, step }: { operation: string; step: string },
  wishes: object = {},
) {
  const held = bench.region.faults.add({
    service: 'ec2',
    operation,
    caller: bench.functionOf(step),
    action: { kind: 'hold' },
  });
  const executionArn = await bench.start(bench.request(restorePoint, wishes), restoreId);
  await until(`${operation} is held`, () => held.holding === 1);
  const { resourceId: volumeId } = await bench.record(`restores/${restoreId}/1/ledger/volume/root.json`);
  return { executionArn, volumeId, release: () => held.release() };
}

/** Waits for the end, and sees that the helper read no pack: then it wrote nothing. */
async function endedUnwritten(executionArn: string, restoreId: string) {
  const ended = await bench.ended(executionArn);
  expect(ended.status).toBe('FAILED');
  const { helper, leftBehind } = await bench.record(`restores/${restoreId}/1/result.json`);
  expect(helper.instanceIds).toHaveLength(1);
  expect(bench.packReadsOf(helper.instanceIds[0])).toEqual([]);
  expect(leftBehind).toEqual([]);
  expect(await bench.ownedBy(restoreId)).toEqual([]);
  return ended;
}

describe('nothing is written onto a volume', () => {
  it('that holds data', async () => {
    const { executionArn, volumeId, release } = await startHeldAt('not-blank', {
      operation: 'AttachVolume',
      step: 'attach-to-helper',
    });
    const file = await open(await bench.volumeFile(volumeId), 'r+');
    await file.write(Buffer.of(1), 0, 1, 700_001);
    await file.close();
    release();
    const { error, cause } = await endedUnwritten(executionArn, 'not-blank');
    expect(error).toBe('VolumeNotBlank');
    expect(cause).toMatch(/^helper i-[0-9a-f]+, disk root: /);
    expect(cause).toContain(volumeId);
  });

  it('that comes up with another size', async () => {
    const { executionArn, volumeId, release } = await startHeldAt('too-large', {
      operation: 'DescribeVolumes',
      step: 'check-volumes',
    });
    const look = async () =>
      (await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }))).Volumes?.[0];
    await until('it is available', async () => (await look())?.State === 'available');
    await bench.ec2.send(new ModifyVolumeCommand({ VolumeId: volumeId, Size: 2 }));
    await until('it is larger', async () => (await look())?.Size === 2);
    release();
    const { error, cause } = await endedUnwritten(executionArn, 'too-large');
    expect(error).toBe('VolumeNotAsOrdered');
    expect(cause).toBe(`volume ${volumeId} of disk root: it has 2 GiB, not 1`);
  });

  it('whose key is disabled before it is attached', async () => {
    const kms = new KMSClient({
      endpoint: bench.region.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    const key = KeyMetadata?.Arn ?? '';
    const { executionArn, release } = await startHeldAt(
      'disabled-later',
      { operation: 'AttachVolume', step: 'attach-to-helper' },
      { disks: [{ id: 'root', kmsKeyId: key }] },
    );
    await kms.send(new DisableKeyCommand({ KeyId: key }));
    kms.destroy();
    release();
    const { error, cause } = await endedUnwritten(executionArn, 'disabled-later');
    expect(error).toBe('HelperAttachmentFailed');
    expect(cause).toContain('did not come to helper i-');
    expect(cause).toContain(key);
  });

  it('that is attached to another instance', async () => {
    const other = await launchOther();
    const { executionArn, volumeId, release } = await startHeldAt('elsewhere', {
      operation: 'AttachVolume',
      step: 'attach-to-helper',
    });
    await bench.ec2.send(
      new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: other, Device: '/dev/sdx' }),
    );
    release();
    // Clean-up waits for whoever has it: nothing is detached from instances that are not ours.
    await until('the restore is being cleaned up', async () => {
      return (await bench.record('restores/elsewhere/claim.json')).state === 'closing';
    });
    await bench.ec2.send(new DetachVolumeCommand({ VolumeId: volumeId, InstanceId: other }));
    const { error, cause } = await endedUnwritten(executionArn, 'elsewhere');
    expect(error).toBe('AttachedElsewhere');
    expect(cause).toContain(`volume ${volumeId} of disk root is at ${other} /dev/sdx, not at i-`);
  });
});

/** Somebody else's instance, in the same zone. */
async function launchOther(): Promise<string> {
  const { Images = [] } = await bench.ec2.send(
    new DescribeImagesCommand({
      Owners: ['amazon'],
      Filters: [{ Name: 'architecture', Values: ['x86_64'] }],
    }),
  );
  const { Instances = [] } = await bench.ec2.send(
    new RunInstancesCommand({
      ImageId: Images[0]?.ImageId,
      InstanceType: 'm6i.large',
      SubnetId: bench.subnetId,
      MinCount: 1,
      MaxCount: 1,
    }),
  );
  const instanceId = Instances[0]?.InstanceId ?? '';
  await until('it runs', async () => {
    const { Reservations = [] } = await bench.ec2.send(
      new DescribeInstancesCommand({ InstanceIds: [instanceId] }),
    );
    return Reservations[0]?.Instances?.[0]?.State?.Name === 'running';
  });
  return instanceId;
}

/** What the steps of the branch change, in the order they do. */
const CHANGES = [
  ['ec2', 'CreateSecurityGroup', 'isolate-helper'],
  ['ec2', 'RevokeSecurityGroupEgress', 'isolate-helper'],
  ['ec2', 'AuthorizeSecurityGroupEgress', 'isolate-helper'],
  ['ec2', 'RunInstances', 'launch-helper'],
  ['ec2', 'CreateVolume', 'create-empty-volume'],
  ['ec2', 'AttachVolume', 'attach-to-helper'],
  ['s3', 'PutObject', 'order-helper'],
  ['ec2', 'DetachVolume', 'detach-from-helper'],
] as const;

const resultsOf = (ended: Awaited<ReturnType<HelperBench['ended']>>): string[] =>
  [ended.result?.instance?.instanceId, ...(ended.result?.volumes ?? []).map(({ volumeId }) => volumeId)]
    .map(String)
    .sort();

describe('the branch of strategy helper', () => {
  it('fails at whatever call is refused, and leaves nothing', async () => {
    const rules = CHANGES.map(([service, operation, step]) => ({
      service,
      operation,
      caller: bench.functionOf(step),
      action: { kind: 'error', code: 'InvalidParameterValue', message: `${operation} refused` } as const,
    }));
    for (const rule of rules) bench.region.faults.add(rule);
    // Each rule strikes once, and each restore ends by the first that strikes it: as many of one as of the other.
    const restoreIds = CHANGES.map((_, index) => `refused-${index}`);
    const ends = await Promise.all(
      restoreIds.map((restoreId) => bench.restore(bench.request(restorePoint), restoreId)),
    );
    expect(ends.map(({ status, error }) => `${status} ${error}`)).toEqual(
      CHANGES.map(() => 'FAILED AwsRefused'),
    );
    expect(ends.map(({ cause }) => cause).sort()).toEqual(
      CHANGES.map(([, operation]) => `InvalidParameterValue: ${operation} refused`).sort(),
    );
    for (const restoreId of restoreIds) {
      expect(await bench.ownedBy(restoreId), restoreId).toEqual([]);
      expect(await bench.record(`restores/${restoreId}/claim.json`)).toMatchObject({ state: 'closed' });
    }
  });

  it('ends the helper even where the request says to keep what was made', async () => {
    bench.region.faults.add({
      service: 's3',
      operation: 'PutObject',
      caller: bench.functionOf('order-helper'),
      // Behind the entry of the ledger: the orders themselves.
      when: ({ Key }) => String(Key).endsWith('/orders.json'),
      action: { kind: 'error', code: 'InvalidRequest', message: 'no orders' },
    });
    const ended = await bench.restore(bench.request(restorePoint, { onFailure: 'keep' }), 'kept');
    expect(ended.cause).toBe('InvalidRequest: no orders');
    const helper = await bench.helperOf('kept', 1);
    const volume = await bench.record('restores/kept/1/ledger/volume/root.json');
    const left = await bench.ownedBy('kept');
    expect(left).not.toContain(helper);
    expect(left).toContain(volume.resourceId);
    const result = await bench.record('restores/kept/1/result.json');
    expect(result.cleanedUp).toContainEqual({ kind: 'instance', resourceId: helper });
    expect(result.leftBehind).toContainEqual({
      kind: 'volume',
      resourceId: volume.resourceId,
      because: 'the request says onFailure: keep',
    });
    const { Volumes = [] } = await bench.ec2.send(
      new DescribeVolumesCommand({ VolumeIds: [volume.resourceId] }),
    );
    expect(Volumes[0]?.State).toBe('available');
  });

  it('replaces a helper whose devices fail: another host may do', async () => {
    const { executionArn, first } = await bench.startHeld('device-fails', [
      sparseDisk('root', 12 * MIB, { boot: true }),
    ]);
    const helper = await bench.helperOf('device-fails', 1);
    await bench.killHelper(helper);
    first.release();
    const { strategy } = await bench.record('restores/device-fails/1/plan.json');
    const key = `helpers/${strategy.roleId}:${helper}/report.json`;
    const report = await bench.record(key);
    const error = { name: 'DeviceFailed', message: 'EIO: i/o error, write', diskId: 'root' };
    await bench.s3.send(
      new PutObjectCommand({
        Bucket: bench.outputs.ControlBucket,
        Key: key,
        Body: JSON.stringify({ ...report, state: 'failed', error }),
      }),
    );
    const ended = await bench.ended(executionArn);
    expect(ended.cause).toBeUndefined();
    expect(ended.result?.helper?.instanceIds).toEqual([helper, await bench.helperOf('device-fails', 2)]);
  });

  it('makes nothing twice when answers are lost', async () => {
    const lost = [...CHANGES, ['ec2', 'TerminateInstances', 'retire-helper'] as const];
    for (const [service, operation, step] of lost) {
      bench.region.faults.add({
        service,
        operation,
        caller: bench.functionOf(step),
        // More often than the SDK tries by itself, so that the state machine has to try again; it tries no launch again.
        times: operation === 'RunInstances' ? 1 : 5,
        action: { kind: 'loseAnswer' },
      });
    }
    const ended = await bench.restore(bench.request(restorePoint), 'answers-lost');
    expect(ended.cause).toBeUndefined();
    expect(ended.status).toBe('SUCCEEDED');
    expect(ended.result?.helper?.instanceIds).toHaveLength(1);
    expect(await bench.ownedBy('answers-lost')).toEqual(resultsOf(ended));
  });

  it('takes another type where there is no room, and leaves a helper that refuses to go to clean-up', async () => {
    const refused = bench.region.faults.add({
      service: 'ec2',
      operation: 'RunInstances',
      caller: bench.functionOf('launch-helper'),
      action: { kind: 'error', code: 'InsufficientInstanceCapacity', message: 'no room', statusCode: 500 },
    });
    bench.region.faults.add({
      service: 'ec2',
      operation: 'TerminateInstances',
      caller: bench.functionOf('retire-helper'),
      action: { kind: 'error', code: 'OperationNotPermitted', message: 'termination is protected' },
    });
    const ended = await bench.restore(bench.request(restorePoint), 'not-retired');
    expect(ended).toMatchObject({ status: 'SUCCEEDED', result: { leftBehind: [] } });
    expect(await bench.ownedBy('not-retired')).toEqual(resultsOf(ended));
    expect(refused.hits).toBe(1);
    const { strategy } = await bench.record('restores/not-retired/1/plan.json');
    expect(strategy.instanceTypes.length).toBeGreaterThan(1);
    const launches = bench.region.calls
      .entries({ operation: 'RunInstances', caller: bench.functionOf('launch-helper') })
      .filter(({ execution }) => execution === ended.executionArn);
    expect(launches.map(({ input, result }) => `${input?.InstanceType} ${result}`)).toEqual([
      // Once: a server error is not tried again with the same type.
      `${strategy.instanceTypes[0]} InsufficientInstanceCapacity`,
      `${strategy.instanceTypes[1]} ok`,
    ]);
    expect(new Set(launches.map(({ input }) => input?.ClientToken)).size).toBe(2);
  });

  it('is cleaned up when the restore is stopped while the helper writes', async () => {
    const held = bench.region.faults.add({
      service: 's3',
      operation: 'GetObject',
      when: ({ Key }) => String(Key).startsWith('packs/'),
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(bench.request(restorePoint), 'stopped');
    await until('the helper reads a pack', () => held.holding === 1);
    await bench.sfn.send(new StopExecutionCommand({ executionArn }));
    held.release();
    expect(await bench.ended(executionArn)).toMatchObject({ status: 'ABORTED' });
    expect(await bench.cleanUpsEnded()).toEqual(expect.arrayContaining(['SUCCEEDED']));
    expect(await bench.ownedBy('stopped')).toEqual([]);
    const { resourceId: orders } = await bench.record('restores/stopped/1/ledger/order/helper-1.json');
    expect(orders).toMatch(/^helpers\/AROA[A-Z0-9]+:i-[0-9a-f]+\/orders\.json$/);
    expect(await bench.record(orders)).toBeUndefined();
    expect(await bench.record('restores/stopped/1/result.json')).toMatchObject({
      outcome: 'failed',
      error: { name: 'RestoreStopped' },
      helper: { disks: [{ id: 'root' }] },
      leftBehind: [],
    });
  });
});
