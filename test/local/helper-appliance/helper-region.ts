import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EC2, type RunInstancesRequest } from '@aws-sdk/client-ec2';
import { S3 } from '@aws-sdk/client-s3';
import * as tar from 'tar';
import { z } from 'zod';
import { type Region, startRegion } from '../../../local/region.ts';

/** A region with a bundle of the fake program, and what its tests ask of it. */
export interface HelperRegion {
  region: Region;
  ec2: EC2;
  s3: S3;
  readonly folder: string;
  readonly bundle: { readonly url: string; readonly sha256: string };
  /** Launches an instance with the header of a helper, changed as told; returns its id. */
  launch(header?: Readonly<Record<string, unknown>>, more?: Partial<RunInstancesRequest>): Promise<string>;
  /** What the fake program told last. */
  report(instanceId: string, kind?: string): Promise<FakeReport>;
  command(instanceId: string, command: string): Promise<void>;
  stateOf(instanceId: string): Promise<string | undefined>;
  consoleOf(instanceId: string): Promise<string>;
  /** An available volume in the first zone. */
  makeVolume(): Promise<string>;
  stateOfVolume(volumeId: string): Promise<string>;
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

const reportSchema = z.object({
  pid: z.number(),
  args: z.array(z.string()),
  nodeOptions: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  devices: z.record(z.string(), z.string()),
  open: z.array(z.string()),
});
export type FakeReport = z.infer<typeof reportSchema>;

const CONTROL = 'helper-control';
const PROFILE = 'helper-profile';
export const ROLE_ID = 'AROA0000000000HELPER0';
export const DEADLINE = '2099-01-01T00:00:00Z';
export const ARM_IMAGE = 'ami-0a11d00000a12023b';
export const SUBNET = 'subnet-0a11d0000000000a1';

export async function startHelperRegion(): Promise<HelperRegion> {
  const folder = await mkdtemp(join(tmpdir(), 'landfall-helpers-'));
  const archive = await makeBundle(folder);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const url = `s3://helper-assets/${sha256}.tar.gz`;
  const stateFolder = join(folder, 'state');
  const start = async () => {
    const region = await startRegion({ stateFolder, port: 0, timeScale: 0.002, lambdaWorkers: 1 });
    const config = {
      endpoint: region.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    };
    return { region, ec2: new EC2(config), s3: new S3(config) };
  };
  const running = await start();
  await running.region.services.iam.putInstanceProfile({
    name: PROFILE,
    arn: `arn:aws:iam::123456789012:instance-profile/${PROFILE}`,
    roles: ['helper-role'],
  });
  await running.s3.createBucket({ Bucket: 'helper-assets' });
  await running.s3.createBucket({ Bucket: CONTROL });
  await running.s3.putObject({ Bucket: 'helper-assets', Key: `${sha256}.tar.gz`, Body: archive });

  const at = (instanceId: string, kind: string) => `${kind}/${ROLE_ID}:${instanceId}/`;
  const self: HelperRegion = {
    ...running,
    folder,
    bundle: { url, sha256 },
    async launch(header = {}, more = {}) {
      const content = {
        version: 1,
        bundle: url,
        sha256,
        folder: `s3://${CONTROL}/${header.kind ?? 'helpers'}/${ROLE_ID}:{instance-id}/`,
        region: 'us-east-1',
        deadline: DEADLINE,
        ...header,
      };
      const { kind: _kind, ...written } = { kind: undefined, ...content };
      const script = `#!/bin/bash\n# landfall-helper ${JSON.stringify(written)}\nset -eu\n`;
      const { Instances } = await self.ec2.runInstances({
        ImageId: ARM_IMAGE,
        InstanceType: 'c7g.large',
        MinCount: 1,
        MaxCount: 1,
        SubnetId: SUBNET,
        IamInstanceProfile: { Name: PROFILE },
        InstanceInitiatedShutdownBehavior: 'terminate',
        UserData: Buffer.from(script).toString('base64'),
        ...more,
      });
      return Instances?.[0]?.InstanceId ?? '';
    },
    async report(instanceId, kind = 'helpers') {
      const where = { Bucket: CONTROL, Key: `${at(instanceId, kind)}report.json` };
      const text = await present(`a report of ${instanceId}`, async () => {
        const answer = await self.s3.getObject(where).catch(() => undefined);
        return answer?.Body?.transformToString();
      });
      return reportSchema.parse(JSON.parse(text));
    },
    async command(instanceId, command) {
      const Key = `${at(instanceId, 'helpers')}commands.txt`;
      await self.s3.putObject({ Bucket: CONTROL, Key, Body: command });
    },
    async stateOf(instanceId) {
      const { Reservations } = await self.ec2.describeInstances({ InstanceIds: [instanceId] });
      return Reservations?.[0]?.Instances?.[0]?.State?.Name;
    },
    async consoleOf(instanceId) {
      const { Output = '' } = await self.ec2.getConsoleOutput({ InstanceId: instanceId, Latest: true });
      return Buffer.from(Output, 'base64').toString('utf8');
    },
    async makeVolume() {
      const { VolumeId = '' } = await self.ec2.createVolume({ AvailabilityZone: 'us-east-1a', Size: 1 });
      await present(`${VolumeId} available`, async () =>
        (await self.stateOfVolume(VolumeId)) === 'available' ? true : undefined,
      );
      return VolumeId;
    },
    async stateOfVolume(volumeId) {
      const { Volumes } = await self.ec2.describeVolumes({ VolumeIds: [volumeId] });
      const { State = '', Attachments } = Volumes?.[0] ?? {};
      return Attachments?.[0]?.State ?? State;
    },
    async restart() {
      await self.region.stop();
      Object.assign(self, await start());
    },
    async dispose() {
      await self.region.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return self;
}

export const POLL = { timeout: 20_000, interval: 20 };

/** Asks until there is an answer. Not `expect.poll`: a region in a process of its own has no test around it. */
async function present<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + POLL.timeout;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${POLL.timeout} ms`);
    await sleep(POLL.interval);
  }
}

const UNIT = `[Service]
EnvironmentFile=/run/landfall-helper/environment
# Environment=COMMENTED=1
Environment=UV_THREADPOOL_SIZE=8
Environment=MALLOC_ARENA_MAX=2
ExecStart=/opt/landfall-helper/bin/node --max-semi-space-size=4 --no-warnings /opt/landfall-helper/landfall-helper.mjs --folder \${X}
`;

/** A bundle as the stack would have one, with the fake program in it. */
async function makeBundle(folder: string): Promise<Buffer> {
  const top = join(folder, 'landfall-helper');
  await mkdir(join(top, 'bin'), { recursive: true });
  await copyFile(new URL('fake-program.mjs', import.meta.url), join(top, 'landfall-helper.mjs'));
  await writeFile(join(top, 'bin', 'node'), 'not for this machine');
  await writeFile(join(top, 'landfall-helper.service'), UNIT);
  const file = join(folder, 'bundle.tar.gz');
  await tar.create({ gzip: true, file, cwd: folder }, ['landfall-helper']);
  return readFile(file);
}

/** Whether a process is there; one that has ended and was not waited for counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
