/**
 * How fast the program of the helper appliance is on this machine: `node bench/helper.ts [--gib N] [--disks 1,16] [--read-back all] [--flags '…']`
 * makes a repository in a local region's S3 and has the real program write it onto files. Half of every disk is data. The
 * program is a process of its own, so what it takes is told apart from what the simulated S3, which is this process, takes.
 */
import { spawn } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm, symlink } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  type HelperOrders,
  type HelperReport,
  helperReportSchema,
  readBackSchema,
} from '../core/model/helper.ts';
import { parseDiskId, parseWorkloadName } from '../core/model/ids.ts';
import { workloadSchema } from '../core/model/manifest.ts';
import { backUp, createRepository, makeS3Store, type Repository } from '../core/repository/index.ts';
import { type Region, startRegion } from '../local/region.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const CHUNK = 4 * MIB;
const BUCKET = 'bench';
const FOLDER = 'helpers/AROABENCH:i-0123456789abcdef0/';
const PROGRAM = new URL('../helper/main.ts', import.meta.url).pathname;
/** Clock ticks of /proc/<pid>/stat: 100 a second on every Linux that Node runs on. */
const TICKS = 100;

const { values } = parseArgs({
  options: {
    gib: { type: 'string', default: '4' },
    disks: { type: 'string', default: '1,16' },
    'read-back': { type: 'string', default: 'sample' },
    flags: { type: 'string', default: '--max-semi-space-size=4' },
    threads: { type: 'string', default: '8' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const totalBytes = Number(values.gib) * GIB;
const readBack = readBackSchema.parse(values['read-back']);

/** 4 MiB that zstd makes about 2.8 times smaller, as it does with ordinary disks. */
function makeContent(seed: number): Buffer {
  const content = Buffer.alloc(CHUNK, `/usr/lib/landfall/${seed}/some text that repeats itself `);
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16, seed >> 8));
  const random = noise.update(Buffer.alloc(CHUNK));
  for (let at = 0; at < CHUNK; at += 4096) random.copy(content, at, at, at + 1400);
  return content;
}

/** A disk whose every other 4 MiB is data. */
const sourceOf = (size: number, nth: number) => ({
  size,
  async read(offset: number, length: number) {
    const chunk = Math.floor(offset / CHUNK);
    const within = offset - chunk * CHUNK;
    return chunk % 2 === 0
      ? makeContent(nth * 100_000 + chunk).subarray(within, within + length)
      : Buffer.alloc(length);
  },
});

interface Bench {
  readonly region: Region;
  readonly s3: S3Client;
  readonly repository: Repository;
  readonly folder: string;
}

/** Backs up so many disks, makes their volumes, and answers the orders. */
async function prepare({ repository, folder }: Bench, count: number): Promise<HelperOrders> {
  const diskBytes = Math.floor(totalBytes / count / CHUNK) * CHUNK;
  const { restorePoint } = await backUp(repository, {
    workload: workloadSchema.parse({
      ...{ name: parseWorkloadName(`bench-${count}`), kind: 'ec2', platform: 'linux' },
      architecture: 'x86_64',
    }),
    time: new Date('2026-01-01T00:00:00Z'),
    segmentBytes: 128 * MIB,
    disks: Array.from({ length: count }, (_, nth) => ({
      ...{ id: parseDiskId(`disk-${nth}`), boot: nth === 0, source: sourceOf(diskBytes, nth) },
    })),
  });
  await rm(join(folder, 'devices'), { recursive: true, force: true });
  await mkdir(join(folder, 'devices'));
  const disks: HelperOrders['disks'] = [];
  for (let nth = 0; nth < count; nth += 1) {
    const volumeId = `vol-0${nth.toString(16).padStart(2, '0')}`;
    const file = join(folder, `${volumeId}.img`);
    const handle = await open(file, 'w');
    await handle.truncate(diskBytes);
    await handle.close();
    await symlink(file, join(folder, 'devices', volumeId.replace('-', '')));
    disks.push({ id: `disk-${nth}`, volumeId, diskBytes, volumeBytes: diskBytes });
  }
  const repositoryUrl = `s3://${BUCKET}/main`;
  return {
    ...{
      version: 1,
      restoreId: 'bench',
      attempt: 1,
      repository: repositoryUrl,
      restorePoint,
      readBack,
      disks,
    },
  };
}

async function readReport({ s3 }: Bench): Promise<HelperReport | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: `${FOLDER}report.json` }));
    return helperReportSchema.parse(JSON.parse((await Body?.transformToString()) ?? ''));
  } catch {
    return undefined;
  }
}

async function waitFor(bench: Bench, states: readonly HelperReport['state'][]): Promise<HelperReport> {
  for (;;) {
    const report = await readReport(bench);
    if (report?.state === 'failed') throw new Error(JSON.stringify(report.error));
    if (report && states.includes(report.state)) return report;
    await sleep(20);
  }
}

/** Seconds of processor that a process has taken, and the most memory it had. */
async function spentBy(pid: number): Promise<{ cpuSeconds: number; peakBytes: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may hold anything: the 12th and 13th field are its user and system time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const peakKib = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
    peakBytes: Number(peakKib) * 1024,
  };
}

async function measure(bench: Bench, count: number): Promise<void> {
  const orders = await prepare(bench, count);
  const key = (name: string) => ({ Bucket: BUCKET, Key: `${FOLDER}${name}` });
  for (const name of ['report.json', ...orders.disks.map(({ id }) => `disks/${id}.json`)]) {
    await bench.s3.send(new DeleteObjectCommand(key(name)));
  }
  const args = ['--folder', `s3://${BUCKET}/${FOLDER}`, '--instance-id', 'i-0123456789abcdef0'];
  const child = spawn(
    process.execPath,
    [
      ...values.flags.split(' ').filter(Boolean),
      ...[PROGRAM, ...args, '--devices', join(bench.folder, 'devices'), '--heartbeat-seconds', '1'],
    ],
    {
      env: {
        ...{ PATH: process.env.PATH, AWS_ENDPOINT_URL: bench.region.endpoint, AWS_REGION: 'us-east-1' },
        ...{ AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench' },
        ...{ UV_THREADPOOL_SIZE: values.threads, MALLOC_ARENA_MAX: '2' },
      },
      stdio: 'ignore',
    },
  );
  const { pid = 0 } = child;
  await waitFor(bench, ['ready']);
  const idle = await spentBy(pid);
  const own = process.cpuUsage();
  const started = performance.now();
  await bench.s3.send(new PutObjectCommand({ ...key('orders.json'), Body: JSON.stringify(orders) }));
  const report = await waitFor(bench, ['done']);
  // Without the wait for the next look for orders.
  const begun = Math.min(...report.disks.map(({ startedAt }) => Date.parse(startedAt ?? '')));
  const ended = Math.max(...report.disks.map(({ endedAt }) => Date.parse(endedAt ?? '')));
  const seconds = (ended - begun) / 1000;
  const wall = (performance.now() - started) / 1000;
  const spent = await spentBy(pid);
  const { user, system } = process.cpuUsage(own);
  const gone = new Promise((resolve) => child.once('close', resolve));
  await bench.s3.send(new DeleteObjectCommand(key('orders.json')));
  await gone;
  tell({
    count,
    report,
    seconds,
    wall,
    cpu: spent.cpuSeconds - idle.cpuSeconds,
    peak: spent.peakBytes,
    own: (user + system) / 1e6,
  });
}

interface Figures {
  readonly count: number;
  readonly report: HelperReport;
  readonly seconds: number;
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
  readonly own: number;
}

function tell({ count, report, seconds, wall, cpu, peak, own }: Figures): void {
  const sum = (field: 'writtenBytes' | 'readBackBytes') =>
    report.disks.reduce((bytes, disk) => bytes + disk[field], 0);
  const written = sum('writtenBytes');
  const gib = written / GIB;
  console.log(
    [
      `${String(count).padStart(2)} ${count === 1 ? 'disk ' : 'disks'}`,
      `${(written / MIB / seconds).toFixed(0).padStart(5)} MiB/s written`,
      `${(cpu / gib).toFixed(2)} CPU s per GiB`,
      `${(cpu / wall).toFixed(2)} cores`,
      `peak ${(peak / MIB).toFixed(0)} MiB`,
      `read back ${(sum('readBackBytes') / MIB).toFixed(0)} MiB`,
      `simulated S3: ${(own / gib).toFixed(2)} CPU s per GiB, ${(own / wall).toFixed(2)} cores`,
    ].join('; '),
  );
}

const folder = await mkdtemp(join(values.folder, 'landfall-bench-'));
const region = await startRegion({ stateFolder: join(folder, 'region'), port: 0 });
const s3 = new S3Client({
  ...{ endpoint: region.endpoint, region: 'us-east-1', forcePathStyle: true },
  credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
});
try {
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const repository = await createRepository(makeS3Store({ client: s3, bucket: BUCKET, prefix: 'main' }));
  console.log(`${values.gib} GiB, half of it data; ${cpus().length} cores, shared with the simulated S3`);
  for (const count of values.disks.split(','))
    await measure({ region, s3, repository, folder }, Number(count));
} finally {
  s3.destroy();
  await region.stop();
  await rm(folder, { recursive: true, force: true });
}
