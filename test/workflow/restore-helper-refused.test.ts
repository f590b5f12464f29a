import { open } from 'node:fs/promises';
import {
  AttachVolumeCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  ModifyVolumeCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type HelperBench, makeHelperBench, until } from '../support/helper-bench.ts';
import { MIB, sparseDisk } from '../support/restore-bench.ts';

let bench: HelperBench;
let restorePoint: string;
beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
  restorePoint = await bench.backUp([sparseDisk('root', 12 * MIB, { boot: true })]);
});
afterAll(() => bench?.stop());
// A fault that never struck has tested nothing.
afterEach(() => expect(bench.region.faults.unhit()).toEqual([]));

/** Starts a restore, and waits until a step's call that names the volume is held. */
async function startHeldAt(restoreId: string, { operation, step }: { operation: string; step: string }) {
  const held = bench.region.faults.add({
    service: 'ec2',
    operation,
    caller: bench.functionOf(step),
    action: { kind: 'hold' },
  });
  const executionArn = await bench.start(bench.request(restorePoint), restoreId);
  await until(`${operation} is held`, () => held.holding === 1);
  const { resourceId: volumeId } = await bench.record(`restores/${restoreId}/1/ledger/volume/root.json`);
  return { executionArn, volumeId, release: () => held.release() };
}

/** Waits for the end, and sees that the helper read no pack: then it wrote nothing. */
async function endedUnwritten(executionArn: string, restoreId: string) {
  const ended = await bench.ended(executionArn);
  expect(ended.status).toBe('FAILED');
  const { helper, leftBehind } = await bench.record(`restores/${restoreId}/1/result.json`);
  expect(helper.instanceIds).toHaveLength(1);
  expect(bench.packReadsOf(helper.instanceIds[0])).toEqual([]);
  expect(leftBehind).toEqual([]);
  expect(await bench.ownedBy(restoreId)).toEqual([]);
  return ended;
}

describe('nothing is written onto a volume', () => {
  it('that holds data', async () => {
    const { executionArn, volumeId, release } = await startHeldAt('not-blank', {
      operation: 'AttachVolume',
      step: 'attach-to-helper',
    });
    const file = await open(await bench.volumeFile(volumeId), 'r+');
    await file.write(Buffer.of(1), 0, 1, 700_001);
    await file.close();
    release();
    const { error, cause } = await endedUnwritten(executionArn, 'not-blank');
    expect(error).toBe('VolumeNotBlank');
    expect(cause).toMatch(/^helper i-[0-9a-f]+, disk root: /);
    expect(cause).toContain(volumeId);
  });

  it('that comes up with another size', async () => {
    const { executionArn, volumeId, release } = await startHeldAt('too-large', {
      operation: 'DescribeVolumes',
      step: 'check-volumes',
    });
    const look = async () =>
      (await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }))).Volumes?.[0];
    await until('it is available', async () => (await look())?.State === 'available');
    await bench.ec2.send(new ModifyVolumeCommand({ VolumeId: volumeId, Size: 2 }));
    await until('it is larger', async () => (await look())?.Size === 2);
    release();
    const { error, cause } = await endedUnwritten(executionArn, 'too-large');
    expect(error).toBe('VolumeNotAsOrdered');
    expect(cause).toBe(`volume ${volumeId} of disk root: it has 2 GiB, not 1`);
  });

  it('that grows after it was looked at', async () => {
    const { executionArn, volumeId, release } = await startHeldAt('grows', {
      operation: 'AttachVolume',
      step: 'attach-to-helper',
    });
    await bench.ec2.send(new ModifyVolumeCommand({ VolumeId: volumeId, Size: 2 }));
    await until('it is larger', async () => {
      const { Volumes } = await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }));
      return Volumes?.[0]?.Size === 2;
    });
    release();
    const { error } = await endedUnwritten(executionArn, 'grows');
    expect(error).toBe('DeviceSizeDiffers');
  });

  it('that is attached to another instance', async () => {
    const other = await launchOther();
    const { executionArn, volumeId, release } = await startHeldAt('elsewhere', {
      operation: 'AttachVolume',
      step: 'attach-to-helper',
    });
    await bench.ec2.send(
      new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: other, Device: '/dev/sdx' }),
    );
    release();
    // Clean-up waits for whoever has it: nothing is detached from instances that are not ours.
    await until('the restore is being cleaned up', async () => {
      return (await bench.record('restores/elsewhere/claim.json')).state === 'closing';
    });
    await bench.ec2.send(new DetachVolumeCommand({ VolumeId: volumeId, InstanceId: other }));
    const { error, cause } = await endedUnwritten(executionArn, 'elsewhere');
    expect(error).toBe('AttachedElsewhere');
    expect(cause).toContain(`volume ${volumeId} of disk root is at ${other} /dev/sdx, not at i-`);
  });
});

/** Somebody else's instance, in the same zone. */
async function launchOther(): Promise<string> {
  const { Images = [] } = await bench.ec2.send(
    new DescribeImagesCommand({
      Owners: ['amazon'],
      Filters: [{ Name: 'architecture', Values: ['x86_64'] }],
    }),
  );
  const { Instances = [] } = await bench.ec2.send(
    new RunInstancesCommand({
      ImageId: Images[0]?.ImageId,
      InstanceType: 'm6i.large',
      SubnetId: bench.subnetId,
      MinCount: 1,
      MaxCount: 1,
    }),
  );
  const instanceId = Instances[0]?.InstanceId ?? '';
  await until('it runs', async () => {
    const { Reservations = [] } = await bench.ec2.send(
      new DescribeInstancesCommand({ InstanceIds: [instanceId] }),
    );
    return Reservations[0]?.Instances?.[0]?.State?.Name === 'running';
  });
  return instanceId;
}
