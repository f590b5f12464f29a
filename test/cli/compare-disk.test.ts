import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { link, open, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { MIB, makeTempFolder } from './support.ts';

const PROGRAM = fileURLToPath(new URL('../../cli/drill/compare-disk.ts', import.meta.url));
const GIB = 1024 ** 3;

async function compare(source: string, volume: string) {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, source, volume]);
    return { exitCode: 0, ...JSON.parse(stdout) };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { exitCode: code, ...JSON.parse(stdout) };
  }
}

async function makePair() {
  const folder = await makeTempFolder();
  const [source, volume] = [join(folder, 'source'), join(folder, 'volume')];
  const bytes = randomBytes(5 * MIB + 700);
  await writeFile(source, bytes);
  const change = async (offset: number, text: Buffer, size = GIB) => {
    const handle = await open(volume, 'a+');
    await handle.truncate(size);
    await handle.close();
    const writer = await open(volume, 'r+');
    await writer.write(text, 0, text.length, offset);
    await writer.close();
  };
  await change(0, bytes);
  return { source, volume, bytes, change };
}

test('a volume that is its source and then zeros is equal', async () => {
  const { source, volume, bytes } = await makePair();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  expect(await compare(source, volume)).toEqual({
    exitCode: 0,
    equal: true,
    sourceBytes: 5_243_580,
    volumeBytes: 1_073_741_824,
    sourceSha256: sha256,
    volumeSha256: sha256,
    zeroTailBytes: 1_073_741_824 - 5_243_580,
    sourceInode: `${(await stat(source)).dev}:${(await stat(source)).ino}`,
    volumeInode: `${(await stat(volume)).dev}:${(await stat(volume)).ino}`,
    volumeLinks: 1,
  });
});

test.each([
  ['a changed byte', 4_300_123, GIB, 'the first difference is at byte 4300123'],
  ['a byte after the end', 600 * MIB + 17, GIB, `byte ${600 * MIB + 17}, after the disk's end, is not zero`],
  ['a volume of another size', 0, 2 * GIB, 'it has 2147483648 bytes instead of 1073741824'],
])('%s is told', async (what, offset, size, problem) => {
  const { source, volume, bytes, change } = await makePair();
  // Never the byte that is there.
  const byte = what === 'a volume of another size' ? bytes[0] : (bytes[offset] ?? 0) ^ 0xff;
  await change(offset, Buffer.from([byte ?? 0]), size);
  expect(await compare(source, volume)).toMatchObject({ exitCode: 1, equal: false, problem });
});

test('a link to the source is no restored volume', async () => {
  const { source, volume } = await makePair();
  await link(source, `${source}-2`);
  expect(await compare(source, `${source}-2`)).toMatchObject({
    exitCode: 1,
    problem: 'the volume is the very file of its source',
  });
  await link(volume, `${volume}-2`);
  expect(await compare(source, volume)).toMatchObject({
    exitCode: 1,
    problem: "the volume's file has 2 names: it is shared",
  });
});
