import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRepository, makeFolderStore, type Repository, verify } from '../../core/repository/index.ts';
import { BLOCK, backUpDisks, bytesOf, drawn, openDiskOf, text } from './machines.ts';
import { makeMemoryStore } from './memory-store.ts';
import { checkFormatFile, readDiskBytes, readManifests } from './second-reader.ts';

describe('what was backed up comes back', () => {
  let folder: string;
  let repository: Repository;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landfall-repository-'));
    repository = await createRepository(makeFolderStore({ folder }));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('from a folder, by the reader and by a second one that knows only the format', async () => {
    // Noise, text, zeros, blocks that repeat at once and far apart, a segment of zeros, a last block of 777 bytes.
    const root = drawn('AbC.AA..' + '....' + 'bbbb' + 'D..E' + 'a', text('tail', 777));
    const data = drawn('....' + '.Ab.');
    const changed = Buffer.from(root);
    changed.write('changed', 5 * BLOCK + 100);
    const first = await backUpDisks(repository, { root, data });
    const second = await backUpDisks(repository, { root: changed, data }, { time: '2026-12-01T00:00:00Z' });

    for (const [id, expected] of [
      [first.restorePoint, root],
      [second.restorePoint, changed],
    ] as const) {
      expect((await bytesOf(await openDiskOf(repository, id))).equals(expected)).toBe(true);
      expect((await bytesOf(await openDiskOf(repository, id, 'data'))).equals(data)).toBe(true);
    }
    checkFormatFile(folder);
    const manifests = readManifests(folder);
    expect(manifests.map(({ id }) => id)).toEqual([first.restorePoint, second.restorePoint]);
    for (const [nth, expected] of [root, changed].entries()) {
      const [rootDisk, dataDisk] = manifests[nth]?.disks ?? [];
      if (!rootDisk || !dataDisk) throw new Error('a manifest lacks its disks');
      expect(readDiskBytes(folder, rootDisk).equals(expected)).toBe(true);
      expect(readDiskBytes(folder, dataDisk).equals(data)).toBe(true);
    }
    expect((await verify(repository)).findings).toEqual([]);
  });

  test('any disk, in segments of any size, with or without a parent, read in any part', async () => {
    const blocks = fc.string({
      unit: fc.constantFrom('.', '.', 'A', 'B', 'c', 'd', 'e'),
      minLength: 0,
      maxLength: 14,
    });
    const disk = fc
      .record({ blocks, tail: fc.integer({ min: 0, max: BLOCK - 1 }), tailIsZero: fc.boolean() })
      .filter(({ blocks, tail }) => blocks.length > 0 || tail > 0)
      .map(({ blocks, tail, tailIsZero }) =>
        drawn(blocks, tailIsZero ? Buffer.alloc(tail) : text('tail', tail)),
      );
    const part = fc.tuple(fc.nat(), fc.nat());
    await fc.assert(
      fc.asyncProperty(
        disk,
        disk,
        fc.integer({ min: 1, max: 6 }),
        part,
        async (before, after, segmentBlocks, range) => {
          const memory = await createRepository(makeMemoryStore());
          await backUpDisks(memory, { root: before }, { segmentBytes: segmentBlocks * BLOCK });
          // The parent may have segments of another size.
          const options = { time: '2026-12-01T00:00:00Z', segmentBytes: (1 + (segmentBlocks % 3)) * BLOCK };
          const { restorePoint, manifest } = await backUpDisks(memory, { root: after }, options);
          const reader = await openDiskOf(memory, restorePoint);
          expect((await bytesOf(reader)).equals(after)).toBe(true);
          const [from, to] = range.map((end) => end % (reader.segmentCount + 1)).sort((a, b) => a - b);
          const start = (from ?? 0) * reader.segmentBytes;
          const end = Math.min((to ?? 0) * reader.segmentBytes, after.length);
          expect((await bytesOf(reader, from, to)).equals(after.subarray(start, end))).toBe(true);
          expect(await reader.hasData(from ?? 0, to ?? 0)).toBe(
            after.subarray(start, end).some((byte) => byte !== 0),
          );
          expect(manifest.disks[0]?.writtenBlocks).toBe(countDataBlocks(after));
          expect((await verify(memory)).findings).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });
});

function countDataBlocks(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += BLOCK) {
    if (bytes.subarray(at, at + BLOCK).some((byte) => byte !== 0)) count += 1;
  }
  return count;
}
