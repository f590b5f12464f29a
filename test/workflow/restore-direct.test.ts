import { createHash, randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { EBSClient, PutSnapshotBlockCommand } from '@aws-sdk/client-ebs';
import {
  DescribeSnapshotsCommand,
  DisableEbsEncryptionByDefaultCommand,
  EnableEbsEncryptionByDefaultCommand,
} from '@aws-sdk/client-ec2';
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { FaultRule } from '../../local/faults.ts';
import { describeInstance, lookOf } from '../support/compare-restores.ts';
import {
  isRestored,
  MIB,
  makeRestoreBench,
  type RestoreBench,
  sparseDisk,
  type TestDisk,
} from '../support/restore-bench.ts';

const BLOCK_BYTES = 524_288;

let bench: RestoreBench;
let ebs: EBSClient;
beforeAll(async () => {
  bench = await makeRestoreBench(inject('assemblyFolder'));
  ebs = new EBSClient(clientConfig());
});
afterAll(async () => {
  ebs?.destroy();
  await bench?.stop();
});
// A fault that never struck has tested nothing.
afterEach(() => expect(bench.region.faults.unhit()).toEqual([]));

const clientConfig = () => ({
  endpoint: bench.region.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

// Neither a whole GiB nor a whole block; its last block is one byte.
const root = sparseDisk('root', 40 * MIB + 1, { boot: true });
const data = sparseDisk('data', 60 * MIB, { deviceName: '/dev/sdf' });

const request = (restorePoint: string, more: object = {}) => ({
  restorePoint,
  strategy: 'direct',
  target: { instanceType: 'm6i.large', subnetId: bench.subnetId, powerOn: false },
  ...more,
});

const callsOf = (executionArn: string) =>
  bench.region.calls.entries().filter(({ execution }) => execution === executionArn);

/** Places of the blocks of a disk that are not zero. */
function dataBlocks({ bytes }: TestDisk): number[] {
  const places = Array.from({ length: Math.ceil(bytes.length / BLOCK_BYTES) }, (_, place) => place);
  return places.filter((place) =>
    bytes.subarray(place * BLOCK_BYTES, (place + 1) * BLOCK_BYTES).some((byte) => byte !== 0),
  );
}

/** Runs a restore under faults and expects it to succeed all the same, with nothing left but the result. */
async function restoredDespite(rules: FaultRule[], disks: TestDisk[] = [root]) {
  const restorePoint = await bench.backUp(disks);
  const before = await bench.inventory();
  const faults = rules.map((rule) => bench.region.faults.add(rule));
  const ended = await bench.restore(request(restorePoint));
  for (const fault of faults) expect(fault.hits).toBeGreaterThan(0);
  for (const fault of faults) fault.remove();
  expect(ended.cause).toBeUndefined();
  expect(ended.status).toBe('SUCCEEDED');
  const volumes = ended.result?.volumes ?? [];
  for (const [index, disk] of disks.entries()) {
    expect(await beginsAs(await bench.volumeFile(volumes[index]?.volumeId), disk)).toBe(true);
  }
  expect((await bench.inventory()).filter((id) => !before.includes(id))).toEqual(
    [ended.result?.instance?.instanceId, ...volumes.map(({ volumeId }) => volumeId)].map(String).sort(),
  );
  return ended;
}

/** Whether a volume holds the disk's bytes; a whole GiB takes longer to read than to restore. */
async function beginsAs(volumeFile: string, { bytes }: TestDisk): Promise<boolean> {
  const file = await open(volumeFile);
  try {
    const found = Buffer.alloc(bytes.length);
    await file.read(found, 0, found.length, 0);
    return found.equals(bytes);
  } finally {
    await file.close();
  }
}

/** Outcomes of all runs of a step's function in an execution, as the state machine saw them. */
const runsOf = (executionArn: string, step: string): string[] =>
  callsOf(executionArn)
    .filter(
      ({ operation, resources }) => operation === 'Invoke' && resources.includes(bench.functionOf(step)),
    )
    .map(({ result }) => result);

describe('a restore by strategy direct', () => {
  it('brings back every byte, as a running instance, and leaves nothing temporary behind', async () => {
    const restorePoint = await bench.backUp([root, data]);
    const before = await bench.inventory();
    const { executionArn, status, result, cause } = await bench.restore({
      restorePoint,
      strategy: 'direct',
      target: { instanceType: 'm6i.large', subnetId: bench.subnetId },
      disks: [{ id: 'data', volumeType: 'gp3', iops: 3000, throughput: 250 }],
    });
    expect(cause).toBeUndefined();
    expect(status).toBe('SUCCEEDED');
    expect(result).toMatchObject({ outcome: 'restored', strategy: 'direct', leftBehind: [] });
    expect(result?.instance?.started).toBe('running');
    expect(result?.phases.map(({ phase, diskId }) => (diskId ? `${phase} ${diskId}` : phase))).toEqual(
      expect.arrayContaining([
        'write snapshot root',
        'write snapshot data',
        'create volume root',
        'create volume data',
        'hand over',
      ]),
    );
    expect(result?.phases.every(({ endedAt }) => endedAt !== undefined)).toBe(true);
    const volumes = new Map(result?.volumes.map(({ diskId, volumeId }) => [diskId, volumeId]));
    expect(await isRestored(await bench.volumeFile(volumes.get('root')), root)).toBe(true);
    expect(await isRestored(await bench.volumeFile(volumes.get('data')), data)).toBe(true);
    expect((await bench.inventory()).filter((id) => !before.includes(id))).toEqual(
      [result?.instance?.instanceId, ...volumes.values()].map(String).sort(),
    );
    checkCalls(executionArn);
    const instance = await describeInstance(bench.ec2, result?.instance?.instanceId ?? '');
    expect(
      instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [DeviceName, Ebs?.VolumeId]).sort(),
    ).toEqual([
      ['/dev/sdf', volumes.get('data')],
      ['/dev/xvda', volumes.get('root')],
    ]);
  });

  /** One put for each block that is not zero, none for others; no bucket, no import; nothing but its own work for each step. */
  function checkCalls(executionArn: string): void {
    const calls = callsOf(executionArn);
    const named = (operation: string) => calls.filter((call) => call.operation === operation);
    const starts = named('StartSnapshot').map(({ input }) => input ?? {});
    expect(starts).toHaveLength(2);
    for (const input of starts) {
      expect(input).toMatchObject({ VolumeSize: 1, Timeout: 4_320 });
      expect(input).not.toHaveProperty('Encrypted');
      expect(String(input.ClientToken)).toMatch(/^[0-9a-f]{64}$/);
    }
    const puts = named('PutSnapshotBlock');
    expect(new Set(puts.map(({ caller }) => caller))).toEqual(
      new Set([bench.functionOf('write-snapshot-batch')]),
    );
    const placesBySnapshot = Map.groupBy(puts, ({ input }) => input?.SnapshotId);
    const places = [...placesBySnapshot.values()].map((some) =>
      some.map(({ input }) => Number(input?.BlockIndex)).sort((a, b) => a - b),
    );
    expect(places.sort((a, b) => a.length - b.length)).toEqual([dataBlocks(root), dataBlocks(data)]);
    for (const operation of ['CreateBucket', 'ImportSnapshot', 'CreateMultipartUpload', 'GetSnapshotBlock']) {
      expect(named(operation)).toEqual([]);
    }
    const completions = named('CompleteSnapshot').map(({ input }) => input ?? {});
    expect(completions.map(({ ChangedBlocksCount }) => ChangedBlocksCount).sort()).toEqual(
      [dataBlocks(root).length, dataBlocks(data).length].sort(),
    );
    for (const input of completions) {
      expect(input).toMatchObject({ ChecksumAlgorithm: 'SHA256', ChecksumAggregationMethod: 'LINEAR' });
    }
  }

  it('makes the same volumes and the same instance as strategy upload, encrypted by a key of any name', async () => {
    const kms = new KMSClient(clientConfig());
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    const AliasName = 'alias/restored-disks';
    await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyMetadata?.KeyId }));
    kms.destroy();
    const restorePoint = await bench.backUp([root, data]);
    const wishes = {
      target: { name: 'twin', instanceType: 'm6i.large', subnetId: bench.subnetId, tags: { team: 'blue' } },
      disks: [{ id: 'data', volumeType: 'gp2', kmsKeyId: AliasName }],
    };
    const ended = await Promise.all(
      ['direct', 'upload'].map((strategy) => bench.restore({ restorePoint, strategy, ...wishes })),
    );
    expect(ended).toMatchObject([
      { status: 'SUCCEEDED', result: { strategy: 'direct' } },
      { status: 'SUCCEEDED', result: { strategy: 'upload' } },
    ]);
    const starts = callsOf(ended[0]?.executionArn ?? '').filter(
      ({ operation }) => operation === 'StartSnapshot',
    );
    expect(new Set(starts.map(({ input }) => input?.KmsKeyArn))).toEqual(
      new Set([undefined, KeyMetadata?.Arn]),
    );
    const [direct, upload] = await Promise.all(ended.map(({ result }) => lookOf(bench.ec2, result)));
    expect(direct).toEqual(upload);
    expect(Object.keys(direct?.instance ?? {}).length).toBeGreaterThan(25);
    expect(direct?.volumes).toMatchObject([
      { VolumeType: 'gp3', Size: 1, Encrypted: false },
      { VolumeType: 'gp2', Size: 1, Encrypted: true, KmsKeyId: KeyMetadata?.Arn },
    ]);
  });

  it('makes nothing twice when answers are lost; a disk of zeros is one, and encrypted if all are by default', async () => {
    const empty = { id: 'empty', boot: false, bytes: Buffer.alloc(20 * MIB) };
    await bench.ec2.send(new EnableEbsEncryptionByDefaultCommand({}));
    try {
      const { executionArn, result } = await restoredDespite(
        // More often than the SDK tries by itself, so that the state machine has to try again.
        [
          lostAnswers('StartSnapshot', 5),
          lostAnswers('PutSnapshotBlock', 5),
          lostAnswers('CompleteSnapshot', 2),
        ],
        [root, empty],
      );
      const completions = callsOf(executionArn).filter(({ operation }) => operation === 'CompleteSnapshot');
      expect(new Set(completions.map(({ input }) => input?.ChangedBlocksCount))).toEqual(
        new Set([dataBlocks(root).length, 0]),
      );
      const { volumes } = await lookOf(bench.ec2, result);
      expect(volumes.map(({ Encrypted }) => Encrypted)).toEqual([true, true]);
    } finally {
      await bench.ec2.send(new DisableEbsEncryptionByDefaultCommand({}));
    }
  });

  const lostAnswers = (operation: string, times: number): FaultRule => ({
    service: 'ebs',
    operation,
    times,
    action: { kind: 'loseAnswer' },
  });
});

describe('a snapshot that is not the disk', () => {
  it.each([
    ['a block that holds something else', dataBlocks(root)[1] ?? 0, /checksum/],
    ['a block too many', dataBlocks(root).length + 20, /ChangedBlocksCount/],
  ])('never becomes a volume: %s', async (_what, place, problem) => {
    expect(dataBlocks(root).includes(place)).toBe(problem.test('checksum'));
    const restorePoint = await bench.backUp([root]);
    const before = await bench.inventory();
    const held = bench.region.faults.add({
      service: 'ebs',
      operation: 'CompleteSnapshot',
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(request(restorePoint));
    await expect.poll(() => held.hits, { timeout: 30_000 }).toBe(1);
    await putWrongBlock(place);
    held.release();
    const { status, error, cause } = await bench.ended(executionArn);
    expect(status).toBe('FAILED');
    expect(error).toBe('AwsRefused');
    expect(cause).toMatch(problem);
    expect((await bench.inventory()).filter((id) => !before.includes(id))).toEqual([]);
    expect(callsOf(executionArn).map(({ operation }) => operation)).not.toContain('AttachVolume');
  });

  async function putWrongBlock(BlockIndex: number): Promise<void> {
    const { Snapshots = [] } = await bench.ec2.send(
      new DescribeSnapshotsCommand({
        Filters: [{ Name: 'tag:landfall:entry', Values: ['1/snapshot/root'] }],
      }),
    );
    const pending = Snapshots.filter(({ State }) => State === 'pending');
    expect(pending).toHaveLength(1);
    const BlockData = randomBytes(BLOCK_BYTES);
    await ebs.send(
      new PutSnapshotBlockCommand({
        SnapshotId: pending[0]?.SnapshotId,
        BlockIndex,
        BlockData,
        DataLength: BLOCK_BYTES,
        Checksum: createHash('sha256').update(BlockData).digest('base64'),
        ChecksumAlgorithm: 'SHA256',
      }),
    );
  }

  it.each(['StartSnapshot', 'PutSnapshotBlock', 'CompleteSnapshot'])(
    'leaves nothing when %s is refused',
    async (operation) => {
      const restorePoint = await bench.backUp([root]);
      const before = await bench.inventory();
      const refused = bench.region.faults.add({
        service: 'ebs',
        operation,
        action: { kind: 'error', code: 'ValidationException', message: 'refused by the test' },
      });
      const { status, error, cause } = await bench.restore(request(restorePoint));
      expect(refused.hits).toBe(1);
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'AwsRefused' });
      expect(cause).toContain('refused by the test');
      expect((await bench.inventory()).filter((id) => !before.includes(id))).toEqual([]);
    },
  );

  it('is deleted while it is pending, when the restore is stopped', async () => {
    const restorePoint = await bench.backUp([root]);
    const before = await bench.inventory();
    const held = bench.region.faults.add({
      service: 'ebs',
      operation: 'PutSnapshotBlock',
      skip: 2,
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
});

describe('a batch', () => {
  it('waits out throttles of both kinds, and errors, by itself: none reaches the state machine', async () => {
    const answer = (operation: string, code: string, statusCode = 400): FaultRule => ({
      service: 'ebs',
      operation,
      times: 2,
      action: { kind: 'error', code, message: 'not now', statusCode },
    });
    const { executionArn } = await restoredDespite([
      answer('StartSnapshot', 'RequestThrottledException'),
      answer('PutSnapshotBlock', 'RequestThrottledException'),
      answer('PutSnapshotBlock', 'ThrottlingException'),
      answer('PutSnapshotBlock', 'InternalServerException', 500),
      answer('CompleteSnapshot', 'RequestThrottledException'),
    ]);
    for (const step of ['start-direct-snapshot', 'write-snapshot-batch', 'complete-direct-snapshot']) {
      expect(new Set(runsOf(executionArn, step)), step).toEqual(new Set(['ok']));
    }
  });

  it('that is cut, or whose answer is lost, is tried again, and puts nothing twice', async () => {
    const restorePoint = await bench.backUp([root]);
    const isBatch = ({ FunctionName }: Record<string, unknown>): boolean =>
      String(FunctionName).endsWith(bench.functionOf('write-snapshot-batch'));
    const lost = bench.region.faults.add({
      service: 'lambda',
      operation: 'Invoke',
      when: isBatch,
      action: { kind: 'loseAnswer' },
    });
    // Packs that cannot be read, until a batch has failed by it.
    const unreadable = bench.region.faults.add({
      service: 's3',
      operation: 'GetObject',
      caller: bench.functionOf('write-snapshot-batch'),
      when: ({ Key }) => lost.hits > 0 && String(Key).startsWith('packs/'),
      times: 1_000,
      action: { kind: 'error', code: 'InternalError', message: 'not now', statusCode: 500 },
    });
    const executionArn = await bench.start(request(restorePoint));
    const runs = () => runsOf(executionArn, 'write-snapshot-batch');
    await expect.poll(runs, { timeout: 30_000 }).toContain('Unhandled');
    unreadable.remove();
    const { status, result } = await bench.ended(executionArn);
    expect(status).toBe('SUCCEEDED');
    expect(await beginsAs(await bench.volumeFile(result?.volumes[0]?.volumeId), root)).toBe(true);
    expect(runs()).toContain('SdkClientException');
    // 40 MiB and a byte are six segments of 8 MiB, each a batch.
    expect(runs().filter((outcome) => outcome === 'ok')).toHaveLength(6);
    const puts = callsOf(executionArn).filter(({ operation }) => operation === 'PutSnapshotBlock');
    expect(puts.map(({ input }) => Number(input?.BlockIndex)).sort((a, b) => a - b)).toEqual(
      dataBlocks(root),
    );
  });
});
