import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { MIB, makeTempFolder, runCli } from './support.ts';

/** A disk with data at its start, around a segment's edge and at its very end, and holes between; no whole number of blocks. */
const ROOT_BYTES = 21 * MIB + 1536;
const DATA_BYTES = 9 * MIB;

async function makeImage(path: string, size: number, pieces: readonly { offset: number; bytes: Buffer }[]) {
  const handle = await open(path, 'w');
  for (const { offset, bytes } of pieces) await handle.write(bytes, 0, bytes.length, offset);
  await handle.truncate(size);
  await handle.close();
}

let cwd: string;
const cli = (...args: string[]) => runCli(args, { cwd });
const backup = (...more: string[]) =>
  cli('backup', '--repository', 'repo', '--segment-mib', '8', '--kind', 'ec2', '--name', 'web01', ...more);

beforeEach(async () => {
  cwd = await makeTempFolder();
  await makeImage(join(cwd, 'root.img'), ROOT_BYTES, [
    { offset: 0, bytes: randomBytes(700_000) },
    { offset: 8 * MIB - 1000, bytes: randomBytes(2000) },
    { offset: ROOT_BYTES - 10, bytes: randomBytes(10) },
  ]);
  await makeImage(join(cwd, 'data.img'), DATA_BYTES, [{ offset: 5 * MIB, bytes: randomBytes(MIB) }]);
});

async function backUpBoth(...more: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await backup(
    '--disk',
    'root=root.img',
    '--disk',
    'data=data.img',
    ...more,
  );
  expect(exitCode, stderr).toBe(0);
  return stdout.trim().split('\n').at(-1) ?? '';
}

const sameBytes = async (a: string, b: string) =>
  (await readFile(join(cwd, a))).equals(await readFile(join(cwd, b)));

describe('a machine in a folder', () => {
  test('is backed up, listed, verified and restored byte for byte, holes as holes', async () => {
    const id = await backUpBoth('--time', '2026-01-15T08:00:00Z');
    expect(id).toMatch(/^rp-20260115T080000Z-[0-9a-f]{64}$/);

    const points = await cli('points', '--repository', 'repo');
    expect(points).toEqual({
      exitCode: 0,
      stdout: `WORKLOAD  TIME                  RESTORE POINT\nweb01     2026-01-15T08:00:00Z  ${id}\n`,
      stderr: `Talking to the repository in the folder ${cwd}/repo; no AWS is involved.\n`,
    });

    const verified = await cli('verify', '--repository', 'repo', '--quiet');
    expect(verified.exitCode).toBe(0);
    expect(verified.stdout).toMatch(/nothing wrong\.\n$/);

    for (const disk of ['root', 'data']) {
      const restored = await cli('restore', '--repository', 'repo', '--disk', disk, '--to', `${disk}.out`);
      expect(restored.exitCode, restored.stderr).toBe(0);
      expect(await sameBytes(`${disk}.img`, `${disk}.out`)).toBe(true);
    }
    const { blocks } = await stat(join(cwd, 'root.out'));
    // Data lies in 5 blocks of 512 KiB.
    expect(blocks * 512).toBeLessThan(3 * MIB);
  });

  test('stores only what has changed the second time, and both points restore', async () => {
    const first = await backUpBoth('--time', '2026-01-15T08:00:00Z');
    await writeFile(join(cwd, 'root.before'), await readFile(join(cwd, 'root.img')));
    const handle = await open(join(cwd, 'root.img'), 'r+');
    await handle.write(Buffer.from('changed'), 0, 7, 8 * MIB);
    await handle.close();
    const args = [
      '--disk',
      'root=root.img',
      '--disk',
      'data=data.img',
      '--time',
      '2026-01-16T08:00:00Z',
      '--json',
    ];
    const second = JSON.parse((await backup(...args)).stdout);
    expect(second).toMatchObject({
      workload: 'web01',
      time: '2026-01-16T08:00:00Z',
      disks: [
        { id: 'root', sizeBytes: ROOT_BYTES, readBytes: ROOT_BYTES },
        { id: 'data', sizeBytes: DATA_BYTES, storedBytes: 0, reusedBytes: MIB },
      ],
    });
    expect(second.disks[0].storedBytes).toBeGreaterThan(0);
    expect(second.disks[0].storedBytes).toBeLessThan(512 * 1024);

    const restore = (to: string, ...which: string[]) =>
      cli('restore', '--repository', 'repo', '--disk', 'root', '--to', to, ...which);
    expect((await restore('a', '--point', first)).exitCode).toBe(0);
    expect((await restore('b', '--workload', 'web01')).exitCode).toBe(0);
    expect((await restore('c', '--workload', 'web01', '--at', '2026-01-15T23:00:00Z')).exitCode).toBe(0);
    expect([
      await sameBytes('a', 'root.before'),
      await sameBytes('b', 'root.img'),
      await sameBytes('c', 'root.before'),
    ]).toEqual([true, true, true]);
  });

  test('is shown with its disks', async () => {
    const id = await backUpBoth('--time', '2026-01-15T08:00:00Z', '--os', 'Debian 12', '--boot-mode', 'uefi');
    const { stdout } = await cli('points', '--repository', 'repo', '--id', id);
    expect(stdout).toBe(
      [
        `restore point    ${id}`,
        'workload         web01',
        'time             2026-01-15T08:00:00Z',
        'kind             ec2',
        'system           Debian 12, linux, x86_64',
        'boot mode        uefi',
        '',
        'DISK  SIZE               WITH DATA  BOOT  DEVICE  VOLUME',
        `root  21 MiB (22021632)  2.5 MiB    boot`,
        `data  9 MiB (9437184)    1 MiB`,
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await cli('points', '--repository', 'repo', '--id', id, '--json')).stdout);
    expect(json).toMatchObject({ id, workload: { name: 'web01' }, disks: [{ id: 'root' }, { id: 'data' }] });
    const { stdout: line } = await cli('points', '--repository', 'repo', '--json');
    expect(line).toMatch(/^.+\n$/);
    const list = JSON.parse(line);
    expect(list).toEqual([{ id, workload: 'web01', time: '2026-01-15T08:00:00.000Z' }]);
  });

  test('takes what the source instance says, from stdin too', async () => {
    const samples = new URL('../../samples/web01/', import.meta.url);
    const args = [
      'backup',
      '--repository',
      'repo',
      '--source-instance',
      '-',
      '--disk',
      'root.img',
      '--disk',
      'data.img',
    ];
    const stdin = await readFile(new URL('instance.json', samples), 'utf8');
    const { exitCode, stdout, stderr } = await runCli([...args, '--json'], { cwd, stdin });
    expect(exitCode, stderr).toBe(0);
    const { restorePoint } = JSON.parse(stdout);
    const shown = await cli('points', '--repository', 'repo', '--id', restorePoint, '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      workload: { name: 'web01', kind: 'ec2', source: { instanceId: 'i-0b1d5e0a7c3f42e11' } },
      disks: [
        { id: 'disk0', boot: true, deviceName: '/dev/xvda', volume: { volumeId: 'vol-0c1a9f3e5b7d24680' } },
        { id: 'disk1', boot: false, deviceName: '/dev/sdf', volume: { volumeId: 'vol-0d2b8e4f6a7c13579' } },
      ],
    });
  });
});

describe('damage', () => {
  test('is named by verify and refused by restore, which leaves no file', async () => {
    const id = await backUpBoth();
    const packs = (
      await readdir(join(cwd, 'repo', 'packs'), { recursive: true, withFileTypes: true })
    ).filter((entry) => entry.isFile());
    for (const pack of packs) {
      const path = join(pack.parentPath, pack.name);
      const bytes = await readFile(path);
      bytes[1000] = (bytes[1000] ?? 0) ^ 0x10;
      await writeFile(path, bytes);
    }
    const verified = await cli('verify', '--repository', 'repo', '--quiet');
    expect(verified.exitCode).toBe(1);
    expect(verified.stdout).toMatch(
      new RegExp(`^object packs/.*: .*\\(restore point ${id}, workload web01, disk root, offset 0, `, 'm'),
    );
    expect(verified.stderr).toMatch(/landfall: \d+ findings? in file:/);
    const json = JSON.parse((await cli('verify', '--repository', 'repo', '--json')).stdout);
    expect(json.findings[0]).toMatchObject({ object: expect.stringMatching(/^packs\//) });

    const restored = await cli('restore', '--repository', 'repo', '--disk', 'root', '--to', 'out');
    expect(restored.exitCode).toBe(1);
    expect(restored.stderr).toContain(`restore point ${id}, disk root, offset 0`);
    expect(restored.stderr).toContain('"landfall verify" tells all that is damaged');
    await expect(stat(join(cwd, 'out'))).rejects.toThrow('ENOENT');

    // The advice holds: only a backup that reuses nothing mends what frames hold.
    expect(verified.stderr).toContain('Back up again with --parent none');
    const again = await backUpBoth('--parent', 'none');
    const mended = await cli(
      'restore',
      '--repository',
      'repo',
      '--disk',
      'root',
      '--to',
      'out',
      '--point',
      again,
    );
    expect(mended.exitCode, mended.stderr).toBe(0);
    expect(await sameBytes('root.img', 'out')).toBe(true);
  });
});

describe('a damaged landfall.json', () => {
  test('is a finding of verify, which reads the rest all the same', async () => {
    await backUpBoth();
    await writeFile(join(cwd, 'repo', 'landfall.json'), '{"format": 1}\n');
    const problem = 'object landfall.json: does not have the SHA-256 that it ends with';
    const verified = await cli('verify', '--repository', 'repo', '--quiet');
    expect(verified).toMatchObject({ exitCode: 1, stdout: `${problem}\n` });
    expect(verified.stderr).toContain('move it away, and the next backup writes it anew');
    expect(verified.stderr).toContain('landfall: 1 finding in file:');
    const json = JSON.parse((await cli('verify', '--repository', 'repo', '--json')).stdout);
    expect(json.findings).toEqual([
      { object: 'landfall.json', problem: 'does not have the SHA-256 that it ends with' },
    ]);
    expect(json.objects).toBeGreaterThan(3);
    await rm(join(cwd, 'repo', 'landfall.json'));
    await backUpBoth();
    expect((await cli('verify', '--repository', 'repo')).exitCode).toBe(0);
  });
});

describe('restore --to', () => {
  const restore = (...more: string[]) => cli('restore', '--repository', 'repo', '--disk', 'data', ...more);

  test('refuses a file that holds something, and overwrites it when told to', async () => {
    await backUpBoth();
    await writeFile(join(cwd, 'out'), randomBytes(12 * MIB));
    const refused = await restore('--to', 'out');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(`landfall: ${cwd}/out is there already and holds 12 MiB`);
    expect(refused.stderr).toContain('--overwrite');
    expect((await stat(join(cwd, 'out'))).size).toBe(12 * MIB);

    const { exitCode, stdout } = await restore('--to', 'out', '--overwrite', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ diskId: 'data', sizeBytes: DATA_BYTES, writtenBytes: MIB });
    expect(await sameBytes('out', 'data.img')).toBe(true);
  });

  test('fills an empty file', async () => {
    await backUpBoth();
    await writeFile(join(cwd, 'out'), '');
    expect((await restore('--to', 'out')).exitCode).toBe(0);
    expect(await sameBytes('out', 'data.img')).toBe(true);
  });

  test.each([
    [['--disk', 'nope', '--to', 'out'], 'nope'],
    [['--to', '.'], 'is neither a file nor a block device'],
    [['--to', 'no/such/folder/out'], 'cannot be opened: Error: ENOENT'],
    [['--to', 'out', '--workload', 'db01'], 'db01'],
    [['--to', 'out', '--subnet', 'subnet-1'], '--subnet has no meaning with --to'],
    [['--to', 'out', '--no-power-on'], '--power-on has no meaning with --to'],
    [['--overwrite'], '--disk needs --to'],
  ])('refuses %j', async (args, message) => {
    await backUpBoth();
    const { exitCode, stderr } = await restore(...args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
    await expect(stat(join(cwd, 'out'))).rejects.toThrow('ENOENT');
  });

  test('asks which disk and which machine, naming those there are', async () => {
    await backUpBoth();
    const which = await cli('restore', '--repository', 'repo', '--to', 'out');
    expect(which.stderr).toContain('has 2 disks: root, data');
    await backup('--name', 'db01', '--disk', 'data.img');
    const whose = await cli('restore', '--repository', 'repo', '--to', 'out');
    expect(whose.stderr).toContain('holds restore points of several machines: db01, web01');
    expect([which.exitCode, whose.exitCode]).toEqual([2, 2]);
  });

  test('stops when asked to, and takes its file away', async () => {
    await backUpBoth();
    const signal = AbortSignal.abort(new Error('stopped by SIGINT'));
    const args = ['restore', '--repository', 'repo', '--disk', 'root', '--to', 'out'];
    expect(await runCli(args, { cwd, signal })).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('landfall: interrupted.'),
    });
    await expect(stat(join(cwd, 'out'))).rejects.toThrow('ENOENT');
  });
});

describe('a bad request', () => {
  test.each([
    [
      ['backup', '--repository', 'repo', '--kind', 'ec2', '--name', 'x', '--disk', 'none.img'],
      'none.img cannot be opened',
    ],
    [
      ['backup', '--repository', 'repo', '--kind', 'ec2', '--name', 'x', '--disk', 'folder'],
      'is neither a file',
    ],
    [
      ['backup', '--repository', 'repo', '--name', 'x', '--disk', 'root.img'],
      'nothing says where the machine comes from',
    ],
    [
      ['backup', '--repository', 'ftp://x', '--kind', 'ec2', '--name', 'x', '--disk', 'root.img'],
      'ftp://x is not a place',
    ],
    [
      ['backup', '--repository', 'repo', '--disk', 'root.img', '--source-volumes', 'v.json'],
      'needs --source-instance',
    ],
    [
      ['backup', '--repository', 'repo', '--disk', 'root.img', '--source-instance', 'i.json'],
      'i.json cannot be read',
    ],
    [['points', '--repository', 'repo'], 'repo'],
    [['points', '--repository', 'repo', '--id', 'rp-1'], 'restore point "rp-1" is not of the form'],
    [['restore', '--repository', 'folder'], 'reads its repository in S3, not the folder'],
    [['restore', '--request', 'none.json'], 'none.json cannot be read as JSON'],
    [['restore', '--workload', 'web01', '--subnet', 'x'], 'target.subnetId = "x": must be an id like'],
  ])('%j', async (args, message) => {
    await mkdir(join(cwd, 'folder'));
    const { exitCode, stdout, stderr } = await runCli(args, { cwd });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(await readdir(cwd)).not.toContain('repo');
  });

  test('shows the stack only when it is asked for', async () => {
    const args = ['points', '--repository', 'repo'];
    const { stderr } = await runCli(args, { cwd, env: { LANDFALL_DEBUG: '1' } });
    expect(stderr).toMatch(/^ {4}at /m);
  });
});
