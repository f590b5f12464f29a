import {
  DescribeImportImageTasksCommand,
  DescribeVolumesCommand,
  GetInstanceUefiDataCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RestoreResult } from '../../core/model/restore-record.ts';
import { readStart } from '../cli/support.ts';
import { bootDisk } from '../support/boot-disk.ts';
import { describeInstance } from '../support/compare-restores.ts';
import { type HelperBench, makeHelperBench, until } from '../support/helper-bench.ts';
import { type Ended, isRestored, MIB, sparseDisk, type TestDisk } from '../support/restore-bench.ts';

const STRATEGIES = ['helper', 'upload', 'direct'] as const;
type Strategy = (typeof STRATEGIES)[number];

interface Row {
  /** What its restore point says of the machine, beside what every machine's says. */
  readonly machine: object;
  readonly disks: readonly TestDisk[];
  /** Beside the subnet. */
  readonly target: object;
  readonly more?: object;
  /** What is to be seen of the instance; undefined where there is none. */
  readonly instance?: object;
  /** In the disks' order. */
  readonly devices?: readonly string[];
  /** Aliases of the volumes' keys, in the disks' order. */
  readonly keys?: readonly string[];
  readonly uefiData?: string;
  readonly isImported?: true;
  /** How it ends: restored, or refused by the plan with this. */
  readonly by: Readonly<Record<Strategy, string>>;
}

const RESTORED = 'restored';
const BY_ALL = { helper: RESTORED, upload: RESTORED, direct: RESTORED };
const byNone = (reason: string) => ({ helper: reason, upload: reason, direct: reason });

const root = bootDisk('root', 9 * MIB + 512);
const data = sparseDisk('data', 3 * MIB, { deviceName: '/dev/sdf' });
const windowsData = { ...data, deviceName: 'xvdf' };
const manyDisks = (count: number) => [
  sparseDisk('root', 2 * MIB, { boot: true }),
  ...Array.from({ length: count - 1 }, (_, index) => sparseDisk(`data-${index}`, 2 * MIB)),
];

const WINDOWS = { platform: 'windows', operatingSystem: 'Windows Server 2022', rootDeviceName: '/dev/sda1' };
const WINDOWS_BILLED = { ...WINDOWS, bootMode: 'legacy-bios', usageOperation: 'RunInstances:0002' };
const ARM64 = { architecture: 'arm64', bootMode: 'uefi' };
const UEFI_DATA = 'QU1aTlVFRkmjnFZZAAAAAHj5a7fZ9+lXDHAmxA==';
const TPM = { bootMode: 'uefi', tpmSupport: 'v2.0', uefiData: UEFI_DATA };
const VMWARE = {
  kind: 'vmware',
  operatingSystem: 'Ubuntu 22.04',
  bootMode: 'uefi',
  usageOperation: undefined,
  rootDeviceName: undefined,
};
const ENCRYPTED = [
  { id: 'root', kmsKeyId: 'alias/of-root' },
  { id: 'data', kmsKeyId: 'alias/of-data' },
];
const M6I = { instanceType: 'm6i.large' };
const STAYS_OFF = { ...M6I, powerOn: false };
const RUNS = { State: { Name: 'running' }, InstanceType: 'm6i.large', Architecture: 'x86_64' };
const IS_OFF = { ...RUNS, State: { Name: 'stopped' } };
const TWO_DEVICES = ['/dev/xvda', '/dev/sdf'];
const SNAPSHOTS_ENCRYPTED =
  'disks will be encrypted, and AWS does not say that VM Import takes encrypted snapshots. Use strategy upload';

// Each line is a workload; what its restore comes to by each strategy is its last word.
const TABLE: Readonly<Record<string, Row>> = {
  'EC2 Linux': {
    machine: {},
    disks: [root, data],
    target: M6I,
    instance: {
      ...RUNS,
      BootMode: 'uefi-preferred',
      UsageOperation: 'RunInstances',
      RootDeviceName: '/dev/xvda',
    },
    devices: TWO_DEVICES,
    by: BY_ALL,
  },
  'EC2 Windows': {
    machine: WINDOWS_BILLED,
    disks: [root, windowsData],
    target: M6I,
    instance: {
      ...RUNS,
      Platform: 'windows',
      UsageOperation: 'RunInstances:0002',
      RootDeviceName: '/dev/sda1',
    },
    devices: ['/dev/sda1', 'xvdf'],
    by: BY_ALL,
  },
  'VMware Linux': {
    machine: VMWARE,
    // The boot disk is not the first one.
    disks: [data, root],
    target: M6I,
    instance: { ...RUNS, BootMode: 'uefi', UsageOperation: 'RunInstances', RootDeviceName: '/dev/sda1' },
    devices: ['/dev/sdf', '/dev/sda1'],
    isImported: true,
    by: BY_ALL,
  },
  'arm64 EC2': {
    machine: ARM64,
    disks: [root],
    target: { instanceType: 'm7g.large' },
    instance: { ...RUNS, InstanceType: 'm7g.large', Architecture: 'arm64', BootMode: 'uefi' },
    devices: ['/dev/xvda'],
    by: BY_ALL,
  },
  'UEFI with TPM': {
    machine: TPM,
    disks: [root],
    target: STAYS_OFF,
    instance: { ...IS_OFF, BootMode: 'uefi', TpmSupport: 'v2.0' },
    devices: ['/dev/xvda'],
    uefiData: UEFI_DATA,
    by: BY_ALL,
  },
  encrypted: {
    machine: {},
    disks: [root, data],
    target: M6I,
    more: { disks: ENCRYPTED },
    instance: RUNS,
    devices: TWO_DEVICES,
    keys: ['alias/of-root', 'alias/of-data'],
    by: BY_ALL,
  },
  '1 disk': {
    machine: {},
    disks: [sparseDisk('root', 5 * MIB, { boot: true })],
    target: STAYS_OFF,
    instance: IS_OFF,
    devices: ['/dev/xvda'],
    by: BY_ALL,
  },
  '12 disks': {
    machine: {},
    disks: manyDisks(12),
    target: STAYS_OFF,
    instance: IS_OFF,
    devices: ['/dev/xvda', ...'fghijklmnop'].map((name) => (name.length === 1 ? `/dev/sd${name}` : name)),
    by: BY_ALL,
  },
  'volumes only': {
    machine: VMWARE,
    disks: [root, data],
    target: {},
    more: { restoreTo: 'volumes' },
    by: BY_ALL,
  },
  'original location': {
    machine: {},
    disks: [root, data],
    target: {},
    more: { restoreTo: 'original' },
    instance: { ...RUNS, Tags: expect.arrayContaining([{ Key: 'Name', Value: 'original of Ann' }]) },
    devices: TWO_DEVICES,
    by: BY_ALL,
  },
  'encrypted VMware Linux': {
    machine: VMWARE,
    disks: [root, data],
    target: STAYS_OFF,
    more: { disks: ENCRYPTED },
    instance: IS_OFF,
    devices: ['/dev/sda1', '/dev/sdf'],
    keys: ['alias/of-root', 'alias/of-data'],
    isImported: true,
    by: {
      helper: `strategy = helper: ${SNAPSHOTS_ENCRYPTED}`,
      upload: RESTORED,
      direct: `strategy = direct: ${SNAPSHOTS_ENCRYPTED}`,
    },
  },
  'arm64 VMware': {
    machine: { ...VMWARE, architecture: 'arm64' },
    disks: [root],
    target: { instanceType: 'm7g.large' },
    by: byNone('its architecture is arm64; VM Import takes x86_64 only. Give target.conversion "none"'),
  },
  'Windows with TPM, which no image here has': {
    machine: { ...WINDOWS_BILLED, ...TPM },
    disks: [root],
    target: M6I,
    by: byNone(
      'target.imageId = nothing: no image was found with billing RunInstances:0002, architecture x86_64 and boot mode uefi. Give target.imageId of such an image',
    ),
  },
  'TPM on a type without': {
    machine: TPM,
    disks: [root],
    target: { instanceType: 'm4.large' },
    by: byNone('target.instanceType = m4.large: has no NitroTPM, the machine has TPM v2.0'),
  },
  '29 disks, more than the type takes': {
    machine: {},
    disks: manyDisks(29),
    target: M6I,
    by: byNone('target.instanceType = m6i.large: takes 27 volumes, the machine has 29 disks'),
  },
};

/** The step that only this strategy has. */
const STEPS: Readonly<Record<Strategy, string>> = {
  helper: 'order-helper',
  upload: 'start-disk-upload',
  direct: 'start-direct-snapshot',
};

let bench: HelperBench;
let before: readonly string[];
/** Of everything that is to be there in the end and was not before. */
const remaining: string[] = [];
const keyArns = new Map<string, string>();

beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
  const kms = new KMSClient({
    endpoint: bench.region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  for (const AliasName of ['alias/of-root', 'alias/of-data']) {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyMetadata?.KeyId }));
    keyArns.set(AliasName, KeyMetadata?.Arn ?? '');
  }
  kms.destroy();
  before = await bench.inventory();
});
afterAll(() => bench?.stop());

// Several at once: most of their time they wait.
describe.concurrent.each(Object.entries(TABLE))('%s', { timeout: 120_000 }, (workload, row) => {
  it.each(STRATEGIES)('by %s', async (strategy) => {
    const restoreId = `${workload} by ${strategy}`.replaceAll(/[^A-Za-z0-9]+/g, '-');
    const original = workload === 'original location' ? await launchOriginal() : [];
    const restorePoint = await bench.backUp(row.disks, {
      ...row.machine,
      name: restoreId,
      ...(original[0] === undefined ? {} : { source: { instanceId: original[0] } }),
    });
    const place = original.length > 0 ? {} : { subnetId: bench.subnetId };
    const request = { restorePoint, strategy, target: { ...row.target, ...place }, ...row.more };
    const ended = await bench.restore(request, restoreId);
    const { executionArn, status, error, cause, result } = ended;
    const made = [result?.instance?.instanceId ?? [], ...volumeIds(result)].flat();
    remaining.push(...original, ...made);
    const expected = row.by[strategy];
    if (expected !== RESTORED) {
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'BadRequest' });
      expect(cause).toContain(expected);
      expect(await bench.ownedBy(restoreId)).toEqual([]);
      return;
    }
    expect(cause).toBeUndefined();
    expect(result).toMatchObject({ outcome: 'restored', strategy, leftBehind: [] });
    expect(strategiesOf(executionArn)).toEqual([strategy]);
    await checkVolumes(row, result);
    await checkInstance(row, result);
    await checkImport(restoreId, row, ended);
    if (original[0] !== undefined) expect(made[0]).toBe(original[0]);
    expect(await bench.ownedBy(restoreId)).toEqual(made.toSorted());
  });
});

it('has left nothing but what it restored', async () => {
  const found = (await bench.inventory()).filter((id) => !before.includes(id));
  expect(found).toEqual([...new Set(remaining)].sort());
  const { Contents = [] } = await bench.s3.send(
    new ListObjectsV2Command({ Bucket: bench.outputs.ControlBucket, Prefix: 'helpers/' }),
  );
  const keys = Contents.map(({ Key }) => String(Key));
  expect(keys.filter((key) => key.endsWith('/orders.json'))).toEqual([]);
});

const volumeIds = (result: RestoreResult | undefined) =>
  result?.volumes.map(({ volumeId }) => volumeId) ?? [];

/** By which strategies an execution went, by its steps. */
function strategiesOf(executionArn: string): Strategy[] {
  const calls = bench.region.calls.entries().filter(({ execution }) => execution === executionArn);
  const callers = new Set(calls.map(({ caller }) => caller));
  return STRATEGIES.filter((strategy) => callers.has(bench.functionOf(STEPS[strategy])));
}

async function checkVolumes(row: Row, result: RestoreResult | undefined): Promise<void> {
  expect(result?.volumes.map(({ diskId }) => diskId)).toEqual(row.disks.map(({ id }) => id));
  const ids = volumeIds(result);
  for (const [index, disk] of row.disks.entries()) {
    const file = await bench.volumeFile(ids[index]);
    // That zeros follow up to the end is looked at in one line: it means to read a GiB.
    if (row === TABLE['1 disk']) expect(await isRestored(file, disk)).toBe(true);
    const zeros = Buffer.alloc(MIB);
    const found = await readStart(file, disk.bytes.length + MIB);
    expect(found.equals(Buffer.concat([disk.bytes, zeros])), disk.id).toBe(true);
  }
  const { Volumes = [] } = await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: ids }));
  const volumes = ids.map((id) => Volumes.find(({ VolumeId }) => VolumeId === id));
  expect(volumes.map((volume) => volume?.State)).toEqual(
    ids.map(() => (row.instance ? 'in-use' : 'available')),
  );
  expect(volumes.map((volume) => volume?.KmsKeyId)).toEqual(
    ids.map((_, index) => keyArns.get(row.keys?.[index] ?? '')),
  );
}

/**
 * What an imported machine consists of comes from the image alone: the instance is launched from it, and the volumes
 * are made of the snapshots that are the image's, not of those that went into the import.
 */
async function checkImport(restoreId: string, row: Row, { executionArn, result }: Ended): Promise<void> {
  const { ImportImageTasks = [] } = await bench.ec2.send(new DescribeImportImageTasksCommand({}));
  const imports = ImportImageTasks.filter(({ Description }) =>
    `${Description},`.includes(`restore ${restoreId},`),
  );
  const told = { Architecture: 'x86_64', Platform: 'Linux', BootMode: 'uefi', LicenseType: 'BYOL' };
  expect(imports).toMatchObject(row.isImported ? [told] : []);
  if (!row.isImported) return;
  const { ImageId } = imports[0] ?? {};
  const instance = await describeInstance(bench.ec2, result?.instance?.instanceId ?? '');
  expect(instance?.ImageId).toBe(ImageId);
  const calls = bench.region.calls.entries().filter(({ execution }) => execution === executionArn);
  const named = (operation: string, step: string) =>
    calls
      .filter((call) => call.operation === operation && call.caller === bench.functionOf(step))
      .map(({ input }) => JSON.stringify(input));
  const [sources = ''] = named('ImportImage', 'import-image');
  const ofImage = named('CreateTags', 'check-import-image').join();
  const { Volumes = [] } = await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: volumeIds(result) }));
  const snapshots = Volumes.map(({ SnapshotId }) => String(SnapshotId));
  expect(new Set(snapshots).size).toBe(row.disks.length);
  expect(snapshots.filter((id) => sources.includes(id))).toEqual([]);
  expect(ofImage).toContain(ImageId);
  expect(snapshots.filter((id) => !ofImage.includes(id))).toEqual([]);
}

async function checkInstance(row: Row, result: RestoreResult | undefined): Promise<void> {
  if (!row.instance) {
    expect(result?.instance).toBeUndefined();
    return;
  }
  const InstanceId = result?.instance?.instanceId ?? '';
  const instance = await describeInstance(bench.ec2, InstanceId);
  expect(instance).toMatchObject(row.instance);
  const devices = instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [DeviceName, Ebs?.VolumeId]);
  expect(devices?.sort()).toEqual(
    volumeIds(result)
      .map((id, index) => [row.devices?.[index], id])
      .sort(),
  );
  if (row.uefiData === undefined) return;
  const { UefiData } = await bench.ec2.send(new GetInstanceUefiDataCommand({ InstanceId }));
  expect(UefiData).toBe(row.uefiData);
}

/** A machine of somebody's, which runs: its id, and those of its volumes, which are kept. */
async function launchOriginal(): Promise<string[]> {
  const { Instances = [] } = await bench.ec2.send(
    new RunInstancesCommand({
      ImageId: 'ami-0a11d00000a12023a',
      InstanceType: 'm6i.large',
      MinCount: 1,
      MaxCount: 1,
      SubnetId: bench.subnetId,
      BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }],
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'original of Ann' }] }],
    }),
  );
  const instanceId = Instances[0]?.InstanceId ?? '';
  const look = () => describeInstance(bench.ec2, instanceId);
  await until('it runs', async () => (await look())?.State?.Name === 'running');
  const { BlockDeviceMappings = [] } = (await look()) ?? {};
  return [instanceId, ...BlockDeviceMappings.map(({ Ebs }) => String(Ebs?.VolumeId))];
}
