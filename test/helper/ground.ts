import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  type DiskState,
  type HelperOrders,
  type HelperReport,
  helperReportSchema,
} from '../../core/model/helper.ts';
import { createRepository, makeS3Store, type Repository } from '../../core/repository/index.ts';
import { type Region, startRegion } from '../../local/region.ts';

export const MIB = 1024 ** 2;
export const INSTANCE = 'i-0123456789abcdef0';
export const CONTROL = 'control-bucket';
export const REPOSITORY = 'repository-bucket';
const FOLDER = `helpers/AROAEXAMPLE:${INSTANCE}/`;
/** How often the programs of tests report: often. */
export const HEARTBEAT_SECONDS = 0.2;
const PROGRAM = new URL('../../helper/main.ts', import.meta.url).pathname;
const DEADLINE_MS = 30_000;

/** A volume of a test: a file, and the link that makes it a device. */
export interface Volume {
  readonly id: string;
  readonly file: string;
  readonly bytes: number;
}

export interface RunningHelper {
  readonly child: ChildProcess;
  /** The exit code, or the signal that killed it. */
  readonly ended: Promise<number | string>;
  output(): string;
}

/** A local region with a repository in its S3, a folder that stands for a helper's devices, and the program itself. */
export interface Ground {
  readonly region: Region;
  readonly s3: S3Client;
  readonly repository: Repository;
  /** Makes a volume of zeros and attaches it. */
  attach(id: string, bytes: number): Promise<Volume>;
  content(volume: Volume): Promise<Buffer>;
  start(...args: string[]): RunningHelper;
  order(orders: Omit<HelperOrders, 'version' | 'restoreId' | 'attempt' | 'repository'>): Promise<void>;
  put(name: string, text: string): Promise<void>;
  takeOrdersAway(): Promise<void>;
  report(): Promise<HelperReport | undefined>;
  /** Waits for a report that is as wanted. */
  reported(isWanted: (report: HelperReport) => boolean): Promise<HelperReport>;
  diskState(id: string): Promise<DiskState | undefined>;
  /** Keys of the packs that were read since the log was cleared. */
  packsRead(): string[];
  stop(): Promise<void>;
}

export async function makeGround(): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'landfall-helper-'));
  const devices = join(folder, 'devices');
  await mkdir(devices);
  const region = await startRegion({ stateFolder: join(folder, 'region'), port: 0 });
  const s3 = new S3Client({
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    forcePathStyle: true,
  });
  for (const Bucket of [CONTROL, REPOSITORY]) await s3.send(new CreateBucketCommand({ Bucket }));
  const repository = await createRepository(makeS3Store({ client: s3, bucket: REPOSITORY, prefix: 'main' }));
  const children: RunningHelper[] = [];

  const read = async (name: string): Promise<string | undefined> => {
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: CONTROL, Key: FOLDER + name }));
      return await Body?.transformToString();
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  };
  const put = async (name: string, text: string) => {
    await s3.send(new PutObjectCommand({ Bucket: CONTROL, Key: FOLDER + name, Body: text }));
  };
  const report = async () => {
    const text = await read('report.json');
    return text === undefined ? undefined : helperReportSchema.parse(JSON.parse(text));
  };
  return {
    ...{ region, s3, repository, put, report },
    async attach(id, bytes) {
      const file = join(folder, `${id}.img`);
      const handle = await open(file, 'w');
      await handle.truncate(bytes);
      await handle.close();
      await symlink(file, join(devices, id.replace('-', '')));
      return { id, file, bytes };
    },
    content: ({ file }) => readFile(file),
    start(...args) {
      const helper = startProgram(region, [
        ...['--folder', `s3://${CONTROL}/${FOLDER}`, '--instance-id', INSTANCE, '--devices', devices],
        ...['--heartbeat-seconds', String(HEARTBEAT_SECONDS), ...args],
      ]);
      children.push(helper);
      return helper;
    },
    order: (orders) =>
      put(
        'orders.json',
        JSON.stringify({
          ...{ version: 1, restoreId: 'restore-1', attempt: 1, repository: `s3://${REPOSITORY}/main` },
          ...orders,
        } satisfies HelperOrders),
      ),
    async takeOrdersAway() {
      await s3.send(new DeleteObjectCommand({ Bucket: CONTROL, Key: `${FOLDER}orders.json` }));
    },
    async reported(isWanted) {
      let last: HelperReport | undefined;
      await until(
        async () => {
          last = await report();
          return last !== undefined && isWanted(last);
        },
        () =>
          `no such report; the last one is ${JSON.stringify(last)}; the program said\n${children.at(-1)?.output()}`,
      );
      if (!last) throw new Error('there is no report');
      return last;
    },
    async diskState(id) {
      const text = await read(`disks/${id}.json`);
      return text === undefined ? undefined : JSON.parse(text);
    },
    packsRead: () =>
      region.calls
        .entries({ service: 's3', operation: 'GetObject' })
        .flatMap(({ resources }) => resources.filter((name) => name.includes('/packs/'))),
    async stop() {
      for (const { child, ended } of children) {
        child.kill('SIGKILL');
        await ended;
      }
      s3.destroy();
      await region.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startProgram(region: Region, args: readonly string[]): RunningHelper {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: {
      PATH: process.env.PATH,
      AWS_ENDPOINT_URL: region.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: INSTANCE,
      AWS_SECRET_ACCESS_KEY: 'test',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  return { child, ended, output: () => output };
}

/** Waits until the condition holds. */
export async function until(holds: () => Promise<boolean> | boolean, say: () => string): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(say());
    await sleep(20);
  }
}

export const orderOf = (id: string, volume: Volume, diskBytes: number): HelperOrders['disks'][number] => ({
  ...{ id, diskBytes, volumeId: volume.id, volumeBytes: volume.bytes },
});
