import { open } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HelperRegion, POLL, startHelperRegion } from './helper-region.ts';

let at: HelperRegion;
beforeAll(async () => {
  at = await startHelperRegion();
});
afterAll(() => at.dispose());

const serialOf = (volumeId: string) => volumeId.replace('vol-', 'vol');

/** The serials a helper sees, but for its root volume's. */
async function serialsSeen(instanceId: string): Promise<string[]> {
  const { Volumes = [] } = await at.ec2.describeVolumes({
    Filters: [{ Name: 'attachment.device', Values: ['/dev/xvda'] }],
  });
  const roots = Volumes.map(({ VolumeId = '' }) => serialOf(VolumeId));
  return Object.keys((await at.report(instanceId)).devices).filter((serial) => !roots.includes(serial));
}

const attach = (VolumeId: string, InstanceId: string, Device = '/dev/sdf') =>
  at.ec2.attachVolume({ VolumeId, InstanceId, Device });

describe('the devices of a helper', () => {
  it('are links by serial to the volumes attached to it and to it alone', async () => {
    const [one, two] = [await at.launch(), await at.launch()];
    const [first, second] = [await at.makeVolume(), await at.makeVolume()];
    await at.report(one);
    await at.report(two);
    await attach(first, one);
    await attach(second, two);
    await expect.poll(() => serialsSeen(one), POLL).toEqual([serialOf(first)]);
    await expect.poll(() => serialsSeen(two), POLL).toEqual([serialOf(second)]);
    // What is written through the link is the volume's.
    const link = (await at.report(one)).devices[serialOf(first)];
    const file = await open(link ?? '', 'r+');
    await file.write('hot-added', 4096);
    await file.close();
    const bytes = await open(at.region.services.ec2.volumeFile(first) ?? '');
    expect((await bytes.read(Buffer.alloc(9), 0, 9, 4096)).buffer.toString()).toBe('hot-added');
    await bytes.close();
  });

  it('come when they are attached, not before, and go when they are detached, at once', async () => {
    const id = await at.launch();
    await at.report(id);
    const volume = await at.makeVolume();
    at.region.faults.add({
      service: 'ec2',
      operation: 'AttachVolume',
      action: { kind: 'spoil', stuck: true },
    });
    await attach(volume, id);
    expect(await at.stateOfVolume(volume)).toBe('attaching');
    expect(devicesNow(id)).not.toContain(serialOf(volume));
    await at.ec2.detachVolume({ VolumeId: volume, Force: true });
    await expect.poll(() => at.stateOfVolume(volume), POLL).toBe('available');
    await attach(volume, id);
    await expect.poll(() => serialsSeen(id), POLL).toEqual([serialOf(volume)]);
    at.region.faults.add({
      service: 'ec2',
      operation: 'DetachVolume',
      action: { kind: 'spoil', stuck: true },
    });
    await at.ec2.detachVolume({ VolumeId: volume });
    expect(devicesNow(id)).not.toContain(serialOf(volume));
    await expect.poll(() => serialsSeen(id), POLL).toEqual([]);
    expect(await at.stateOfVolume(volume)).toBe('detaching');
  });

  it('stay attached for as long as the program has them open, unless forced off', async () => {
    const id = await at.launch();
    await at.report(id);
    const [held, forced] = [await at.makeVolume(), await at.makeVolume()];
    await attach(held, id);
    await attach(forced, id, '/dev/sdg');
    await expect.poll(() => serialsSeen(id), POLL).toHaveLength(2);
    await at.command(id, 'hold');
    await expect.poll(async () => (await at.report(id)).open, POLL).toContain(serialOf(held));
    await at.ec2.detachVolume({ VolumeId: held });
    await at.ec2.detachVolume({ VolumeId: forced, Force: true });
    // By now the first one's five seconds are over, too: it was told to go first.
    await expect.poll(() => at.stateOfVolume(forced), POLL).toBe('available');
    expect(await at.stateOfVolume(held)).toBe('detaching');
    await at.command(id, 'let go');
    await expect.poll(() => at.stateOfVolume(held), POLL).toBe('available');
  });

  it('are available again when the helper is terminated, though it had them open', async () => {
    const id = await at.launch();
    await at.report(id);
    const volume = await at.makeVolume();
    await attach(volume, id);
    await expect.poll(() => serialsSeen(id), POLL).toEqual([serialOf(volume)]);
    await at.command(id, 'hold');
    await expect.poll(async () => (await at.report(id)).open, POLL).toContain(serialOf(volume));
    await at.ec2.terminateInstances({ InstanceIds: [id] });
    await expect.poll(() => at.stateOf(id), POLL).toBe('terminated');
    expect(await at.stateOfVolume(volume)).toBe('available');
    expect(devicesNow(id)).toEqual([]);
  });
});

const devicesNow = (instanceId: string) =>
  at.region.services.ec2
    .helpers()
    .filter((helper) => helper.instanceId === instanceId)
    .flatMap(({ devices }) => devices.map(({ serial }) => serial));
