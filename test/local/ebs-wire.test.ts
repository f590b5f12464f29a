import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EBS } from '@aws-sdk/client-ebs';
import { EC2, waitUntilVolumeAvailable } from '@aws-sdk/client-ec2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Region, startRegion } from '../../local/region.ts';
import { BLOCK_BYTES, blockOf, bytesOf, linearOf, putOf, refusal, sha256 } from './ebs-harness.ts';

/** The EBS direct APIs through the region's server, with the SDK. */

const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

let folder: string;
let region: Region;
let clients: EBS[];
let ec2: EC2;
const logged: string[] = [];

async function start(): Promise<void> {
  region = await startRegion({
    stateFolder: folder,
    port: 0,
    timeScale: 0.01,
    log: (line) => void logged.push(line),
  });
  const config = {
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: CREDENTIALS,
    maxAttempts: 1,
  };
  clients = Array.from({ length: 3 }, () => new EBS(config));
  ec2 = new EC2(config);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-ebs-'));
  await start();
});
afterEach(() => {
  expect(region.faults.unhit()).toEqual([]);
  region.faults.clear();
  expect(logged).toEqual([]);
});
afterAll(async () => {
  await region?.stop();
  await rm(folder, { recursive: true, force: true });
});

const client = (index = 0): EBS => clients[index % clients.length] as EBS;

const startSnapshot = async (): Promise<string> =>
  (await client().startSnapshot({ VolumeSize: 1 })).SnapshotId ?? '';

const stateOf = async (SnapshotId: string): Promise<string | undefined> =>
  (await ec2.describeSnapshots({ SnapshotIds: [SnapshotId] })).Snapshots?.[0]?.State;

const untilState = (snapshotId: string, state: string) =>
  expect.poll(() => stateOf(snapshotId), { timeout: 20_000, interval: 20 }).toBe(state);

async function volumeFileOf(SnapshotId: string): Promise<string | undefined> {
  const { VolumeId = '' } = await ec2.createVolume({
    AvailabilityZone: 'us-east-1a',
    SnapshotId,
    VolumeType: 'gp3',
  });
  const wait = { client: ec2, maxWaitTime: 30, minDelay: 0.05, maxDelay: 0.1 };
  await waitUntilVolumeAvailable(wait, { VolumeIds: [VolumeId] });
  return region.services.ec2.volumeFile(VolumeId);
}

/** In an order that is none, and always the same. */
const shuffled = (indices: readonly number[]): number[] =>
  [...indices].sort((a, b) => sha256(Buffer.from(`${a}`)).compare(sha256(Buffer.from(`${b}`))));

describe('writing a snapshot', () => {
  it('makes volumes and listings of the very blocks that several clients put in any order', async () => {
    const snapshotId = await startSnapshot();
    const content = new Map<number, Buffer>();
    const indices = [0, 1, 2, 7, 8, 100, 511, 512, 513, 1_024, 1_500, 2_046, 2_047];
    // All of them once, then some of them again: what comes later counts.
    for (const wave of [indices, [0, 8, 1_024, 2_047]]) {
      const waiting = shuffled(wave);
      const work = async (index: number) => {
        for (let block = waiting.pop(); block !== undefined; block = waiting.pop()) {
          const put = putOf(snapshotId, block, block === 7 ? blockOf(0) : randomBytes(BLOCK_BYTES));
          const { Checksum } = await client(index).putSnapshotBlock(put);
          expect(Checksum).toBe(put.Checksum);
          content.set(block, put.BlockData);
        }
      };
      await Promise.all([0, 1, 2, 3, 4, 5].map(work));
    }

    const completed = await client().completeSnapshot({
      SnapshotId: snapshotId,
      ChangedBlocksCount: indices.length,
      Checksum: linearOf(content),
      ChecksumAlgorithm: 'SHA256',
      ChecksumAggregationMethod: 'LINEAR',
    });
    expect(completed.Status).toBe('pending');
    await untilState(snapshotId, 'completed');
    const { Snapshots } = await ec2.describeSnapshots({ SnapshotIds: [snapshotId] });
    expect(Snapshots?.[0]).toMatchObject({
      VolumeSize: 1,
      VolumeId: 'vol-ffffffff',
      Progress: '100%',
      Encrypted: false,
      FullSnapshotSizeInBytes: indices.length * BLOCK_BYTES,
    });

    const file = await volumeFileOf(snapshotId);
    for (const [block, bytes] of content) {
      expect((await bytesOf(file, block * BLOCK_BYTES, BLOCK_BYTES)).equals(bytes)).toBe(true);
    }
    // All the rest is holes, which read as zero.
    const { size, blocks } = await stat(file ?? '');
    expect(size).toBe(1_024 ** 3);
    expect(blocks * 512).toBeLessThanOrEqual(indices.length * BLOCK_BYTES);

    const listed = await client().listSnapshotBlocks({ SnapshotId: snapshotId });
    expect(listed).toMatchObject({ VolumeSize: 1, BlockSize: BLOCK_BYTES });
    expect(listed.NextToken).toBeUndefined();
    expect(listed.Blocks?.map((block) => block.BlockIndex)).toEqual(indices);
    for (const { BlockIndex = -1, BlockToken } of listed.Blocks ?? []) {
      const answer = await client().getSnapshotBlock({ SnapshotId: snapshotId, BlockIndex, BlockToken });
      const bytes = await answer.BlockData?.transformToByteArray();
      expect(Buffer.from(bytes ?? []).equals(content.get(BlockIndex) ?? blockOf(1))).toBe(true);
      expect(answer).toMatchObject({ DataLength: BLOCK_BYTES, ChecksumAlgorithm: 'SHA256' });
      expect(answer.Checksum).toBe(putOf('', 0, bytes ?? blockOf(1)).Checksum);
    }
  });

  it('goes on after the region was stopped in between', async () => {
    const snapshotId = await startSnapshot();
    const content = new Map([
      [3, randomBytes(BLOCK_BYTES)],
      [1_999, randomBytes(BLOCK_BYTES)],
    ]);
    for (const [block, bytes] of content) {
      await client().putSnapshotBlock(putOf(snapshotId, block, bytes));
    }
    await region.stop();
    await start();
    content.set(4, randomBytes(BLOCK_BYTES)).set(1_999, randomBytes(BLOCK_BYTES));
    for (const block of [4, 1_999]) {
      await client().putSnapshotBlock(putOf(snapshotId, block, content.get(block) ?? blockOf(0)));
    }
    await client().completeSnapshot({
      SnapshotId: snapshotId,
      ChangedBlocksCount: 3,
      Checksum: linearOf(content),
      ChecksumAlgorithm: 'SHA256',
      ChecksumAggregationMethod: 'LINEAR',
    });
    // Stopped again before it is completed: that goes on as well.
    await region.stop();
    await start();
    await untilState(snapshotId, 'completed');
    const file = await volumeFileOf(snapshotId);
    for (const [block, bytes] of content) {
      expect((await bytesOf(file, block * BLOCK_BYTES, BLOCK_BYTES)).equals(bytes)).toBe(true);
    }
  });

  it('refuses blocks that are not what they are said to be, and keeps what was there', async () => {
    const SnapshotId = await startSnapshot();
    const put = putOf(SnapshotId, 5, blockOf(1));
    await client().putSnapshotBlock({ ...put, Progress: 40 });
    const { Snapshots } = await ec2.describeSnapshots({ SnapshotIds: [SnapshotId] });
    expect(Snapshots?.[0]).toMatchObject({ State: 'pending', Progress: '40%' });
    const bad = (more: object) =>
      refusal(client().putSnapshotBlock({ ...put, BlockData: blockOf(2), ...more }));
    const invalid = (reason: string) => ({ name: 'ValidationException', reason, status: 400 });
    expect(await bad({})).toEqual(invalid('INVALID_BLOCK'));
    expect(await bad({ BlockIndex: 2_048 })).toEqual(invalid('INVALID_BLOCK'));
    expect(await bad({ Checksum: 'c2hvcnQ=' })).toEqual(invalid('INVALID_PARAMETER_VALUE'));
    expect(await bad({ DataLength: 4_096 })).toEqual(invalid('INVALID_PARAMETER_VALUE'));
    expect(await bad({ BlockData: Buffer.alloc(4_096) })).toEqual(invalid('INVALID_PARAMETER_VALUE'));
    expect(await bad({ BlockData: Buffer.alloc(600_000) })).toEqual(invalid('INVALID_PARAMETER_VALUE'));
    expect(await bad({ Progress: 101 })).toEqual(invalid('INVALID_PARAMETER_VALUE'));
    expect(await bad({ ChecksumAlgorithm: 'SHA1' })).toEqual(invalid('INVALID_PARAMETER_VALUE'));
    expect(await bad({ Checksum: undefined })).toEqual(invalid(undefined as never));
    expect(await bad({ SnapshotId: 'vol-1' })).toEqual(invalid('INVALID_SNAPSHOT_ID'));
    expect(await bad({ SnapshotId: 'snap-0000000000000beef' })).toEqual({
      name: 'ResourceNotFoundException',
      reason: 'SNAPSHOT_NOT_FOUND',
      status: 404,
    });
    await client().completeSnapshot({
      SnapshotId,
      ChangedBlocksCount: 1,
      Checksum: linearOf(new Map([[5, blockOf(1)]])),
      ChecksumAlgorithm: 'SHA256',
      ChecksumAggregationMethod: 'LINEAR',
    });
    await untilState(SnapshotId, 'completed');
    const image = region.services.ec2.snapshotFile(SnapshotId);
    expect((await bytesOf(image, 5 * BLOCK_BYTES, BLOCK_BYTES)).equals(blockOf(1))).toBe(true);
  });

  it('fails a snapshot whose count or checksum is not that of its blocks', async () => {
    for (const wrong of [
      { ChangedBlocksCount: 3 },
      {
        ChangedBlocksCount: 2,
        Checksum: linearOf(new Map([[0, blockOf(1)]])),
        ChecksumAlgorithm: 'SHA256',
        ChecksumAggregationMethod: 'LINEAR',
      },
    ] as const) {
      const SnapshotId = await startSnapshot();
      for (const block of [9, 8, 9])
        await client().putSnapshotBlock(putOf(SnapshotId, block, blockOf(block)));
      expect(await refusal(client().completeSnapshot({ SnapshotId, ...wrong }))).toEqual({
        name: 'ValidationException',
        reason: 'INVALID_PARAMETER_VALUE',
        status: 400,
      });
      expect(await stateOf(SnapshotId)).toBe('error');
    }
  });
});

describe('fault rules', () => {
  it('throttle, fail, hold a put until its snapshot is closed, and keep no body in the log', async () => {
    const SnapshotId = await startSnapshot();
    const rule = { service: 'ebs', operation: 'PutSnapshotBlock' };
    region.faults.add({ ...rule, action: { kind: 'throttle' } });
    region.faults.add({
      ...rule,
      action: { kind: 'error', code: 'InternalServerException', message: 'x', statusCode: 500 },
    });
    const put = (block: number) => client().putSnapshotBlock(putOf(SnapshotId, block, blockOf(block)));
    expect(await refusal(put(0))).toEqual({
      name: 'RequestThrottledException',
      reason: 'RESOURCE_LEVEL_THROTTLE',
      status: 400,
    });
    expect(await refusal(put(0))).toMatchObject({ name: 'InternalServerException', status: 500 });
    await put(0);
    const hold = region.faults.add({ ...rule, action: { kind: 'hold' } });
    const held = put(1);
    const late = refusal(held);
    await expect.poll(() => hold.holding).toBe(1);
    await client().completeSnapshot({ SnapshotId, ChangedBlocksCount: 1 });
    hold.release();
    expect(await late).toEqual({ name: 'ValidationException', reason: 'INVALID_SNAPSHOT_ID', status: 400 });
    const call = region.calls.entries({ service: 'ebs', operation: 'PutSnapshotBlock', result: 'ok' }).at(-1);
    expect(call?.resources).toEqual([SnapshotId]);
    expect(call?.input).toEqual({
      SnapshotId,
      BlockIndex: 0,
      DataLength: BLOCK_BYTES,
      Checksum: putOf('', 0, blockOf(0)).Checksum,
      ChecksumAlgorithm: 'SHA256',
    });
  });

  it('lose answers: the block is there, and the snapshot is closed', async () => {
    const SnapshotId = await startSnapshot();
    for (const operation of ['PutSnapshotBlock', 'CompleteSnapshot'])
      region.faults.add({ service: 'ebs', operation, action: { kind: 'loseAnswer' } });
    await expect(client().putSnapshotBlock(putOf(SnapshotId, 0, blockOf(1)))).rejects.toThrow();
    await expect(client().completeSnapshot({ SnapshotId, ChangedBlocksCount: 1 })).rejects.toThrow();
    expect(await refusal(client().completeSnapshot({ SnapshotId, ChangedBlocksCount: 1 }))).toEqual({
      name: 'ValidationException',
      reason: 'INVALID_SNAPSHOT_ID',
      status: 400,
    });
    await untilState(SnapshotId, 'completed');
  });

  it('spoil what StartSnapshot or CompleteSnapshot leads to', async () => {
    const spoil = { kind: 'spoil', endState: 'error', message: 'Some blocks were lost' } as const;
    region.faults.add({ service: 'ebs', operation: 'StartSnapshot', action: spoil });
    const begun = await startSnapshot();
    await untilState(begun, 'error');
    expect(await refusal(client().putSnapshotBlock(putOf(begun, 0, blockOf(1))))).toMatchObject({
      reason: 'INVALID_SNAPSHOT_ID',
    });
    region.faults.add({ service: 'ebs', operation: 'CompleteSnapshot', action: spoil });
    const sealed = await startSnapshot();
    const { Status } = await client().completeSnapshot({ SnapshotId: sealed, ChangedBlocksCount: 0 });
    expect(Status).toBe('pending');
    await untilState(sealed, 'error');
    const { Snapshots } = await ec2.describeSnapshots({ SnapshotIds: [sealed] });
    expect(Snapshots?.[0]?.StateMessage).toBe('Some blocks were lost');
  });
});
