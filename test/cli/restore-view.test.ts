import { describe, expect, test } from 'vitest';
import { describeRestore, type RestoreStory } from '../../cli/restore/describe-restore.ts';
import type { Execution } from '../../cli/restore/find-restore.ts';
import type { Observation } from '../../cli/restore/observe.ts';
import { progressLines } from '../../cli/restore/progress-lines.ts';
import { requireSuccess } from '../../cli/restore/start-and-follow.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import { type LedgerEntry, ledgerEntrySchema, resultSchema } from '../../core/model/restore-record.ts';

const ARN = 'arn:aws:states:us-east-1:123456789012:execution:LandfallRestore:web01-1';
const POINT = `rp-20260115T080000Z-${'ab'.repeat(32)}`;

const disk = (id: string, size: number, boot: boolean) => ({
  id,
  boot,
  size,
  volumeGiB: 2,
  segmentBytes: 1024 ** 3,
  segmentCount: 2,
  upload: { partSegments: 1, batchSegments: 16, objectKey: `disks/${id}.raw` },
  deviceName: boot ? '/dev/xvda' : '/dev/sdf',
  volumeType: 'gp3',
  encrypted: false,
  deleteOnTermination: boot,
  tags: {},
});

const PLAN: Plan = planSchema.parse({
  restoreId: 'web01',
  attempt: 1,
  executionArn: ARN,
  startedAt: '2026-02-01T10:00:00.000Z',
  plannedAt: '2026-02-01T10:00:01.000Z',
  repository: 's3://backups',
  restorePoint: POINT,
  restorePointTime: '2026-01-15T08:00:00Z',
  workload: { name: 'web01', kind: 'ec2', platform: 'linux' },
  strategy: {
    name: 'upload',
    reason: 'the request asks for it',
    temporaryBucket: 'landfall-0123456789abcdef-123456789012-us-east-1-an',
    zeroObjectBytes: 1024 ** 3,
  },
  target: {
    restoreTo: 'new',
    name: 'web01',
    sourceName: 'web01',
    instanceType: 't3.small',
    otherInstanceTypes: [],
    subnetId: 'subnet-1',
    vpcId: 'vpc-1',
    availabilityZone: 'us-east-1a',
    securityGroupIds: ['sg-1'],
    sourceDestCheck: true,
    ebsOptimized: true,
    httpTokens: 'required',
    httpEndpoint: 'enabled',
    instanceMetadataTags: 'disabled',
    tags: {},
    powerOn: true,
    launchImage: {
      kind: 'existing',
      imageId: 'ami-1',
      reason: 'the source instance’s',
      rootDeviceName: '/dev/xvda',
      otherDeviceNames: [],
    },
  },
  disks: [disk('root', 1_342_177_280, true), disk('data', 734_003_200, false)],
  excludedDisks: [],
  warnings: [
    {
      severity: 'warning',
      field: 'target.iamInstanceProfile',
      value: 'nothing',
      problem: 'the source instance had one',
      fix: 'Name one',
    },
  ],
  onFailure: 'cleanUp',
});

const at = (seconds: number) => new Date(Date.parse('2026-02-01T10:00:02Z') + seconds * 1000).toISOString();

/** The steps that make things, as the ledger names them. */
const STEPS: Record<string, string> = {
  'bucket/temporary': 'create-temporary-bucket',
  'upload/root': 'start-disk-upload',
  'import-task/root': 'import-snapshot',
  'volume/root': 'create-volume',
  'volume/placeholder-root': 'detach-placeholder-root',
  'instance/target': 'launch-target',
};

const entry = (
  kind: string,
  name: string,
  more: Partial<LedgerEntry> & { from?: number; to?: number } = {},
) => {
  const { from = 0, to, ...rest } = more;
  return ledgerEntrySchema.parse({
    kind,
    name,
    ...(['root', 'data'].includes(name) ? { diskId: name } : {}),
    step: STEPS[`${kind}/${name}`] ?? 'some-step',
    executionArn: ARN,
    intendedAt: at(from),
    triedAt: at(from),
    resourceId: `${kind}-${name}`,
    createdAt: at(from),
    ...(to === undefined ? {} : { readyAt: at(to) }),
    ...rest,
  });
};

const execution = (status: Execution['status'] = 'RUNNING'): Execution => ({
  arn: ARN,
  name: 'web01-1',
  status,
});

const observe = (entries: LedgerEntry[], more: Partial<Observation> = {}): Observation => ({
  execution: execution(),
  attempt: { restoreId: 'web01', attempt: 1 },
  plan: PLAN,
  entries,
  uploadedBytes: new Map(),
  imports: new Map(),
  ...more,
});

describe('the lines of a restore under way', () => {
  test('before there is a plan', () => {
    expect(progressLines(observe([], { plan: undefined, state: 'Plan Restore' }))).toEqual([
      { label: 'machine', phase: 'plan', note: 'Plan Restore' },
    ]);
  });

  test('each disk is at its own step', () => {
    const entries = [
      entry('upload', 'root'),
      entry('upload', 'data', { to: 3 }),
      entry('import-task', 'data', { from: 3 }),
    ];
    const lines = progressLines(
      observe(entries, {
        uploadedBytes: new Map([['root', 512 * 1024 ** 2]]),
        imports: new Map([['data', { percent: 40, message: 'converting' }]]),
      }),
    );
    expect(lines).toEqual([
      { label: 'root', phase: 'upload as RAW', doneBytes: 536_870_912, totalBytes: 1_342_177_280 },
      { label: 'data', phase: 'import as snapshot', fraction: 0.4, note: 'converting' },
      { label: 'machine', phase: 'bring in disks', note: undefined },
    ]);
  });

  test.each([
    [[entry('upload', 'root', { to: 1 })], 'uploaded', 'bring in disks'],
    [[entry('import-task', 'root', { to: 1 })], 'imported', 'bring in disks'],
    [[entry('volume', 'root')], 'create volume', 'bring in disks'],
    [[entry('volume', 'root', { to: 1 })], 'volume ready', 'bring in disks'],
    [[entry('instance', 'target')], 'waiting', 'launch and stop'],
    [[entry('instance', 'target'), entry('attachment', 'root')], 'attach volume', 'attach disks'],
    [[entry('instance', 'target'), entry('attachment', 'root', { to: 1 })], 'attached', 'attach disks'],
    [[entry('instance', 'target', { handedOverAt: at(9) })], 'waiting', 'start and check'],
    [[entry('instance', 'target', { removedAt: at(9) })], 'waiting', 'clean up'],
  ])('from ledger %#', (entries, root, machine) => {
    const lines = progressLines(observe(entries));
    expect([lines[0]?.phase, lines.at(-1)?.phase]).toEqual([root, machine]);
  });

  test.each([
    ['SUCCEEDED', 'restored'],
    ['FAILED', 'failed'],
    ['TIMED_OUT', 'timed out'],
    ['ABORTED', 'cancelled'],
  ] as const)('%s is %s, and nothing moves any more', (status, phase) => {
    expect(progressLines(observe([], { execution: execution(status) }))).toEqual([
      { label: 'machine', phase },
    ]);
  });
});

const ENTRIES = [
  entry('bucket', 'temporary', { from: 0, to: 0.2, removedAt: at(70) }),
  entry('upload', 'root', { from: 0.2, to: 10.2 }),
  entry('import-task', 'root', { from: 10.2, to: 40 }),
  entry('volume', 'root', { from: 40, to: 42, handedOverAt: at(60) }),
  entry('volume', 'placeholder-root', { from: 43, removedAt: at(50) }),
  entry('instance', 'target', { from: 43, handedOverAt: at(60) }),
];

const STORY: RestoreStory = {
  restoreId: 'web01',
  attempt: 1,
  execution: execution('SUCCEEDED'),
  plan: PLAN,
  entries: ENTRIES,
  result: resultSchema.parse({
    restoreId: 'web01',
    attempt: 1,
    executionArn: ARN,
    outcome: 'restored',
    restorePoint: POINT,
    startedAt: '2026-02-01T10:00:00.000Z',
    endedAt: '2026-02-01T10:01:15.000Z',
    instance: {
      instanceId: 'i-1',
      name: 'web01',
      instanceType: 't3.small',
      availabilityZone: 'us-east-1a',
      started: 'running',
      statusChecks: 'ok',
    },
    volumes: [
      { diskId: 'root', volumeId: 'vol-1', deviceName: '/dev/xvda', sizeGiB: 2, diskBytes: 1_342_177_280 },
    ],
    phases: [
      { phase: 'upload as RAW', diskId: 'root', startedAt: at(0.2), endedAt: at(10.2) },
      { phase: 'import as snapshot', diskId: 'root', startedAt: at(10.2), endedAt: at(82) },
      { phase: 'launch and stop target', startedAt: at(83) },
    ],
    cleanUpProblem: 'the snapshot is locked',
    cleanedUp: [{ kind: 'bucket', resourceId: 'landfall-0123' }],
    leftBehind: [{ kind: 'snapshot', because: 'it backs an image' }],
  }),
};

describe('the story of a restore', () => {
  test('that went well', () => {
    expect(describeRestore(STORY)).toEqual([
      'restore        web01, attempt 1',
      'state          restored',
      `execution      ${ARN}`,
      `restore point  ${POINT}`,
      'workload       web01 (ec2), as of 2026-01-15T08:00:00Z',
      'strategy       upload: the request asks for it',
      'disks          2, 1.93 GiB',
      'started        2026-02-01T10:00:00.000Z',
      'took           1 min 15 s',
      'warning        target.iamInstanceProfile = nothing: the source instance had one. Name one',
      '',
      'AT           TOOK        PHASE                   DISK',
      '+0.0 s       10 s        upload as RAW           root',
      '+10 s        1 min 12 s  import as snapshot      root',
      '+1 min 23 s  not ended   launch and stop target',
      '',
      'instance i-1 "web01" (t3.small, us-east-1a): running, status checks ok',
      '',
      'DISK  VOLUME  DEVICE     SIZE   DISK SIZE',
      'root  vol-1   /dev/xvda  2 GiB  1.25 GiB',
      '',
      'removed bucket landfall-0123',
      'left behind snapshot (id not known): it backs an image',
      'clean-up failed: the snapshot is locked',
    ]);
  });

  test('to volumes alone, without one disk, one of them made otherwise than planned', () => {
    const [volume] = STORY.result?.volumes ?? [];
    const alone = {
      restoreTo: 'volumes',
      name: 'web01',
      sourceName: 'web01',
      availabilityZone: 'us-east-1b',
    };
    const lines = describeRestore({
      ...STORY,
      plan: planSchema.parse({ ...STORY.plan, target: alone, excludedDisks: ['data'] }),
      result: resultSchema.parse({
        ...STORY.result,
        restoreTo: 'volumes',
        instance: undefined,
        volumes: [{ ...volume, availabilityZone: 'us-east-1b', note: 'made without the rate' }],
      }),
    });
    expect(lines).toContain('disks          2, 1.93 GiB, without data, as asked');
    expect(lines).toContain('restored to    volumes alone, "web01" in us-east-1b');
    expect(lines.filter((line) => line.startsWith('instance'))).toEqual([]);
    expect(lines.slice(lines.findIndex((line) => line.startsWith('DISK')))).toEqual(
      expect.arrayContaining([
        'DISK  VOLUME  STATE                    SIZE   DISK SIZE',
        'root  vol-1   available in us-east-1b  2 GiB  1.25 GiB',
        'root: made without the rate',
      ]),
    );
  });

  test('to the instance that was backed up, whose old volumes are kept', () => {
    const original = {
      restoreTo: 'original',
      name: 'web01',
      sourceName: 'web01',
      instanceId: 'i-1',
      instanceType: 'm6i.large',
      availabilityZone: 'us-east-1b',
      replaced: [],
      tags: {},
      powerOn: true,
    };
    const lines = describeRestore({
      ...STORY,
      plan: planSchema.parse({ ...STORY.plan, target: original }),
      result: resultSchema.parse({
        ...STORY.result,
        restoreTo: 'original',
        replacedVolumes: [{ diskId: 'root', volumeId: 'vol-old', deviceName: '/dev/xvda' }],
      }),
    });
    expect(lines).toContain('restored to    the instance that was backed up, i-1 in us-east-1b');
    expect(lines).toContain('root: vol-old was /dev/xvda until then, and is kept');
  });

  test('that is still going on is told from the ledger', () => {
    const lines = describeRestore({ ...STORY, result: undefined, execution: execution() });
    expect(lines).toContain('state          running');
    expect(lines.some((line) => line.includes('placeholder'))).toBe(false);
    // The plan's own phase, and those of five entries.
    expect(lines.filter((line) => line.startsWith('+'))).toHaveLength(6);
  });

  test('that was stopped before its clean-up had ended', () => {
    const entries = [
      entry('bucket', 'temporary', { resourceId: 'landfall-0123' }),
      entry('upload', 'root'),
      entry('volume', 'root', { resourceId: 'vol-1' }),
      entry('volume', 'data', { resourceId: 'vol-2', removedAt: at(9) }),
      entry('snapshot', 'root', { resourceId: 'snap-1', keptBecause: 'it is locked' }),
      entry('image', 'launch', { resourceId: undefined }),
    ];
    const story: RestoreStory = { restoreId: 'web01', execution: execution('ABORTED'), entries };
    const left = ['clean-up not finished; left: bucket landfall-0123, volume vol-1'];
    const next = ['If it is not under way any more, "landfall cancel web01" starts it again.'];
    expect(describeRestore({ ...story, claimState: 'closing' }).slice(-2)).toEqual([...left, ...next]);
    expect(describeRestore({ ...story, claimState: 'open' }).slice(-2)).toEqual([...left, ...next]);
    for (const whole of [
      { ...story, claimState: 'closed' as const },
      { ...story, claimState: 'open' as const, execution: execution('RUNNING') },
    ])
      expect(describeRestore(whole).join('\n')).not.toContain('clean-up not finished');
  });

  test('that failed before it had a plan', () => {
    const cause = JSON.stringify({
      errorMessage: 'target.subnetId = x: does not exist',
      errorType: 'BadRequest',
    });
    expect(
      describeRestore({
        restoreId: 'r',
        entries: [],
        execution: { ...execution('FAILED'), error: 'BadRequest', cause },
      }),
    ).toEqual([
      'restore        r',
      'state          failed',
      `execution      ${ARN}`,
      '',
      'error BadRequest: target.subnetId = x: does not exist',
    ]);
  });

  test.each([
    ['not-started', 'no capacity', 'restored, but it did not start: no capacity'],
    ['running', 'checks did not pass', 'running, but: checks did not pass'],
  ] as const)('that restored a machine which is %s, %s', (started, startProblem, told) => {
    const { result } = STORY;
    if (result?.instance === undefined) throw new Error('the sample has an instance');
    const instance = { ...result.instance, started, startProblem };
    const story = { ...STORY, result: { ...result, instance } };
    expect(describeRestore(story)).toContain(`instance i-1 "web01" (t3.small, us-east-1a): ${told}`);
    expect(() => requireSuccess(story)).toThrow(`the machine is restored as i-1, but ${startProblem}`);
    expect(() => requireSuccess(STORY)).not.toThrow();
  });
});
