import { join } from 'node:path';
import aslValidator from 'asl-validator';
import { describe, expect, inject, it } from 'vitest';
import { environmentSchema } from '../../core/model/environment.ts';
import { LandfallError } from '../../core/model/errors.ts';
import * as repositoryErrors from '../../core/repository/errors.ts';
import { stepNames } from '../../infra/bundle.ts';
import * as directErrors from '../../lambdas/restore/direct/errors.ts';
import * as awsErrors from '../../lambdas/runtime/aws-errors.ts';
import * as claim from '../../lambdas/runtime/claim.ts';
import * as controlBucket from '../../lambdas/runtime/control-bucket.ts';
import * as ledger from '../../lambdas/runtime/ledger.ts';
import * as step from '../../lambdas/runtime/step.ts';
import { allStates, type Json, readDefinition, readTemplate } from '../support/definitions.ts';

const assemblyFolder = inject('assemblyFolder');
const restore = readDefinition(assemblyFolder, 'Restore');
const cleanUp = readDefinition(assemblyFolder, 'CleanUp');
const machines = [
  ['Restore', restore],
  ['CleanUp', cleanUp],
] as const;

const VOLUME_STATES = ['creating', 'available', 'in-use', 'deleting', 'deleted', 'error'];
const ATTACHMENT_STATES = ['attaching', 'attached', 'detaching', 'detached', 'busy'];

/** What AWS documents for each thing that is polled (EC2 API Reference; VM Import/Export User Guide for imports). */
const DOCUMENTED: Record<string, string[]> = {
  'check-import': [
    'pending',
    'active',
    'deleting',
    'deleted',
    'updating',
    'validating',
    'validated',
    'converting',
    'completed',
    'error',
  ],
  'check-import-image': [
    'active',
    'deleting',
    'deleted',
    'updating',
    'validating',
    'validated',
    'converting',
    'completed',
  ],
  'check-volume': VOLUME_STATES,
  'check-volumes': VOLUME_STATES,
  'check-attachment': ATTACHMENT_STATES,
  'check-helper-attachments': ATTACHMENT_STATES,
  'check-snapshot': ['pending', 'completed', 'error', 'recoverable', 'recovering'],
  'check-image': [
    'pending',
    'available',
    'invalid',
    'deregistered',
    'transient',
    'failed',
    'error',
    'disabled',
  ],
  'check-instance': ['pending', 'running', 'shutting-down', 'terminated', 'stopping', 'stopped'],
  'check-status': ['ok', 'impaired', 'insufficient-data', 'not-applicable', 'initializing'],
  // Ours: what the helper's report says, and what there is instead of one.
  'check-helper': ['starting', 'ready', 'working', 'done', 'failed', 'silent', 'lost'],
  'clean-up': ['removing', 'removed'],
};

const stepOf = (state: Json): string => state.Resource.slice(1, -1);
const isCheck = (state: Json): boolean => state.Type === 'Task' && stepOf(state) in DOCUMENTED;

describe.each(machines)('the %s state machine', (name, definition) => {
  const states = allStates(definition);

  it('passes asl-validator', () => {
    const withArns = JSON.parse(
      JSON.stringify(definition).replaceAll(
        /"<([a-z-]+)>"/g,
        '"arn:aws:lambda:us-east-1:123456789012:function:$1"',
      ),
    );
    const { isValid, errorsText } = aslValidator(withArns);
    expect(errorsText()).toBe('');
    expect(isValid).toBe(true);
  });

  it('is the one that was reviewed', async () => {
    // The readable copy; `npx vitest run test/infra -u` accepts a change that is meant.
    await expect(`${JSON.stringify(definition, null, 2)}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, `${name.toLowerCase()}.asl.json`),
    );
  });

  it('ends by itself', () => {
    expect(definition.TimeoutSeconds).toBe(14 * 24 * 3600);
  });

  it('names every state once', () => {
    const names = states.map((state) => state.name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('gives every task a timeout, a retry class and a way to fail', () => {
    const tasks = states.filter(({ state }) => state.Type === 'Task');
    expect(tasks.length).toBeGreaterThan(0);
    for (const { name: task, state } of tasks) {
      expect(state.TimeoutSeconds, task).toBeGreaterThan(0);
      const retried: string[] = (state.Retry ?? []).flatMap((retry: Json) => retry.ErrorEquals);
      expect(retried, task).toEqual(
        expect.arrayContaining([
          'Throttled',
          'ServiceUnavailable',
          'Lambda.TooManyRequestsException',
          'Sandbox.Timedout',
        ]),
      );
      for (const retry of state.Retry) {
        expect(retry.MaxAttempts, task).toBeGreaterThan(0);
        expect(retry.MaxDelaySeconds, task).toBeLessThanOrEqual(300);
      }
      // Neither swallowed nor retried for ever: what is not named by a Retry leaves the state as an error.
      expect(retried, task).not.toContain('States.ALL');
      expect(retried, task).not.toContain('States.TaskFailed');
    }
  });

  it('gives every loop a deadline, and every status of AWS a branch', () => {
    const checks = states.filter(({ state }) => isCheck(state));
    expect(checks.length).toBeGreaterThan(0);
    for (const { name: check, state, scope } of checks) {
      const choice = scope.States[state.Next];
      expect(choice.Type, check).toBe('Choice');
      const outcome = (status: string, waitedSeconds: number): string =>
        nextOf(choice, { status, poll: { waitedSeconds } }, state.ResultPath);
      const typeOf = (status: string, waitedSeconds: number): string =>
        scope.States[outcome(status, waitedSeconds)].Type;
      for (const status of DOCUMENTED[stepOf(state)] ?? []) {
        // A Choice is where a helper that is lost is replaced, see below.
        expect(['Pass', 'Wait', 'Fail', 'Choice'], `${check} ${status}`).toContain(typeOf(status, 0));
        if (typeOf(status, 0) === 'Choice') expect(outcome(status, 0)).toBe('HelperReplaceable');
        expect(outcome(status, 0), `${check} ${status}`).not.toMatch(/StatusUnknown$/);
        // Whatever is waited for at first is not waited for in the end.
        expect(typeOf(status, 10 ** 9), `${check} ${status} at the deadline`).not.toBe('Wait');
        if (typeOf(status, 0) !== 'Wait') continue;
        // What is written is not undone because of a volume that hangs: the end of its helper frees it.
        if (check === 'CheckVolumesDetached') {
          expect(outcome(status, 10 ** 9)).toBe('RetireHelperToFreeVolumes');
        } else expect(outcome(status, 10 ** 9)).toMatch(/TimedOut$/);
      }
      expect(outcome('never-heard-of', 0), check).toMatch(/StatusUnknown$/);
      expect(typeOf('never-heard-of', 0), check).toBe('Fail');
    }
  });

  it('loops only through waits that a check counts', () => {
    for (const { name: wait, state, scope } of states.filter((named) => named.state.Type === 'Wait')) {
      expect(state.SecondsPath, wait).toMatch(/\.poll\.waitSeconds$/);
      const check = scope.States[state.Next];
      expect(isCheck(check), wait).toBe(true);
      expect(`${check.ResultPath}.poll.waitSeconds`, wait).toBe(state.SecondsPath);
    }
  });
});

/** A second, small reading of Choice rules: And, Or, StringEquals and NumericGreaterThanEquals are all that loops use. */
function nextOf(choice: Json, value: Json, at: string): string {
  const lookUp = (path: string): Json => {
    expect(path.startsWith(`${at}.`)).toBe(true);
    return path
      .slice(at.length + 1)
      .split('.')
      .reduce((inner, key) => inner[key], value);
  };
  const holds = (rule: Json): boolean => {
    if (rule.And) return rule.And.every(holds);
    if (rule.Or) return rule.Or.some(holds);
    if ('StringEquals' in rule) return lookUp(rule.Variable) === rule.StringEquals;
    if ('NumericGreaterThanEquals' in rule) return lookUp(rule.Variable) >= rule.NumericGreaterThanEquals;
    throw new Error(`unexpected rule ${JSON.stringify(rule)}`);
  };
  return choice.Choices.find(holds)?.Next ?? choice.Default;
}

describe('the restore state machine', () => {
  const states = allStates(restore);
  const byName = new Map(states.map((named) => [named.name, named.state]));

  it('catches whatever fails before hand-over, cleans up, and fails with the original error', () => {
    const attempt = restore.States[restore.StartAt];
    expect(attempt.Type).toBe('Parallel');
    expect(attempt.Catch).toEqual([{ ErrorEquals: ['States.ALL'], ResultPath: '$', Next: 'RestoreFailed' }]);
    expect(allStates(attempt.Branches[0]).map(({ name }) => name)).toContain('HandOver');
    expect(byName.get('RestoreFailed')).toEqual({
      Type: 'Pass',
      Parameters: { 'failure.$': '$' },
      Next: 'BeginCleanUp',
    });
    expect(byName.get('RestoreOutcome').Default).toBe('FailRestore');
    expect(byName.get('FailRestore')).toEqual({
      Type: 'Fail',
      ErrorPath: '$.error.name',
      CausePath: '$.error.cause',
    });
  });

  it('never undoes anything after hand-over', () => {
    const attempted = allStates(restore.States.Restore.Branches[0]).map(({ name }) => name);
    const after = states.map(({ name }) => name).filter((name) => !attempted.includes(name));
    expect(after).toEqual(
      expect.arrayContaining(['StartTarget', 'CheckStatus', 'CleanUp', 'ConcludeRestore']),
    );
    expect(byName.get('Start').Catch).toEqual([
      { ErrorEquals: ['States.ALL'], ResultPath: '$.startFailure', Next: 'BeginCleanUp' },
    ]);
  });

  it('replaces a helper that is silent or gone, once, and then fails', () => {
    const outcomeOf = (check: string, status: string): string =>
      nextOf(byName.get(`${check}Outcome`), { status, poll: { waitedSeconds: 0 } }, '$.helper');
    for (const check of ['CheckHelperUp', 'CheckHelperDone']) {
      expect(outcomeOf(check, 'silent')).toBe('HelperReplaceable');
      expect(outcomeOf(check, 'lost')).toBe('HelperReplaceable');
      expect(outcomeOf(check, 'failed')).toBe(`${check}Failed`);
    }
    for (const status of ['stopping', 'stopped', 'shutting-down', 'terminated', 'missing']) {
      expect(outcomeOf('CheckInstanceOfHelper', status)).toBe('HelperReplaceable');
    }
    expect(byName.get('HelperReplaceable')).toMatchObject({
      Choices: [
        { Variable: '$.generation.number', NumericEquals: 1, Next: 'SecondHelper' },
        { Variable: '$.helper.status', StringEquals: 'silent', Next: 'HelperSilent' },
      ],
      Default: 'HelperLost',
    });
    expect(byName.get('FirstHelper').Parameters.number).toBe(1);
    expect(byName.get('SecondHelper').Parameters.number).toBe(2);
    expect(byName.get('HelperSilent').Type).toBe('Fail');
    expect(byName.get('HelperLost').Type).toBe('Fail');
    // The old one cannot write any more when the new one is launched.
    expect(outcomeOf('CheckInstanceOfHelperGone', 'shutting-down')).toBe('WaitToCheckInstanceOfHelperGone');
    expect(byName.get('CheckInstanceOfHelperGoneReady').Next).toBe('WaitToCheckVolumesFreed');
    expect(byName.get('CheckVolumesFreedReady').Next).toBe('LaunchHelper');
  });

  it('replaces a helper that ends while volumes are attached to it', () => {
    const answer = { status: 'lost', poll: { waitedSeconds: 0 } };
    const next = nextOf(byName.get('CheckHelperAttachmentsOutcome'), answer, '$.volumes');
    expect(byName.get(next)).toEqual({
      Type: 'Pass',
      // Where HelperReplaceable looks.
      InputPath: '$.volumes',
      ResultPath: '$.helper',
      Next: 'HelperReplaceable',
    });
  });

  it('ends a helper by force that is lost or holds a volume, and waits hours for that', () => {
    expect(byName.get('RetireHelper').Parameters).not.toHaveProperty('because');
    for (const [name, check] of [
      ['RetireHelperToReplace', 'CheckInstanceOfHelperGone'],
      ['RetireHelperToFreeVolumes', 'CheckVolumesLetGo'],
    ] as const) {
      expect(byName.get(name).Parameters.because).toBe('lost');
      expect(byName.get(name).Next).toBe(`WaitTo${check}`);
      const late = byName
        .get(`${check}Outcome`)
        .Choices.find(({ Next }: Json) => Next === `${check}TimedOut`);
      expect(JSON.stringify(late)).toContain('"NumericGreaterThanEquals":14400');
    }
  });

  it('waits an hour, not a day, for the quota that a launch or a start needs', () => {
    for (const name of ['LaunchHelper', 'LaunchTarget', 'StartTarget']) {
      const retries: Json[] = byName.get(name).Retry;
      const [quota, ...more] = retries.filter(({ ErrorEquals }) => ErrorEquals.includes('QuotaReached'));
      expect(more, name).toEqual([]);
      let seconds = 0;
      for (let tried = 0; tried < quota.MaxAttempts; tried += 1) {
        seconds += Math.min(quota.IntervalSeconds * quota.BackoffRate ** tried, quota.MaxDelaySeconds);
      }
      expect(seconds, name).toBeGreaterThan(2_700);
      expect(seconds, name).toBeLessThan(5_400);
    }
  });

  it('attaches to a helper that reports, orders what is attached, and detaches what is done', () => {
    const after: Record<string, string> = {
      LaunchHelper: 'CreateEmptyVolumes',
      CheckVolumesReady: 'WaitToCheckInstanceOfHelper',
      CheckInstanceOfHelperReady: 'WaitToCheckHelperUp',
      CheckHelperUpReady: 'AttachAllToHelper',
      AttachAllToHelper: 'WaitToCheckHelperAttachments',
      CheckHelperAttachmentsReady: 'OrderHelper',
      OrderHelper: 'WaitToCheckHelperDone',
      CheckHelperDoneReady: 'DetachAllFromHelper',
      DetachAllFromHelper: 'WaitToCheckVolumesDetached',
      CheckVolumesDetachedReady: 'RetireHelper',
    };
    for (const [name, next] of Object.entries(after)) expect(byName.get(name).Next, name).toBe(next);
    for (const name of ['CreateEmptyVolumes', 'AttachAllToHelper', 'DetachAllFromHelper']) {
      expect(byName.get(name).ItemProcessor.ProcessorConfig.Mode, name).toBe('INLINE');
      expect(byName.get(name).MaxConcurrency, name).toBeLessThanOrEqual(40);
    }
  });

  it('calls every state after its Lambda', () => {
    for (const { name, state } of states.filter((named) => named.state.Type === 'Task')) {
      const words = stepOf(state)
        .split('-')
        .map((word) => word[0]?.toUpperCase() + word.slice(1));
      expect(name.startsWith(words.join('')), `${name} calls ${stepOf(state)}`).toBe(true);
    }
  });

  it('retries what says that it is retryable, and only by names that exist', () => {
    const modules = [repositoryErrors, awsErrors, directErrors, controlBucket, ledger, claim, step];
    const classes = modules.flatMap((module) => Object.values(module).filter(isErrorClass));
    const made = classes.map((ErrorClass) => new ErrorClass('', { place: {}, problem: '' }));
    const named = new Set(
      states.flatMap(({ state }) =>
        (state.Retry ?? []).flatMap((retry: Json) => retry.ErrorEquals as string[]),
      ),
    );
    const retryable = made.filter((error) => error.retryable).map(({ name }) => name);
    expect(retryable).toEqual(
      expect.arrayContaining(['Throttled', 'QuotaReached', 'InsufficientCapacity', 'RecordChanged']),
    );
    expect([...named]).toEqual(expect.arrayContaining(retryable));
    const ours = [...named].filter((error) => !error.includes('.'));
    expect(retryable).toEqual(expect.arrayContaining(ours));
  });
});

type ErrorClass = new (message: string, options: object) => LandfallError;
const isErrorClass = (value: unknown): value is ErrorClass =>
  typeof value === 'function' && value.prototype instanceof LandfallError;

describe('the template', () => {
  const template = readTemplate(assemblyFolder);
  const resources = Object.entries<Json>(template.Resources);
  const ofType = (type: string): [string, Json][] => resources.filter(([, { Type }]) => Type === type);

  it('has one function for each step, all with one asset and one environment', () => {
    const functions = ofType('AWS::Lambda::Function');
    const handlers = functions.map(([, { Properties }]) =>
      Properties.Handler.replace(/^restore\/|\.handler$/g, ''),
    );
    expect(handlers.sort()).toEqual(stepNames().sort());
    expect(
      new Set(
        functions.map(([, { Properties }]) => JSON.stringify([Properties.Code, Properties.Environment])),
      ).size,
    ).toBe(1);
    expect(Object.keys(functions[0]?.[1].Properties.Environment.Variables).sort()).toEqual(
      Object.keys(environmentSchema.shape).sort(),
    );
    expect(new Set(functions.map(([, { Properties }]) => Properties.Runtime))).toEqual(
      new Set(['nodejs24.x']),
    );
  });

  it('calls every function from a state machine', () => {
    const called = new Set(
      [...allStates(restore), ...allStates(cleanUp)]
        .filter(({ state }) => state.Type === 'Task')
        .map(({ state }) => stepOf(state)),
    );
    expect([...called].sort()).toEqual(stepNames().sort());
  });

  it('uses no custom resources, and keeps its buckets private, encrypted and after its own end', () => {
    expect(resources.map(([, { Type }]) => Type).filter((type) => type.startsWith('Custom::'))).toEqual([]);
    const buckets = ofType('AWS::S3::Bucket');
    expect(buckets).toHaveLength(2);
    for (const [, bucket] of buckets) {
      expect(bucket.DeletionPolicy).toBe('Retain');
      expect(bucket.Properties.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(bucket.Properties.BucketEncryption).toBeDefined();
    }
  });

  it('grants no action on everything but the reads of EC2, which know no resources', () => {
    const statements = resources
      .filter(([, { Type }]) => Type === 'AWS::IAM::Policy' || Type === 'AWS::IAM::ManagedPolicy')
      .flatMap(([id, { Properties }]) =>
        Properties.PolicyDocument.Statement.map((statement: Json) => ({ id, ...statement })),
      );
    expect(statements.length).toBeGreaterThan(50);
    const onEverything = new Set<string>();
    for (const { id, Action, Resource } of statements) {
      const actions: string[] = [Action].flat();
      expect(
        actions.some((action) => action === '*' || /:\*$/.test(action)),
        id,
      ).toBe(false);
      if ([Resource].flat().includes('*')) for (const action of actions) onEverything.add(action);
    }
    expect([...onEverything].filter((action) => !/^ec2:Describe/.test(action)).sort()).toEqual([
      // VM Import's role, as its user guide gives it.
      'ec2:CopySnapshot',
      // Reads of the plan; they take no resource either.
      'ec2:GetEbsDefaultKmsKeyId',
      'ec2:GetEbsEncryptionByDefault',
      'ec2:ModifySnapshotAttribute',
      'ec2:RegisterImage',
      // Delivery of the state machines' logs takes no resource.
      'logs:CreateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:DescribeLogGroups',
      'logs:DescribeResourcePolicies',
      'logs:GetLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:UpdateLogDelivery',
      'servicequotas:GetServiceQuota',
    ]);
  });

  it('cleans up after restores that were stopped, timed out or failed outside their own reach', () => {
    const rule = ofType('AWS::Events::Rule').find(([id]) => id.startsWith('RestoreEndedAbnormally'))?.[1];
    expect(rule.Properties.EventPattern['detail-type']).toEqual(['Step Functions Execution Status Change']);
    expect(rule.Properties.EventPattern.detail.status).toEqual(['ABORTED', 'TIMED_OUT', 'FAILED']);
    expect(rule.Properties.Targets).toHaveLength(1);
  });
});
