import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
} from '@aws-sdk/client-ec2';
import { GetObjectCommand, ListObjectsV2Command, NoSuchKey } from '@aws-sdk/client-s3';
import { makeRestoreBench, type RestoreBench, type TestDisk } from './restore-bench.ts';

/** A bench for restores with a helper appliance, of which several may run at once. */
export interface HelperBench extends RestoreBench {
  request(restorePoint: string, more?: object): Record<string, unknown>;
  /** Backs a machine up under a name of its own, and tells which packs came into the repository meanwhile. */
  backUpApart(
    name: string,
    disks: readonly TestDisk[],
  ): Promise<{ restorePoint: string; packs: ReadonlySet<string> }>;
  /** The id of a restore's helper, by its record: EC2 soon forgets what has ended. Undefined where none was launched. */
  helperOf(restoreId: string, generation: 1 | 2): Promise<string | undefined>;
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

// Shorter, and the loops would count more time than a Node process needs to start.
const WAIT_MS = 50;

export async function makeHelperBench(assemblyFolder: string): Promise<HelperBench> {
  const bench = await makeRestoreBench(assemblyFolder, { waitMs: WAIT_MS });
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

  return {
    ...bench,
    request: (restorePoint, more = {}) => ({
      restorePoint,
      strategy: 'helper',
      target: { instanceType: 'm6i.large', subnetId: bench.subnetId },
      ...more,
    }),
    backUpApart: async (name, disks) => {
      const before = new Set(await packs());
      const restorePoint = await bench.backUp(disks, { name });
      return { restorePoint, packs: new Set((await packs()).filter((key) => !before.has(key))) };
    },
    helperOf: async (restoreId, generation) => {
      const entry = await record(`restores/${restoreId}/1/ledger/instance/helper-${generation}.json`);
      return entry?.resourceId;
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

const UNTIL_MS = 45_000;

/** Waits for what other processes do; unlike expect.poll also where several tests run at once. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + UNTIL_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}
