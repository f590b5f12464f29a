import { setTimeout as sleep } from 'node:timers/promises';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type PlanReport, planReportSchema } from '../../core/model/plan-report.ts';
import { MIB, makeRestoreBench, type RestoreBench, sparseDisk } from '../support/restore-bench.ts';

let bench: RestoreBench;
let restorePoint: string;
beforeAll(async () => {
  bench = await makeRestoreBench(inject('assemblyFolder'));
  restorePoint = await bench.backUp([
    sparseDisk('root', 9 * MIB, { boot: true }),
    sparseDisk('data', 20 * MIB),
  ]);
});
afterAll(() => bench?.stop());

const good = () => ({ restorePoint, target: { instanceType: 'm6i.large', subnetId: bench.subnetId } });

/** Runs the state machine Plan, and returns what it answers with everything that was called for it. */
async function plan(request: unknown): Promise<{ report: PlanReport; calls: string[] }> {
  const { sfn, outputs, region } = bench;
  const { executionArn = '' } = await sfn.send(
    new StartExecutionCommand({
      stateMachineArn: outputs.PlanStateMachineArn,
      input: JSON.stringify(request),
    }),
  );
  for (;;) {
    const { status, output, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (status === 'RUNNING') {
      await sleep(20);
      continue;
    }
    expect(status, cause).toBe('SUCCEEDED');
    const calls = region.calls
      .entries()
      .filter(({ execution, service }) => execution === executionArn && service !== 'lambda')
      .map(({ service, operation }) => `${service}:${operation}`);
    return { report: planReportSchema.parse(JSON.parse(output ?? '')), calls };
  }
}

const fieldsOf = ({ findings }: PlanReport): string[] => findings.map(({ field }) => field);

describe('the plan of a good request', () => {
  it('tells strategy, estimates, target, disks and everything that will be made', async () => {
    const { report } = await plan({ ...good(), strategy: 'upload' });
    expect(report).toMatchObject({
      possible: true,
      restorePoint,
      workload: { name: 'web01', kind: 'ec2' },
      strategy: { name: 'upload', reason: 'the request asks for it' },
      target: { instanceType: 'm6i.large', subnetId: bench.subnetId, powerOn: true },
      disks: [
        { id: 'root', boot: true, sizeBytes: 9 * MIB, volumeGiB: 1 },
        { id: 'data', boot: false, sizeBytes: 20 * MIB, volumeGiB: 1 },
      ],
    });
    const of = (role: string) =>
      report.resources
        .filter((resource) => resource.role === role)
        .map(({ kind, diskId }) => (diskId === undefined ? kind : `${kind} of ${diskId}`));
    expect(of('result')).toEqual(['instance', 'network-interface', 'volume of root', 'volume of data']);
    expect(of('record')).toEqual(['record']);
    expect(of('temporary').sort()).toEqual(
      [
        ...['bucket', 'image', 'security-group', 'snapshot', 'volume', 'volume'],
        ...['object of root', 'import-task of root', 'snapshot of root'],
        ...['object of data', 'import-task of data', 'snapshot of data'],
      ].sort(),
    );
    // What the others would come to is told as well.
    const names = report.strategies.map(({ name }) => name).sort();
    expect(names).toEqual(['direct', 'helper', 'upload']);
    for (const { estimate } of report.strategies) expect(estimate?.bootableSeconds).toBeGreaterThan(60);
  });

  it('makes nothing, claims nothing, and only reads', async () => {
    const before = await bench.inventory();
    const { calls } = await plan({ ...good(), restoreId: 'never-started' });
    expect(calls.length).toBeGreaterThan(10);
    expect(calls.filter((call) => !/:(Describe|Get|Head|List)/.test(call))).toEqual([]);
    expect(await bench.inventory()).toEqual(before);
    const { Contents = [] } = await bench.s3.send(
      new ListObjectsV2Command({ Bucket: bench.outputs.ControlBucket }),
    );
    expect(Contents.filter(({ Key }) => Key?.includes('never-started'))).toEqual([]);
  });

  it('is what a restore of the same request then does', async () => {
    const request = { ...good(), strategy: 'upload', target: { ...good().target, powerOn: false } };
    const { report } = await plan(request);
    const { result, cause: why } = await bench.restore(request);
    expect(result?.outcome, why).toBe('restored');
    const { estimate } = report.strategies.find(({ name }) => name === 'upload') ?? {};
    expect(result?.measured?.estimate.bootableSeconds).toBeCloseTo(estimate?.bootableSeconds ?? 0, 0);
    expect(result?.measured?.estimate.costUsd).toBeCloseTo(estimate?.costUsd ?? 0, 3);
    const { startedAt = '', phases = [] } = result ?? {};
    const handedOver = phases.find(({ phase }) => phase === 'hand over')?.startedAt ?? '';
    expect(result?.measured?.bootableSeconds).toBe((Date.parse(handedOver) - Date.parse(startedAt)) / 1_000);
    const made = [...(result?.cleanedUp ?? []).map(({ kind }) => kind)].sort();
    // What ends with another thing is not removed by itself: the RAW objects with their bucket.
    const planned = report.resources
      .filter(({ role, kind }) => role === 'temporary' && kind !== 'object')
      .map(({ kind }) => kind);
    expect(planned.sort()).toEqual(made);
  });
});

describe('the plan of a machine from elsewhere', () => {
  it('counts the conversion in, and names what it makes', async () => {
    const point = await bench.backUp([sparseDisk('root', 9 * MIB, { boot: true })], {
      name: 'esx01',
      kind: 'vmware',
      operatingSystem: 'Ubuntu 22.04',
    });
    const { report } = await plan({ ...good(), restorePoint: point, strategy: 'direct' });
    expect(report.possible).toBe(true);
    const { estimate } = report.strategies.find(({ name }) => name === 'direct') ?? {};
    expect(estimate?.phases.map(({ what }) => what)).toContain('convert by ImportImage');
    const temporary = report.resources.filter(({ role }) => role === 'temporary').map(({ kind }) => kind);
    expect(temporary.sort()).toEqual(
      ['image', 'image-import-task', 'security-group', 'snapshot', 'snapshot'].sort(),
    );
  });
});

describe('what auto takes', () => {
  it('is possible: a helper that the account has no vCPUs for beside the target is none', async () => {
    // The target takes 2, and so does the smallest helper that carries two volumes.
    bench.region.services.serviceQuotas.set('L-1216C47A', 3);
    const { report } = await plan(good());
    bench.region.services.serviceQuotas.set('L-1216C47A', 5_000);
    const helper = report.strategies.find(({ name }) => name === 'helper');
    expect(helper?.estimate).toBeUndefined();
    expect(helper?.findings).toEqual([
      expect.objectContaining({
        severity: 'error',
        field: 'helper.instanceType',
        problem: expect.stringMatching(
          /^have \d vCPUs together \(.*, m6i\.large 2\), the account may run 3 at once/,
        ),
      }),
    ]);
    expect(report.possible).toBe(true);
    expect(report.strategy?.name).not.toBe('helper');
    expect(report.strategy?.reason).toMatch(/; helper is not possible \(.*vCPUs together/);
  });
});

describe('everything that is wrong with a request', () => {
  it('is told at once: eight mistakes, of form and of fact', async () => {
    const request = {
      restorePoint,
      colour: 'blue',
      target: {
        instanceType: 'm7g.large',
        subnetId: bench.subnetId,
        keyName: 'lost',
        privateIpAddress: '10.1.2.3',
        securityGroupIds: ['sg-0123456789abcdef0'],
      },
      disks: [
        { id: 'dada' },
        { id: 'root', volumeType: 'st1' },
        { id: 'data', volumeType: 'gp3', iops: 'many', throughput: 5_000 },
      ],
    };
    const expected = [
      'colour',
      'target.instanceType',
      'target.keyName',
      'target.privateIpAddress',
      'target.securityGroupIds[0]',
      'disks[0].id',
      'disks[1].volumeType',
      'disks[2].iops',
      'disks[2].throughput',
    ];
    const { report, calls } = await plan(request);
    expect(report.possible).toBe(false);
    const errors = report.findings.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ field }) => field)).toEqual(expect.arrayContaining(expected));
    expect(calls.filter((call) => !/:(Describe|Get|Head|List)/.test(call))).toEqual([]);
    // A restore refuses it with the same words.
    const { error, cause = '' } = await bench.restore(request);
    expect(error).toBe('BadRequest');
    const lines = cause.split('\n');
    expect(lines.map((line) => line.split(' = ')[0])).toEqual(expect.arrayContaining(expected));
    expect(lines).toHaveLength(errors.length);
  });

  it('is told of a restoreId that another restore holds', async () => {
    const held = bench.region.faults.add({
      service: 's3',
      operation: 'CreateBucket',
      action: { kind: 'hold' },
    });
    const request = { ...good(), strategy: 'upload', restoreId: 'taken' };
    const executionArn = await bench.start(request, 'taken-1');
    await expect.poll(() => held.holding, { timeout: 20_000 }).toBe(1);
    const { report } = await plan(request);
    expect(report.findings).toContainEqual({
      severity: 'error',
      field: 'restoreId',
      value: 'taken',
      problem: `is open in ${executionArn}`,
      fix: 'Wait until that has ended, end it with "landfall cancel", or choose another restoreId',
    });
    held.release();
    await bench.ended(executionArn);
    expect(fieldsOf((await plan(request)).report)).not.toContain('restoreId');
  });

  it('is told as far as it hangs on nothing else where the restore point is not there', async () => {
    const { report } = await plan({
      restorePoint: { workload: 'nobody' },
      target: { instanceType: 'm99.huge', subnetId: 'subnet-0123456789abcdef0', keyName: 'lost' },
    });
    expect(report).toMatchObject({ possible: false, disks: [], strategies: [] });
    expect(fieldsOf(report).sort()).toEqual([
      'restorePoint',
      'target.instanceType',
      'target.keyName',
      'target.subnetId',
    ]);
  });

  it.each([
    ['no object', 'text', ['request']],
    ['nothing', {}, ['restorePoint']],
    [
      'fields of other types',
      { restorePoint: 7, target: 'x', disks: {}, helper: [] },
      ['restorePoint', 'target', 'disks', 'helper'],
    ],
    [
      'an element of a list',
      { target: { securityGroupIds: ['sg-0123456789abcdef0', 'x'] } },
      ['restorePoint', 'target.securityGroupIds[1]'],
    ],
    ['reserved tags', { target: { tags: { 'aws:x': 'y' } } }, ['restorePoint', 'target.tags']],
  ])('is told of %s', async (_what, request, fields) => {
    const { report } = await plan(request);
    expect(report.possible).toBe(false);
    expect(fieldsOf(report).sort()).toEqual([...fields].sort());
  });
});
