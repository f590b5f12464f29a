import { createCipheriv } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as tar from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unpackBundle } from '../../../local/ec2/helper-appliance/unpack.ts';

let folder: string;
let archive: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-unpack-'));
  archive = join(folder, 'bundle.tar.gz');
  target = join(folder, 'target');
  await mkdir(target);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Bytes that do not compress, so that each file is longer than what is read at once. */
const noise = (length: number, seed: number): Buffer =>
  createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
const PROGRAM = noise(300_000, 1);
const NODE = noise(500_000, 2);

async function pack(names: readonly string[]): Promise<void> {
  const top = join(folder, 'landfall-helper');
  await mkdir(join(top, 'bin'), { recursive: true });
  await writeFile(join(top, 'landfall-helper.mjs'), PROGRAM);
  await writeFile(join(top, 'bin', 'node'), NODE);
  await writeFile(join(top, 'bring-up.sh'), '#!/bin/bash\n', { mode: 0o755 });
  const files = names.map((name) => `landfall-helper/${name}`);
  await tar.create({ gzip: true, file: archive, cwd: folder, portable: true }, files);
}

const unpackedFiles = async () => (await readdir(join(target, 'landfall-helper'))).sort();

describe('unpacking a bundle', () => {
  it.each([
    ['last', ['bring-up.sh', 'landfall-helper.mjs', 'bin/node']],
    ['first', ['bin/node', 'bring-up.sh', 'landfall-helper.mjs']],
    ['in the middle', ['landfall-helper.mjs', 'bin/node']],
  ])('leaves its Node.js out, which stands %s', async (_, names) => {
    await pack(names);
    await unpackBundle(archive, target);
    expect(await unpackedFiles()).toEqual(names.filter((name) => name !== 'bin/node').sort());
    expect((await readFile(join(target, 'landfall-helper', 'landfall-helper.mjs'))).equals(PROGRAM)).toBe(
      true,
    );
    if (names.includes('bring-up.sh')) {
      expect((await stat(join(target, 'landfall-helper', 'bring-up.sh'))).mode & 0o777).toBe(0o755);
    }
  });

  it.each([
    ['is no gzip file', () => writeFile(archive, 'text'), /incorrect header check/],
    ['is no tar archive', () => writeFile(archive, gzipSync(noise(5_000, 3))), /cannot be unpacked/],
    ['is cut', () => truncate(archive, 100_000), /unexpected end of file/],
  ])('says so when it %s', async (_, spoil, message) => {
    await pack(['landfall-helper.mjs', 'bin/node']);
    await spoil();
    await expect(unpackBundle(archive, target)).rejects.toThrow(message);
  });

  it('writes nothing outside its folder', async () => {
    await writeFile(join(folder, 'outside.txt'), 'x');
    await tar.create({ gzip: true, file: archive, cwd: target, preservePaths: true }, ['../outside.txt']);
    await expect(unpackBundle(archive, target)).rejects.toThrow(/outside landfall-helper/);
    const header = { path: 'landfall-helper/../../escaped.txt', size: 1, type: 'File' as const, mode: 0o644 };
    const block = Buffer.alloc(512);
    new tar.Header(header).encode(block);
    const bytes = Buffer.concat([block, Buffer.from('x'.padEnd(512, '\0')), Buffer.alloc(1024)]);
    await writeFile(archive, gzipSync(bytes));
    await expect(unpackBundle(archive, target)).rejects.toThrow(/outside landfall-helper/);
    expect(await readdir(folder)).not.toContain('escaped.txt');
  });
});
