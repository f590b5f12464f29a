import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findDataRanges, parseFilefrag } from '../../local/ec2/data-ranges.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-ranges-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SIZE = 64 * 1024 ** 2;

it('never leaves out a byte that is not zero (property)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(SIZE - 1), { maxLength: 6 }), async (places) => {
      const file = join(folder, 'disk.img');
      await writeFile(file, '');
      const handle = await open(file, 'r+');
      await handle.truncate(SIZE);
      for (const place of places) await handle.write(Buffer.from('x'), 0, 1, place);
      await handle.close();
      const ranges = await findDataRanges(file);
      const inside = (place: number) =>
        ranges.some(({ offset, length }) => place >= offset && place < offset + length);
      expect(places.every(inside)).toBe(true);
      if (places.length === 0) expect(ranges).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

it('reads the table of filefrag', () => {
  const output = `Filesystem type is: ef53
File size of x.img is 1073741824 (262144 blocks of 4096 bytes)
 ext:     logical_offset:        physical_offset: length:   expected: flags:
   0:     1220..    1220:    3712196..   3712196:      1:       1220:
   1:    25600..   25855:    3703552..   3703807:    256:    3736576: last,unwritten
x.img: 2 extents found
`;
  expect(parseFilefrag(output, 1_073_741_824)).toEqual([
    { offset: 4_997_120, length: 4096 },
    { offset: 104_857_600, length: 1_048_576 },
  ]);
  const late = `File size of x is 5000 (2 blocks of 4096 bytes)
   0:        0..       1:          0..         0:      0:             last,unknown_loc,delalloc,eof
x: 1 extent found
`;
  expect(parseFilefrag(late, 5000)).toEqual([{ offset: 0, length: 5000 }]);
});

it('does not take a table it cannot read for an empty file', () => {
  expect(parseFilefrag('x: FIBMAP/FIEMAP unsupported', 100)).toBeUndefined();
  expect(parseFilefrag('File size of x is 9 (1 block of 4096 bytes)\nx: 1 extent found', 9)).toBeUndefined();
});
