import { beforeEach, describe, expect, test } from 'vitest';
import {
  type BackupProgress,
  backUp,
  createRepository,
  type DiskSource,
  type Repository,
} from '../../core/repository/index.ts';
import {
  BLOCK,
  backUpDisks,
  bytesOf,
  diskId,
  drawn,
  noise,
  openDiskOf,
  sourceOf,
  workload,
} from './machines.ts';
import { type MemoryStore, makeMemoryStore } from './memory-store.ts';

let store: MemoryStore;
let repository: Repository;
beforeEach(async () => {
  store = makeMemoryStore();
  repository = await createRepository(store);
});

const keys = () => [...store.objects.keys()];

describe('a backup that makes no sense is refused before anything is created', () => {
  const disk = (id: string, boot: boolean, source: DiskSource = sourceOf(drawn('A'))) => ({
    id: diskId(id),
    boot,
    source,
  });
  const sized = (size: number): DiskSource => ({ size, read: async () => Buffer.alloc(BLOCK) });
  const time = new Date('2026-11-30T10:15:00Z');

  test.each([
    ['no disk', { disks: [] }, /no disk/],
    [
      'a disk that is there twice',
      { disks: [disk('root', true), disk('root', false)] },
      /"root" is there twice/,
    ],
    [
      'no boot disk',
      { disks: [disk('a', false), disk('b', false)] },
      /exactly one disk must be the boot disk; none is/,
    ],
    ['two boot disks', { disks: [disk('a', true), disk('b', true)] }, /a and b are/],
    ['an empty disk', { disks: [disk('root', true, sized(0))] }, /"root" has a size of 0 bytes/],
    ['half a byte', { disks: [disk('root', true, sized(0.5))] }, /0\.5 bytes/],
    ['a negative size', { disks: [disk('root', true, sized(-1))] }, /-1 bytes/],
    ['no size at all', { disks: [disk('root', true, sized(Number.NaN))] }, /NaN bytes/],
    ['more than 64 TiB', { disks: [disk('root', true, sized(64 * 1024 ** 4 + 1))] }, /64 TiB/],
    [
      'too many segments',
      { segmentBytes: BLOCK, disks: [disk('root', true, sized(65_537 * BLOCK))] },
      /65537 segments/,
    ],
    ['segments of part of a block', { segmentBytes: BLOCK + 1 }, /whole number of blocks/],
    ['segments of nothing', { segmentBytes: 0 }, /whole number of blocks/],
    ['no memory', { memoryBytes: 0 }, /memory/],
    ['no date', { time: new Date('yesterday') }, /not a date/],
    ['a date that no id can carry', { time: new Date('+010000-01-01T00:00:00Z') }, /not a date/],
    [
      'a workload that no manifest can carry',
      { workload: { ...workload(), platform: 'os/2' as 'linux' } },
      /platform/,
    ],
  ])('%s', async (_what, wrong, message) => {
    const request = { workload: workload(), time, disks: [disk('root', true)], ...wrong };
    await expect(backUp(repository, request)).rejects.toMatchObject({
      name: 'InvalidBackup',
      message: expect.stringMatching(message),
    });
    expect(keys()).toEqual(['landfall.json']);
  });
});

describe('a source', () => {
  const bytes = drawn('AbC' + '.' + 'dEf');

  test.each([
    ['answers too little', (content: Uint8Array) => content.subarray(1)],
    ['answers too much', (content: Uint8Array) => Buffer.concat([content, Buffer.alloc(1)])],
    ['answers nothing', () => Buffer.alloc(0)],
  ])('that %s is named, with the offset', async (_what, change) => {
    const source = {
      size: bytes.length,
      read: async (offset: number, length: number) => {
        const content = bytes.subarray(offset, offset + length);
        return offset === 4 * BLOCK ? change(content) : Buffer.from(content);
      },
    };
    await expect(backUpDisks(repository, { root: source })).rejects.toMatchObject({
      name: 'SourceReadShort',
      message: expect.stringMatching(/^disk root: .* at offset 2097152$/),
    });
    expect(keys().filter((key) => /^(leases|restore-points)/.test(key))).toEqual([]);
  });

  test('that changes its size is named', async () => {
    for (const source of [
      { ...sourceOf(bytes), currentSize: async () => bytes.length + 512 },
      growing(bytes),
    ]) {
      await expect(backUpDisks(repository, { root: source })).rejects.toMatchObject({
        name: 'SourceSizeChanged',
        message: `disk root had ${bytes.length} bytes when its backup began and has ${bytes.length + 512} now`,
      });
    }
    expect(keys().filter((key) => key.startsWith('restore-points'))).toEqual([]);
  });

  test('that fails fails the backup with its own error, and nothing goes on', async () => {
    let reads = 0;
    const source = {
      size: 200 * BLOCK,
      read: async (offset: number) => {
        reads += 1;
        if (offset === 90 * BLOCK) throw new Error('medium error');
        return noise(offset);
      },
    };
    await expect(backUpDisks(repository, { root: source })).rejects.toThrow('medium error');
    const before = reads;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reads).toBe(before);
    expect(keys().filter((key) => key.startsWith('leases'))).toEqual([]);
  });

  test('is read in order, block by block, several at a time, within the budget', async () => {
    const offsets: number[] = [];
    let underWay = 0;
    let most = 0;
    const source = {
      size: 300 * BLOCK + 5,
      read: async (offset: number, length: number) => {
        offsets.push(offset);
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return Buffer.alloc(length);
      },
    };
    await backUpDisks(repository, { root: source }, { memoryBytes: 64 * 1024 ** 2 });
    expect(offsets).toEqual(Array.from({ length: 301 }, (_, nth) => nth * BLOCK));
    expect(most).toBeGreaterThan(4);
    // A third of a third of 64 MiB.
    expect(most).toBeLessThanOrEqual(14);
  });

  test('that knows its holes is not asked for them', async () => {
    const disk = drawn('.....A' + '....' + 'bC..' + '..', Buffer.alloc(99, 1));
    const offsets: number[] = [];
    const asked: number[] = [];
    const extents = [
      // The hint may name part of a block, and may be given in pieces.
      { offset: 5 * BLOCK + 100, length: 10 },
      { offset: 10 * BLOCK, length: BLOCK },
      { offset: 11 * BLOCK, length: BLOCK },
      { offset: 16 * BLOCK + 98, length: 1 },
    ];
    const source = {
      size: disk.length,
      read: async (offset: number, length: number) => {
        offsets.push(offset / BLOCK);
        return Buffer.from(disk.subarray(offset, offset + length));
      },
      nextData: async (offset: number) => {
        asked.push(offset / BLOCK);
        return extents.find((extent) => extent.offset + extent.length > offset && extent.offset >= offset);
      },
    };
    const { restorePoint, stats } = await backUpDisks(repository, { root: source });
    expect(offsets).toEqual([5, 10, 11, 16]);
    expect(asked).toEqual([0, 6, 11, 12]);
    expect(stats.dataBytes).toBe(3 * BLOCK + 99);
    expect((await bytesOf(await openDiskOf(repository, restorePoint))).equals(disk)).toBe(true);
  });

  test.each([
    ['before the offset', { offset: -1, length: 10 }],
    ['past the end', { offset: 0, length: 7 * BLOCK + 1 }],
    ['nowhere', { offset: 0, length: 0 }],
    ['at no number', { offset: Number.NaN, length: 1 }],
  ])('whose hint lies %s is named', async (_where, extent) => {
    const source = { ...sourceOf(bytes), nextData: async () => extent };
    await expect(backUpDisks(repository, { root: source })).rejects.toMatchObject({
      name: 'SourceHintWrong',
    });
  });
});

/** A source whose size is another one after its last read. */
function growing(bytes: Buffer): DiskSource {
  let size = bytes.length;
  return {
    get size() {
      return size;
    },
    read: async (offset, length) => {
      if (offset + length === bytes.length) size += 512;
      return Buffer.from(bytes.subarray(offset, offset + length));
    },
  };
}

describe('a backup', () => {
  test('tells how far it is, disk by disk, up to the end of each', async () => {
    const seen: BackupProgress[] = [];
    const root = drawn('AbCd'.repeat(6), Buffer.alloc(10, 1));
    await backUpDisks(
      repository,
      { root, data: drawn('....') },
      { onProgress: (progress) => seen.push(progress) },
    );
    const ends = seen.filter(({ readBytes, sizeBytes }) => readBytes === sizeBytes);
    expect(ends).toMatchObject([
      { diskId: 'root', readBytes: root.length, sizeBytes: root.length, reusedBytes: 20 * BLOCK },
      { diskId: 'data', readBytes: 4 * BLOCK, sizeBytes: 4 * BLOCK, storedBytes: 0, reusedBytes: 0 },
    ]);
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.map(({ diskId: id }) => id)).toEqual(
      seen
        .map(({ diskId: id }) => id)
        .toSorted()
        .toReversed(),
    );
  });

  test('stops when told to, and gives back its lease', async () => {
    const stop = new AbortController();
    const reason = new Error('not wanted any more');
    const source = {
      size: 500 * BLOCK,
      read: async (offset: number) => {
        if (offset === 100 * BLOCK) stop.abort(reason);
        return noise(offset);
      },
    };
    await expect(backUpDisks(repository, { root: source }, { signal: stop.signal })).rejects.toBe(reason);
    expect(keys().filter((key) => /^(leases|restore-points|disks)/.test(key))).toEqual([]);
    await expect(
      backUpDisks(repository, { root: drawn('A') }, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });

  test('keeps what the machine was', async () => {
    const { manifest } = await backUp(repository, {
      workload: {
        ...workload(),
        kind: 'vmware',
        platform: 'windows',
        bootMode: 'uefi',
        uefiData: 'AMZNUEFI',
        tags: { team: 'ops' },
      },
      time: new Date('2026-11-30T10:15:00.999Z'),
      disks: [
        { id: diskId('d1'), boot: false, source: sourceOf(drawn('.')), deviceName: 'sdb' },
        {
          id: diskId('d0'),
          boot: true,
          source: sourceOf(drawn('A')),
          volume: { volumeType: 'gp3', iops: 4000, tags: {} },
        },
      ],
    });
    expect(manifest).toMatchObject({
      workload: {
        kind: 'vmware',
        platform: 'windows',
        bootMode: 'uefi',
        uefiData: 'AMZNUEFI',
        tags: { team: 'ops' },
      },
      time: '2026-11-30T10:15:00Z',
      disks: [
        { id: 'd1', order: 0, boot: false, deviceName: 'sdb', segmentBytes: 2 ** 30 },
        { id: 'd0', order: 1, boot: true, volume: { volumeType: 'gp3', iops: 4000 } },
      ],
    });
    expect(manifest.parent).toBeUndefined();
  });
});
