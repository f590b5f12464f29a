/**
 * `npm run test:large`: a sparse disk of 64 GiB with 3 GiB of data goes through backup, restore and comparison,
 * each command a process of its own as a person would run it. Asserted: every process stays under 512 MiB of
 * resident memory; holes stay holes; the volume equals the disk; nothing temporary is left. Needs Linux (/proc),
 * about 20 GB of free disk and some minutes; `-- --gib 64 --data-gib 3` changes the sizes.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import {
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { ENVIRONMENT, NODE_FLAGS } from '../../bin/runtime.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const MEMORY_LIMIT_BYTES = 512 * MIB;
const EXTENTS = 12;

const { values } = parseArgs({
  options: { gib: { type: 'string', default: '64' }, 'data-gib': { type: 'string', default: '3' } },
});
const sizeBytes = Number(values.gib) * GIB;
const dataBytes = Number(values['data-gib']) * GIB;
const projectFolder = dirname(dirname(import.meta.dirname));
const folder = await mkdtemp(join(tmpdir(), 'landfall-large-'));
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  ...ENVIRONMENT,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
};

try {
  const disk = join(folder, 'disk.raw');
  await timed('write the disk', () => writeDisk(disk));
  const region = await startRegion();
  try {
    await timed('backup', () =>
      landfall(
        'backup',
        '--name',
        'large',
        '--kind',
        'ec2',
        '--platform',
        'linux',
        '--architecture',
        'x86_64',
        '--disk',
        `root=${disk}`,
      ),
    );
    const story = await timed('restore', () => restore());
    await checkVolume(disk, story);
    await checkNothingLeft();
    report('local region', await region.stop());
  } finally {
    await region.stop();
  }
  console.log('ok');
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Data that no compression shrinks, in a few long extents all over the disk, one of them at its very end. */
async function writeDisk(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(sizeBytes);
    const extentBytes = Math.floor(dataBytes / EXTENTS / MIB) * MIB;
    const chunk = Buffer.alloc(4 * MIB);
    for (let extent = 0; extent < EXTENTS; extent += 1) {
      const start = Math.floor(((sizeBytes - extentBytes) / (EXTENTS - 1)) * extent);
      for (let done = 0; done < extentBytes; done += chunk.length) {
        const bytes = randomFillSync(chunk).subarray(0, Math.min(chunk.length, extentBytes - done));
        await file.write(bytes, 0, bytes.length, start + done);
      }
    }
  } finally {
    await file.close();
  }
}

async function startRegion(): Promise<{ endpoint: string; stop(): Promise<number> }> {
  const child = run(
    '--json',
    '--state-folder',
    join(folder, 'state'),
    'local',
    '--port',
    '0',
    '--time-scale',
    '0.01',
  );
  const peak = watchMemory(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout ?? assert.fail('no stdout') }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`landfall local ended with ${code}`)));
  });
  const { endpoint }: { endpoint: string } = JSON.parse(line);
  environment.AWS_ENDPOINT_URL = endpoint;
  environment.AWS_REGION = 'us-east-1';
  return {
    endpoint,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      return peak();
    },
  };
}

interface Story {
  readonly volumeId: string;
}

async function restore(): Promise<Story> {
  const { ec2 } = clients();
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
  const subnetId = Subnets[0]?.SubnetId ?? assert.fail('no subnet');
  const output = await landfall(
    '--json',
    'restore',
    '--strategy',
    'upload',
    '--workload',
    'large',
    '--subnet',
    subnetId,
    '--instance-type',
    'm6i.large',
  );
  const volumeId = /"volumeId":"(vol-[0-9a-f]+)"/.exec(output)?.[1] ?? assert.fail(`no volume in ${output}`);
  return { volumeId };
}

async function checkVolume(disk: string, { volumeId }: Story): Promise<void> {
  const answer = await fetch(`${environment.AWS_ENDPOINT_URL}/_landfall/disks/${volumeId}`);
  const { file }: { file: string } = JSON.parse(await answer.text());
  const { blocks, size } = await stat(file);
  assert.equal(size, sizeBytes);
  const allocated = blocks * 512;
  console.log(`volume: ${toMiB(size)} MiB long, ${toMiB(allocated)} MiB allocated`);
  assert.ok(allocated >= dataBytes, 'data is missing');
  // An extent's first and last 512 KiB block may be half empty, and file systems round up.
  assert.ok(allocated <= dataBytes + EXTENTS * 2 * MIB, 'holes did not stay holes');
  await timed('compare', async () => {
    const child = spawn(process.execPath, [join(projectFolder, 'cli/drill/compare-disk.ts'), disk, file], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    assert.equal(await exitCode(child), 0);
    return 0;
  });
}

async function checkNothingLeft(): Promise<void> {
  const { ec2, s3 } = clients();
  const { Snapshots } = await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }));
  const { Images } = await ec2.send(new DescribeImagesCommand({ Owners: ['self'] }));
  const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
  assert.deepEqual(Snapshots ?? [], []);
  assert.deepEqual(Images ?? [], []);
  assert.deepEqual(
    Buckets.filter(({ Name }) => Name?.endsWith('-an')),
    [],
  );
}

function clients(): { ec2: EC2Client; s3: S3Client } {
  const config = {
    endpoint: environment.AWS_ENDPOINT_URL,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
  return { ec2: new EC2Client(config), s3: new S3Client({ ...config, forcePathStyle: true }) };
}

/** Runs a command of landfall to its end, holds its memory against the limit, and returns what it printed. */
async function landfall(...args: string[]): Promise<string> {
  const child = run(...args);
  const peak = watchMemory(child);
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  assert.equal(await exitCode(child), 0, `landfall ${args.join(' ')} failed:\n${output}`);
  report(`landfall ${args.find((arg) => !arg.startsWith('--'))}`, peak());
  return output;
}

/** Without bin/landfall.js in between, so that the process watched is the one that works. */
function run(...args: string[]): ChildProcess {
  return spawn(process.execPath, [...NODE_FLAGS, join(projectFolder, 'cli/main.ts'), ...args], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Samples the kernel's own high-water mark; the last sample before the end is the peak, or very near it. */
function watchMemory(child: ChildProcess): () => number {
  let peakBytes = 0;
  const timer = setInterval(() => {
    readFile(`/proc/${child.pid}/status`, 'utf8').then(
      (status) => {
        peakBytes = Math.max(peakBytes, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
      },
      () => {},
    );
  }, 100);
  child.once('exit', () => clearInterval(timer));
  return () => peakBytes;
}

function report(what: string, peakBytes: number): void {
  console.log(`${what}: ${toMiB(peakBytes)} MiB of memory at most`);
  assert.ok(peakBytes > 0, `the memory of ${what} was not seen`);
  assert.ok(peakBytes < MEMORY_LIMIT_BYTES, `${what} took ${toMiB(peakBytes)} MiB, more than 512`);
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  console.log(`${what}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

function exitCode(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve));
}

function toMiB(bytes: number): number {
  return Math.round(bytes / MIB);
}
