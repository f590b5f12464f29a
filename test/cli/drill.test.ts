import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MIB, makeTempFolder, readStart, runBin, runCli } from './support.ts';

const QUICKLY = ['--strategy', 'upload', '--time-scale', '0.0005', '--wait-ms', '10'];
const GIB = 1024 ** 3;

test('a drill with disks of one’s own ends well, and its volumes are files that anybody can look at', async () => {
  const cwd = await makeTempFolder();
  const disks = { disk0: randomBytes(3 * MIB + 512), data: randomBytes(MIB) };
  await writeFile(join(cwd, 'root.img'), disks.disk0);
  await writeFile(join(cwd, 'data.img'), disks.data);
  // Whatever the environment names, a drill keeps to its own region.
  const env = { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
  const args = ['drill', '--disk', 'root.img', '--disk', 'data=data.img', '--json', '--quiet', ...QUICKLY];
  const { exitCode, stdout, stderr } = await runBin(args, { cwd, env });
  expect(exitCode, stderr).toBe(0);
  // Even then it says what it talks to.
  expect(stderr).toMatch(/^Talking to a local region of its own at .*\n$/);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events[0]).toMatchObject({ event: 'backedUp', disks: [{ id: 'disk0' }, { id: 'data' }] });
  const { event, instance, volumes } = events.at(-1);
  expect([event, instance.started]).toEqual(['compared', 'running']);
  expect(volumes).toHaveLength(2);
  for (const { diskId, file, sourceSha256, volumeSha256, equal } of volumes) {
    const source = disks[diskId as keyof typeof disks];
    const sha256 = createHash('sha256').update(source).digest('hex');
    expect({ equal, sourceSha256, volumeSha256 }).toEqual({
      equal: true,
      sourceSha256: sha256,
      volumeSha256: sha256,
    });
    expect((await stat(file)).size).toBe(GIB);
    expect((await readStart(file, source.length)).equals(source)).toBe(true);
  }
});

test('a machine that does not boot is compared all the same', async () => {
  const cwd = await makeTempFolder();
  // Nothing boots from zeros.
  await writeFile(join(cwd, 'root.img'), Buffer.concat([Buffer.alloc(MIB), randomBytes(MIB)]));
  const { exitCode, stdout, stderr } = await runCli(['drill', '--disk', 'root.img', ...QUICKLY], { cwd });
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('The volume equals its source, and no storage is shared.');
  expect(stderr).toContain('Note: the machine did not start as it should: ');
});

test('a drill by a helper appliance runs its real program, and ends with equal volumes and no helper', async () => {
  const cwd = await makeTempFolder();
  await writeFile(join(cwd, 'root.img'), randomBytes(3 * MIB + 512));
  // Half of it is zeros, which are read back but not written.
  await writeFile(join(cwd, 'data.img'), Buffer.concat([randomBytes(MIB), Buffer.alloc(MIB)]));
  const disks = ['--disk', 'root=root.img', '--disk', 'data=data.img'];
  // At the drill's own pace: the helper needs real time to start.
  const args = ['drill', '--strategy', 'helper', '--read-back', 'all', ...disks];
  const { exitCode, stdout, stderr } = await runCli(args, { cwd });
  expect(exitCode, stderr).toBe(0);
  const [, helperId = 'none'] = /^helper (i-[0-9a-f]{17}), removed$/m.exec(stdout) ?? [];
  expect(stdout).toMatch(/^strategy {7}helper: /m);
  expect(stdout).toMatch(/^root {2}done {3}3 MiB .* 3 MiB {6}[0-9a-f]{16}…$/m);
  expect(stdout).toMatch(/^data {2}done {3}1 MiB .* 2 MiB {6}[0-9a-f]{16}…$/m);
  expect(stdout).toContain(`\nremoved instance ${helperId}\n`);
  expect(stdout).not.toContain('left behind');
  expect(stdout).toContain('All 2 volumes equal their sources, and no storage is shared.');
});

test('a volume that differs from its source ends a drill with 1 and a plain reason', async () => {
  const cwd = await makeTempFolder();
  const bytes = randomBytes(2 * MIB);
  const image = join(cwd, 'root.img');
  await writeFile(image, bytes);
  const { exitCode, stdout, stderr } = await runCli(['drill', '--disk', 'root.img', ...QUICKLY], {
    cwd,
    // Once the restore is under way the backup has been made: what is written now is not in it.
    onStderr(text) {
      if (!text.includes('is under way')) return;
      bytes[1_234_567] = (bytes[1_234_567] ?? 0) ^ 1;
      writeFileSync(image, bytes);
    },
  });
  expect(exitCode, stderr).toBe(1);
  expect(stdout).toContain('DIFFERS from its source: the first difference is at byte 1234567');
  expect(stderr).toContain(
    'landfall: restored volumes differ from their sources: disk0: the first difference is at byte 1234567',
  );
});
