import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type HelperBench, makeHelperBench, until } from '../support/helper-bench.ts';
import { isRestored, MIB, sparseDisk, type TestDisk } from '../support/restore-bench.ts';

let bench: HelperBench;
beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
});
afterAll(() => bench?.stop());

const disks = () => [
  sparseDisk('root', 40 * MIB + 512, { boot: true }),
  sparseDisk('data', 100 * MIB, { deviceName: '/dev/sdf' }),
];

let backUps: Promise<unknown> = Promise.resolve();

/** One after the other, so that new packs are this machine's; and no machine's back-up reads another's packs. */
function backUpNext(name: string, machine: readonly TestDisk[]) {
  const backedUp = backUps.then(() => bench.backUpApart(name, machine));
  backUps = backedUp.catch(() => undefined);
  return backedUp;
}

/** Starts a restore whose helper is held at its `skip + 1`th read of a pack, and waits until it is. */
async function startHeld(restoreId: string, machine: readonly TestDisk[]) {
  const { restorePoint, packs } = await backUpNext(restoreId, machine);
  const hold = () => holdPackRead(packs);
  const first = hold();
  const executionArn = await bench.start(bench.request(restorePoint), restoreId);
  await first.isHeld();
  return { executionArn, first, hold };
}

/** Holds one read of these packs, whoever makes it. */
function holdPackRead(packs: ReadonlySet<string>) {
  let read = '';
  const fault = bench.region.faults.add({
    service: 's3',
    operation: 'GetObject',
    when: ({ Key, Range }) => {
      if (!packs.has(String(Key))) return false;
      if (read === '') read = `${Key} ${Range}`;
      return true;
    },
    action: { kind: 'hold' },
  });
  return {
    /** What is held, as `key range`. */
    read: () => read,
    isHeld: () => until('a read is held', () => fault.holding === 1),
    release: () => fault.release(),
  };
}

const idOfHelper = async (restoreId: string, generation: 1 | 2): Promise<string> =>
  (await bench.helperOf(restoreId, generation)) ?? '';

/** How many segments of a disk a helper has noted as finished. */
async function finishedSegments(instanceId: string, diskId: string): Promise<number> {
  const state = await bench.record(`helpers/${await roleId()}:${instanceId}/disks/${diskId}.json`);
  const bits = [...Buffer.from(state?.finished ?? '', 'base64')];
  return bits.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}

async function roleId(): Promise<string> {
  const roles = bench.region.calls
    .entries({ service: 's3', operation: 'PutObject' })
    .flatMap(({ input }) => /^helpers\/([^:]+):/.exec(String(input?.Key))?.[1] ?? []);
  return roles[0] ?? '';
}

describe.concurrent('a helper that is lost while it writes', () => {
  it('is replaced, when its program hangs; the second one writes only what the first has not finished', async () => {
    const machine = disks();
    const { executionArn, first } = await startHeld('hangs-once', machine);
    const helper = await idOfHelper('hangs-once', 1);
    // 6 and 13 segments; all but the one whose read is held.
    await until('18 segments are finished', async () => {
      const ofDisks = await Promise.all(['root', 'data'].map((id) => finishedSegments(helper, id)));
      return ofDisks.reduce((sum, count) => sum + count, 0) === 18;
    });
    await bench.killHelper(helper);
    first.release();
    const { status, cause, result } = await bench.ended(executionArn);
    expect(cause).toBeUndefined();
    expect(status).toBe('SUCCEEDED');
    const second = await idOfHelper('hangs-once', 2);
    expect(result?.helper?.instanceIds).toEqual([helper, second]);
    expect(bench.packReadsOf(helper).length).toBeGreaterThan(1);
    expect(bench.packReadsOf(second)).toEqual([first.read()]);
    expect(result?.helper?.disks.map(({ doneBytes }) => doneBytes)).toEqual([40 * MIB + 512, 100 * MIB]);
    for (const [index, disk] of machine.entries()) {
      const { volumeId } = result?.volumes[index] ?? {};
      expect(await isRestored(await bench.volumeFile(volumeId), disk)).toBe(true);
    }
    expect(await bench.ownedBy('hangs-once')).toEqual(
      [result?.instance?.instanceId, ...(result?.volumes ?? []).map(({ volumeId }) => volumeId)].sort(),
    );
  });

  it('is replaced once: when the second one hangs too, the restore fails, and leaves nothing', async () => {
    const { executionArn, first, hold } = await startHeld('hangs-twice', disks());
    const helper = await idOfHelper('hangs-twice', 1);
    await bench.killHelper(helper);
    first.release();
    const secondHold = hold();
    await secondHold.isHeld();
    const second = await idOfHelper('hangs-twice', 2);
    await bench.killHelper(second);
    secondHold.release();
    const { status, error, cause } = await bench.ended(executionArn);
    expect(status).toBe('FAILED');
    expect(error).toBe('HelperSilent');
    expect(cause).toMatch(new RegExp(`^helper ${second} is working, last heard of \\d+ seconds ago$`));
    expect(await bench.ownedBy('hangs-twice')).toEqual([]);
    expect(await bench.record('restores/hangs-twice/1/result.json')).toMatchObject({
      outcome: 'failed',
      helper: { instanceIds: [helper, second] },
      leftBehind: [],
    });
  });

  it('is replaced, when somebody terminates it', async () => {
    const machine = disks();
    const { executionArn, first } = await startHeld('terminated', machine);
    const helper = await idOfHelper('terminated', 1);
    await bench.ec2.send(new TerminateInstancesCommand({ InstanceIds: [helper] }));
    first.release();
    const { status, result } = await bench.ended(executionArn);
    expect(status).toBe('SUCCEEDED');
    expect(result?.helper?.instanceIds).toEqual([helper, await idOfHelper('terminated', 2)]);
    for (const [index, disk] of machine.entries()) {
      const { volumeId } = result?.volumes[index] ?? {};
      expect(await isRestored(await bench.volumeFile(volumeId), disk)).toBe(true);
    }
  });
});
