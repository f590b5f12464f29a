import { randomBytes } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeSubnetsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { GetObjectCommand, ListBucketsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { makeS3Client } from '../../core/repository/index.ts';
import { type Region, startRegion } from '../../local/region.ts';
import { MIB, makeFolder, readStart, runCli } from './support.ts';

/*
 * The commands against a local region with the real stack: as a person uses them with AWS_ENDPOINT_URL set.
 */
let folder: Awaited<ReturnType<typeof makeFolder>>;
let region: Region;
let subnet: string;
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const disks = { root: randomBytes(9 * MIB + 512), data: randomBytes(MIB) };

const cli = (args: readonly string[], signal?: AbortSignal) =>
  runCli(args, { cwd: folder.path, env: { AWS_ENDPOINT_URL: region.endpoint }, signal });

/** One JSON value per line. */
const events = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  folder = await makeFolder();
  region = await startRegion({
    stateFolder: join(folder.path, 'state'),
    port: 0,
    timeScale: 0.0005,
    waitMs: 10,
  });
  await region.deploy(inject('assemblyFolder'));
  const ec2 = new EC2Client({
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials,
  });
  const { Subnets } = await ec2.send(new DescribeSubnetsCommand({}));
  ec2.destroy();
  subnet = Subnets?.[0]?.SubnetId ?? '';
  for (const [id, bytes] of Object.entries(disks)) await writeFile(join(folder.path, `${id}.img`), bytes);
  const { exitCode, stderr } = await cli([
    ...[
      'backup',
      '--kind',
      'ec2',
      '--name',
      'web01',
      '--segment-mib',
      '8',
      '--usage-operation',
      'RunInstances',
    ],
    ...['--disk', 'root=root.img', '--disk', 'data=data.img', '--time', '2026-01-15T08:00:00Z'],
  ]);
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain(`Talking to ${region.endpoint} (AWS_ENDPOINT_URL).`);
});

afterAll(async () => {
  await region?.stop();
  await folder?.remove();
});

const restore = (...more: string[]) =>
  cli([
    ...['restore', '--strategy', 'upload', '--instance-type', 't3.small'],
    ...(more.includes('--subnet') ? more : ['--subnet', subnet, ...more]),
  ]);

describe('restore to EC2', () => {
  test('follows to the end, tells the story, and the volumes hold the bytes', async () => {
    const { exitCode, stdout, stderr } = await restore('--restore-id', 'story');
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^restore {8}story, attempt 1\nstate {10}restored\n/);
    expect(stdout).toMatch(/^instance i-[0-9a-f]{17} "web01" \(t3\.small, us-east-1[abc]\): running/m);
    expect(stderr).toMatch(/^machine: restored$/m);
    expect(stderr).toMatch(/^Strategy upload: on AWS bootable after about \d+ min, for about \$0\.\d\d\.$/m);
    expect(stdout).toMatch(/^estimate {7}on AWS bootable after about \d+ min/m);
    expect(stdout).toMatch(/^bootable {7}after \d/m);
    expect(stderr).toMatch(/^Warning: target\.securityGroupIds = nothing: /m);

    // Told again afterwards, by restoreId, execution name and ARN.
    const arn = /^execution {6}(arn:.*)$/m.exec(stdout)?.[1] ?? '';
    for (const name of ['story', 'story-1', arn]) {
      const again = await cli(['show', name]);
      // The follower has told warnings while they were new; `show` tells them with the rest.
      const warnings = /^warning {8}.*\n/gm;
      expect(again.stdout).toMatch(warnings);
      expect(again.stdout.replaceAll(warnings, '')).toBe(stdout);
    }
    const shown = JSON.parse((await cli(['show', 'story', '--json'])).stdout);
    expect(shown).toMatchObject({ restoreId: 'story', attempt: 1, execution: { status: 'SUCCEEDED' } });
    for (const { diskId, volumeId } of shown.result.volumes) {
      const file = region.services.ec2.volumeFile(volumeId) ?? '';
      const source = disks[diskId as keyof typeof disks];
      expect((await readStart(file, source.length)).equals(source)).toBe(true);
      expect((await stat(file)).size).toBe(1024 * MIB);
    }
  });

  test('to volumes alone: follows them, and tells which they are', async () => {
    const { exitCode, stdout, stderr } = await cli([
      ...[
        'restore',
        '--workload',
        'web01',
        '--strategy',
        'upload',
        '--restore-id',
        'alone',
        '--volumes-only',
      ],
      ...['--zone', 'us-east-1c', '--exclude-disk', 'data', '--name-suffix', ' copy'],
    ]);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/^machine: restored$/m);
    expect(stdout).toMatch(/^disks {10}1, .*, without data, as asked$/m);
    expect(stdout).toMatch(/^restored to {4}volumes alone, "web01 copy" in us-east-1c$/m);
    expect(stdout).toMatch(/^root {2}vol-[0-9a-f]{17} {2}available in us-east-1c {2}1 GiB/m);
    expect(stdout).not.toMatch(/^instance /m);
  });

  test('prints one JSON event a line', async () => {
    const { exitCode, stdout } = await restore('--json', '--workload', 'web01', '--no-power-on');
    expect(exitCode).toBe(0);
    const all = events(stdout);
    expect(all[0]).toMatchObject({
      event: 'started',
      restoreId: expect.stringMatching(/^restore-\d{8}T\d{6}Z-/),
    });
    expect(all.at(-1)).toMatchObject({
      event: 'ended',
      result: { outcome: 'restored', instance: { started: 'not-asked' }, volumes: [{}, {}] },
    });
    const phases = all.filter(({ event, line }) => event === 'progress' && line === 'machine');
    expect(phases.at(-1)).toMatchObject({ phase: 'restored' });
  });

  test('a request that cannot be met ends with 2, names field, value and fix, and creates nothing', async () => {
    const {
      exitCode,
      stderr,
      stdout: story,
    } = await restore('--subnet', 'subnet-0123456789abcdef0', '--restore-id', 'refused');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /landfall: .*target\.subnetId = "?subnet-0123456789abcdef0"?: does not exist here/,
    );
    // Once is enough.
    expect(story).not.toContain('does not exist here');
    // It never claimed its name, which finds it all the same.
    const { stdout } = await cli(['show', 'refused']);
    expect(stdout).toContain('state          failed');
    expect(stdout).toContain('error BadRequest: ');
  });

  test('the same restore can be tried again under the next name', async () => {
    const again = () => restore('--restore-id', 'again', '--no-wait', '--json');
    const first = events((await again()).stdout)[0];
    expect(first?.executionArn).toMatch(/:again-1$/);
    const arn = String(first?.executionArn);
    for (;;) {
      const { execution } = JSON.parse((await cli(['show', arn, '--json'])).stdout);
      if (execution.status !== 'RUNNING') break;
      await sleep(50);
    }
    const second = await restore('--restore-id', 'again');
    expect(second.exitCode, second.stderr).toBe(0);
    expect(second.stdout).toMatch(/^restore {8}again, attempt 2$/m);
    expect(second.stdout).toMatch(/:again-2$/m);
  });
});

async function untilCleanedUp(restoreId: string): Promise<void> {
  for (;;) {
    const { claimState } = JSON.parse((await cli(['show', restoreId, '--json'])).stdout);
    if (claimState === 'closed') return;
    await sleep(50);
  }
}

describe('a restore under way', () => {
  test('goes on when its follower is stopped, is shown, and can be cancelled', async () => {
    const held = region.faults.add({
      service: 'ec2',
      operation: 'ImportSnapshot',
      times: 99,
      action: { kind: 'hold' },
    });
    const following = new AbortController();
    const run = runCli(
      [
        ...['restore', '--strategy', 'upload', '--instance-type', 't3.small', '--subnet', subnet],
        ...['--restore-id', 'stopped'],
      ],
      { cwd: folder.path, env: { AWS_ENDPOINT_URL: region.endpoint }, signal: following.signal },
    );
    while (held.hits === 0) await sleep(20);
    following.abort(new Error('stopped by SIGINT'));
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(3);
    expect(stderr).toContain('landfall: interrupted: no longer following; the restore stopped goes on');
    expect(stderr).toContain('"landfall show stopped" tells how it goes, "landfall cancel stopped" ends it.');

    expect((await cli(['show', 'stopped'])).stdout).toMatch(/^state {10}running$/m);
    const cancelled = await cli(['cancel', 'stopped']);
    expect(cancelled).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Restore stopped is cancelled'),
    });
    held.release();
    held.remove();
    expect((await cli(['show', 'stopped'])).stdout).toMatch(/^state {10}cancelled$/m);
    await untilCleanedUp('stopped');
    const twice = await cli(['cancel', 'stopped']);
    expect(twice.exitCode).toBe(2);
    expect(twice.stderr).toContain('the restore stopped is not under way: ABORTED');

    // As it is where clean-up was stopped, too.
    const s3 = makeS3Client({
      endpoint: region.endpoint,
      region: 'us-east-1',
      credentials,
      forcePathStyle: true,
    });
    const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
    const Bucket = Buckets.find(({ Name }) => Name?.includes('control'))?.Name;
    const where = { Bucket, Key: 'restores/stopped/claim.json' };
    const claim = JSON.parse(
      (await (await s3.send(new GetObjectCommand(where))).Body?.transformToString()) ?? '',
    );
    expect(claim.state).toBe('closed');
    await s3.send(new PutObjectCommand({ ...where, Body: JSON.stringify({ ...claim, state: 'closing' }) }));
    s3.destroy();
    expect((await cli(['show', 'stopped'])).stdout).toContain('clean-up not finished');
    expect(await cli(['cancel', 'stopped'])).toMatchObject({
      exitCode: 0,
      stdout: 'Restore stopped has ended; its clean-up has been started again.\n',
    });
    await untilCleanedUp('stopped');
  });
});

test('what nobody has heard of is a bad request', async () => {
  for (const name of ['nothing', 'arn:aws:states:us-east-1:123456789012:execution:x:y', 'arn:x']) {
    const { exitCode, stderr } = await cli(['show', name]);
    expect(stderr).toContain(`there is no restore and no execution "${name}"`);
    expect(exitCode).toBe(2);
  }
  const { exitCode, stderr } = await cli(['points', '--stack', 'Other']);
  expect(stderr).toContain(`there is no stack Other (${region.endpoint} (AWS_ENDPOINT_URL))`);
  expect(exitCode).toBe(1);
});

test('--local finds the region that runs on the state folder', async () => {
  const args = ['points', '--local', '--state-folder', 'state', '--json'];
  const { exitCode, stdout, stderr } = await runCli(args, { cwd: folder.path });
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain(
    `Talking to the local region at ${region.endpoint} (running, state in ${folder.path}/state).`,
  );
  expect(JSON.parse(stdout)).toMatchObject([{ workload: 'web01', time: '2026-01-15T08:00:00.000Z' }]);
});
