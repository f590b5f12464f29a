import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Observation } from '../../cli/restore/observe.ts';
import { observeDirect } from '../../cli/restore/observe-direct.ts';
import { progressLines } from '../../cli/restore/progress-lines.ts';
import { makeRestoreRecords } from '../../cli/restore/records.ts';
import type { DirectProgress } from '../../core/model/direct-progress.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import type { LedgerEntry } from '../../core/model/restore-record.ts';
import { type Region, startRegion } from '../../local/region.ts';
import { ARN, entry, plan, ready } from './helper-records.ts';

/* What a person sees of disks that are written straight into snapshots, from literal records. */

const SEGMENT_BYTES = 8 * 1_024 ** 2;
const BLOCK_BYTES = 524_288;
const DISK_BYTES = 5 * SEGMENT_BYTES;
const ATTEMPT = { restoreId: 'crm01', attempt: 1 };

const direct = (): Plan => {
  const planned = plan();
  const [first] = planned.disks;
  return planSchema.parse({
    ...planned,
    strategy: { name: 'direct', reason: 'asked', accountPutsPerSecond: 5_000 },
    disks: [
      {
        ...first,
        id: 'root',
        size: DISK_BYTES,
        segmentBytes: SEGMENT_BYTES,
        segmentCount: 5,
        direct: { batchSegments: 2 },
      },
    ],
  });
};

const snapshot = (more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...entry('snapshot/root'),
  diskId: 'root',
  step: 'start-direct-snapshot',
  resourceId: 'snap-1',
  ...more,
});

const lineOf = (entries: LedgerEntry[], more: Partial<Observation> = {}) =>
  progressLines({
    execution: { arn: ARN, name: 'crm01-1', status: 'RUNNING' },
    plan: direct(),
    entries,
    attempt: ATTEMPT,
    uploadedBytes: new Map(),
    imports: new Map(),
    ...more,
  }).find(({ label }) => label === 'root');

describe('a disk of strategy direct', () => {
  test.each<[LedgerEntry[], string]>([
    [[], 'waiting'],
    [[snapshot({ readyAt: '2026-11-22T10:00:00.000Z' })], 'snapshot ready'],
    [[snapshot(), entry('volume/root')], 'create volume'],
    [[snapshot(), ready('volume/root')], 'volume ready'],
    [[snapshot(), ready('volume/root'), entry('attachment/root')], 'attach volume'],
    [[snapshot(), ready('volume/root'), ready('attachment/root')], 'attached'],
  ])('is at its own step: ledger %#', (entries, phase) => {
    expect(lineOf(entries)).toEqual({ label: 'root', phase });
  });

  test('shows how much of it is written, and of that how much is not zero', () => {
    const written = new Map([['root', { doneBytes: 3 * SEGMENT_BYTES, writtenBytes: 7 * BLOCK_BYTES }]]);
    expect(lineOf([snapshot()], { written })).toEqual({
      label: 'root',
      phase: 'write snapshot',
      doneBytes: 3 * SEGMENT_BYTES,
      totalBytes: DISK_BYTES,
      writtenBytes: 7 * BLOCK_BYTES,
    });
    const all = new Map([['root', { doneBytes: DISK_BYTES, writtenBytes: 9 * BLOCK_BYTES }]]);
    expect(lineOf([snapshot()], { written: all })?.phase).toBe('complete snapshot');
    expect(lineOf([snapshot()])).toMatchObject({ phase: 'write snapshot', doneBytes: 0 });
  });
});

describe('what batches have noted', () => {
  let region: Region;
  let stateFolder: string;
  let s3: S3Client;
  beforeAll(async () => {
    stateFolder = await mkdtemp(join(tmpdir(), 'landfall-direct-view-'));
    region = await startRegion({ stateFolder, port: 0 });
    s3 = new S3Client({
      endpoint: region.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    await s3.send(new CreateBucketCommand({ Bucket: 'control' }));
  });
  afterAll(async () => {
    s3.destroy();
    await region.stop();
    await rm(stateFolder, { recursive: true, force: true });
  });

  const note = async (
    disk: string,
    from: number,
    facts: Pick<DirectProgress, 'offset' | 'writtenBlocks'>,
  ) => {
    const Body = JSON.stringify({
      ...{ snapshotId: 'snap-1', from, to: from + 2, notedAt: '2026-11-22T10:00:00.000Z' },
      ...facts,
    });
    const Key = `restores/crm01/1/progress/${disk}/${from}.json`;
    await s3.send(new PutObjectCommand({ Bucket: 'control', Key, Body }));
  };
  const readNotes = () =>
    region.calls.entries().filter(({ operation, service }) => service === 's3' && operation === 'GetObject')
      .length;
  const bytes = (count: number) => count as DirectProgress['offset'];

  test('is added up for each disk, and only read again where it has changed', async () => {
    const records = makeRestoreRecords(s3, 'control');
    const look = () => observeDirect(records, { attempt: ATTEMPT, plan: direct(), entries: [snapshot()] });
    expect(await look()).toEqual(new Map([['root', { doneBytes: 0, writtenBytes: 0 }]]));
    await note('root', 0, { offset: bytes(2 * SEGMENT_BYTES), writtenBlocks: 5 });
    await note('root', 2, { offset: bytes(2 * SEGMENT_BYTES + 3 * BLOCK_BYTES), writtenBlocks: 2 });
    await note('other', 0, { offset: bytes(SEGMENT_BYTES), writtenBlocks: 1 });
    const first = { doneBytes: 2 * SEGMENT_BYTES + 3 * BLOCK_BYTES, writtenBytes: 7 * BLOCK_BYTES };
    expect(await look()).toEqual(new Map([['root', first]]));
    expect(readNotes()).toBe(2);
    await note('root', 2, { offset: bytes(4 * SEGMENT_BYTES), writtenBlocks: 4 });
    const second = { doneBytes: 4 * SEGMENT_BYTES, writtenBytes: 9 * BLOCK_BYTES };
    expect(await look()).toEqual(new Map([['root', second]]));
    expect(readNotes()).toBe(3);
  });

  test('is not looked at before the snapshot is started, nor after it is complete', async () => {
    const records = makeRestoreRecords(s3, 'control');
    const before = region.calls.entries().length;
    for (const entries of [[], [snapshot({ readyAt: '2026-11-22T10:00:00.000Z' })]]) {
      expect(await observeDirect(records, { attempt: ATTEMPT, plan: direct(), entries })).toEqual(new Map());
    }
    expect(region.calls.entries().length).toBe(before);
  });
});
