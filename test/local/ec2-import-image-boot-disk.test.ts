import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookAtBootDisk } from '../../local/ec2/import-image-boot-disk.ts';
import { guidDisk, linuxDisk, windowsDisk } from './boot-disks.ts';

const look = (disk: Buffer) =>
  lookAtBootDisk(async (offset, length) => Buffer.from(disk.subarray(offset, offset + length)));

const LINUX = { hasEfiSystemPartition: false, platform: 'Linux' };

describe('what a boot disk shows', () => {
  it('is its partition table, where it has one', async () => {
    expect(await look(linuxDisk())).toEqual(LINUX);
    expect(await look(windowsDisk())).toEqual({ ...LINUX, platform: 'Windows' });
    expect(await look(guidDisk({ withEfi: false }))).toEqual(LINUX);
    expect(await look(guidDisk({ withEfi: true }))).toEqual({ ...LINUX, hasEfiSystemPartition: true });
  });

  it.each([
    ['is all zero', Buffer.alloc(4096)],
    ['is shorter than a sector', Buffer.from('x')],
    ['has a file system without a partition', Buffer.alloc(4096, 'ext4')],
    ['has a boot record without a partition', Buffer.concat([Buffer.alloc(510), Buffer.from([0x55, 0xaa])])],
    ['lost its boot signature', linuxDisk().fill(0, 510, 512)],
    ['lost its GUID table', guidDisk({ withEfi: true }).fill(0, 512, 1024)],
    ['has a GUID table without a partition', guidDisk({ withEfi: true }).fill(0, 1024, 1024 + 512)],
  ])('is nothing where the disk %s', async (_, disk) => {
    expect(await look(disk)).toBeUndefined();
  });

  it('never throws, whatever the bytes (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 300, maxLength: 300 }),
        fc.boolean(),
        async (bytes, gpt) => {
          const disk = gpt ? guidDisk({ withEfi: true }) : linuxDisk();
          disk.set(bytes.subarray(0, 64), 446);
          disk.set([0x55, 0xaa], 510);
          disk.set(bytes.subarray(64), 520);
          const seen = await look(disk);
          if (seen) expect(['Linux', 'Windows']).toContain(seen.platform);
        },
      ),
      { numRuns: 100 },
    );
  });
});

const hasSfdisk = (() => {
  try {
    execFileSync('sfdisk', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasSfdisk)('tables that sfdisk wrote', () => {
  it.each([
    ['label: dos\n,1M,83,*\n,1M,7\n', LINUX],
    ['label: dos\n,1M,ef\n,1M,83\n', { ...LINUX, hasEfiSystemPartition: true }],
    ['label: gpt\n,1M,U\n,1M,L\n', { ...LINUX, hasEfiSystemPartition: true }],
    ['label: gpt\n', undefined],
  ])('%j', async (script, expected) => {
    const folder = await mkdtemp(join(tmpdir(), 'landfall-boot-disk-'));
    try {
      const file = join(folder, 'disk.raw');
      await writeFile(file, '');
      await truncate(file, 8 * 1024 ** 2);
      execFileSync('sfdisk', ['--quiet', file], { input: script });
      expect(await look(await readFile(file))).toEqual(expected);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
