import { StopExecutionCommand } from '@aws-sdk/client-sfn';
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

/** What the steps of the branch change, in the order they do. */
const CHANGES = [
  ['ec2', 'CreateSecurityGroup', 'isolate-helper'],
  ['ec2', 'RevokeSecurityGroupEgress', 'isolate-helper'],
  ['ec2', 'AuthorizeSecurityGroupEgress', 'isolate-helper'],
  ['ec2', 'RunInstances', 'launch-helper'],
  ['ec2', 'CreateVolume', 'create-empty-volume'],
  ['ec2', 'AttachVolume', 'attach-to-helper'],
  ['s3', 'PutObject', 'order-helper'],
  ['ec2', 'DetachVolume', 'detach-from-helper'],
] as const;

const resultsOf = (ended: Awaited<ReturnType<HelperBench['ended']>>): string[] =>
  [ended.result?.instance?.instanceId, ...(ended.result?.volumes ?? []).map(({ volumeId }) => volumeId)]
    .map(String)
    .sort();

describe('the branch of strategy helper', () => {
  it('fails at whatever call is refused, and leaves nothing', async () => {
    const rules = CHANGES.map(([service, operation, step]) => ({
      service,
      operation,
      caller: bench.functionOf(step),
      action: { kind: 'error', code: 'InvalidParameterValue', message: `${operation} refused` } as const,
    }));
    for (const rule of rules) bench.region.faults.add(rule);
    // Each rule strikes once, and each restore ends by the first that strikes it: as many of one as of the other.
    const restoreIds = CHANGES.map((_, index) => `refused-${index}`);
    const ends = [];
    for (const restoreId of restoreIds)
      ends.push(await bench.restore(bench.request(restorePoint), restoreId));
    expect(ends.map(({ status, error }) => `${status} ${error}`)).toEqual(
      CHANGES.map(() => 'FAILED AwsRefused'),
    );
    expect(ends.map(({ cause }) => cause).sort()).toEqual(
      CHANGES.map(([, operation]) => `InvalidParameterValue: ${operation} refused`).sort(),
    );
    for (const restoreId of restoreIds) {
      expect(await bench.ownedBy(restoreId), restoreId).toEqual([]);
      expect(await bench.record(`restores/${restoreId}/claim.json`)).toMatchObject({ state: 'closed' });
    }
  });

  it('makes nothing twice when answers are lost', async () => {
    const lost = [...CHANGES, ['ec2', 'TerminateInstances', 'retire-helper'] as const];
    for (const [service, operation, step] of lost) {
      bench.region.faults.add({
        service,
        operation,
        caller: bench.functionOf(step),
        // More often than the SDK tries by itself, so that the state machine has to try again.
        times: 5,
        action: { kind: 'loseAnswer' },
      });
    }
    const ended = await bench.restore(bench.request(restorePoint), 'answers-lost');
    expect(ended.cause).toBeUndefined();
    expect(ended.status).toBe('SUCCEEDED');
    expect(ended.result?.helper?.instanceIds).toHaveLength(1);
    expect(await bench.ownedBy('answers-lost')).toEqual(resultsOf(ended));
  });

  it('is done when the helper refuses to go: clean-up removes it', async () => {
    bench.region.faults.add({
      service: 'ec2',
      operation: 'TerminateInstances',
      caller: bench.functionOf('retire-helper'),
      action: { kind: 'error', code: 'OperationNotPermitted', message: 'termination is protected' },
    });
    const ended = await bench.restore(bench.request(restorePoint), 'not-retired');
    expect(ended).toMatchObject({ status: 'SUCCEEDED', result: { leftBehind: [] } });
    expect(await bench.ownedBy('not-retired')).toEqual(resultsOf(ended));
  });

  it('is cleaned up when the restore is stopped while the helper writes', async () => {
    const held = bench.region.faults.add({
      service: 's3',
      operation: 'GetObject',
      when: ({ Key }) => String(Key).startsWith('packs/'),
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(bench.request(restorePoint), 'stopped');
    await until('the helper reads a pack', () => held.holding === 1);
    await bench.sfn.send(new StopExecutionCommand({ executionArn }));
    held.release();
    expect(await bench.ended(executionArn)).toMatchObject({ status: 'ABORTED' });
    expect(await bench.cleanUpsEnded()).toEqual(expect.arrayContaining(['SUCCEEDED']));
    expect(await bench.ownedBy('stopped')).toEqual([]);
    const { resourceId: orders } = await bench.record('restores/stopped/1/ledger/order/helper-1.json');
    expect(orders).toMatch(/^helpers\/AROA[A-Z0-9]+:i-[0-9a-f]+\/orders\.json$/);
    expect(await bench.record(orders)).toBeUndefined();
    expect(await bench.record('restores/stopped/1/result.json')).toMatchObject({
      outcome: 'failed',
      error: { name: 'RestoreStopped' },
      helper: { disks: [{ id: 'root' }] },
      leftBehind: [],
    });
  });

  it('launches another type where there is no room for the first', async () => {
    const refused = bench.region.faults.add({
      service: 'ec2',
      operation: 'RunInstances',
      caller: bench.functionOf('launch-helper'),
      // The SDK tries five times on a server error.
      times: 5,
      action: { kind: 'error', code: 'InsufficientInstanceCapacity', message: 'no room', statusCode: 500 },
    });
    const { executionArn, status } = await bench.restore(bench.request(restorePoint), 'no-room');
    expect(status).toBe('SUCCEEDED');
    expect(refused.hits).toBe(5);
    const { strategy } = await bench.record('restores/no-room/1/plan.json');
    expect(strategy.instanceTypes.length).toBeGreaterThan(1);
    const launches = bench.region.calls
      .entries({ operation: 'RunInstances', caller: bench.functionOf('launch-helper') })
      .filter(({ execution }) => execution === executionArn);
    expect(launches.map(({ input, result }) => `${input?.InstanceType} ${result}`)).toEqual([
      ...Array.from({ length: 5 }, () => `${strategy.instanceTypes[0]} InsufficientInstanceCapacity`),
      `${strategy.instanceTypes[1]} ok`,
    ]);
    expect(new Set(launches.map(({ input }) => input?.ClientToken)).size).toBe(2);
  });
});
