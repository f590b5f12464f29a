import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { FaultRule } from '../../local/faults.ts';
import {
  isRestored,
  MIB,
  makeRestoreBench,
  type RestoreBench,
  sparseDisk,
} from '../support/restore-bench.ts';

let bench: RestoreBench;
beforeAll(async () => {
  bench = await makeRestoreBench(inject('assemblyFolder'));
});
afterAll(() => bench?.stop());
// A fault that never struck has tested nothing.
afterEach(() => expect(bench.region.faults.unhit()).toEqual([]));

const root = sparseDisk('root', 20 * MIB, { boot: true });
const data = sparseDisk('data', 12 * MIB);
const request = (restorePoint: string, more: object = {}) => ({
  restorePoint,
  strategy: 'upload',
  target: { instanceType: 'm6i.large', subnetId: bench.subnetId },
  ...more,
});

/** Runs a restore under faults and expects it to fail, with nothing left of it. */
async function failing(rules: FaultRule[], more: object = {}) {
  const restorePoint = await bench.backUp([root, data]);
  const before = await bench.inventory();
  const faults = rules.map((rule) => bench.region.faults.add(rule));
  const ended = await bench.restore(request(restorePoint, more));
  for (const fault of faults) expect(fault.hits).toBeGreaterThan(0);
  for (const fault of faults) fault.remove();
  expect(ended.status).toBe('FAILED');
  return { ...ended, left: (await bench.inventory()).filter((id) => !before.includes(id)) };
}

describe('a restore that fails', () => {
  it('tells AWS’s reason when an import ends deleted, and leaves nothing', async () => {
    const { error, cause, left } = await failing([
      {
        service: 'ec2',
        operation: 'ImportSnapshot',
        action: { kind: 'spoil', endState: 'deleted', message: 'ClientError: Disk validation failed [x]' },
      },
    ]);
    expect(error).toBe('ImportFailed');
    expect(cause).toContain('ClientError: Disk validation failed [x]');
    expect(left).toEqual([]);
  });

  it.each<[string, FaultRule, string, RegExp]>([
    [
      'a volume that turns error',
      {
        service: 'ec2',
        operation: 'CreateVolume',
        caller: 'create-volume',
        action: { kind: 'spoil', endState: 'error' },
      },
      'VolumeFailed',
      /is error/,
    ],
    [
      'an instance that ends at launch',
      {
        service: 'ec2',
        operation: 'RunInstances',
        action: { kind: 'spoil', endState: 'terminated', message: 'Client.InternalError: key' },
      },
      'LaunchFailed',
      /is (terminated|shutting-down)/,
    ],
    [
      'an attachment that gets stuck',
      { service: 'ec2', operation: 'AttachVolume', action: { kind: 'spoil', stuck: true } },
      'AttachmentTimedOut',
      /is attaching/,
    ],
    [
      'a refused launch',
      {
        service: 'ec2',
        operation: 'RunInstances',
        action: { kind: 'error', code: 'InvalidParameterCombination', message: 'not so' },
      },
      'AwsRefused',
      /InvalidParameterCombination: not so/,
    ],
    [
      'a refused bucket',
      {
        service: 's3',
        operation: 'CreateBucket',
        times: 1_000,
        action: { kind: 'error', code: 'AccessDenied', message: 'no', statusCode: 403 },
      },
      'NotAuthorized',
      /AccessDenied/,
    ],
  ])('cleans up after %s', async (_what, rule, expectedError, expectedCause) => {
    const { caller, ...rest } = rule;
    const { error, cause, left } = await failing([
      caller === undefined ? rest : { ...rest, caller: bench.functionOf(caller) },
    ]);
    expect(error).toBe(expectedError);
    expect(cause).toMatch(expectedCause);
    expect(left).toEqual([]);
  });

  it('keeps what was made when it is told to', async () => {
    const { error, left } = await failing(
      [
        {
          service: 'ec2',
          operation: 'ImportSnapshot',
          action: { kind: 'spoil', endState: 'deleted', message: 'ClientError: x' },
        },
      ],
      { onFailure: 'keep' },
    );
    expect(error).toBe('ImportFailed');
    expect(left.some((id) => id.startsWith('landfall-'))).toBe(true);
  });

  it('is cleaned up by the clean-up machine when it is stopped', async () => {
    const restorePoint = await bench.backUp([root, data]);
    const before = await bench.inventory();
    const held = bench.region.faults.add({
      service: 'ec2',
      operation: 'StopInstances',
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(request(restorePoint));
    await expect.poll(() => held.hits, { timeout: 30_000 }).toBe(1);
    await bench.sfn.send(new StopExecutionCommand({ executionArn, error: 'Test', cause: 'enough' }));
    held.release();
    expect((await bench.ended(executionArn)).status).toBe('ABORTED');
    expect((await bench.cleanUpsEnded()).every((status) => status === 'SUCCEEDED')).toBe(true);
    expect((await bench.inventory()).filter((id) => !before.includes(id))).toEqual([]);
  });

  it('can be tried again under the same restoreId, and not while it runs', async () => {
    const restorePoint = await bench.backUp([root]);
    const again = { restoreId: 'again', ...request(restorePoint) };
    const fault = bench.region.faults.add({
      service: 'ec2',
      operation: 'StopInstances',
      action: { kind: 'hold' },
    });
    const first = await bench.start(again, 'again-1');
    await expect.poll(() => fault.hits, { timeout: 30_000 }).toBe(1);
    const second = await bench.restore(again, 'again-2');
    expect(second).toMatchObject({ status: 'FAILED', error: 'RestoreInProgress' });
    bench.region.faults.add({
      service: 'ec2',
      operation: 'ModifyInstanceAttribute',
      action: { kind: 'error', code: 'InvalidParameterValue', message: 'no' },
    });
    fault.release();
    expect((await bench.ended(first)).status).toBe('FAILED');
    const third = await bench.restore(again, 'again-3');
    expect(third.status).toBe('SUCCEEDED');
    expect(third.result?.attempt).toBe(2);
    expect(await isRestored(await bench.volumeFile(third.result?.volumes[0]?.volumeId), root)).toBe(true);
  });
});

describe('a restore whose instance does not start', () => {
  it('is restored all the same, and says so', async () => {
    const restorePoint = await bench.backUp([root]);
    bench.region.faults.add({
      service: 'ec2',
      operation: 'StartInstances',
      times: 1_000,
      action: { kind: 'error', code: 'InsufficientInstanceCapacity', message: 'no room', statusCode: 500 },
    });
    const { status, result } = await bench.restore(request(restorePoint));
    expect(status).toBe('SUCCEEDED');
    expect(result?.instance).toMatchObject({ started: 'not-started' });
    expect(result?.instance?.startProblem).toContain('InsufficientInstanceCapacity');
    expect(result?.leftBehind).toEqual([]);
    const { Reservations = [] } = await bench.ec2.send(
      new DescribeInstancesCommand({ InstanceIds: [result?.instance?.instanceId ?? ''] }),
    );
    expect(Reservations[0]?.Instances?.[0]?.State?.Name).toBe('stopped');
  });
});

describe('lost answers', () => {
  it.each([
    ['ec2', ['RunInstances', 'CreateSnapshot', 'ImportSnapshot', 'AttachVolume', 'StopInstances']],
    ['ec2', ['CreateVolume', 'RegisterImage', 'CreateSecurityGroup', 'DetachVolume']],
    ['s3', ['CreateBucket', 'CreateMultipartUpload', 'CompleteMultipartUpload', 'DeleteBucket']],
  ])('of %s %s make nothing twice', async (service, operations) => {
    const restorePoint = await bench.backUp([root]);
    const before = await bench.inventory();
    // More often than the SDK tries by itself, so that the state machine has to try again.
    const faults = operations.map((operation) =>
      bench.region.faults.add({ service, operation, times: 5, action: { kind: 'loseAnswer' } }),
    );
    const { status, result, cause } = await bench.restore(request(restorePoint));
    expect(operations.filter((_operation, index) => !faults[index]?.hits)).toEqual([]);
    for (const fault of faults) fault.remove();
    expect(cause).toBeUndefined();
    expect(status).toBe('SUCCEEDED');
    const made = (await bench.inventory()).filter((id) => !before.includes(id));
    expect(made.sort()).toEqual(
      [result?.instance?.instanceId, ...(result?.volumes.map(({ volumeId }) => volumeId) ?? [])]
        .map(String)
        .sort(),
    );
  });
});

describe('a damaged repository', () => {
  it('never becomes a volume: a restore yields the exact bytes, or fails naming what is damaged, leaving nothing', async () => {
    const restorePoint = await bench.backUp([root], { name: 'fragile' });
    const { Contents = [] } = await bench.s3.send(
      new ListObjectsV2Command({ Bucket: bench.repositoryBucket }),
    );
    const keys = Contents.map(({ Key }) => String(Key));
    const before = await bench.inventory();
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), async (keyChoice, bitChoice) => {
        const Key = keys[keyChoice % keys.length] ?? '';
        const object = { Bucket: bench.repositoryBucket, Key };
        const whole = await read(object);
        const flipped = Buffer.from(whole);
        const bit = bitChoice % (whole.length * 8);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await bench.s3.send(new PutObjectCommand({ ...object, Body: flipped }));
        try {
          const ended = await bench.restore(
            request(restorePoint, {
              target: { instanceType: 'm6i.large', subnetId: bench.subnetId, powerOn: false },
            }),
          );
          const made = (await bench.inventory()).filter((id) => !before.includes(id));
          if (ended.status === 'SUCCEEDED') {
            expect(await isRestored(await bench.volumeFile(ended.result?.volumes[0]?.volumeId), root)).toBe(
              true,
            );
            before.push(...made);
          } else {
            expect(ended.error).toMatch(/^(Corrupt|UnsupportedRepository|RepositoryNotFound|BadRequest)/);
            expect(made).toEqual([]);
          }
        } finally {
          await bench.s3.send(new PutObjectCommand({ ...object, Body: whole }));
        }
      }),
      { numRuns: 6 },
    );
  });

  it('is named with restore point, disk and offset', async () => {
    const disk = sparseDisk('root', 20 * MIB, { boot: true });
    const there = await packs();
    const restorePoint = await bench.backUp([disk], { name: 'fragile2' });
    const Key = (await packs()).find((key) => !there.includes(key)) ?? '';
    const object = { Bucket: bench.repositoryBucket, Key };
    const bytes = await read(object);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await bench.s3.send(new PutObjectCommand({ ...object, Body: bytes }));
    const before = await bench.inventory();
    const { status, error, cause } = await bench.restore(request(restorePoint));
    expect(status).toBe('FAILED');
    expect(error).toMatch(/^Corrupt/);
    expect(cause).toContain(restorePoint);
    expect(cause).toContain('root');
    expect(cause).toMatch(/offset \d+/);
    expect((await bench.inventory()).filter((id) => !before.includes(id))).toEqual([]);
  });
});

async function packs(): Promise<string[]> {
  const { Contents = [] } = await bench.s3.send(
    new ListObjectsV2Command({ Bucket: bench.repositoryBucket, Prefix: 'packs/' }),
  );
  return Contents.map(({ Key }) => String(Key));
}

async function read(object: { Bucket: string; Key: string }): Promise<Buffer> {
  const { Body } = await bench.s3.send(new GetObjectCommand(object));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}
