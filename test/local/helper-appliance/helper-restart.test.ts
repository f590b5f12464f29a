import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRegion } from '../../../local/region.ts';
import { type HelperRegion, isAlive, POLL, startHelperRegion } from './helper-region.ts';

let at: HelperRegion;
beforeEach(async () => {
  at = await startHelperRegion();
});
afterEach(() => at.dispose());

const pidOf = (instanceId: string) => at.region.services.ec2.helperProcess(instanceId)?.pid;

describe('a region that stops', () => {
  it('leaves no program behind, and starts it again when it is back', async () => {
    const up = await at.launch();
    const gone = await at.launch();
    const hung = await at.launch();
    const volume = await at.makeVolume();
    const before = [await at.report(up), await at.report(gone), await at.report(hung)];
    await at.ec2.attachVolume({ VolumeId: volume, InstanceId: up, Device: '/dev/sdf' });
    await at.ec2.terminateInstances({ InstanceIds: [gone] });
    await expect.poll(() => at.stateOf(gone), POLL).toBe('terminated');
    process.kill(before[2]?.pid ?? 0, 'SIGKILL');
    await expect.poll(() => at.consoleOf(hung), POLL).toContain('hangs');
    await expect.poll(() => at.stateOfVolume(volume), POLL).toBe('attached');
    // What a crash leaves of the unpacking of a bundle, and a bundle that no helper is up with any more.
    const bundles = join(at.region.stateFolder, 'ec2', 'helpers', 'bundles');
    await writeFile(join(bundles, `${gone}.new`), 'half an archive');

    await at.region.stop();
    expect(before.map(({ pid }) => isAlive(pid))).toEqual([false, false, false]);
    await at.restart();
    await expect.poll(() => pidOf(up), POLL).toBeDefined();
    await expect.poll(async () => (await at.report(up)).pid, POLL).toBe(pidOf(up));
    const { devices, environment } = await at.report(up);
    expect(Object.keys(devices)).toContain(volume.replace('-', ''));
    expect(environment.AWS_ENDPOINT_URL).toBe(at.region.endpoint);
    expect([pidOf(gone), pidOf(hung)]).toEqual([undefined, undefined]);
    expect(await at.stateOf(hung)).toBe('running');
    expect(await readdir(bundles)).toEqual([at.bundle.sha256]);
    expect(await at.consoleOf(up)).toMatch(/(the fake program begins[\s\S]*){2}/);
  });
});

describe('a region that is killed', () => {
  it('takes its programs with it, and the next one starts them again', async () => {
    const script = fileURLToPath(new URL('region-process.ts', import.meta.url));
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const { value: line } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const { instanceId, pid, folder } = JSON.parse(line ?? '{}');
    try {
      expect(isAlive(pid)).toBe(true);
      child.kill('SIGKILL');
      await exited;
      await expect.poll(() => isAlive(pid), POLL).toBe(false);
      const next = await startRegion({ stateFolder: join(folder, 'state'), port: 0, timeScale: 0.002 });
      const { ec2 } = next.services;
      await expect.poll(() => ec2.helperProcess(instanceId)?.pid, POLL).toBeGreaterThan(1);
      await next.stop();
    } finally {
      child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
});
