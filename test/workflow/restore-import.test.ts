import {
  DescribeImagesCommand,
  DescribeImportImageTasksCommand,
  DescribeInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  isRestored,
  MIB,
  makeRestoreBench,
  type RestoreBench,
  sparseDisk,
  type TestDisk,
} from '../support/restore-bench.ts';

let bench: RestoreBench;
beforeAll(async () => {
  bench = await makeRestoreBench(inject('assemblyFolder'));
});
afterAll(() => bench?.stop());
// A fault that never struck has tested nothing.
afterEach(() => expect(bench.region.faults.unhit()).toEqual([]));

/** With a master boot record and one partition of this type, else as other disks of tests. */
function bootDisk(id: string, size: number, partitionType = 0x83): TestDisk {
  const disk = sparseDisk(id, size, { boot: true });
  disk.bytes.fill(0, 446, 510);
  disk.bytes.set([0x80, 0, 2, 0, partitionType, 0, 3, 0], 446);
  disk.bytes.writeUInt32LE(2_048, 454);
  disk.bytes.writeUInt32LE(8_192, 458);
  disk.bytes.set([0x55, 0xaa], 510);
  return disk;
}

const root = bootDisk('root', 20 * MIB + 512);
const data = sparseDisk('data', 12 * MIB);
const VMWARE = {
  name: 'crm01',
  kind: 'vmware',
  operatingSystem: 'Ubuntu 22.04',
  bootMode: 'legacy-bios',
  usageOperation: undefined,
  rootDeviceName: undefined,
};
const request = (restorePoint: string, target: object = {}, more: object = {}) => ({
  restorePoint,
  strategy: 'upload',
  target: { instanceType: 'm6i.large', subnetId: bench.subnetId, ...target },
  ...more,
});

describe('a machine from elsewhere', () => {
  it.each(['upload', 'direct'])('becomes an instance by strategy %s', async (strategy) => {
    // The boot disk is not the first one.
    const restorePoint = await bench.backUp([data, root], VMWARE);
    const before = await bench.inventory();
    const ended = await bench.restore(request(restorePoint, {}, { strategy }));
    expect(ended.cause).toBeUndefined();
    const { executionArn, result } = ended;
    expect(result).toMatchObject({ outcome: 'restored', strategy, leftBehind: [] });
    expect(result?.phases.map(({ phase }) => phase)).toContain('import as image');

    const instance = await describeInstance(result?.instance?.instanceId ?? '');
    expect(instance).toMatchObject({
      State: { Name: 'running' },
      RootDeviceName: '/dev/sda1',
      UsageOperation: 'RunInstances',
      BootMode: 'legacy-bios',
    });
    expect(instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [DeviceName, Ebs?.VolumeId])).toEqual(
      expect.arrayContaining([
        ['/dev/sda1', volumeOf(result, 'root')],
        ['/dev/sdf', volumeOf(result, 'data')],
      ]),
    );
    expect(instance?.BlockDeviceMappings).toHaveLength(2);
    expect(await isRestored(await bench.volumeFile(volumeOf(result, 'root')), root)).toBe(true);
    expect(await isRestored(await bench.volumeFile(volumeOf(result, 'data')), data)).toBe(true);
    expect(await madeSince(before)).toEqual(
      [result?.instance?.instanceId, volumeOf(result, 'root'), volumeOf(result, 'data')].sort(),
    );
    expect(await importOf(executionArn)).toMatchObject({
      Architecture: 'x86_64',
      Platform: 'Linux',
      BootMode: 'legacy-bios',
      LicenseType: 'BYOL',
    });
  });

  it('never boots before all of its disks are there', async () => {
    const restorePoint = await bench.backUp([root, data], VMWARE);
    const { executionArn } = await bench.restore(request(restorePoint));
    const calls = bench.region.calls
      .entries()
      .filter(({ execution }) => execution?.startsWith(executionArn))
      .map(({ operation }) => operation);
    expect(calls.filter((operation) => operation === 'ImportImage')).toHaveLength(1);
    expect(calls).not.toContain('ImportSnapshot');
    expect(calls.indexOf('ImportImage')).toBeLessThan(calls.indexOf('RunInstances'));
    expect(calls.indexOf('RunInstances')).toBeLessThan(calls.indexOf('StopInstances'));
    expect(calls.lastIndexOf('AttachVolume')).toBeLessThan(calls.indexOf('StartInstances'));
  });

  it('fails with what AWS says and what to do about it, and leaves nothing', async () => {
    const restorePoint = await bench.backUp([root, data], VMWARE);
    const before = await bench.inventory();
    const message = 'ClientError: Unknown OS / Missing OS files.';
    bench.region.faults.add({
      service: 'ec2',
      operation: 'ImportImage',
      action: { kind: 'spoil', endState: 'deleted', message },
    });
    const { status, error, cause } = await bench.restore(request(restorePoint));
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'ImportImageFailed' });
    expect(cause).toContain('ClientError: Unknown OS / Missing OS files');
    expect(cause).toContain('Make sure that the right disk was backed up as the boot disk');
    expect(await madeSince(before)).toEqual([]);
  });
});

const volumeOf = (result: { volumes: { diskId: string; volumeId: string }[] } | undefined, id: string) =>
  result?.volumes.find(({ diskId }) => diskId === id)?.volumeId;

async function madeSince(before: readonly string[]): Promise<string[]> {
  const { Images = [] } = await bench.ec2.send(new DescribeImagesCommand({ Owners: ['self'] }));
  expect(Images).toEqual([]);
  return (await bench.inventory()).filter((id) => !before.includes(id));
}

async function describeInstance(instanceId: string) {
  const { Reservations = [] } = await bench.ec2.send(
    new DescribeInstancesCommand({ InstanceIds: [instanceId] }),
  );
  return Reservations[0]?.Instances?.[0];
}

/** The import task of an execution, by its tag. */
async function importOf(executionArn: string) {
  const name = executionArn.split(':').at(-1);
  const { ImportImageTasks = [] } = await bench.ec2.send(new DescribeImportImageTasksCommand({}));
  return ImportImageTasks.find(({ Tags = [] }) => Tags.some(({ Value }) => Value === name));
}
