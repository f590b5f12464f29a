import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartSnapshotRequest } from '@aws-sdk/client-ebs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BLOCK_BYTES,
  blockOf,
  bytesOf,
  linearOf,
  openTestEbs,
  putDirectly,
  refusal,
  snapshotStateOf,
  type TestEbs,
} from './ebs-harness.ts';

let ebs: TestEbs;
beforeEach(async () => {
  ebs = await openTestEbs();
});
afterEach(() => ebs.close());

const begin = async (more: Partial<StartSnapshotRequest> = {}): Promise<string> =>
  (await ebs.api.startSnapshot({ VolumeSize: 1, ...more })).SnapshotId ?? '';

/** A completed snapshot with these blocks, each filled with a byte. */
async function written(
  bytes: Readonly<Record<number, number>>,
  more: Partial<StartSnapshotRequest> = {},
): Promise<string> {
  const SnapshotId = await begin(more);
  for (const [block, byte] of Object.entries(bytes)) {
    await putDirectly(ebs, SnapshotId, Number(block), blockOf(byte));
  }
  await ebs.api.completeSnapshot({ SnapshotId, ChangedBlocksCount: Object.keys(bytes).length });
  await ebs.advance(6);
  await ebs.advance(6);
  return SnapshotId;
}

const stateOf = (snapshotId: string) => snapshotStateOf(ebs, snapshotId);
const firstByteOf = async (snapshotId: string, block: number): Promise<number | undefined> =>
  (await bytesOf(ebs.ec2.service.snapshotFile(snapshotId), block * BLOCK_BYTES, 1))[0];
const digestFiles = () => readdir(join(ebs.ec2.context.stateFolder, 'ebs'));
const validation = (reason: string) => ({ name: 'ValidationException', reason, status: 400 });
const MINUTE = 60;

describe('StartSnapshot', () => {
  it('tells what it made, with the defaults of the service', async () => {
    const made = await ebs.api.startSnapshot({
      VolumeSize: 100,
      Description: 'disk 1',
      Tags: [{ Key: 'restore', Value: 'r-1' }],
      Timeout: 10,
    });
    expect(made).toEqual({
      SnapshotId: expect.stringMatching(/^snap-[0-9a-f]{17}$/),
      Description: 'disk 1',
      OwnerId: '123456789012',
      Status: 'pending',
      StartTime: new Date('2026-11-22T12:00:00.000Z'),
      VolumeSize: 100,
      BlockSize: 524_288,
      Tags: [{ Key: 'restore', Value: 'r-1' }],
    });
    const found = await ebs.ec2.api.describeSnapshots({
      Filters: [{ Name: 'tag:restore', Values: ['r-1'] }],
    });
    expect(found.Snapshots?.map((snapshot) => [snapshot.SnapshotId, snapshot.State])).toEqual([
      [made.SnapshotId, 'pending'],
    ]);
  });

  it.each<[Partial<StartSnapshotRequest>, string]>([
    [{ VolumeSize: 0 }, 'INVALID_VOLUME_SIZE'],
    [{ VolumeSize: 65_537 }, 'INVALID_VOLUME_SIZE'],
    [{ Timeout: 9 }, 'INVALID_PARAMETER_VALUE'],
    [{ Timeout: 4_321 }, 'INVALID_PARAMETER_VALUE'],
    [{ Description: 'x'.repeat(256) }, 'INVALID_PARAMETER_VALUE'],
    [{ ClientToken: 'with a space' }, 'INVALID_PARAMETER_VALUE'],
    [{ Tags: [{ Key: 'aws:x', Value: '' }] }, 'INVALID_TAG'],
    [{ KmsKeyArn: 'alias/aws/ebs' }, 'INVALID_CUSTOMER_KEY'],
    [{ ParentSnapshotId: 'snap-x' }, 'INVALID_SNAPSHOT_ID'],
  ])('refuses %j', async (more, reason) => {
    expect(await refusal(ebs.api.startSnapshot({ VolumeSize: 1, ...more }))).toEqual(validation(reason));
  });

  it('makes one snapshot for one client token, and none for the same token with another request', async () => {
    const request = { VolumeSize: 2, ClientToken: 'token-1', Description: 'a' };
    const first = await ebs.api.startSnapshot(request);
    expect(await ebs.api.startSnapshot(request)).toEqual(first);
    ebs = await ebs.restart();
    expect((await ebs.api.startSnapshot(request)).SnapshotId).toBe(first.SnapshotId);
    expect(await refusal(ebs.api.startSnapshot({ ...request, VolumeSize: 3 }))).toEqual({
      name: 'ConflictException',
      reason: undefined,
      status: 409,
    });
  });

  it('has at most 100 pending, until one of them is over', async () => {
    const all = [];
    for (let i = 0; i < 100; i += 1) all.push(await begin());
    expect(await refusal(begin())).toMatchObject({ name: 'ConcurrentLimitExceededException', status: 400 });
    await ebs.ec2.api.deleteSnapshot({ SnapshotId: all[50] });
    await begin();
    ebs.service.quotas = {};
    await begin();
  });
});

describe('encryption', () => {
  const EBS_KEY = 'arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000eb5';
  const encryptionOf = async (more: Partial<StartSnapshotRequest>) => {
    const { KmsKeyArn, SnapshotId } = await ebs.api.startSnapshot({ VolumeSize: 1, ...more });
    const { Snapshots } = await ebs.ec2.api.describeSnapshots({ SnapshotIds: [SnapshotId ?? ''] });
    return { KmsKeyArn, Encrypted: Snapshots?.[0]?.Encrypted };
  };
  const refused = validation('INVALID_PARAMETER_VALUE');

  it('comes out as AWS tables it', async () => {
    const { KeyMetadata } = await ebs.ec2.kms.createKey({});
    const own = KeyMetadata?.Arn ?? '';
    const open = await written({});
    const closed = await written({}, { KmsKeyArn: own });
    const no = { KmsKeyArn: undefined, Encrypted: false };
    const withKey = (KmsKeyArn: string) => ({ KmsKeyArn, Encrypted: true });
    // What is asked for; what comes of it while encryption by default is off, and on.
    const table: readonly [Partial<StartSnapshotRequest>, object, object][] = [
      [{}, no, withKey(EBS_KEY)],
      [{ KmsKeyArn: own }, withKey(own), withKey(own)],
      [{ Encrypted: true }, withKey(EBS_KEY), withKey(EBS_KEY)],
      [{ Encrypted: true, KmsKeyArn: own }, withKey(own), withKey(own)],
      [{ Encrypted: false }, no, refused],
      [{ Encrypted: false, KmsKeyArn: own }, refused, refused],
      [{ ParentSnapshotId: open }, no, refused],
      [{ ParentSnapshotId: open, KmsKeyArn: own }, refused, refused],
      [{ ParentSnapshotId: open, Encrypted: true }, refused, refused],
      [{ ParentSnapshotId: open, Encrypted: false }, refused, refused],
      [{ ParentSnapshotId: closed }, withKey(own), withKey(own)],
      [{ ParentSnapshotId: closed, KmsKeyArn: own }, refused, refused],
      [{ ParentSnapshotId: closed, Encrypted: true }, refused, refused],
      [{ ParentSnapshotId: closed, Encrypted: false }, refused, refused],
    ];
    const outcomes = async () => {
      const seen = [];
      for (const [asked] of table) {
        const outcome = encryptionOf(asked);
        seen.push(await outcome.catch(() => refusal(outcome)));
      }
      return seen;
    };
    expect(await outcomes()).toEqual(table.map(([, off]) => off));
    await ebs.ec2.api.enableEbsEncryptionByDefault({});
    expect(await outcomes()).toEqual(table.map(([, , on]) => on));
  });

  it('wants a key that can be used', async () => {
    const { KeyMetadata } = await ebs.ec2.kms.createKey({});
    await ebs.ec2.kms.disableKey({ KeyId: KeyMetadata?.KeyId });
    expect(await refusal(begin({ KmsKeyArn: KeyMetadata?.Arn }))).toEqual(validation('INVALID_CUSTOMER_KEY'));
  });
});

describe('a snapshot that is left alone', () => {
  it('is given up when nothing is put for its timeout, 60 minutes unless said', async () => {
    const usual = await begin();
    const short = await begin({ Timeout: 10 });
    // Both are really open before time passes.
    await putDirectly(ebs, usual, 0, blockOf(1));
    await putDirectly(ebs, short, 0, blockOf(1));
    await ebs.advance(10 * MINUTE - 1);
    expect([await stateOf(short), await stateOf(usual)]).toEqual(['pending', 'pending']);
    await ebs.advance(1);
    await expect.poll(() => stateOf(short)).toBe('error');
    expect(await refusal(putDirectly(ebs, short, 1, blockOf(1)))).toEqual(validation('INVALID_SNAPSHOT_ID'));
    const complete = ebs.api.completeSnapshot({ SnapshotId: short, ChangedBlocksCount: 1 });
    expect(await refusal(complete)).toEqual(validation('INVALID_SNAPSHOT_ID'));
    await ebs.advance(50 * MINUTE - 1);
    expect(await stateOf(usual)).toBe('pending');
    await ebs.advance(1);
    await expect.poll(() => stateOf(usual)).toBe('error');
    await expect.poll(digestFiles).toEqual([]);
  });

  it('lives on with every block, for its timeout after the last', async () => {
    const SnapshotId = await begin({ Timeout: 10 });
    for (const block of [0, 1, 2]) {
      await ebs.advance(9 * MINUTE);
      await putDirectly(ebs, SnapshotId, block, blockOf(1));
    }
    // Its watch goes on in steps; each of them is through before the next minutes pass.
    await ebs.advance(9 * MINUTE);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await stateOf(SnapshotId)).toBe('pending');
    await ebs.advance(MINUTE);
    await expect.poll(() => stateOf(SnapshotId)).toBe('error');
  });

  it('has its whole timeout again after the region was stopped', async () => {
    const SnapshotId = await begin({ Timeout: 10 });
    await putDirectly(ebs, SnapshotId, 0, blockOf(1));
    await ebs.advance(9 * MINUTE);
    ebs = await ebs.restart();
    await putDirectly(ebs, SnapshotId, 1, blockOf(1));
    await ebs.advance(9 * MINUTE);
    expect(await stateOf(SnapshotId)).toBe('pending');
    await ebs.advance(MINUTE);
    await expect.poll(() => stateOf(SnapshotId)).toBe('error');
  });
});

describe('deletion', () => {
  it('ends a snapshot that is being written, its files too', async () => {
    const SnapshotId = await begin();
    await putDirectly(ebs, SnapshotId, 0, blockOf(1));
    await ebs.ec2.api.deleteSnapshot({ SnapshotId });
    const gone = { name: 'ResourceNotFoundException', reason: 'SNAPSHOT_NOT_FOUND', status: 404 };
    expect(await refusal(putDirectly(ebs, SnapshotId, 1, blockOf(1)))).toEqual(gone);
    const complete = ebs.api.completeSnapshot({ SnapshotId, ChangedBlocksCount: 1 });
    expect(await refusal(complete)).toEqual(gone);
    await begin();
    await expect.poll(digestFiles).not.toContain(`${SnapshotId}.digests`);
    await ebs.advance(0);
    const images = await readdir(join(ebs.ec2.context.stateFolder, 'ec2', 'snapshots'));
    expect(images.filter((name) => name.startsWith(SnapshotId))).toEqual([]);
  });
});

describe('a child snapshot', () => {
  it("has its parent's blocks where it was given none, though the parent was deleted meanwhile", async () => {
    const parent = await written({ 0: 0xa0, 1: 0xa1, 2047: 0xaf });
    const child = await begin({ ParentSnapshotId: parent, VolumeSize: 2 });
    await putDirectly(ebs, child, 1, blockOf(0xb1));
    await putDirectly(ebs, child, 4_095, blockOf(0xbf));
    await ebs.ec2.api.deleteSnapshot({ SnapshotId: parent });
    await ebs.advance(100);
    // Its checksum is about what was put alone.
    await ebs.api.completeSnapshot({
      SnapshotId: child,
      ChangedBlocksCount: 2,
      Checksum: linearOf(
        new Map([
          [1, blockOf(0xb1)],
          [4_095, blockOf(0xbf)],
        ]),
      ),
      ChecksumAlgorithm: 'SHA256',
      ChecksumAggregationMethod: 'LINEAR',
    });
    await ebs.advance(6);
    await ebs.advance(6);
    expect(await stateOf(child)).toBe('completed');
    const bytes = await Promise.all([0, 1, 2, 2_047, 4_095].map((block) => firstByteOf(child, block)));
    expect(bytes).toEqual([0xa0, 0xb1, 0, 0xaf, 0xbf]);
    const { Blocks } = await ebs.api.listSnapshotBlocks({ SnapshotId: child });
    expect(Blocks?.map((block) => block.BlockIndex)).toEqual([0, 1, 2_047, 4_095]);
    // Once nobody needs them any more, the parent's bytes go.
    await ebs.advance(10);
    await expect
      .poll(() => readdir(join(ebs.ec2.context.stateFolder, 'ec2', 'snapshots')))
      .not.toContain(`${parent}.img`);
  });

  it('wants a parent of the account that is completed and not larger', async () => {
    const parent = await written({ 0: 1 }, { VolumeSize: 3 });
    const child = (more: object) => refusal(begin({ ParentSnapshotId: parent, ...more }));
    expect(await child({ VolumeSize: 2 })).toEqual(validation('INVALID_VOLUME_SIZE'));
    expect(await child({ ParentSnapshotId: await begin() })).toEqual(validation('INVALID_SNAPSHOT_ID'));
    expect(await child({ ParentSnapshotId: 'snap-0a11d00000a12023a' })).toEqual({
      name: 'AccessDeniedException',
      reason: 'UNAUTHORIZED_ACCOUNT',
      status: 403,
    });
  });
});

describe('at the edges', () => {
  it('a fault rule keeps a sealed snapshot pending for ever', async () => {
    const { SnapshotId = '' } = await ebs.spoiled({ stuck: true }).startSnapshot({ VolumeSize: 1 });
    await ebs.api.completeSnapshot({ SnapshotId, ChangedBlocksCount: 0 });
    await ebs.advance(10_000);
    expect(await stateOf(SnapshotId)).toBe('pending');
  });

  it('a put is refused whose snapshot was completed while its data came in', async () => {
    const SnapshotId = await begin();
    const complete = () => ebs.api.completeSnapshot({ SnapshotId, ChangedBlocksCount: 0 });
    const put = putDirectly(ebs, SnapshotId, 0, blockOf(1), complete);
    expect(await refusal(put)).toEqual(validation('INVALID_SNAPSHOT_ID'));
    await ebs.advance(6);
    await ebs.advance(6);
    expect(await stateOf(SnapshotId)).toBe('completed');
    expect(await firstByteOf(SnapshotId, 0)).toBe(0);
  });

  it('one of two puts of one block at once is refused', async () => {
    const SnapshotId = await begin();
    const puts = await Promise.allSettled(
      [1, 2].map((byte) => putDirectly(ebs, SnapshotId, 0, blockOf(byte))),
    );
    const refused = puts.filter((put) => put.status === 'rejected');
    expect(refused.map((put) => put.reason.fields)).toEqual([{ Reason: 'CONFLICTING_BLOCK_UPDATE' }]);
    await ebs.api.completeSnapshot({ SnapshotId, ChangedBlocksCount: 1 });
  });
});
