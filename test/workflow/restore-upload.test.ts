import { randomBytes } from 'node:crypto';
import {
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVolumesCommand,
} from '@aws-sdk/client-ec2';
import { DescribeExecutionCommand, ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readStart } from '../cli/support.ts';
import {
  isRestored,
  MIB,
  makeRestoreBench,
  type RestoreBench,
  sparseDisk,
} from '../support/restore-bench.ts';

let bench: RestoreBench;
beforeAll(async () => {
  bench = await makeRestoreBench(inject('assemblyFolder'));
});
afterAll(() => bench?.stop());

const root = sparseDisk('root', 40 * MIB + 512, { boot: true });
const data = sparseDisk('data', 100 * MIB, { deviceName: '/dev/sdf' });

describe('a restore by strategy upload', () => {
  it('brings back every byte, as a running instance, and leaves nothing temporary behind', async () => {
    const restorePoint = await bench.backUp([root, data], { tags: {} });
    const before = await bench.inventory();
    const { status, result, cause } = await bench.restore({
      restorePoint,
      strategy: 'upload',
      target: {
        name: 'web01 restored',
        instanceType: 'm6i.large',
        subnetId: bench.subnetId,
        tags: { team: 'blue' },
      },
      disks: [{ id: 'data', volumeType: 'gp3', iops: 3000, throughput: 250 }],
      reason: 'a test',
    });
    expect(cause).toBeUndefined();
    expect(status).toBe('SUCCEEDED');
    expect(result?.outcome).toBe('restored');
    expect(result?.instance?.started).toBe('running');
    expect(result?.leftBehind).toEqual([]);
    expect(result?.phases.map(({ phase }) => phase)).toEqual(
      expect.arrayContaining([
        'plan',
        'upload as RAW',
        'hand over',
        'start, until the status checks pass',
        'clean up',
      ]),
    );
    expect(result?.phases.every(({ endedAt }) => endedAt !== undefined)).toBe(true);
    const volumes = new Map(result?.volumes.map(({ diskId, volumeId }) => [diskId, volumeId]));
    expect(await isRestored(await bench.volumeFile(volumes.get('root')), root)).toBe(true);
    expect(await isRestored(await bench.volumeFile(volumes.get('data')), data)).toBe(true);

    const after = await bench.inventory();
    expect(after.filter((id) => !before.includes(id)).sort()).toEqual(
      [result?.instance?.instanceId, ...volumes.values()].sort(),
    );

    const instance = await describeInstance(result?.instance?.instanceId ?? '');
    expect(instance?.State?.Name).toBe('running');
    expect(instance?.InstanceType).toBe('m6i.large');
    expect(instance?.Architecture).toBe('x86_64');
    expect(instance?.SubnetId).toBe(bench.subnetId);
    expect(instance?.RootDeviceName).toBe('/dev/xvda');
    expect(
      instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [
        DeviceName,
        Ebs?.VolumeId,
        Ebs?.Status,
        Ebs?.DeleteOnTermination,
      ]).sort(),
    ).toEqual([
      ['/dev/sdf', volumes.get('data'), 'attached', false],
      ['/dev/xvda', volumes.get('root'), 'attached', true],
    ]);
    const tags = Object.fromEntries((instance?.Tags ?? []).map(({ Key, Value }) => [Key, Value]));
    expect(tags).toMatchObject({ Name: 'web01 restored', team: 'blue', 'landfall:role': 'result' });
    expect(tags).not.toHaveProperty('landfall:expires');

    const groups = instance?.SecurityGroups?.map(({ GroupName }) => GroupName);
    expect(groups).toEqual(['default']);
    const { Volumes = [] } = await bench.ec2.send(
      new DescribeVolumesCommand({ VolumeIds: [volumes.get('data') ?? ''] }),
    );
    expect(Volumes[0]).toMatchObject({
      VolumeType: 'gp3',
      Iops: 3000,
      Throughput: 250,
      AvailabilityZone: 'us-east-1b',
    });
  });

  it('launches in isolation: no traffic, no user data, no profile, before anything of the disks runs', async () => {
    const restorePoint = await bench.backUp([sparseDisk('root', 9 * MIB, { boot: true })]);
    // Held right after the launch, so that the isolated group can be looked at.
    const held = bench.region.faults.add({
      service: 'ec2',
      operation: 'StopInstances',
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(request(restorePoint));
    await expect.poll(() => held.hits, { timeout: 30_000 }).toBe(1);
    const calls = () => bench.region.calls.entries().filter(({ execution }) => execution === executionArn);
    const launch = calls().find(({ operation }) => operation === 'RunInstances')?.input ?? {};
    expect(launch).not.toHaveProperty('UserData');
    expect(launch).not.toHaveProperty('IamInstanceProfile');
    const [{ Groups = [] } = {}] =
      (launch as { NetworkInterfaces?: { Groups?: string[] }[] }).NetworkInterfaces ?? [];
    const isolated = await bench.ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: Groups }));
    expect(isolated.SecurityGroups).toHaveLength(1);
    expect(isolated.SecurityGroups?.[0]).toMatchObject({ IpPermissions: [], IpPermissionsEgress: [] });
    held.release();
    expect(await bench.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    const operations = calls()
      .filter(({ service }) => service === 'ec2')
      .map(({ operation }) => operation);
    const order = [
      'RunInstances',
      'StopInstances',
      'ModifyNetworkInterfaceAttribute',
      'DetachVolume',
      'AttachVolume',
      'StartInstances',
    ];
    const positions = order.map((operation) => operations.indexOf(operation));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(positions).not.toContain(-1);
    const { SecurityGroups = [] } = await bench.ec2.send(new DescribeSecurityGroupsCommand({}));
    expect(
      SecurityGroups.map(({ GroupName }) => GroupName).filter((name) => name?.startsWith('landfall-')),
    ).toEqual([]);
  });

  it('sends no zeros that make up a whole part', async () => {
    // Five segments of zeros, data in the first only: one part is sent, the others are copied.
    const bytes = Buffer.alloc(48 * MIB);
    bytes.set(randomBytes(1000), 10);
    const restorePoint = await bench.backUp([{ id: 'root', boot: true, bytes }]);
    const { executionArn, status } = await bench.restore(request(restorePoint));
    expect(status).toBe('SUCCEEDED');
    const uploads = bench.region.calls
      .entries()
      .filter(
        ({ execution, caller }) => execution === executionArn && caller === bench.functionOf('upload-batch'),
      );
    expect(uploads.filter(({ operation }) => operation === 'UploadPart')).toHaveLength(1);
    expect(uploads.filter(({ operation }) => operation === 'UploadPartCopy')).toHaveLength(5);
  });

  it('is started by an event that asks for it, too', async () => {
    const restorePoint = await bench.backUp([sparseDisk('root', 9 * MIB, { boot: true })]);
    bench.region.services.events.publish({
      source: 'landfall',
      detailType: 'Restore Requested',
      resources: [],
      detail: { restoreId: 'asked-by-event', ...request(restorePoint) },
    });
    const started = async () => {
      const { executions = [] } = await bench.sfn.send(
        new ListExecutionsCommand({ stateMachineArn: bench.outputs.RestoreStateMachineArn, maxResults: 1 }),
      );
      const [newest] = executions;
      const { input = '{}' } = await bench.sfn.send(
        new DescribeExecutionCommand({ executionArn: newest?.executionArn }),
      );
      return JSON.parse(input).restoreId === 'asked-by-event' ? newest?.executionArn : undefined;
    };
    await expect.poll(started, { timeout: 10_000 }).toBeDefined();
    const ended = await bench.ended((await started()) ?? '');
    expect(ended).toMatchObject({ status: 'SUCCEEDED', result: { restoreId: 'asked-by-event' } });
  });

  it('is the newest restore point of a workload at a time', async () => {
    const early = sparseDisk('root', 9 * MIB, { boot: true });
    const late = sparseDisk('root', 9 * MIB, { boot: true });
    await bench.backUp([early], { name: 'db01' }, new Date('2026-11-20T10:00:00Z'));
    await bench.backUp([late], { name: 'db01' }, new Date('2026-11-21T10:00:00Z'));
    const { result } = await bench.restore({
      restorePoint: { workload: 'db01', at: 'latest' },
      strategy: 'upload',
      target: { instanceType: 'm6i.large', subnetId: bench.subnetId, powerOn: false },
    });
    const file = await bench.volumeFile(result?.volumes[0]?.volumeId);
    expect((await readStart(file, late.bytes.length)).equals(late.bytes)).toBe(true);
  });
});

const request = (restorePoint: string) => ({
  restorePoint,
  strategy: 'upload',
  target: { instanceType: 'm6i.large', subnetId: bench.subnetId },
});

async function describeInstance(instanceId: string) {
  const { Reservations = [] } = await bench.ec2.send(
    new DescribeInstancesCommand({ InstanceIds: [instanceId] }),
  );
  return Reservations[0]?.Instances?.[0];
}
