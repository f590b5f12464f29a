import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, GetObjectCommand, NoSuchKey, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  type DiskState,
  diskStateSchema,
  type HelperOrders,
  type HelperReport,
  helperReportSchema,
} from '../../core/model/helper.ts';
import { CONTROL, type Ground, REPOSITORY, until } from './ground.ts';

/** A volume of a test: a file, and the link that makes it a device. */
export interface Volume {
  readonly id: string;
  readonly file: string;
  readonly bytes: number;
}

export interface RunningProgram {
  readonly child: ChildProcess;
  /** The exit code, or the signal that killed it. */
  readonly ended: Promise<number | string>;
  output(): string;
}

/** What stands for a helper's machine: a folder of the control bucket, a folder of devices, and the real program. */
export interface Appliance {
  readonly instanceId: string;
  /** Key of one of its objects. */
  key(name: string): string;
  /** Makes a volume of zeros and attaches it. */
  attach(id: string, bytes: number): Promise<Volume>;
  detach(volume: Volume): Promise<void>;
  start(...args: string[]): RunningProgram;
  order(orders: Pick<HelperOrders, 'restorePoint' | 'readBack' | 'disks'>): Promise<void>;
  takeOrdersAway(): Promise<void>;
  put(name: string, value: unknown): Promise<void>;
  report(): Promise<HelperReport | undefined>;
  /** Waits for a report in one of these states. */
  reported(...states: HelperReport['state'][]): Promise<HelperReport>;
  diskState(diskId: string): Promise<DiskState | undefined>;
  kill(): Promise<void>;
}

/** How often the programs of tests report: often. */
export const HEARTBEAT_SECONDS = 0.2;
const PROGRAM = new URL('../../helper/main.ts', import.meta.url).pathname;

export async function makeAppliance({ folder, region, s3 }: Ground): Promise<Appliance> {
  const instanceId = `i-0${randomBytes(8).toString('hex')}`;
  const machine = join(folder, instanceId);
  const devices = join(machine, 'devices');
  await mkdir(devices, { recursive: true });
  const running: RunningProgram[] = [];
  const key = (name: string) => `helpers/AROAEXAMPLE:${instanceId}/${name}`;
  const link = (id: string) => join(devices, id.replace('-', ''));

  const read = async (name: string): Promise<unknown> => {
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: CONTROL, Key: key(name) }));
      return JSON.parse((await Body?.transformToString()) ?? '');
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  };
  const put = async (name: string, value: unknown) => {
    const Body = typeof value === 'string' ? value : JSON.stringify(value);
    await s3.send(new PutObjectCommand({ Bucket: CONTROL, Key: key(name), Body }));
  };
  const report = async () => helperReportSchema.optional().parse(await read('report.json'));
  return {
    ...{ instanceId, key, put, report },
    async attach(id, bytes) {
      const file = join(machine, `${id}.img`);
      const handle = await open(file, 'w');
      await handle.truncate(bytes);
      await handle.close();
      await symlink(file, link(id));
      return { id, file, bytes };
    },
    detach: ({ id }) => unlink(link(id)),
    start(...args) {
      const program = startProgram(
        [
          ...['--folder', `s3://${CONTROL}/${key('')}`, '--instance-id', instanceId, '--devices', devices],
          ...['--heartbeat-seconds', String(HEARTBEAT_SECONDS), ...args],
        ],
        { endpoint: region.endpoint, instanceId },
      );
      running.push(program);
      return program;
    },
    order: (orders) =>
      put('orders.json', {
        ...{ version: 1, restoreId: 'restore-1', attempt: 1, repository: `s3://${REPOSITORY}/main` },
        ...orders,
      } satisfies HelperOrders),
    async takeOrdersAway() {
      await s3.send(new DeleteObjectCommand({ Bucket: CONTROL, Key: key('orders.json') }));
    },
    async reported(...states) {
      const last: { report?: HelperReport | undefined } = {};
      const isThere = async () => {
        last.report = await report();
        return last.report !== undefined && states.includes(last.report.state);
      };
      const said = () => running.map((program) => program.output()).join('\n');
      await until(
        isThere,
        () => `the last report is ${JSON.stringify(last.report)}; the program said\n${said()}`,
      );
      if (!last.report) throw new Error('there is no report');
      return last.report;
    },
    diskState: async (diskId) => diskStateSchema.optional().parse(await read(`disks/${diskId}.json`)),
    async kill() {
      for (const { child, ended } of running) {
        child.kill('SIGKILL');
        await ended;
      }
    },
  };
}

function startProgram(
  args: readonly string[],
  { endpoint, instanceId }: { endpoint: string; instanceId: string },
): RunningProgram {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: {
      PATH: process.env.PATH,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: instanceId,
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

export const content = ({ file }: Volume): Promise<Buffer> => readFile(file);

/** Changes one byte behind everyone's back. */
export async function flip({ file }: Volume, offset: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, offset);
    await handle.write(Buffer.of((byte[0] ?? 0) ^ 0x10), 0, 1, offset);
  } finally {
    await handle.close();
  }
}

export const orderOf = (id: string, volume: Volume, diskBytes: number): HelperOrders['disks'][number] => ({
  ...{ id, diskBytes, volumeId: volume.id, volumeBytes: volume.bytes },
});
