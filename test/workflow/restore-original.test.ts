import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import {
  CreateTagsCommand,
  DescribeVolumesCommand,
  RunInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { DescribeExecutionCommand, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { planReportSchema } from '../../core/model/plan-report.ts';
import type { FaultRule } from '../../local/faults.ts';
import { describeInstance } from '../support/compare-restores.ts';
import {
  isRestored,
  MIB,
  makeRestoreBench,
  type RestoreBench,
  sparseDisk,
} from '../support/restore-bench.ts';

const AMAZON_LINUX = 'ami-0a11d00000a12023a';

let bench: RestoreBench;
beforeAll(async () => {
  bench = await makeRestoreBench(inject('assemblyFolder'));
});
afterAll(() => bench?.stop());
// A fault that never struck has tested nothing.
afterEach(() => expect(bench.region.faults.unhit()).toEqual([]));

const root = sparseDisk('root', 20 * MIB, { boot: true });
const data = sparseDisk('data', 12 * MIB, { deviceName: '/dev/sdf' });

/** A machine of somebody's, which runs, and whose disks hold something else than the restore point. */
async function runMachine(): Promise<string> {
  const { Instances = [] } = await bench.ec2.send(
    new RunInstancesCommand({
      ImageId: AMAZON_LINUX,
      InstanceType: 'm6i.large',
      MinCount: 1,
      MaxCount: 1,
      SubnetId: bench.subnetId,
      BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: true } }],
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'web01 of Ann' }] }],
    }),
  );
  const instanceId = Instances[0]?.InstanceId ?? '';
  await reaches(instanceId, 'running');
  for (const [, volumeId] of (await look(instanceId)).devices) await write(String(volumeId));
  return instanceId;
}

async function write(volumeId: string): Promise<void> {
  const file = await open(await bench.volumeFile(volumeId), 'r+');
  await file.write(randomBytes(4_096), 0, 4_096, 0);
  await file.close();
}

async function reaches(instanceId: string, state: string): Promise<void> {
  const now = async () => (await describeInstance(bench.ec2, instanceId))?.State?.Name;
  await expect.poll(now, { timeout: 20_000 }).toBe(state);
}

/** What must not change, and what may. */
async function look(instanceId: string) {
  const instance = await describeInstance(bench.ec2, instanceId);
  const [network] = instance?.NetworkInterfaces ?? [];
  return {
    state: instance?.State?.Name,
    interface: network?.NetworkInterfaceId,
    address: instance?.PrivateIpAddress,
    tags: instance?.Tags?.map(({ Key, Value }) => `${Key}=${Value}`).sort(),
    devices: (instance?.BlockDeviceMappings ?? [])
      .map(({ DeviceName, Ebs }) => [DeviceName, Ebs?.VolumeId, Ebs?.Status, Ebs?.DeleteOnTermination])
      .sort(),
  };
}

async function volumesOf(ids: readonly unknown[]) {
  const { Volumes = [] } = await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: ids.map(String) }));
  return ids.map((id) => Volumes.find(({ VolumeId }) => VolumeId === id));
}

const tagsOf = (tags: { Key?: string; Value?: string }[] = []) =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));

const backUpOf = (instanceId: string, workload: object = {}) =>
  bench.backUp([root, data], { source: { instanceId }, ...workload });

const request = (restorePoint: string, more: object = {}) => ({
  restorePoint,
  strategy: 'direct',
  restoreTo: 'original',
  ...more,
});

/** Restores to a machine of its own under faults. */
async function underFaults(rules: FaultRule[], more: object = {}) {
  const instanceId = await runMachine();
  const restorePoint = await backUpOf(instanceId);
  const before = { machine: await look(instanceId), inventory: await bench.inventory() };
  const volumeTags = await volumeTagsOf(before.machine);
  const faults = rules.map((rule) => bench.region.faults.add(rule));
  const ended = await bench.restore(request(restorePoint, more));
  for (const fault of faults) expect(fault.hits).toBeGreaterThan(0);
  for (const fault of faults) fault.remove();
  return { instanceId, before, volumeTags, ...ended };
}

const volumeTagsOf = async ({ devices }: Awaited<ReturnType<typeof look>>) =>
  (await volumesOf(devices.map(([, id]) => id))).map((volume) => volume?.Tags ?? []);

const refusal = { kind: 'error', code: 'InvalidParameterValue', message: 'refused by the test' } as const;
const by = (step: string) => ({ caller: bench.functionOf(step) });

describe('a restore to the original instance', () => {
  it('gives it back its disks, and keeps what they were', async () => {
    const instanceId = await runMachine();
    const restorePoint = await backUpOf(instanceId);
    const before = await look(instanceId);
    const had = await bench.inventory();
    const name = 'back-to-ann';
    const { result, cause } = await bench.restore(request(restorePoint), name);
    expect(cause).toBeUndefined();
    const volumeOf = (disk: string) => result?.volumes.find(({ diskId }) => diskId === disk)?.volumeId;
    const old = (device: string) => String(before.devices.find(([each]) => each === device)?.[1]);
    expect(result).toMatchObject({
      outcome: 'restored',
      restoreTo: 'original',
      instance: { instanceId, name: 'web01 of Ann', instanceType: 'm6i.large', started: 'running' },
      replacedVolumes: [
        { diskId: 'root', volumeId: old('/dev/xvda'), deviceName: '/dev/xvda' },
        { diskId: 'data', volumeId: old('/dev/sdf'), deviceName: '/dev/sdf' },
      ],
      leftBehind: [],
    });

    const after = await look(instanceId);
    expect(after).toMatchObject({
      state: 'running',
      interface: before.interface,
      address: before.address,
      // Both as before: EC2 itself would say false for what is attached later.
      devices: [
        ['/dev/sdf', volumeOf('data'), 'attached', true],
        ['/dev/xvda', volumeOf('root'), 'attached', true],
      ],
    });
    expect(after.tags).toEqual(
      [
        ...(before.tags ?? []),
        `landfall:restore=${name}`,
        `landfall:restore-point=${restorePoint}`,
        'landfall:role=result',
      ].sort(),
    );
    expect(await isRestored(await bench.volumeFile(volumeOf('root')), root)).toBe(true);
    expect(await isRestored(await bench.volumeFile(volumeOf('data')), data)).toBe(true);

    const kept = await volumesOf([old('/dev/xvda'), old('/dev/sdf')]);
    expect(kept.map((volume) => volume?.State)).toEqual(['available', 'available']);
    for (const [index, disk] of ['root', 'data'].entries()) {
      const tags = tagsOf(kept[index]?.Tags);
      const words = `^web01 of Ann ${disk} \\(replaced by landfall restore ${name} at \\d{4}-\\d\\d-\\d\\dT.*Z\\)$`;
      expect(tags.Name).toMatch(new RegExp(words));
      expect(tags).toMatchObject({ 'landfall:replaced-by': name });
      expect(tags).not.toHaveProperty('landfall:borrowed-by');
    }
    const made = (await bench.inventory()).filter((id) => !had.includes(id));
    expect(made).toEqual([volumeOf('root'), volumeOf('data')].map(String).sort());
    expect(had.every((id) => !made.includes(id))).toBe(true);
  });

  it('lets it run until the disks are ashore, and shuts its system down in the orderly way', async () => {
    const instanceId = await runMachine();
    const { executionArn } = await bench.restore(request(await backUpOf(instanceId)));
    const calls = bench.region.calls
      .entries()
      .filter(({ execution, service }) => execution === executionArn && service === 'ec2');
    const operations = calls.map(({ operation }) => operation);
    expect(operations.lastIndexOf('CreateVolume')).toBeLessThan(operations.indexOf('StopInstances'));
    expect(operations.filter((each) => each === 'StopInstances')).toHaveLength(1);
    const stop = calls.find(({ operation }) => operation === 'StopInstances');
    expect(stop?.input).not.toHaveProperty('SkipOsShutdown');
    for (const never of ['RunInstances', 'TerminateInstances', 'DeleteVolume']) {
      expect(operations).not.toContain(never);
    }
  });

  it('leaves volumes that are none of its disks attached, and it stopped where that is asked', async () => {
    const instanceId = await runMachine();
    const restorePoint = await backUpOf(instanceId);
    const before = await look(instanceId);
    const data = before.devices[0];
    const { result, cause } = await bench.restore(
      request(restorePoint, { target: { powerOn: false }, disks: [{ id: 'data', exclude: true }] }),
    );
    expect(cause).toBeUndefined();
    expect(result?.instance?.started).toBe('not-asked');
    expect(await look(instanceId)).toMatchObject({
      state: 'stopped',
      devices: [data, ['/dev/xvda', result?.volumes[0]?.volumeId, 'attached', true]],
    });
  });

  it('can be done again: the next one replaces what the one before restored', async () => {
    const instanceId = await runMachine();
    const restorePoint = await backUpOf(instanceId);
    const first = await bench.restore(request(restorePoint));
    const second = await bench.restore(request(restorePoint));
    expect(second.cause).toBeUndefined();
    expect(second.result?.replacedVolumes?.map(({ volumeId }) => volumeId)).toEqual(
      first.result?.volumes.map(({ volumeId }) => volumeId),
    );
    expect((await look(instanceId)).devices.map(([, id]) => id).sort()).toEqual(
      second.result?.volumes.map(({ volumeId }) => volumeId).sort(),
    );
  });
});

describe('a restore to the original that fails', () => {
  it.each<[string, () => FaultRule[], string]>([
    [
      'that may not be tagged',
      () => [{ service: 'ec2', operation: 'CreateTags', ...by('claim-original'), action: refusal }],
      'refused by the test',
    ],
    [
      'that does not stop',
      () => [{ service: 'ec2', operation: 'StopInstances', ...by('stop-original'), action: refusal }],
      'refused by the test',
    ],
    [
      'that lets go of one volume only',
      () => [
        {
          service: 'ec2',
          operation: 'DetachVolume',
          ...by('detach-original-volume'),
          skip: 1,
          action: refusal,
        },
      ],
      'refused by the test',
    ],
    [
      'that takes no restored volume',
      () => [{ service: 'ec2', operation: 'AttachVolume', ...by('attach-volume'), action: refusal }],
      'refused by the test',
    ],
    [
      'that takes one restored volume, and hangs with it',
      () => [
        {
          service: 'ec2',
          operation: 'AttachVolume',
          ...by('attach-volume'),
          action: { kind: 'spoil', stuck: true },
        },
      ],
      'is attaching',
    ],
    [
      'whose lifetimes cannot be set, when clean-up itself is refused at first',
      () => [
        {
          service: 'ec2',
          operation: 'ModifyInstanceAttribute',
          ...by('set-volume-lifetimes'),
          action: refusal,
        },
        { service: 'ec2', operation: 'AttachVolume', ...by('clean-up'), times: 2, action: refusal },
        { service: 'ec2', operation: 'StartInstances', ...by('clean-up'), action: { kind: 'throttle' } },
      ],
      'refused by the test',
    ],
    [
      'that cannot be handed over, when answers to clean-up get lost',
      () => [
        { service: 's3', operation: 'PutObject', ...by('hand-over'), action: refusal },
        ...['DetachVolume', 'AttachVolume', 'ModifyInstanceAttribute', 'StartInstances', 'DeleteTags'].map(
          (operation): FaultRule => ({
            service: 'ec2',
            operation,
            ...by('clean-up'),
            action: { kind: 'loseAnswer' },
          }),
        ),
      ],
      'refused by the test',
    ],
  ])('puts back an instance %s', async (_what, rules, expected) => {
    const ended = await underFaults(rules());
    expect(ended.status).toBe('FAILED');
    expect(ended.cause).toContain(expected);
    // Running, with its own volumes under their devices, which end with it again; no tag of ours.
    expect(ended.before.machine).toMatchObject({ state: 'running' });
    expect(await look(ended.instanceId)).toEqual(ended.before.machine);
    expect(await volumeTagsOf(ended.before.machine)).toEqual(ended.volumeTags);
    expect(await bench.inventory()).toEqual(ended.before.inventory);
  });

  it('does not start what did not run', async () => {
    const instanceId = await runMachine();
    await bench.ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] }));
    await reaches(instanceId, 'stopped');
    const restorePoint = await backUpOf(instanceId);
    const before = await look(instanceId);
    bench.region.faults.add({
      service: 'ec2',
      operation: 'ModifyInstanceAttribute',
      ...by('set-volume-lifetimes'),
      action: refusal,
    });
    expect((await bench.restore(request(restorePoint))).status).toBe('FAILED');
    expect(await look(instanceId)).toEqual(before);
  });

  it('leaves all as it is where it is told to, and says so', async () => {
    const ended = await underFaults(
      [
        {
          service: 'ec2',
          operation: 'ModifyInstanceAttribute',
          ...by('set-volume-lifetimes'),
          action: refusal,
        },
      ],
      { restoreId: 'kept-for-inspection', onFailure: 'keep' },
    );
    expect(ended.status).toBe('FAILED');
    const after = await look(ended.instanceId);
    expect(after.state).toBe('stopped');
    expect(after.tags).toContain('landfall:borrowed-by=kept-for-inspection');
    const old = ended.before.machine.devices.map(([, id]) => id);
    expect((await volumesOf(old)).map((volume) => volume?.State)).toEqual(['available', 'available']);
    // Nobody else takes it before somebody has looked.
    const again = await bench.restore(request(await backUpOf(ended.instanceId)));
    expect(again).toMatchObject({ status: 'FAILED', error: 'BadRequest' });
    expect(again.cause).toContain('restore kept-for-inspection has borrowed instance');
  });

  it('takes no instance that is gone since the plan', async () => {
    const instanceId = await runMachine();
    const restorePoint = await backUpOf(instanceId);
    const held = bench.region.faults.add({
      service: 'ec2',
      operation: 'CreateVolume',
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(request(restorePoint));
    await expect.poll(() => held.hits, { timeout: 30_000 }).toBe(1);
    await bench.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
    await reaches(instanceId, 'terminated');
    held.release();
    const ended = await bench.ended(executionArn);
    expect(ended).toMatchObject({ status: 'FAILED', error: 'OriginalChanged' });
  });
});

describe('a restore to the original that is stopped', () => {
  it.each([
    ['AttachVolume', 'attach-volume', 2],
    ['DetachVolume', 'detach-original-volume', 2],
    ['StopInstances', 'stop-original', 1],
  ])('in the middle of %s is put back by the clean-up machine', async (operation, step, times) => {
    const instanceId = await runMachine();
    const restorePoint = await backUpOf(instanceId);
    const before = { machine: await look(instanceId), inventory: await bench.inventory() };
    const held = bench.region.faults.add({
      service: 'ec2',
      operation,
      ...by(step),
      times,
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(request(restorePoint));
    await expect.poll(() => held.hits, { timeout: 30_000 }).toBe(times);
    const secondLook = bench.region.faults.add({
      service: 'ec2',
      operation: 'DescribeInstances',
      ...by('clean-up'),
      skip: 1,
      action: { kind: 'hold' },
    });
    await bench.sfn.send(new StopExecutionCommand({ executionArn, error: 'Test', cause: 'enough' }));
    expect((await bench.ended(executionArn)).status).toBe('ABORTED');
    // The step itself does not know, and its calls come when clean-up is at work already.
    await expect.poll(() => secondLook.hits, { timeout: 30_000 }).toBe(1);
    held.release();
    const answered = () =>
      bench.region.calls
        .entries({ operation, ...by(step) })
        .filter((call) => call.execution === executionArn);
    await expect.poll(() => answered().length, { timeout: 30_000 }).toBe(times);
    secondLook.release();
    expect((await bench.cleanUpsEnded()).every((status) => status === 'SUCCEEDED')).toBe(true);
    expect(await look(instanceId)).toEqual(before.machine);
    expect(await bench.inventory()).toEqual(before.inventory);
  });
});

describe('the plan of a restore to the original', () => {
  it('tells what is replaced, and what remains', async () => {
    const instanceId = await runMachine();
    const [data, root] = (await look(instanceId)).devices;
    const { executionArn = '' } = await bench.sfn.send(
      new StartExecutionCommand({
        stateMachineArn: bench.outputs.PlanStateMachineArn,
        input: JSON.stringify(request(await backUpOf(instanceId))),
      }),
    );
    const end = async () => await bench.sfn.send(new DescribeExecutionCommand({ executionArn }));
    await expect.poll(async () => (await end()).status, { timeout: 20_000 }).toBe('SUCCEEDED');
    const report = planReportSchema.parse(JSON.parse((await end()).output ?? ''));
    expect(report).toMatchObject({
      possible: true,
      original: {
        instanceId,
        name: 'web01 of Ann',
        powerOn: true,
        replaced: [
          { diskId: 'root', volumeId: root?.[1], deviceName: '/dev/xvda', deleteOnTermination: true },
          { diskId: 'data', volumeId: data?.[1], deviceName: '/dev/sdf', deleteOnTermination: true },
        ],
      },
    });
    expect(report.target).toBeUndefined();
    const remains = report.resources.filter(({ role }) => role === 'result');
    expect(remains.map(({ kind, diskId }) => `${kind} of ${diskId}`)).toEqual([
      ...['volume of root', 'volume of data'],
      ...['volume of root', 'volume of data'],
    ]);
    // It is stopped on the way.
    expect(report.findings.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('gets another public address'),
    ]);
  });

  const refused = async (restorePoint: string, more: object = {}) => {
    const before = await bench.inventory();
    const { status, error, cause } = await bench.restore(request(restorePoint, more));
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'BadRequest' });
    expect(await bench.inventory()).toEqual(before);
    return cause;
  };

  it('refuses an instance that is not there, or not any more', async () => {
    const unknown = await bench.backUp([root], { source: { instanceId: 'i-0123456789abcdef0' } });
    expect(await refused(unknown)).toContain(
      'instance i-0123456789abcdef0 that was backed up does not exist',
    );
    const instanceId = await runMachine();
    const restorePoint = await backUpOf(instanceId);
    await bench.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
    await reaches(instanceId, 'terminated');
    expect(await refused(restorePoint)).toContain(`${instanceId} that was backed up is terminated`);
  });

  it('refuses machines that are no EC2 instance, and restore points that do not say which', async () => {
    const elsewhere = await bench.backUp([root], { name: 'crm01', kind: 'vmware' });
    expect(await refused(elsewhere)).toContain('crm01 is a machine of kind vmware, not an EC2 instance');
    const nameless = await bench.backUp([root]);
    expect(await refused(nameless)).toContain('does not say which instance web01 was');
  });

  it('refuses an instance that has no room for its tags', async () => {
    const instanceId = await runMachine();
    const restorePoint = await backUpOf(instanceId);
    const Tags = Array.from({ length: 46 }, (_, index) => ({ Key: `tag${index}`, Value: '' }));
    await bench.ec2.send(new CreateTagsCommand({ Resources: [instanceId], Tags }));
    expect(await refused(restorePoint)).toContain(`${instanceId} has 47 tags; EC2 takes 50`);
  });

  it('refuses what contradicts it, all at once', async () => {
    const instanceId = await runMachine();
    const cause = await refused(await backUpOf(instanceId), {
      target: { name: 'other', subnetId: bench.subnetId, imageId: AMAZON_LINUX, bootMode: 'uefi' },
      disks: [{ id: 'data', deviceName: '/dev/sdg' }],
    });
    for (const field of [
      'target.name = "other"',
      'target.subnetId',
      'target.imageId',
      'target.bootMode',
      'disks[0].deviceName = "/dev/sdg"',
    ]) {
      expect(cause).toContain(field);
    }
    expect(cause?.match(/contradicts restoreTo "original"/g)).toHaveLength(5);
  });
});
