import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
} from '@aws-sdk/client-ec2';
import { GetObjectCommand, ListObjectsV2Command, NoSuchKey } from '@aws-sdk/client-s3';
import type { Region } from '../../local/region.ts';
import { makeRestoreBench, type RestoreBench, type TestDisk } from './restore-bench.ts';

/** A bench for restores with a helper appliance, of which several may run at once. */
export interface HelperBench extends RestoreBench {
  request(restorePoint: string, more?: object): Record<string, unknown>;
  /**
   * Backs a machine up under the restore's name, starts the restore, and waits until its helper is held at a read of a
   * pack of this back-up.
   */
  startHeld(restoreId: string, disks: readonly TestDisk[]): Promise<HeldRestore>;
  /** How many segments of a disk a restore's first helper has noted as finished. */
  finishedSegments(restoreId: string, diskId: string): Promise<number>;
  /** The id of a restore's helper, by its record: EC2 soon forgets what has ended. Empty where none was launched. */
  helperOf(restoreId: string, generation: 1 | 2): Promise<string>;
  /** Ids of what is tagged as a restore's own, terminated instances left out. */
  ownedBy(restoreId: string): Promise<string[]>;
  /** What a helper read of packs, each as `key range`. */
  packReadsOf(instanceId: string): string[];
  /** Ends the process of a helper's program from outside, as a machine that hangs. */
  killHelper(instanceId: string): Promise<void>;
  /** A record of the control bucket as JSON; undefined where there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: read as the JSON it is, not through the types that made it
  record(key: string): Promise<any>;
}

export interface HeldRestore {
  readonly executionArn: string;
  readonly first: HeldRead;
  /** Holds one more read of the packs. */
  hold(): HeldRead;
}

export interface HeldRead {
  /** What is held, as `key range`. */
  read(): string;
  isHeld(): Promise<void>;
  release(): void;
}

// Shorter, and the loops would count more time than a Node process needs to start.
const WAIT_MS = 25;
// Several restores and their helpers share the machine.
const ENDED_MS = 100_000;

export async function makeHelperBench(assemblyFolder: string): Promise<HelperBench> {
  const bench = await makeRestoreBench(assemblyFolder, { waitMs: WAIT_MS, endedMs: ENDED_MS });
  const { ec2, s3, outputs, region, repositoryBucket } = bench;

  const packs = async (): Promise<string[]> => {
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket: repositoryBucket, Prefix: 'packs/' }),
    );
    return Contents.map(({ Key }) => String(Key));
  };
  // biome-ignore lint/suspicious/noExplicitAny: read as the JSON it is
  const record = async (key: string): Promise<any> => {
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: outputs.ControlBucket, Key: key }));
      return JSON.parse((await Body?.transformToString()) ?? '');
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  };

  const request = (restorePoint: string, more: object = {}) => ({
    restorePoint,
    strategy: 'helper',
    target: { instanceType: 'm6i.large', subnetId: bench.subnetId },
    ...more,
  });

  let backUps: Promise<unknown> = Promise.resolve();
  /** One after the other, so that new packs are this back-up's. */
  const oneByOne = <T>(work: () => Promise<T>): Promise<T> => {
    const done = backUps.then(work);
    backUps = done.catch(() => undefined);
    return done;
  };
  const backUp: RestoreBench['backUp'] = (...machine) => oneByOne(() => bench.backUp(...machine));
  const backUpApart = (name: string, disks: readonly TestDisk[]) =>
    oneByOne(async () => {
      const before = new Set(await packs());
      // Under a name of its own, so that no other back-up reads its packs.
      const restorePoint = await bench.backUp(disks, { name });
      return { restorePoint, packs: new Set((await packs()).filter((key) => !before.has(key))) };
    });

  return {
    ...bench,
    backUp,
    request,
    startHeld: async (restoreId, disks) => {
      const { restorePoint, packs: added } = await backUpApart(restoreId, disks);
      const hold = () => holdPackRead(region, added);
      const first = hold();
      const executionArn = await bench.start(request(restorePoint), restoreId);
      await first.isHeld();
      return { executionArn, first, hold };
    },
    finishedSegments: async (restoreId, diskId) => {
      const { strategy } = await record(`restores/${restoreId}/1/plan.json`);
      const { resourceId } = await record(`restores/${restoreId}/1/ledger/instance/helper-1.json`);
      const state = await record(`helpers/${strategy.roleId}:${resourceId}/disks/${diskId}.json`);
      const bits = [...Buffer.from(state?.finished ?? '', 'base64')];
      return bits.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    },
    helperOf: async (restoreId, generation) => {
      const entry = await record(`restores/${restoreId}/1/ledger/instance/helper-${generation}.json`);
      return entry?.resourceId ?? '';
    },
    ownedBy: async (restoreId) => {
      const Filters = [{ Name: 'tag:landfall:restore', Values: [restoreId] }];
      const [instances, volumes, snapshots, images, groups] = await Promise.all([
        ec2.send(new DescribeInstancesCommand({ Filters })),
        ec2.send(new DescribeVolumesCommand({ Filters })),
        ec2.send(new DescribeSnapshotsCommand({ Filters })),
        ec2.send(new DescribeImagesCommand({ Filters })),
        ec2.send(new DescribeSecurityGroupsCommand({ Filters })),
      ]);
      return [
        ...(instances.Reservations ?? [])
          .flatMap(({ Instances = [] }) => Instances)
          .filter(({ State }) => State?.Name !== 'terminated')
          .map(({ InstanceId }) => InstanceId),
        ...(volumes.Volumes ?? []).map(({ VolumeId }) => VolumeId),
        ...(snapshots.Snapshots ?? []).map(({ SnapshotId }) => SnapshotId),
        ...(images.Images ?? []).map(({ ImageId }) => ImageId),
        ...(groups.SecurityGroups ?? []).map(({ GroupId }) => GroupId),
      ]
        .map(String)
        .sort();
    },
    packReadsOf: (instanceId) =>
      region.calls
        .entries({ service: 's3', operation: 'GetObject', caller: instanceId })
        .filter(({ input }) => String(input?.Key).startsWith('packs/'))
        .map(({ input }) => `${input?.Key} ${input?.Range}`),
    killHelper: async (instanceId) => {
      const program = region.services.ec2.helperProcess(instanceId);
      if (!program) throw new Error(`helper ${instanceId} runs no program`);
      process.kill(program.pid, 'SIGKILL');
      await until('the program is dead', () => region.services.ec2.helperProcess(instanceId) === undefined);
    },
    record,
  };
}

/** Holds one read of these packs. */
function holdPackRead(region: Region, packs: ReadonlySet<string>): HeldRead {
  let read = '';
  const fault = region.faults.add({
    service: 's3',
    operation: 'GetObject',
    when: ({ Key, Range }) => {
      if (!packs.has(String(Key))) return false;
      if (read === '') read = `${Key} ${Range}`;
      return true;
    },
    action: { kind: 'hold' },
  });
  return {
    read: () => read,
    isHeld: () => until('a read is held', () => fault.holding === 1),
    release: () => fault.release(),
  };
}

const UNTIL_MS = 45_000;

/** Waits for what other processes do; unlike expect.poll also where several tests run at once. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + UNTIL_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}
