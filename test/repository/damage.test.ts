import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type BackupResult,
  createRepository,
  type Finding,
  openRepository,
  type Repository,
  restoreDisk,
  verify,
} from '../../core/repository/index.ts';
import { BLOCK, backUpDisks, drawn, openDiskOf, text } from './machines.ts';
import { copyOf, type MemoryStore, makeMemoryStore } from './memory-store.ts';

const before = { root: drawn('aBc' + '....' + '..a' + 'de', text('tail', 999)), data: drawn('..fB') };
const after = { root: drawn('aBc' + '..z.' + '..a' + 'de', text('tail', 999)), data: drawn('..fB') };
type Id = BackupResult['restorePoint'];

let whole: MemoryStore;
let points: { id: Id; disks: Readonly<Record<string, Buffer>> }[];

beforeAll(async () => {
  whole = makeMemoryStore();
  const repository = await createRepository(whole);
  const first = await backUpDisks(repository, before);
  const second = await backUpDisks(repository, after, { time: '2026-12-01T00:00:00Z' });
  // Garbage of a killed writer counts too: a lease, and objects that no manifest refers to.
  const killed = copyOf(whole);
  await backUpDisks({ store: killed, url: '' }, { root: drawn('qrs') }, { name: 'db01' });
  for (const [key, object] of killed.objects) {
    if (!key.startsWith('restore-points/')) whole.objects.set(key, object);
  }
  await leaveLease(whole);
  points = [
    { id: first.restorePoint, disks: before },
    { id: second.restorePoint, disks: after },
  ];
});

/** A lease as the format describes it. */
async function leaveLease(store: MemoryStore): Promise<void> {
  const lease = '01234567-89ab-4def-8123-456789abcdef';
  const head = `{\n  "format": 1,\n  "kind": "write",\n  "lease": "${lease}",\n  "workload": "db01",\n  "started": "2026-11-30T10:15:00.000Z",\n`;
  const digest = createHash('sha256').update(head).digest('hex');
  await store.put(`leases/write-${lease}.json`, Buffer.from(`${head}  "sha256": "${digest}"\n}\n`));
}

/** What `landfall verify` finds: a repository that cannot even be opened is a finding of its own. */
async function findingsIn(store: MemoryStore): Promise<readonly Finding[]> {
  try {
    return (await verify(await openRepository(store))).findings;
  } catch (error) {
    if (error instanceof Error && 'key' in error && typeof error.key === 'string') {
      return [{ object: error.key, problem: error.message }];
    }
    throw error;
  }
}

/** Restores a disk the way the engine does; answers its bytes, or the error and what had been written until then. */
async function restored(repository: Repository, id: Id, disk: string, size: number) {
  const bytes = Buffer.alloc(size);
  const written: [number, number][] = [];
  const target = {
    size,
    async write(offset: number, content: Uint8Array) {
      bytes.set(content, offset);
      written.push([offset, content.length]);
    },
    zero: async (offset: number, length: number) => void bytes.fill(0, offset, offset + length),
    flush: async () => undefined,
  };
  try {
    await restoreDisk(await openDiskOf(repository, id, disk), target, { zeroRanges: true });
    return { bytes, written };
  } catch (error) {
    return { bytes, written, error };
  }
}

/** Whatever is wrong with a repository: a restore yields the exact bytes, or an error; and never writes a wrong byte. */
async function expectRightOrNothing(store: MemoryStore): Promise<number> {
  let failures = 0;
  for (const { id, disks } of points) {
    for (const [disk, expected] of Object.entries(disks)) {
      const { bytes, written, error } = await restored({ store, url: '' }, id, disk, expected.length);
      for (const [offset, length] of written) {
        expect(
          bytes.subarray(offset, offset + length).equals(expected.subarray(offset, offset + length)),
        ).toBe(true);
      }
      if (error === undefined) expect(bytes.equals(expected)).toBe(true);
      else {
        failures += 1;
        expect(error).toMatchObject({
          name: expect.stringMatching(/^(CorruptObject|CorruptBlock|RestorePointNotFound)$/),
        });
      }
    }
  }
  return failures;
}

const bytesAt = (store: MemoryStore, key: string): Buffer => {
  const found = store.objects.get(key)?.bytes;
  if (!found) throw new Error(`${key} is not there`);
  return Buffer.from(found.buffer, found.byteOffset, found.byteLength);
};

function flip(store: MemoryStore, key: string, bit: number): void {
  const bytes = bytesAt(store, key);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}

const keysOf = (kind: string) => [...whole.objects.keys()].filter((key) => key.startsWith(kind)).sort();
const keyIndex = fc.nat();

test('the repository that is damaged below is sound, and has every kind of object', async () => {
  expect(await findingsIn(whole)).toEqual([]);
  expect(await expectRightOrNothing(copyOf(whole))).toBe(0);
  const kinds = new Set([...whole.objects.keys()].map((key) => key.split('/')[0]));
  expect(kinds).toEqual(new Set(['landfall.json', 'packs', 'segments', 'disks', 'restore-points', 'leases']));
});

describe('verify finds, and a restore is right or fails, whatever is done to a repository:', () => {
  test('a flipped bit, anywhere in any object', async () => {
    await fc.assert(
      fc.asyncProperty(keyIndex, fc.nat(), async (nth, place) => {
        const store = copyOf(whole);
        const keys = [...store.objects.keys()].sort();
        const key = keys[nth % keys.length] ?? '';
        flip(store, key, place % (bytesAt(store, key).length * 8));
        expect((await findingsIn(store)).map(({ object }) => object)).toContain(key);
        await expectRightOrNothing(store);
      }),
      { numRuns: 40 },
    );
  });

  test('a bit flipped in each object, at its first and last byte', async () => {
    for (const key of whole.objects.keys()) {
      for (const end of ['first', 'last']) {
        const store = copyOf(whole);
        flip(store, key, end === 'first' ? 0 : bytesAt(store, key).length * 8 - 8);
        expect(
          (await findingsIn(store)).map(({ object }) => object),
          `${end} byte of ${key}`,
        ).toContain(key);
      }
    }
  });

  test('an object that is cut off, or has something appended', async () => {
    await fc.assert(
      fc.asyncProperty(keyIndex, fc.nat(), fc.boolean(), async (nth, place, isCut) => {
        const store = copyOf(whole);
        const keys = [...store.objects.keys()].sort();
        const key = keys[nth % keys.length] ?? '';
        const bytes = bytesAt(store, key);
        const changed = isCut
          ? bytes.subarray(0, place % bytes.length)
          : Buffer.concat([bytes, Buffer.alloc(1 + (place % 100), place)]);
        store.objects.set(key, { bytes: changed, modified: new Date() });
        expect((await findingsIn(store)).map(({ object }) => object)).toContain(key);
        await expectRightOrNothing(store);
      }),
      { numRuns: 40 },
    );
  });

  test('an object that is missing, unless nothing needs it', async () => {
    const garbage = new Set<string>();
    for (const key of whole.objects.keys()) {
      const store = copyOf(whole);
      store.objects.delete(key);
      if (key === 'landfall.json') {
        await expect(openRepository(store)).rejects.toMatchObject({ name: 'RepositoryNotFound' });
        expect((await verify({ store, url: '' })).findings).toMatchObject([{ object: key }]);
        continue;
      }
      const findings = await findingsIn(store);
      const failures = await expectRightOrNothing(store);
      // Without its manifest a restore point is not there; what it referred to is garbage.
      if (key.startsWith('restore-points/')) expect(findings).toEqual([]);
      else if (findings.length === 0) {
        garbage.add(key.split('/')[0] ?? '');
        expect(failures).toBe(0);
      } else {
        expect(new Set(findings.map(({ object }) => object))).toEqual(new Set([key]));
        expect(failures).toBeGreaterThan(0);
        for (const finding of findings) {
          expect(points.map(({ id }) => id)).toContain(finding.restorePoint);
          expect(finding.workload).toBe('web01');
          expect(['root', 'data']).toContain(finding.diskId);
        }
      }
    }
    expect(garbage).toEqual(new Set(['packs', 'segments', 'disks', 'leases']));
  });

  test('an object that was put in place of another one', async () => {
    for (const kind of ['packs/', 'segments/', 'disks/', 'restore-points/']) {
      for (const key of keysOf(kind)) {
        for (const another of keysOf(kind).filter((other) => other !== key)) {
          const store = copyOf(whole);
          store.objects.set(key, { bytes: Uint8Array.from(bytesAt(whole, another)), modified: new Date() });
          expect(
            (await findingsIn(store)).map(({ object }) => object),
            `${another} in place of ${key}`,
          ).toContain(key);
          await expectRightOrNothing(store);
        }
      }
    }
  });

  test('an object under a name that is not its own', async () => {
    const store = copyOf(whole);
    const [pack = '', segment = '', manifest = ''] = ['packs/', 'segments/', 'restore-points/'].map(
      (kind) => keysOf(kind)[0] ?? '',
    );
    const names = [
      `packs/${'ab'}/${'ab'.repeat(32)}`,
      `segments/${'ab'}/${'ab'.repeat(32)}`,
      manifest.replace('web01', 'web02'),
      `${pack}x`,
    ];
    for (const [nth, name] of names.entries()) {
      const from = [pack, segment, manifest, pack][nth] ?? '';
      store.objects.set(name, { bytes: bytesAt(whole, from), modified: new Date() });
    }
    expect((await findingsIn(store)).map(({ object }) => object).sort()).toEqual(names.sort());
  });
});

/** Seals a binary object again: only its meaning is wrong then. */
function reseal(bytes: Buffer): void {
  createHash('sha256')
    .update(bytes.subarray(0, -32))
    .digest()
    .copy(bytes, bytes.length - 32);
}

describe('verify says where:', () => {
  test('a block that is damaged names restore point, disk and offset, in every restore point that has it', async () => {
    const store = copyOf(whole);
    const id = points[0]?.id;
    // The frame of the block "B", the only one of noise, is by far the longest; "data" has it too, as its fourth block.
    const pack = keysOf('packs/').find((key) => bytesAt(whole, key).length > BLOCK) ?? '';
    flip(store, pack, 8 * 300_000);
    const findings = await findingsIn(store);
    expect(findings.find(({ diskId }) => diskId === undefined)).toMatchObject({ object: pack });
    const located = findings.filter(({ diskId }) => diskId !== undefined);
    expect(located).toHaveLength(4);
    expect(located.filter(({ restorePoint }) => restorePoint === id)).toEqual([
      {
        object: pack,
        problem: 'holds bytes with another digest',
        ...{ restorePoint: id, workload: 'web01', diskId: 'root', offset: BLOCK, blocks: 1 },
      },
      {
        object: pack,
        problem: 'holds bytes with another digest',
        ...{ restorePoint: id, workload: 'web01', diskId: 'data', offset: 3 * BLOCK, blocks: 1 },
      },
    ]);
    if (!id) throw new Error('there is no restore point');
    const { error, written } = await restored({ store, url: '' }, id, 'root', before.root.length);
    expect(error).toMatchObject({
      name: 'CorruptBlock',
      key: pack,
      place: { restorePoint: id, diskId: 'root', offset: BLOCK },
    });
    expect((error as Error).message).toBe(
      `block of restore point ${id}, disk root, offset ${BLOCK}: object ${pack} holds bytes with another digest`,
    );
    expect(written).toEqual([[0, BLOCK]]);
  });

  test('a lost pack is one finding for each disk, with the first offset and the number of blocks', async () => {
    const store = copyOf(whole);
    const pack = keysOf('packs/').find((key) => bytesAt(whole, key).length > BLOCK) ?? '';
    store.objects.delete(pack);
    const findings = await findingsIn(store);
    expect(findings.map(({ diskId, offset, blocks, problem }) => [diskId, offset, blocks, problem])).toEqual([
      ['root', 0, 7, 'is missing'],
      ['data', 2 * BLOCK, 2, 'is missing'],
      ['root', 0, 7, 'is missing'],
      ['data', 2 * BLOCK, 2, 'is missing'],
    ]);
  });

  test('a segment that points elsewhere is the one to blame, not the pack', async () => {
    const store = copyOf(whole);
    const id = points[0]?.id;
    const segment =
      keysOf('segments/').find(
        (key) => bytesAt(whole, key).readUInt32LE(8) === 4 && countBits(bytesAt(whole, key)) === 3,
      ) ?? '';
    const bytes = bytesAt(store, segment);
    const blocksAt = 16 + 40 * bytes.readUInt32LE(12) + 1;
    // Its first block is placed where its second one lies.
    bytes.copyWithin(blocksAt + 32, blocksAt + 44 + 32, blocksAt + 88);
    reseal(bytes);
    const findings = await findingsIn(store);
    expect(new Set(findings.map(({ object }) => object))).toEqual(new Set([segment]));
    expect(findings.every(({ diskId, blocks }) => diskId === 'root' && blocks === 1)).toBe(true);
    expect(findings.map(({ restorePoint }) => restorePoint)).toContain(id);
    expect(await expectRightOrNothing(store)).toBeGreaterThan(0);
  });

  test('a disk whose digests are wrong, though everything refers to it as it is', async () => {
    for (const [name, at] of [
      ['disk digest', 32],
      ['written digest', 64],
    ] as const) {
      const store = copyOf(whole);
      const { id, key } = forgeDisk(store, (bytes) => bytes.fill(0xab, at, at + 32));
      const findings = (await findingsIn(store)).filter(({ restorePoint }) => restorePoint === id);
      expect(findings).toMatchObject([
        { object: key, diskId: 'root', problem: expect.stringContaining(`says ${name} abab`) },
      ]);
    }
  });

  test('a manifest that says something else than its disk', async () => {
    const store = copyOf(whole);
    const { id, key } = forgeDisk(
      store,
      () => undefined,
      (disk) => ({ ...disk, size: Number(disk.size) - 1 }),
    );
    expect((await findingsIn(store)).filter(({ restorePoint }) => restorePoint === id)).toMatchObject([
      { object: key, diskId: 'root', problem: expect.stringContaining('size') },
    ]);
  });

  test('one restore point only, where that is asked for', async () => {
    const store = copyOf(whole);
    const [first, second] = points;
    if (!first || !second) throw new Error('there are no restore points');
    // Only the second restore point has the block "z".
    const own = keysOf('segments/').filter(
      (key) => bytesAt(whole, key).readUInt32LE(12) === 1 && countBits(bytesAt(whole, key)) === 1,
    );
    for (const key of own) store.objects.delete(key);
    expect((await verify({ store, url: '' }, { restorePoint: second.id })).findings).not.toEqual([]);
    const absent = `rp-20200101T000000Z-${'0'.repeat(64)}` as Id;
    await expect(verify({ store, url: '' }, { restorePoint: absent })).rejects.toMatchObject({
      name: 'RestorePointNotFound',
    });
    const sound = await verify({ store: whole, url: '' }, { restorePoint: first.id });
    expect(sound.findings).toEqual([]);
    expect(sound.objects).toBeLessThan((await verify({ store: whole, url: '' })).objects);
  });

  test('without reading data: what is missing, cut off or exchanged, but not what is damaged inside a frame', async () => {
    const pack = keysOf('packs/').find((key) => bytesAt(whole, key).length > BLOCK) ?? '';
    const look = (store: MemoryStore) => verify({ store, url: '' }, { readData: false });
    expect((await look(whole)).findings).toEqual([]);
    expect((await look(whole)).bytes).toBeLessThan((await verify({ store: whole, url: '' })).bytes - BLOCK);
    const damaged = copyOf(whole);
    flip(damaged, pack, 8 * 300_000);
    expect((await look(damaged)).findings).toEqual([]);
    for (const change of [
      (store: MemoryStore) => store.objects.delete(pack),
      (store: MemoryStore) =>
        store.objects.set(pack, { bytes: bytesAt(whole, pack).subarray(0, -1), modified: new Date() }),
      (store: MemoryStore) => flip(store, pack, (bytesAt(store, pack).length - 60) * 8),
    ]) {
      const store = copyOf(whole);
      change(store);
      expect((await look(store)).findings.map(({ object }) => object)).toContain(pack);
    }
  });

  test('progress, up to all that there is', async () => {
    const seen: { objects: number; bytes: number; totalBytes: number }[] = [];
    const { objects, bytes } = await verify(
      { store: whole, url: '' },
      { onProgress: (progress) => seen.push(progress) },
    );
    const total = [...whole.objects.values()].reduce((sum, object) => sum + object.bytes.length, 0);
    expect(seen.at(-1)).toEqual({ objects: whole.objects.size, bytes: total, totalBytes: total });
    expect({ objects, bytes }).toEqual({ objects: whole.objects.size, bytes: total });
    expect(seen.every((progress, nth) => progress.bytes >= (seen[nth - 1]?.bytes ?? 0))).toBe(true);
  });

  test('it stops when told to', async () => {
    const stop = new AbortController();
    const verifying = verify(
      { store: whole, url: '' },
      { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) },
    );
    await expect(verifying).rejects.toThrow('enough');
  });
});

/** Set bits in a segment's bitmap, which is one byte here. */
function countBits(segment: Buffer): number {
  const bitmap = segment[16 + 40 * segment.readUInt32LE(12)] ?? 0;
  return [...bitmap.toString(2)].filter((bit) => bit === '1').length;
}

/** Writes another restore point whose boot disk has been tampered with by someone who knows the format. */
function forgeDisk(
  store: MemoryStore,
  change: (bytes: Buffer) => unknown,
  describe: (disk: Record<string, unknown>) => Record<string, unknown> = (disk) => disk,
): { id: string; key: string } {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const manifest = JSON.parse(bytesAt(store, keysOf('restore-points/')[0] ?? '').toString());
  const [root, data] = manifest.disks;
  const bytes = Buffer.from(bytesAt(store, `disks/${root.object.slice(0, 2)}/${root.object}`));
  change(bytes);
  reseal(bytes);
  const object = bytes.subarray(-32).toString('hex');
  const key = `disks/${object.slice(0, 2)}/${object}`;
  store.objects.set(key, { bytes, modified: new Date() });
  const forged = {
    ...manifest,
    disks: [
      describe({
        ...root,
        object,
        diskDigest: bytes.toString('hex', 32, 64),
        writtenDigest: bytes.toString('hex', 64, 96),
      }),
      data,
    ],
  };
  const content = Buffer.from(JSON.stringify(forged));
  const id = `rp-20261130T101500Z-${sha256(content)}`;
  store.objects.set(`restore-points/${id}/web01.json`, { bytes: content, modified: new Date() });
  return { id, key };
}
