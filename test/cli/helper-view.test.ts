import { describe, expect, test } from 'vitest';
import { describeRestore } from '../../cli/restore/describe-restore.ts';
import type { Observation } from '../../cli/restore/observe.ts';
import { makeHelperObserver, type ObservedHelper } from '../../cli/restore/observe-helper.ts';
import { progressLines } from '../../cli/restore/progress-lines.ts';
import type { HelperReport } from '../../core/model/helper.ts';
import { type LedgerEntry, resultSchema } from '../../core/model/restore-record.ts';
import { ARN, DATA_BYTES, entry, NOON, plan, ROOT_BYTES, ready, reportOf } from './helper-records.ts';
import { MIB } from './support.ts';

/*
 * What a person sees of a restore by a helper appliance, from literal records and reports.
 */
const seen = (report?: HelperReport, more: Partial<ObservedHelper> = {}): ObservedHelper => ({
  generation: 1,
  instanceId: 'i-1',
  report,
  secondsSinceNews: 1,
  ...more,
});

const observe = (
  entries: LedgerEntry[],
  helper?: ObservedHelper,
  more: Partial<Observation> = {},
): Observation => ({
  execution: { arn: ARN, name: 'web01-1', status: 'RUNNING' },
  attempt: { restoreId: 'web01', attempt: 1 },
  plan: plan(),
  entries,
  uploadedBytes: new Map(),
  imports: new Map(),
  helper,
  ...more,
});

const UP = [ready('instance/helper-1'), ready('volume/root'), ready('volume/data')];
const ATTACHED = [...UP, ready('attachment/helper-1.root'), ready('attachment/helper-1.data')];

const lineOf = (label: string, observation: Observation) =>
  progressLines(observation).find((line) => line.label === label);

describe('the lines of a restore by a helper', () => {
  test('show bytes, speed and time left from its own report, each disk at its own step', () => {
    const report = reportOf('working', [
      {
        ...{ state: 'writing', doneBytes: 512 * MIB, writtenBytes: 300 * MIB },
        bytesPerSecond: 128 * MIB,
      },
      { id: 'data', state: 'checking', diskBytes: DATA_BYTES },
    ]);
    const entries = [...ATTACHED, entry('order/helper-1'), entry('instance/target')];
    expect(progressLines(observe(entries, seen(report), { state: 'CheckHelper' }))).toEqual([
      {
        label: 'root',
        phase: 'write',
        doneBytes: 536_870_912,
        totalBytes: 1_342_177_280,
        writtenBytes: 314_572_800,
        bytesPerSecond: 134_217_728,
        // 768 MiB are left, at 128 a second.
        secondsLeft: 6,
      },
      { label: 'data', phase: 'check if blank' },
      {
        label: 'helper',
        phase: 'write disks',
        bytesPerSecond: 134_217_728,
        note: 'the helper-1',
      },
      { label: 'machine', phase: 'launch and stop', note: 'CheckHelper' },
    ]);
  });

  const reading = { state: 'reading-back', writtenBytes: 300 * MIB, readBackBytes: 75 * MIB } as const;
  const writing = { state: 'writing', doneBytes: MIB, writtenBytes: MIB, bytesPerSecond: MIB } as const;
  test.each([
    [[], undefined, { phase: 'waiting' }],
    [[entry('volume/root')], undefined, { phase: 'create volume' }],
    [[ready('volume/root')], undefined, { phase: 'volume ready' }],
    [[...UP, entry('attachment/helper-1.root')], undefined, { phase: 'attach to helper' }],
    [ATTACHED, undefined, { phase: 'on helper' }],
    [ATTACHED, seen(reportOf('ready')), { phase: 'on helper' }],
    [ATTACHED, seen(reportOf('working', [{}])), { phase: 'on helper' }],
    [
      ATTACHED,
      seen(reportOf('working', [reading])),
      { phase: 'read back', writtenBytes: 314_572_800, note: '75 MiB read back' },
    ],
    [
      ATTACHED,
      seen(reportOf('done', [{ state: 'done', doneBytes: ROOT_BYTES, writtenBytes: 5 }])),
      { phase: 'written', doneBytes: 1_342_177_280, totalBytes: 1_342_177_280, writtenBytes: 5 },
    ],
    // What a helper said last is no speed once it is silent.
    [
      ATTACHED,
      seen(reportOf('working', [writing]), { secondsSinceNews: 31 }),
      { phase: 'write', doneBytes: 1_048_576, totalBytes: 1_342_177_280, writtenBytes: 1_048_576 },
    ],
    // The second helper: what the first has said is about volumes that are not attached any more.
    [
      [...ATTACHED, entry('instance/helper-2', { resourceId: undefined })],
      seen(reportOf('working', [writing])),
      { phase: 'volume ready' },
    ],
    [[...ATTACHED, entry('attachment/root')], seen(reportOf('done')), { phase: 'attach volume' }],
    [[...ATTACHED, ready('attachment/root')], undefined, { phase: 'attached' }],
  ])('of a disk, from ledger and report %#', (entries, helper, line) => {
    expect(lineOf('root', observe(entries, helper))).toEqual({ label: 'root', ...line });
  });

  test('count what is read back where all of it is', () => {
    const observation = observe(ATTACHED, seen(reportOf('working', [reading])), { plan: plan('all') });
    expect(lineOf('root', observation)).toEqual({
      ...{ label: 'root', phase: 'read back', writtenBytes: 314_572_800 },
      ...{ doneBytes: 78_643_200, totalBytes: 1_342_177_280 },
    });
  });

  const failure = { name: 'VolumeNotBlank', message: 'vol-1 holds data\nat 0', diskId: 'root' };
  test.each([
    [[], undefined, 'waiting', undefined],
    [[entry('instance/helper-1', { resourceId: undefined })], undefined, 'launch', undefined],
    [[entry('instance/helper-1')], undefined, 'launch', 'the helper-1'],
    [UP, undefined, 'start', 'the helper-1'],
    [UP, seen(), 'start', 'the helper-1'],
    [UP, seen(reportOf('ready')), 'ready', 'the helper-1'],
    [UP, seen(reportOf('done')), 'done', 'the helper-1'],
    // One that has done its work may be quiet.
    [UP, seen(reportOf('done'), { secondsSinceNews: 99 }), 'done', 'the helper-1'],
    [UP, seen(reportOf('working'), { secondsSinceNews: 30 }), 'write disks', 'the helper-1'],
    [
      UP,
      seen(reportOf('working'), { secondsSinceNews: 95 }),
      'silent',
      'the helper-1, no news for 1 min 35 s',
    ],
    [
      UP,
      seen(undefined, { problem: 'Access Denied\nfor you' }),
      'start',
      'the helper-1, its report cannot be read: Access Denied',
    ],
    [
      UP,
      seen(reportOf('failed', [], { error: failure })),
      'failed',
      'the helper-1, VolumeNotBlank: vol-1 holds data',
    ],
    [
      [entry('instance/helper-1', { removalAskedAt: NOON })],
      seen(reportOf('done')),
      'remove',
      'the helper-1',
    ],
    [[entry('instance/helper-1', { removedAt: NOON })], seen(reportOf('done')), 'removed', 'the helper-1'],
    [
      [entry('instance/helper-1', { removedAt: NOON }), entry('instance/helper-2')],
      seen(undefined, { generation: 2 }),
      'launch',
      'the helper-2, replaces the helper-1',
    ],
  ])('of the helper itself, from ledger and report %#', (entries, helper, phase, note) => {
    expect(lineOf('helper', observe(entries, helper))).toEqual({
      ...{ label: 'helper', phase },
      ...(note === undefined ? {} : { note }),
    });
  });

  test('of the machine tell the target’s attachments from the helper’s', () => {
    const target = entry('instance/target');
    expect(lineOf('machine', observe([...ATTACHED, target]))?.phase).toBe('launch and stop');
    const stopped = entry('volume/placeholder-root');
    expect(lineOf('machine', observe([...ATTACHED, target, stopped]))?.phase).toBe('wait for disks');
    const attaching = [...ATTACHED, target, stopped, entry('attachment/data')];
    expect(lineOf('machine', observe(attaching))?.phase).toBe('attach disks');
  });
});

describe('the helper that is looked at', () => {
  const observed = async (
    entries: LedgerEntry[],
    answer: (instanceId: string) => HelperReport | undefined = () => undefined,
  ) => {
    const asked: string[] = [];
    const look = makeHelperObserver(
      {
        async helperReport({ roleId, instanceId }) {
          asked.push(`${roleId}:${instanceId}`);
          return answer(instanceId);
        },
      },
      () => 0,
    );
    return { helper: await look({ plan: plan(), entries }), asked };
  };

  test('is the newest that has an id', async () => {
    const first = entry('instance/helper-1', { resourceId: 'i-1' });
    const named = entry('instance/helper-2', { resourceId: 'i-2' });
    const unnamed = entry('instance/helper-2', { resourceId: undefined });
    const target = entry('instance/target', { resourceId: 'i-9' });
    expect((await observed([target])).asked).toEqual([]);
    expect((await observed([first, target])).asked).toEqual(['AROA1:i-1']);
    expect((await observed([unnamed, first])).asked).toEqual(['AROA1:i-1']);
    const { helper, asked } = await observed([named, first, target], () => reportOf('ready'));
    expect(asked).toEqual(['AROA1:i-2']);
    expect(helper).toEqual({
      ...{ generation: 2, instanceId: 'i-2', problem: undefined, secondsSinceNews: 0 },
      report: reportOf('ready'),
    });
  });

  test('keeps what it has said last when its report cannot be read, and ages', async () => {
    const answers: (HelperReport | Error)[] = [
      reportOf('ready'),
      reportOf('ready'),
      new Error('not JSON'),
      reportOf('working', [], { reportedAt: '2026-02-01T12:00:10.000Z' }),
    ];
    let now = 100;
    const look = makeHelperObserver(
      {
        async helperReport() {
          const answer = answers.shift();
          if (answer instanceof Error) throw answer;
          return answer;
        },
      },
      () => now,
    );
    const facts = async (at: number) => {
      now = at;
      const entries = [entry('instance/helper-1', { resourceId: 'i-1' })];
      const helper = await look({ plan: plan(), entries });
      return [helper?.report?.state, helper?.problem, helper?.secondsSinceNews];
    };
    expect(await facts(100)).toEqual(['ready', undefined, 0]);
    expect(await facts(105)).toEqual(['ready', undefined, 5]);
    expect(await facts(110)).toEqual(['ready', 'not JSON', 10]);
    expect(await facts(115)).toEqual(['working', undefined, 0]);
  });
});

describe('the story of a restore by a helper', () => {
  const result = resultSchema.parse({
    ...{ restoreId: 'web01', attempt: 1, executionArn: ARN, outcome: 'restored', endedAt: NOON },
    volumes: [],
    phases: [],
    cleanedUp: [{ kind: 'instance', resourceId: 'i-2' }],
    leftBehind: [{ kind: 'security-group', resourceId: 'sg-2', because: 'it is in use' }],
    helper: {
      instanceIds: ['i-1', 'i-2'],
      disks: reportOf('done', [
        {
          ...{ state: 'done', doneBytes: ROOT_BYTES, writtenBytes: 300 * MIB, resumedBytes: 64 * MIB },
          ...{ readBackBytes: 16 * MIB, bytesPerSecond: 310 * MIB, diskDigest: 'ab'.repeat(32) },
        },
        {
          ...{ id: 'data', state: 'done', doneBytes: DATA_BYTES, diskBytes: DATA_BYTES },
          ...{ readBackBytes: 0, diskDigest: '0123456789abcdef'.repeat(4) },
        },
      ]).disks,
    },
  });

  test('tells which helpers there were, why of this type, and what was done with each disk', () => {
    const lines = describeRestore({ restoreId: 'web01', plan: plan(), entries: [], result });
    expect(lines).toContain('strategy       helper: the request asks for it');
    expect(lines).toContain('helper         c7gn.xlarge: 10 Gbps to EBS for 2 disks');
    expect(lines).toContain('  else         c7g.2xlarge');
    const from = lines.indexOf('helper i-1, lost and replaced by i-2');
    expect(lines.slice(from)).toEqual([
      'helper i-1, lost and replaced by i-2',
      'helper i-2, removed',
      'DISK  STATE                    WRITTEN  SPEED      READ BACK  DIGEST',
      'root  done, 64 MiB found done  300 MiB  310 MiB/s  16 MiB     abababababababab…',
      'data  done                     0 bytes             0 bytes    0123456789abcdef…',
      '',
      'removed instance i-2',
      'left behind security-group sg-2: it is in use',
    ]);
  });

  test('that is under way is told from ledger and report', () => {
    const helperReport = reportOf('working', [
      { state: 'writing', doneBytes: 512 * MIB, writtenBytes: 300 * MIB, bytesPerSecond: 2 * MIB },
    ]);
    const entries = [entry('instance/helper-1', { resourceId: 'i-1' })];
    const lines = describeRestore({ restoreId: 'web01', plan: plan(), entries, helperReport });
    expect(lines.slice(-3)).toEqual([
      'helper i-1',
      'DISK  STATE                         WRITTEN  SPEED    READ BACK  DIGEST',
      'root  writing, 512 MiB of 1.25 GiB  300 MiB  2 MiB/s  0 bytes',
    ]);
  });
});
