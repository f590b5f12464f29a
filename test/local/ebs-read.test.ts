import { open } from 'node:fs/promises';
import type { ListSnapshotBlocksRequest } from '@aws-sdk/client-ebs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES, blockOf, openTestEbs, putDirectly, refusal, type TestEbs } from './ebs-harness.ts';
import { makeVolume } from './ec2-harness.ts';

let ebs: TestEbs;
beforeEach(async () => {
  ebs = await openTestEbs();
});
afterEach(() => ebs.close());

const validation = (reason: string) => ({ name: 'ValidationException', reason, status: 400 });

/** A snapshot of a volume that really holds a byte at the start of each of these blocks. */
async function snapshotWith(blocks: readonly number[]): Promise<string> {
  const volumeId = await makeVolume(ebs.ec2, 1);
  return snapshotOf(volumeId, new Map(blocks.map((block) => [block, 1])));
}

async function snapshotOf(VolumeId: string, bytes: ReadonlyMap<number, number>): Promise<string> {
  const file = await open(ebs.ec2.service.volumeFile(VolumeId) ?? '', 'r+');
  for (const [block, byte] of bytes) await file.write(Buffer.from([byte]), 0, 1, block * BLOCK_BYTES);
  await file.close();
  const { SnapshotId = '' } = await ebs.ec2.api.createSnapshot({ VolumeId });
  await ebs.advance(0);
  await ebs.advance(60);
  return SnapshotId;
}

async function pagesOf(request: ListSnapshotBlocksRequest): Promise<(number | undefined)[][]> {
  const pages = [];
  let NextToken: string | undefined;
  do {
    const answer = await ebs.api.listSnapshotBlocks({ ...request, ...(NextToken ? { NextToken } : {}) });
    pages.push((answer.Blocks ?? []).map((block) => block.BlockIndex));
    NextToken = answer.NextToken;
  } while (NextToken);
  return pages;
}

describe('ListSnapshotBlocks', () => {
  it('lists what a snapshot of a volume holds, in pages of at least 100', async () => {
    const blocks = Array.from({ length: 250 }, (_, i) => i * 7);
    const SnapshotId = await snapshotWith(blocks);
    expect((await pagesOf({ SnapshotId, MaxResults: 100 })).map((page) => page.length)).toEqual([
      100, 100, 50,
    ]);
    expect((await pagesOf({ SnapshotId, MaxResults: 1 })).map((page) => page.length)).toEqual([100, 100, 50]);
    expect((await pagesOf({ SnapshotId })).flat()).toEqual(blocks);
    expect((await pagesOf({ SnapshotId, StartingBlockIndex: 701 })).flat()).toEqual(blocks.slice(101));
    expect((await pagesOf({ SnapshotId, StartingBlockIndex: 5_000 })).flat()).toEqual([]);
    // A token wins over a starting index.
    const first = await ebs.api.listSnapshotBlocks({ SnapshotId, MaxResults: 100 });
    const { NextToken } = first;
    const second = await ebs.api.listSnapshotBlocks({ SnapshotId, NextToken, StartingBlockIndex: 0 });
    expect(second.Blocks?.[0]?.BlockIndex).toBe(700);
    expect(first.ExpiryTime).toEqual(new Date(ebs.ec2.context.time.now().getTime() + 7 * 24 * 3_600_000));
  });

  it('wants a page token that is its own and not an hour old, and sensible limits', async () => {
    const SnapshotId = await snapshotWith(Array.from({ length: 101 }, (_, i) => i));
    const other = await snapshotWith([0]);
    const { NextToken } = await ebs.api.listSnapshotBlocks({ SnapshotId, MaxResults: 100 });
    const list = (more: object) => refusal(ebs.api.listSnapshotBlocks({ SnapshotId, ...more }));
    expect(await list({ SnapshotId: other, NextToken })).toEqual(validation('INVALID_PAGE_TOKEN'));
    expect(await list({ NextToken: 'AAAA' })).toEqual(validation('INVALID_PAGE_TOKEN'));
    expect(await list({ MaxResults: 10_001 })).toEqual(validation('INVALID_PARAMETER_VALUE'));
    expect(await list({ StartingBlockIndex: -1 })).toEqual(validation('INVALID_PARAMETER_VALUE'));
    await ebs.advance(3_599);
    await ebs.api.listSnapshotBlocks({ SnapshotId, NextToken });
    await ebs.advance(1);
    expect(await list({ NextToken })).toEqual(validation('INVALID_PAGE_TOKEN'));
  });

  it('reads only what is completed and of the account', async () => {
    const { SnapshotId } = await ebs.api.startSnapshot({ VolumeSize: 1 });
    expect(await refusal(ebs.api.listSnapshotBlocks({ SnapshotId }))).toEqual(
      validation('INVALID_SNAPSHOT_ID'),
    );
    const seed = ebs.api.listSnapshotBlocks({ SnapshotId: 'snap-0a11d00000a12023a' });
    expect(await refusal(seed)).toMatchObject({ name: 'AccessDeniedException', status: 403 });
  });
});

describe('GetSnapshotBlock', () => {
  it('wants a token for this very block that is not seven days old', async () => {
    const SnapshotId = await snapshotWith([0, 1]);
    const { Blocks = [] } = await ebs.api.listSnapshotBlocks({ SnapshotId });
    const again = await ebs.api.listSnapshotBlocks({ SnapshotId });
    const [zero, one] = Blocks.map((block) => block.BlockToken);
    // Every listing has tokens of its own; those of an earlier one stay good.
    expect(again.Blocks?.[0]?.BlockToken).not.toBe(zero);
    const get = async (BlockIndex: number, BlockToken: string | undefined) => {
      const answer = await ebs.api.getSnapshotBlock({ SnapshotId, BlockIndex, BlockToken });
      await (answer.BlockData as unknown as { close(): Promise<void> }).close();
      return answer.DataLength;
    };
    expect(await get(0, zero)).toBe(BLOCK_BYTES);
    expect(await get(1, one)).toBe(BLOCK_BYTES);
    expect(await get(0, again.Blocks?.[0]?.BlockToken)).toBe(BLOCK_BYTES);
    const bad = validation('INVALID_BLOCK_TOKEN');
    expect(await refusal(get(0, one))).toEqual(bad);
    expect(await refusal(get(2, zero))).toEqual(bad);
    expect(await refusal(get(0, 'AAAA'))).toEqual(bad);
    await ebs.advance(7 * 24 * 3_600);
    expect(await refusal(get(0, zero))).toEqual(bad);
  });
});

describe('ListChangedBlocks', () => {
  it('tells what differs between two snapshots of a volume', async () => {
    const volumeId = await makeVolume(ebs.ec2, 1);
    const first = await snapshotOf(
      volumeId,
      new Map([
        [0, 1],
        [1, 1],
        [500, 1],
      ]),
    );
    const second = await snapshotOf(
      volumeId,
      new Map([
        [1, 2],
        [2, 2],
        [500, 0],
      ]),
    );
    const changes = await ebs.api.listChangedBlocks({ FirstSnapshotId: first, SecondSnapshotId: second });
    const seen = changes.ChangedBlocks?.map((block) => [
      block.BlockIndex,
      block.FirstBlockToken !== undefined,
      block.SecondBlockToken !== undefined,
    ]);
    // Block 0 is the same, 2 is new, and of 500 nothing is left.
    expect(seen).toEqual([
      [1, true, true],
      [2, false, true],
      [500, true, false],
    ]);
    const token = changes.ChangedBlocks?.[0]?.SecondBlockToken;
    const answer = await ebs.api.getSnapshotBlock({ SnapshotId: second, BlockIndex: 1, BlockToken: token });
    await (answer.BlockData as unknown as { close(): Promise<void> }).close();
  });

  it('comes in pages, also empty ones, where much was the same', async () => {
    const volumeId = await makeVolume(ebs.ec2, 1);
    const blocks = Array.from({ length: 600 }, (_, i) => i);
    const bytes = (byte: number) => new Map(blocks.map((block) => [block, byte]));
    const first = await snapshotOf(volumeId, bytes(1));
    const second = await snapshotOf(volumeId, new Map([[599, 2]]));
    const third = await snapshotOf(volumeId, bytes(3));
    const pages = async (SecondSnapshotId: string) => {
      const seen = [];
      let NextToken: string | undefined;
      do {
        const request = { FirstSnapshotId: first, SecondSnapshotId, MaxResults: 400 };
        const answer = await ebs.api.listChangedBlocks({ ...request, ...(NextToken ? { NextToken } : {}) });
        seen.push((answer.ChangedBlocks ?? []).map((block) => block.BlockIndex));
        NextToken = answer.NextToken;
      } while (NextToken);
      return seen;
    };
    expect(await pages(second)).toEqual([[], [599]]);
    expect(await pages(third)).toEqual([blocks.slice(0, 400), blocks.slice(400)]);
  });

  it('follows a parent and its child, and refuses those that have nothing in common', async () => {
    const begin = async (ParentSnapshotId?: string) => {
      const { SnapshotId } = await ebs.api.startSnapshot({
        VolumeSize: 1,
        ...(ParentSnapshotId ? { ParentSnapshotId } : {}),
      });
      return SnapshotId ?? '';
    };
    const complete = async (SnapshotId: string, ChangedBlocksCount: number) => {
      await ebs.api.completeSnapshot({ SnapshotId, ChangedBlocksCount });
      await ebs.advance(6);
      await ebs.advance(6);
    };
    const parent = await begin();
    await putDirectly(ebs, parent, 0, blockOf(1));
    await putDirectly(ebs, parent, 1, blockOf(1));
    await complete(parent, 2);
    const child = await begin(parent);
    await putDirectly(ebs, child, 1, blockOf(2));
    await complete(child, 1);
    const list = (FirstSnapshotId: string | undefined, SecondSnapshotId: string) =>
      ebs.api.listChangedBlocks({ FirstSnapshotId, SecondSnapshotId });
    const changes = await list(parent, child);
    expect(changes.ChangedBlocks?.map((block) => block.BlockIndex)).toEqual([1]);
    expect(await refusal(list(await snapshotWith([0]), child))).toEqual(validation('UNRELATED_SNAPSHOTS'));
    expect(await refusal(list(undefined, child))).toEqual(validation('INVALID_PARAMETER_VALUE'));
  });
});
