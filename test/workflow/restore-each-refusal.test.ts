import { GetObjectCommand, NoSuchKey } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { MIB, makeRestoreBench, type RestoreBench, sparseDisk } from '../support/restore-bench.ts';

let bench: RestoreBench;
beforeAll(async () => {
  bench = await makeRestoreBench(inject('assemblyFolder'));
});
afterAll(() => bench?.stop());

it('refused at any one of its calls, a restore ends restored or failed, with nothing else left', async () => {
  const restorePoint = await bench.backUp([sparseDisk('root', 12 * MIB, { boot: true })]);
  const request = {
    restorePoint,
    strategy: 'upload',
    target: { instanceType: 'm6i.large', subnetId: bench.subnetId },
  };
  const good = await bench.restore(request);
  expect(good.status).toBe('SUCCEEDED');
  const operations = new Set(
    bench.region.calls
      .entries()
      .filter(({ execution, service }) => execution === good.executionArn && service !== 'lambda')
      .map(({ service, operation }) => `${service} ${operation}`),
  );
  // The calls themselves say what there is to refuse; a restore that makes ever fewer would test ever less.
  expect(operations.size).toBeGreaterThan(40);

  for (const [number, call] of [...operations].entries()) {
    const [service = '', operation = ''] = call.split(' ');
    const before = await bench.inventory();
    const fault = bench.region.faults.add({
      service,
      operation,
      action: { kind: 'error', code: 'InvalidParameterValue', message: 'refused by the test' },
    });
    const { status, cause, result } = await bench.restore(request, `refused-${number}`);
    expect(fault.hits, call).toBe(1);
    fault.remove();
    const results = [
      result?.instance?.instanceId,
      ...(result?.volumes ?? []).map(({ volumeId }) => volumeId),
    ];
    const made = (await bench.inventory()).filter((id) => !before.includes(id));
    if (status === 'SUCCEEDED') {
      expect(made, call).toEqual(results.map(String).sort());
    } else {
      // A HEAD is answered without a body: its status is all there is.
      expect(cause, call).toContain(operation === 'HeadObject' ? 'HTTP status 400' : 'refused by the test');
      expect(made, call).toEqual([]);
    }
    // Clean-up came to its own end, it was not only overtaken by it.
    expect(await claimOf(`refused-${number}`), call).toMatch(/^(closed|never claimed)$/);
  }
}, 180_000);

async function claimOf(restoreId: string): Promise<string> {
  const Key = `restores/${restoreId}/claim.json`;
  try {
    const { Body } = await bench.s3.send(new GetObjectCommand({ Bucket: bench.outputs.ControlBucket, Key }));
    return JSON.parse((await Body?.transformToString()) ?? '{}').state;
  } catch (error) {
    if (error instanceof NoSuchKey) return 'never claimed';
    throw error;
  }
}
