import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { BLOCK, backUpDisks, noise } from '../repository/machines.ts';
import { content, makeAppliance, orderOf } from './appliance.ts';
import { MIB, makeGround } from './ground.ts';

test('sixteen disks at once take less than 512 MiB, though they hold more', async () => {
  const ground = await makeGround();
  const appliance = await makeAppliance(ground);
  try {
    const disk = noise('every disk the same', 40 * MIB);
    const names = Array.from({ length: 16 }, (_, nth) => `disk-${nth}`);
    const { restorePoint } = await backUpDisks(
      ground.repository,
      Object.fromEntries(names.map((name) => [name, disk])),
      { segmentBytes: 16 * BLOCK },
    );
    const volumes = [];
    for (const [nth, name] of names.entries()) {
      volumes.push({ name, volume: await appliance.attach(`vol-0${nth.toString(16)}`, 48 * MIB) });
    }
    const { child } = appliance.start();
    await appliance.order({
      ...{ restorePoint, readBack: 'sample' },
      disks: volumes.map(({ name, volume }) => orderOf(name, volume, disk.length)),
    });
    const { disks } = await appliance.reported('done');
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    const peakBytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    expect(disks.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0)).toBe(640 * MIB);
    expect(peakBytes).toBeGreaterThan(50 * MIB);
    expect(peakBytes).toBeLessThan(512 * MIB);
    for (const { volume } of volumes) {
      expect((await content(volume)).subarray(0, disk.length).equals(disk)).toBe(true);
    }
  } finally {
    await appliance.kill();
    await ground.stop();
  }
});
