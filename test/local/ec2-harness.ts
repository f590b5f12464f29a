import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EC2 } from '@aws-sdk/client-ec2';
import type { KMS } from '@aws-sdk/client-kms';
import type { ObjectSource } from '../../local/ec2/object-source.ts';
import { type Ec2Service, makeEc2Service } from '../../local/ec2/service.ts';
import type { FaultEffects } from '../../local/faults.ts';
import { makeKmsService } from '../../local/kms/service.ts';
import type { Call, RegionContext, RegionEvent, RegionTime, Service } from '../../local/service.ts';

/** Bytes of the objects that imports read: bucket, key. */
export type Objects = Map<string, Map<string, Uint8Array>>;

export interface TestEc2 {
  /** Every operation under its SDK name, called directly. */
  readonly api: EC2;
  /** The same, with effects that a fault rule would ask for. */
  spoiled(effects: FaultEffects): EC2;
  readonly service: Ec2Service;
  /** What further services of the same region are made with. */
  readonly context: RegionContext;
  /** The keys that this EC2 knows. */
  readonly kms: KMS;
  readonly events: RegionEvent[];
  readonly objects: Objects;
  /** Called before every read of an object, which waits for it. */
  readonly reads: { before: (offset: number) => Promise<void> };
  /** Lets so many simulated seconds pass, and what is due happen. */
  advance(seconds: number): Promise<void>;
  /** Stops the service and opens it again on the same folder. */
  restart(): Promise<TestEc2>;
  close(): Promise<void>;
}

interface ManualTime extends RegionTime {
  advance(seconds: number, settle: () => Promise<void>): Promise<void>;
}

/** A clock that only moves when it is told to. */
function makeManualTime(startMs: number): ManualTime {
  let nowMs = startMs;
  let waiting: { at: number; action: () => void }[] = [];
  return {
    now: () => new Date(nowMs),
    sleep: (seconds) =>
      new Promise((resolve) => waiting.push({ at: nowMs + seconds * 1000, action: resolve })),
    after: (seconds, action) => void waiting.push({ at: nowMs + seconds * 1000, action }),
    async advance(seconds, settle) {
      const end = nowMs + seconds * 1000;
      for (;;) {
        const next = waiting.toSorted((a, b) => a.at - b.at)[0];
        if (!next || next.at > end) break;
        waiting = waiting.filter((each) => each !== next);
        nowMs = next.at;
        next.action();
        await settle();
      }
      nowMs = end;
    },
  };
}

export const START = '2026-11-22T12:00:00.000Z';

function sourceOf(objects: Objects, reads: TestEc2['reads']): ObjectSource {
  return {
    bucketExists: (bucket) => objects.has(bucket),
    async open(bucket, key) {
      const bytes = objects.get(bucket)?.get(key);
      if (!bytes) return undefined;
      return {
        size: bytes.length,
        async *extents() {
          if (bytes.length > 0) yield { offset: 0, length: bytes.length };
        },
        async read(offset, length) {
          await reads.before(offset);
          return bytes.subarray(offset, offset + length);
        },
        close: async () => {},
      };
    },
  };
}

export async function openTestEc2(): Promise<TestEc2> {
  const folder = await mkdtemp(join(tmpdir(), 'landfall-ec2-'));
  return openOn(folder, Date.parse(START), new Map());
}

/** A service's operations as methods of its SDK client, called directly. */
export const apiOf = <Api extends object>({ operations }: Service, effects: FaultEffects): Api =>
  new Proxy({} as Api, {
    get: (_, name) => {
      const operation = `${String(name).charAt(0).toUpperCase()}${String(name).slice(1)}`;
      return async (input: unknown = {}) => {
        const run = operations[operation];
        if (!run) throw new Error(`there is no operation ${operation}`);
        const call: Call = {
          requestId: 'test',
          caller: 'anonymous',
          signal: new AbortController().signal,
          effects,
        };
        return run(input, call);
      };
    },
  });

async function openOn(folder: string, startMs: number, objects: Objects): Promise<TestEc2> {
  const time = makeManualTime(startMs);
  const events: RegionEvent[] = [];
  const reads = { before: async () => {} };
  const context = {
    accountId: '123456789012',
    region: 'us-east-1',
    availabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
    endpoint: 'http://127.0.0.1:4566',
    stateFolder: folder,
    time,
    publish: (event: RegionEvent) => void events.push(event),
  };
  const kms = await makeKmsService(context);
  const service = await makeEc2Service(context, { objects: sourceOf(objects, reads), keys: kms.keys });
  return {
    api: apiOf<EC2>(service, {}),
    spoiled: (effects) => apiOf<EC2>(service, effects),
    service,
    context,
    kms: apiOf<KMS>(kms, {}),
    events,
    objects,
    reads,
    advance: (seconds) => time.advance(seconds, () => service.idle()),
    async restart() {
      await service.stop();
      return openOn(folder, time.now().getTime(), objects);
    },
    async close() {
      await service.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const SUBNET_A = 'subnet-0a11d0000000000a1';
export const SUBNET_B = 'subnet-0a11d0000000000b2';
export const AL2023_X86 = 'ami-0a11d00000a12023a';
export const AL2023_ARM = 'ami-0a11d00000a12023b';
export const UBUNTU = 'ami-0a11d00000b024040';
export const WINDOWS = 'ami-0a11d0000000d2022';
export const DEFAULT_GROUP = 'sg-0a11d0000000000a1';
export const DEFAULT_VPC = 'vpc-0a11d0000000000a1';

/** The code and message that a call fails with. */
export async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      return { code: String(error.code), message: error.message };
    throw error;
  }
  throw new Error('the call succeeded');
}

export const codeOf = async (promise: Promise<unknown>): Promise<string> => (await failure(promise)).code;

/** A running instance of Amazon Linux in us-east-1a. */
export async function runInstance(
  ec2: TestEc2,
  more: Partial<Parameters<EC2['runInstances']>[0]> = {},
): Promise<string> {
  const launch = await ec2.api.runInstances({
    ImageId: AL2023_X86,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    SubnetId: SUBNET_A,
    ...more,
  });
  await ec2.advance(16);
  return launch.Instances?.[0]?.InstanceId ?? '';
}

/** An empty volume that is available, in us-east-1a. */
export async function makeVolume(ec2: TestEc2, sizeGiB = 1): Promise<string> {
  const volume = await ec2.api.createVolume({
    AvailabilityZone: 'us-east-1a',
    Size: sizeGiB,
    VolumeType: 'gp3',
  });
  await ec2.advance(3);
  return volume.VolumeId ?? '';
}

export async function stateOf(ec2: TestEc2, instanceId: string): Promise<string | undefined> {
  const { Reservations } = await ec2.api.describeInstances({ InstanceIds: [instanceId] });
  return Reservations?.[0]?.Instances?.[0]?.State?.Name;
}

export async function volumeOf(ec2: TestEc2, volumeId: string) {
  const { Volumes } = await ec2.api.describeVolumes({ VolumeIds: [volumeId] });
  return Volumes?.[0] ?? {};
}
