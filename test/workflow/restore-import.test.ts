import { DescribeImportImageTasksCommand, DescribeVolumesCommand } from '@aws-sdk/client-ec2';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type RestoreResult, resultSchema } from '../../core/model/restore-record.ts';
import { bootDisk } from '../support/boot-disk.ts';
import { describeInstance } from '../support/compare-restores.ts';
import { type HelperBench, makeHelperBench, until } from '../support/helper-bench.ts';
import { isRestored, MIB, sparseDisk } from '../support/restore-bench.ts';

let bench: HelperBench;
beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
});
afterAll(async () => {
  // A fault that never struck has tested nothing.
  expect(bench?.region.faults.unhit()).toEqual([]);
  await bench?.stop();
});

const root = bootDisk('root', 20 * MIB + 512);
const data = sparseDisk('data', 12 * MIB);
const VMWARE = {
  name: 'crm01',
  kind: 'vmware',
  operatingSystem: 'Ubuntu 22.04',
  bootMode: 'uefi',
  usageOperation: undefined,
  rootDeviceName: undefined,
};
const WINDOWS = {
  ...VMWARE,
  platform: 'windows',
  operatingSystem: 'Windows Server 2022',
  bootMode: 'legacy-bios',
};
const request = (restorePoint: string, target: object = {}, more: object = {}) => ({
  restorePoint,
  strategy: 'upload',
  target: { instanceType: 'm6i.large', subnetId: bench.subnetId, ...target },
  ...more,
});

// All at once: most of their time they wait. Each has a name, by which what it makes, and its faults, are told apart.
describe.concurrent('a machine from elsewhere', () => {
  it('becomes an instance, which does not run before it is whole', async () => {
    // The boot disk is not the first one.
    const restorePoint = await bench.backUp([data, root], VMWARE);
    const name = 'crm01-by-helper';
    const ended = await bench.restore(request(restorePoint, {}, { strategy: 'helper' }), name);
    expect(ended.cause).toBeUndefined();
    const { executionArn, result } = ended;
    expect(result).toMatchObject({ outcome: 'restored', strategy: 'helper', leftBehind: [] });
    expect(result?.phases.map(({ phase }) => phase)).toContain('import as image');

    const instance = await describeInstance(bench.ec2, result?.instance?.instanceId ?? '');
    expect(instance).toMatchObject({
      State: { Name: 'running' },
      RootDeviceName: '/dev/sda1',
      UsageOperation: 'RunInstances',
      BootMode: 'uefi',
    });
    const attached = instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [DeviceName, Ebs?.VolumeId]);
    expect(attached?.sort()).toEqual([
      ['/dev/sda1', volumeOf(result, 'root')],
      ['/dev/sdf', volumeOf(result, 'data')],
    ]);
    expect(await isRestored(await bench.volumeFile(volumeOf(result, 'root')), root)).toBe(true);
    expect(await isRestored(await bench.volumeFile(volumeOf(result, 'data')), data)).toBe(true);
    expect(await bench.ownedBy(name)).toEqual(resultOf(result));
    expect(await importsOf(name)).toMatchObject([
      { Architecture: 'x86_64', Platform: 'Linux', BootMode: 'uefi', LicenseType: 'BYOL' },
    ]);
    checkOrder(executionArn);
  });

  it('may be Windows with a licence of its own, and has all disks encrypted where one is to be', async () => {
    const restorePoint = await bench.backUp([root, data], WINDOWS);
    const ended = await bench.restore(
      request(
        restorePoint,
        { licenseType: 'BYOL', powerOn: false },
        { disks: [{ id: 'data', encrypted: true }] },
      ),
      'windows-byol',
    );
    expect(ended.cause).toBeUndefined();
    const instance = await describeInstance(bench.ec2, ended.result?.instance?.instanceId ?? '');
    expect(instance).toMatchObject({
      State: { Name: 'stopped' },
      Platform: 'windows',
      UsageOperation: 'RunInstances:0800',
      BootMode: 'legacy-bios',
    });
    const { Volumes = [] } = await bench.ec2.send(
      new DescribeVolumesCommand({ VolumeIds: ended.result?.volumes.map(({ volumeId }) => volumeId) }),
    );
    expect(Volumes.map(({ Encrypted }) => Encrypted)).toEqual([true, true]);
    expect(await importsOf('windows-byol')).toMatchObject([
      { Platform: 'Windows', BootMode: 'legacy-bios', LicenseType: 'BYOL', Encrypted: true },
    ]);
  });

  it('is launched as it is where the request says so: arm64 Linux, which VM Import does not take', async () => {
    const restorePoint = await bench.backUp([root], { ...VMWARE, architecture: 'arm64', bootMode: 'uefi' });
    const ended = await bench.restore(
      request(restorePoint, { instanceType: 'm7g.large', conversion: 'none' }),
      'as-it-is',
    );
    expect(ended.cause).toBeUndefined();
    expect(ended.result).toMatchObject({ outcome: 'restored', instance: { started: 'running' } });
    const { instanceId = '' } = ended.result?.instance ?? {};
    expect(await describeInstance(bench.ec2, instanceId)).toMatchObject({
      Architecture: 'arm64',
      BootMode: 'uefi',
    });
    expect(await importsOf('as-it-is')).toEqual([]);
    expect(await bench.ownedBy('as-it-is')).toEqual(resultOf(ended.result));
  });

  it('fails with what AWS says and what to do about it, and leaves nothing', async () => {
    const restorePoint = await bench.backUp([root], VMWARE);
    bench.region.faults.add({
      service: 'ec2',
      operation: 'ImportImage',
      when: isOf('unknown-system'),
      action: {
        kind: 'spoil',
        endState: 'deleted',
        message: 'ClientError: Unknown OS / Missing OS files.',
      },
    });
    const { status, error, cause } = await bench.restore(request(restorePoint), 'unknown-system');
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'ImportImageFailed' });
    expect(cause).toContain('ClientError: Unknown OS / Missing OS files');
    expect(cause).toContain('VM Import does not recognise the system on the boot disk');
    expect(await bench.ownedBy('unknown-system')).toEqual([]);
  });

  it('is imported once though answers are lost', async () => {
    const restorePoint = await bench.backUp([root], VMWARE);
    for (const operation of ['CreateSnapshot', 'ImportImage']) {
      const when = isOf('lost-answers');
      // More often than the SDK tries by itself, so that the state machine has to try again.
      bench.region.faults.add({ service: 'ec2', operation, times: 5, when, action: { kind: 'loseAnswer' } });
    }
    const target = { powerOn: false };
    const ended = await bench.restore(request(restorePoint, target, { strategy: 'helper' }), 'lost-answers');
    expect(ended.cause).toBeUndefined();
    expect(await importsOf('lost-answers')).toHaveLength(1);
    expect(await bench.ownedBy('lost-answers')).toEqual(resultOf(ended.result));
  });

  it('is not imported any further when the restore is stopped', async () => {
    const restorePoint = await bench.backUp([root], VMWARE);
    bench.region.faults.add({
      service: 'ec2',
      operation: 'ImportImage',
      when: isOf('stopped'),
      action: { kind: 'spoil', stuck: true },
    });
    const executionArn = await bench.start(request(restorePoint), 'stopped');
    await until('the import has begun', async () => (await importsOf('stopped')).length === 1);
    await bench.sfn.send(new StopExecutionCommand({ executionArn }));
    await resultWritten('stopped');
    expect(await importsOf('stopped')).toMatchObject([{ Status: 'deleted' }]);
    expect(await bench.ownedBy('stopped')).toEqual([]);
  });

  it('is not imported at all, or cleaned up after, where the restore is stopped while it asks for it', async () => {
    const restorePoint = await bench.backUp([root, data], VMWARE);
    const held = bench.region.faults.add({
      service: 'ec2',
      operation: 'ImportImage',
      when: isOf('asking'),
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(request(restorePoint), 'asking');
    await until('the import is asked for', () => held.hits === 1);
    await bench.sfn.send(new StopExecutionCommand({ executionArn }));
    held.release();
    const result = await resultWritten('asking');
    expect(result.leftBehind).toEqual([]);
    expect(await bench.ownedBy('asking')).toEqual([]);
  });
});

describe('an import that completes when nobody looks any more', () => {
  it('leaves no image and no snapshots', async () => {
    const restorePoint = await bench.backUp([root, data], VMWARE);
    const unseen = bench.region.faults.add({
      service: 'ec2',
      operation: 'DescribeImportImageTasks',
      caller: bench.functionOf('check-import-image'),
      times: 10_000,
      action: { kind: 'throttle' },
    });
    const before = await bench.inventory();
    const executionArn = await bench.start(request(restorePoint), 'unseen');
    await until('it is completed', async () => (await importsOf('unseen'))[0]?.Status === 'completed');
    await bench.sfn.send(new StopExecutionCommand({ executionArn }));
    const result = await resultWritten('unseen');
    unseen.remove();
    expect(result.leftBehind).toEqual([]);
    expect(
      result.cleanedUp
        .map(({ kind }) => kind)
        .filter((kind) => kind === 'image' || kind === 'snapshot')
        .sort(),
    ).toEqual(['image', 'snapshot', 'snapshot']);
    expect((await bench.inventory()).filter((id) => !before.includes(id))).toEqual([]);
  });
});

describe('a machine that cannot be imported', () => {
  it.each<[string, object, object, string]>([
    [
      'a system that VM Import does not know',
      { operatingSystem: 'Alpine Linux 3.19' },
      {},
      'its operating system, Alpine Linux 3.19, is none that VM Import supports',
    ],
    [
      'Windows, as it is',
      WINDOWS,
      { target: { conversion: 'none' } },
      'target.conversion = none: Windows from elsewhere starts on EC2 only with the drivers',
    ],
    [
      'Linux with a licence of AWS',
      {},
      { target: { licenseType: 'AWS' } },
      'target.licenseType = AWS: VM Import takes Linux with BYOL only',
    ],
    [
      'a launch image of one’s own',
      {},
      { target: { imageId: 'ami-0123456789abcdef0' } },
      'target.imageId = ami-0123456789abcdef0: the target is launched from the image that VM Import makes',
    ],
    [
      'a backup of EC2',
      { kind: 'ec2', usageOperation: 'RunInstances' },
      { target: { conversion: 'import', licenseType: 'BYOL' } },
      'target.conversion = import: the machine is a backup of an EC2 instance, which boots as it is',
    ],
  ])('is refused: %s', async (_what, workload, { target, ...more }: { target?: object }, told) => {
    const restorePoint = await bench.backUp([root], { ...VMWARE, ...workload });
    const { status, error, cause } = await bench.restore(request(restorePoint, target, more));
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'BadRequest' });
    expect(cause).toContain(told);
  });
});

const volumeOf = (result: RestoreResult | undefined, id: string) =>
  result?.volumes.find(({ diskId }) => diskId === id)?.volumeId;

/** Ids of what a restore is to leave. */
const resultOf = (result: RestoreResult | undefined) =>
  [result?.instance?.instanceId, ...(result?.volumes.map(({ volumeId }) => volumeId) ?? [])].sort();

/** Whether a call is for this restore: what it makes says so. */
const isOf =
  (name: string) =>
  ({ Description = '' }: { Description?: unknown }): boolean =>
    new RegExp(`restore ${name}(,|$)`).test(String(Description));

/** What the clean-up machine says of a restore that was stopped. */
async function resultWritten(name: string): Promise<RestoreResult> {
  const key = `restores/${name}/1/result.json`;
  await until(`${name} has a result`, async () => (await bench.record(key)) !== undefined);
  return resultSchema.parse(await bench.record(key));
}

async function importsOf(name: string) {
  const { ImportImageTasks = [] } = await bench.ec2.send(new DescribeImportImageTasksCommand({}));
  return ImportImageTasks.filter(({ Description }) => isOf(name)({ Description }));
}

/** The machine is imported whole, and does not run before all of its disks are there. */
function checkOrder(executionArn: string): void {
  const calls = bench.region.calls
    .entries()
    .filter(({ execution }) => execution === executionArn)
    .map(({ caller, operation }) => `${caller} ${operation}`);
  const call = (step: string, operation: string): string => `${bench.functionOf(step)} ${operation}`;
  const moments = [
    calls.indexOf(call('import-image', 'ImportImage')),
    calls.indexOf(call('launch-target', 'RunInstances')),
    calls.indexOf(call('stop-target', 'StopInstances')),
    calls.lastIndexOf(call('attach-volume', 'AttachVolume')),
    calls.indexOf(call('start-target', 'StartInstances')),
  ];
  expect(moments).not.toContain(-1);
  expect(moments).toEqual(moments.toSorted((a, b) => a - b));
  expect(calls.filter((each) => each.endsWith(' ImportImage'))).toHaveLength(1);
  expect(calls.filter((each) => each.endsWith(' ImportSnapshot'))).toEqual([]);
}
