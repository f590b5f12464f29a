import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EBSClient, StartSnapshotCommand } from '@aws-sdk/client-ebs';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { z } from 'zod';
import { directProgressKey, directProgressSchema } from '../../core/model/direct-progress.ts';
import { parseBytes, parseDiskId, parseWorkloadName } from '../../core/model/ids.ts';
import { workloadSchema } from '../../core/model/manifest.ts';
import { planSchema } from '../../core/model/plan.ts';
import { planKey } from '../../core/model/restore-record.ts';
import { backUp, createRepository, makeS3Store } from '../../core/repository/index.ts';
import { handler } from '../../lambdas/restore/write-snapshot-batch.ts';
import { readRecord, writeRecord } from '../../lambdas/runtime/control-bucket.ts';
import { s3 } from '../../lambdas/runtime/s3.ts';
import { type Region, startRegion } from '../../local/region.ts';
import { FUNCTION_ENVIRONMENT } from '../support/function-environment.ts';

const MIB = 1_024 ** 2;
const BLOCK_BYTES = 524_288;
const SEGMENT_BYTES = 8 * MIB;
const BLOCKS = 40;
const LAMBDA_MS = 900_000;

let region: Region;
let stateFolder: string;
let ebs: EBSClient;
let restorePoint: string;

// Every block but the ninth; the disk ends within its last one.
const disk = randomBytes(BLOCKS * BLOCK_BYTES - 1_000).fill(0, 8 * BLOCK_BYTES, 9 * BLOCK_BYTES);

beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'landfall-batch-'));
  region = await startRegion({ stateFolder, port: 0 });
  Object.assign(process.env, FUNCTION_ENVIRONMENT, { AWS_ENDPOINT_URL: region.endpoint });
  ebs = new EBSClient({ region: 'us-east-1' });
  for (const Bucket of ['control', 'repository']) await s3.send(new CreateBucketCommand({ Bucket }));
  const repository = await createRepository(makeS3Store({ client: s3, bucket: 'repository', prefix: '' }));
  const backup = await backUp(repository, {
    workload: workloadSchema.parse({
      name: parseWorkloadName('web01'),
      kind: 'ec2',
      platform: 'linux',
      architecture: 'x86_64',
    }),
    time: new Date(),
    segmentBytes: SEGMENT_BYTES,
    disks: [
      {
        id: parseDiskId('root'),
        boot: true,
        source: {
          size: parseBytes(disk.length),
          read: async (offset: number, length: number) => disk.subarray(offset, offset + length),
        },
      },
    ],
  });
  restorePoint = backup.restorePoint;
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  ebs.destroy();
  await region.stop();
  await rm(stateFolder, { recursive: true, force: true });
});

/** A restore that has begun to write its disk. */
async function begun(restoreId: string) {
  const plan: z.input<typeof planSchema> = {
    restoreId,
    attempt: 1,
    executionArn: 'arn:x',
    startedAt: '2026-11-22T10:00:00.000Z',
    plannedAt: '2026-11-22T10:00:01.000Z',
    repository: 's3://repository',
    restorePoint,
    restorePointTime: '2026-11-22T09:00:00.000Z',
    workload: { name: 'web01', kind: 'ec2', platform: 'linux' },
    strategy: { name: 'direct', reason: 'a test', accountPutsPerSecond: 5_000 },
    target: {
      restoreTo: 'volumes',
      name: 'web01',
      sourceName: 'web01',
      availabilityZone: 'us-east-1a',
    },
    excludedDisks: [],
    disks: [
      {
        id: 'root',
        boot: true,
        size: disk.length,
        volumeGiB: 1,
        segmentBytes: SEGMENT_BYTES,
        segmentCount: 3,
        direct: { batchSegments: 3 },
        deviceName: '/dev/xvda',
        volumeType: 'gp3',
        encrypted: false,
        deleteOnTermination: true,
        tags: {},
      },
    ],
    warnings: [],
    onFailure: 'cleanUp',
  };
  await writeRecord(planKey(restoreId, 1), planSchema.parse(plan));
  const { SnapshotId = '' } = await ebs.send(new StartSnapshotCommand({ VolumeSize: 1, Timeout: 4_320 }));
  return { restoreId, attempt: 1, diskId: 'root', snapshotId: SnapshotId, from: 0, to: 3 };
}

type Batch = Awaited<ReturnType<typeof begun>>;

const invocation = { getRemainingTimeInMillis: () => LAMBDA_MS };

/** Blocks that were put into a snapshot, in order, those put twice twice. */
const putBlocks = ({ snapshotId }: Batch): number[] =>
  region.calls
    .entries()
    .filter(({ operation, input }) => operation === 'PutSnapshotBlock' && input?.SnapshotId === snapshotId)
    .map(({ input }) => Number(input?.BlockIndex))
    .sort((a, b) => a - b);

const progressOf = async (batch: Batch) =>
  (await readRecord(directProgressKey(batch, batch.from), directProgressSchema))?.value;

const DATA = Array.from({ length: BLOCKS }, (_, block) => block).filter((block) => block !== 8);

describe('write-snapshot-batch', () => {
  it('writes what is not zero, notes how far it came, and does nothing when it is run again', async () => {
    const batch = await begun('whole');
    expect(await handler(batch, invocation)).toEqual({ blocks: 39 });
    expect(putBlocks(batch)).toEqual(DATA);
    expect(await progressOf(batch)).toMatchObject({
      snapshotId: batch.snapshotId,
      from: 0,
      to: 3,
      offset: disk.length,
      writtenBlocks: 39,
    });
    expect(await handler(batch, invocation)).toEqual({ blocks: 0 });
    expect(putBlocks(batch)).toEqual(DATA);
  });

  it('ends with an error of its own when time is up, and goes on where it was', async () => {
    const batch = await begun('slow');
    // The clock of the test: time is up when it says so.
    const time = new AbortController();
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(time.signal);
    const held = region.faults.add({
      service: 'ebs',
      operation: 'PutSnapshotBlock',
      when: ({ SnapshotId, BlockIndex }) => SnapshotId === batch.snapshotId && BlockIndex === 20,
      action: { kind: 'hold' },
    });
    const slow = handler(batch, invocation).catch((error: Error) => error);
    await expect.poll(() => held.hits, { timeout: 20_000 }).toBe(1);
    // Thirty seconds are kept back.
    expect(timeout).toHaveBeenCalledWith(LAMBDA_MS - 30_000);
    time.abort(new DOMException('time is up', 'TimeoutError'));
    held.release();
    expect(await slow).toMatchObject({ name: 'BatchUnfinished', retryable: true });
    const noted = await progressOf(batch);
    const first = putBlocks(batch);
    const before = DATA.filter((block) => block * BLOCK_BYTES < (noted?.offset ?? 0));
    expect(before.length).toBeGreaterThanOrEqual(20);
    expect(before.every((block) => first.includes(block))).toBe(true);
    expect(noted?.writtenBlocks).toBe(before.length);

    timeout.mockRestore();
    await handler(batch, invocation);
    expect([...new Set(putBlocks(batch))]).toEqual(DATA);
    const twice = putBlocks(batch).filter((block, index, all) => all[index - 1] === block);
    expect(twice.every((block) => !before.includes(block))).toBe(true);
  });

  it('begins anew where the notes are of another snapshot', async () => {
    const batch = await begun('again');
    const stale = {
      from: 0,
      to: 3,
      offset: disk.length,
      writtenBlocks: 39,
      notedAt: '2026-11-22T10:00:02.000Z',
    };
    await writeRecord(directProgressKey(batch, 0), { snapshotId: 'snap-of-an-earlier-life', ...stale });
    await handler(batch, invocation);
    expect(putBlocks(batch)).toEqual(DATA);
  });

  it('does not count as slow when it wrote nothing at all', async () => {
    const batch = await begun('stuck');
    const outcome = await handler(batch, { getRemainingTimeInMillis: () => 30_000 }).catch((error) => error);
    expect(outcome).toMatchObject({ name: 'ServiceUnavailable' });
    expect(putBlocks(batch)).toEqual([]);
  });
});
