import { appendFile, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestContext } from './context.ts';
import { makeTestContext } from './context.ts';
import type { Machine } from './machine.ts';
import { functionArn, MACHINE_ARN, makeMachine, task } from './machine.ts';

let context: TestContext;
let machine: Machine;

beforeEach(async () => {
  context = await makeTestContext();
});

afterEach(async () => {
  await machine.service.stop();
  await context.dispose();
});

const single = (state: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  StartAt: 'Only',
  States: { Only: { ...state, End: true } },
  ...more,
});
const waiting = single({ Type: 'Wait', Seconds: 100_000 });
const passing = single({ Type: 'Pass' });

const statusEvents = () =>
  context.published.map(({ source, detailType, detail }) => [
    source,
    detailType,
    detail.status,
    detail.error,
  ]);

describe('StartExecution', () => {
  it('answers the ARN at once, and the same again for the same name and input while it runs', async () => {
    machine = await makeMachine(context, waiting);
    const start = (name: string, input: string) =>
      machine.operation('StartExecution', { stateMachineArn: MACHINE_ARN, name, input });
    const arn = 'arn:aws:states:us-east-1:123456789012:execution:Machine:one-1';
    const [first, second] = await Promise.all([start('one-1', '{"a":1}'), start('one-1', '{"a":1}')]);
    expect(first.executionArn).toBe(arn);
    expect(second).toEqual(first);
    await expect(start('one-1', '{"a":2}')).rejects.toMatchObject({
      code: 'ExecutionAlreadyExists',
      message: `Execution Already Exists: '${arn}'`,
    });
    await machine.operation('StopExecution', { executionArn: arn });
    await expect(start('one-1', '{"a":1}')).rejects.toMatchObject({ code: 'ExecutionAlreadyExists' });
  });

  it('refuses names, inputs and machines as AWS does', async () => {
    machine = await makeMachine(context, passing);
    const start = (input: Record<string, unknown>) =>
      machine.operation('StartExecution', { stateMachineArn: MACHINE_ARN, ...input });
    for (const name of ['', 'a b', 'a/b', 'a:b', 'a*', 'x'.repeat(81), 'tab\t', 'a|b']) {
      await expect(start({ name })).rejects.toMatchObject({ code: 'InvalidName' });
    }
    for (const name of ['ok-1_.!@()=+', 'x'.repeat(80), 'große-Wiederherstellung']) {
      await expect(start({ name })).resolves.toBeDefined();
    }
    await expect(start({ input: 'not json' })).rejects.toMatchObject({ code: 'InvalidExecutionInput' });
    await expect(start({ stateMachineArn: `${MACHINE_ARN}2` })).rejects.toMatchObject({
      code: 'StateMachineDoesNotExist',
      message: `State Machine Does Not Exist: '${MACHINE_ARN}2'`,
    });
    await expect(start({ stateMachineArn: 'Machine' })).rejects.toMatchObject({ code: 'InvalidArn' });
  });
});

describe('an execution', () => {
  it('is described as on AWS, and publishes its status changes', async () => {
    machine = await makeMachine(context, single(task('work')), { work: () => ({ done: true }) });
    const { arn, end } = await machine.start({ a: 1 }, 'first');
    expect(await end()).toEqual({
      executionArn: arn,
      stateMachineArn: MACHINE_ARN,
      name: 'first',
      status: 'SUCCEEDED',
      startDate: expect.any(Date),
      stopDate: expect.any(Date),
      input: '{"a":1}',
      inputDetails: { included: true },
      output: { done: true },
      outputDetails: { included: true },
      redriveCount: 0,
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
    });
    expect(context.published.map(({ detail }) => detail.status)).toEqual(['RUNNING', 'SUCCEEDED']);
    expect(context.published[1]).toEqual({
      source: 'aws.states',
      detailType: 'Step Functions Execution Status Change',
      resources: [arn],
      detail: {
        executionArn: arn,
        stateMachineArn: MACHINE_ARN,
        name: 'first',
        status: 'SUCCEEDED',
        startDate: expect.any(Number),
        stopDate: expect.any(Number),
        input: '{"a":1}',
        output: '{"done":true}',
        inputDetails: { included: true },
        outputDetails: { included: true },
        error: null,
        cause: null,
        stateMachineVersionArn: null,
        stateMachineAliasArn: null,
        redriveCount: 0,
        redriveDate: null,
        redriveStatus: 'NOT_REDRIVABLE',
        redriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
      },
    });
  });

  it('that is stopped is ABORTED at once: its wait ends, no further task is called', async () => {
    machine = await makeMachine(
      context,
      {
        StartAt: 'Before',
        States: {
          Before: task('before', { Next: 'Long' }),
          Long: { Type: 'Wait', Seconds: 100_000, Next: 'After' },
          After: task('after', { End: true }),
        },
      },
      { before: () => 1, after: () => 2 },
    );
    const execution = await machine.start({});
    await expect
      .poll(async () => (await machine.history(execution.arn)).at(-1)?.type)
      .toBe('WaitStateEntered');
    await execution.stop({ error: 'Cancelled', cause: 'by a person' });
    expect(await execution.end()).toMatchObject({
      status: 'ABORTED',
      error: 'Cancelled',
      cause: 'by a person',
      redriveStatus: 'REDRIVABLE',
      stopDate: expect.any(Date),
    });
    expect(machine.calls.map(({ name }) => name)).toEqual(['before']);
    expect((await machine.history(execution.arn)).slice(-2)).toMatchObject([
      { type: 'WaitStateEntered' },
      {
        type: 'ExecutionAborted',
        previousEventId: 0,
        executionAbortedEventDetails: { error: 'Cancelled', cause: 'by a person' },
      },
    ]);
    expect(statusEvents().at(-1)).toEqual([
      'aws.states',
      'Step Functions Execution Status Change',
      'ABORTED',
      'Cancelled',
    ]);
    // Stopping what has ended changes nothing.
    await execution.stop({ error: 'Again' });
    expect(await execution.end()).toMatchObject({ status: 'ABORTED', error: 'Cancelled' });
  });

  it('that is stopped in the middle of tasks, retries and children runs nothing of them further', async () => {
    const held = Promise.withResolvers<void>();
    machine = await makeMachine(
      context,
      {
        StartAt: 'All',
        States: {
          All: {
            Type: 'Parallel',
            Retry: [{ ErrorEquals: ['States.ALL'], MaxAttempts: 5 }],
            Catch: [{ ErrorEquals: ['States.ALL'], Next: 'CleanUp' }],
            Branches: [
              {
                StartAt: 'Held',
                States: { Held: task('held', { Next: 'Next1' }), Next1: task('never', { End: true }) },
              },
              {
                StartAt: 'Flaky',
                States: {
                  Flaky: task('flaky', {
                    Retry: [{ ErrorEquals: ['Error'], IntervalSeconds: 90_000 }],
                    End: true,
                  }),
                },
              },
              {
                StartAt: 'Children',
                States: {
                  Children: {
                    Type: 'Map',
                    ItemsPath: '$.items',
                    MaxConcurrency: 2,
                    ItemProcessor: {
                      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
                      StartAt: 'Child',
                      States: { Child: task('held', { Next: 'Next2' }), Next2: task('never', { End: true }) },
                    },
                    End: true,
                  },
                },
              },
            ],
            End: true,
          },
          CleanUp: task('never', { End: true }),
        },
      },
      {
        held: () => held.promise,
        flaky: () => {
          throw new Error('try again');
        },
        never: () => 1,
      },
    );
    const execution = await machine.start({ items: [1, 2, 3, 4] });
    await expect.poll(() => machine.calls.length).toBe(4);
    await execution.stop();
    expect(await execution.end()).toMatchObject({ status: 'ABORTED' });
    held.resolve();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(machine.calls.map(({ name }) => name).sort()).toEqual(['flaky', 'held', 'held', 'held']);
    expect((await machine.history(execution.arn)).at(-1)?.type).toBe('ExecutionAborted');
  });

  it('is TIMED_OUT by the TimeoutSeconds of its machine', async () => {
    machine = await makeMachine(context, { ...waiting, TimeoutSeconds: 1 });
    const end = await machine.run({});
    expect(end).toMatchObject({ status: 'TIMED_OUT' });
    expect((await machine.history(String(end.executionArn))).at(-1)).toMatchObject({
      type: 'ExecutionTimedOut',
    });
    expect(statusEvents().at(-1)?.[2]).toBe('TIMED_OUT');
  });

  it('fails when its history reaches 25,000 events', async () => {
    machine = await makeMachine(context, {
      StartAt: 'Round',
      States: {
        Round: { Type: 'Pass', Next: 'Again' },
        Again: { Type: 'Choice', Choices: [{ Variable: '$.x', IsPresent: true, Next: 'Round' }] },
      },
    });
    const end = await machine.run({ x: 1 });
    expect(end).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    expect(String(end.cause)).toContain('maximum number of history events (25000)');
    const last = await machine.operation('GetExecutionHistory', {
      executionArn: end.executionArn,
      reverseOrder: true,
      maxResults: 1,
    });
    expect(last.events).toMatchObject([{ type: 'ExecutionFailed', id: 25_000 }]);
  });

  it('keeps the definition it began with when its machine is deployed again', async () => {
    machine = await makeMachine(context, waiting);
    const { arn } = await machine.start({});
    await machine.service.putMachine({
      name: 'Machine',
      roleArn: 'arn:aws:iam::123456789012:role/other',
      tracingEnabled: true,
      definition: JSON.stringify(passing),
    });
    const described = await machine.operation('DescribeStateMachineForExecution', { executionArn: arn });
    expect(JSON.parse(String(described.definition))).toEqual(waiting);
    const now = await machine.operation('DescribeStateMachine', { stateMachineArn: MACHINE_ARN });
    expect(JSON.parse(String(now.definition))).toEqual(passing);
    expect(now).toMatchObject({
      name: 'Machine',
      type: 'STANDARD',
      status: 'ACTIVE',
      roleArn: 'arn:aws:iam::123456789012:role/other',
      tracingConfiguration: { enabled: true },
      loggingConfiguration: { level: 'OFF', includeExecutionData: false },
    });
    expect(await machine.run({ b: 2 })).toMatchObject({ status: 'SUCCEEDED', output: { b: 2 } });
  });

  it('cannot be redriven here, and says so', async () => {
    machine = await makeMachine(context, passing);
    await expect(machine.operation('RedriveExecution', {})).rejects.toMatchObject({
      code: 'ValidationException',
    });
  });
});

describe('the history', () => {
  it('of a task is worded as on AWS', async () => {
    machine = await makeMachine(context, single(task('work', { ResultPath: '$.r' })), { work: () => [1] });
    const { arn, end } = await machine.start({ a: 1 });
    await end();
    const events = (await machine.history(arn)).map(({ timestamp, ...event }) => {
      expect(timestamp).toBeInstanceOf(Date);
      return event;
    });
    const whole = { truncated: false };
    expect(events).toEqual([
      {
        id: 1,
        previousEventId: 0,
        type: 'ExecutionStarted',
        executionStartedEventDetails: {
          input: '{"a":1}',
          inputDetails: whole,
          roleArn: 'arn:aws:iam::123456789012:role/machine',
        },
      },
      {
        id: 2,
        previousEventId: 0,
        type: 'TaskStateEntered',
        stateEnteredEventDetails: { name: 'Only', input: '{"a":1}', inputDetails: whole },
      },
      {
        id: 3,
        previousEventId: 2,
        type: 'LambdaFunctionScheduled',
        lambdaFunctionScheduledEventDetails: {
          resource: functionArn('work'),
          input: '{"a":1}',
          inputDetails: whole,
          timeoutInSeconds: 30,
        },
      },
      { id: 4, previousEventId: 3, type: 'LambdaFunctionStarted' },
      {
        id: 5,
        previousEventId: 4,
        type: 'LambdaFunctionSucceeded',
        lambdaFunctionSucceededEventDetails: { output: '[1]', outputDetails: whole },
      },
      {
        id: 6,
        previousEventId: 5,
        type: 'TaskStateExited',
        stateExitedEventDetails: { name: 'Only', output: '{"a":1,"r":[1]}', outputDetails: whole },
      },
      {
        id: 7,
        previousEventId: 6,
        type: 'ExecutionSucceeded',
        executionSucceededEventDetails: { output: '{"a":1,"r":[1]}', outputDetails: whole },
      },
    ]);
  });

  it('comes in pages, either way round, with or without data', async () => {
    machine = await makeMachine(context, {
      StartAt: 'A',
      States: { A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Pass', Next: 'C' }, C: { Type: 'Succeed' } },
    });
    const { executionArn } = await machine.run({ secret: 1 });
    const pages = async (options: Record<string, unknown>) => {
      const ids: (number | undefined)[][] = [];
      let nextToken: unknown;
      do {
        const page: Record<string, unknown> = await machine.operation('GetExecutionHistory', {
          executionArn,
          ...options,
          ...(nextToken === undefined ? {} : { nextToken }),
        });
        ids.push((page.events as { id?: number }[]).map(({ id }) => id));
        nextToken = page.nextToken;
      } while (nextToken !== undefined);
      return ids;
    };
    expect(await pages({ maxResults: 3 })).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8],
    ]);
    expect(await pages({ maxResults: 4 })).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    expect(await pages({ maxResults: 3, reverseOrder: true })).toEqual([
      [8, 7, 6],
      [5, 4, 3],
      [2, 1],
    ]);
    expect(await pages({})).toEqual([[1, 2, 3, 4, 5, 6, 7, 8]]);
    const bare = await machine.operation('GetExecutionHistory', {
      executionArn,
      includeExecutionData: false,
    });
    expect(JSON.stringify(bare)).not.toContain('secret');
    expect(bare.events).toMatchObject([
      {},
      { stateEnteredEventDetails: { name: 'A' } },
      {},
      {},
      {},
      {},
      {},
      {},
    ]);
    await expect(
      machine.operation('GetExecutionHistory', { executionArn, nextToken: 'bm9uc2Vuc2U' }),
    ).rejects.toMatchObject({ code: 'InvalidToken' });
    await expect(
      machine.operation('GetExecutionHistory', { executionArn: `${executionArn}x` }),
    ).rejects.toMatchObject({ code: 'ExecutionDoesNotExist' });
  });
});

describe('lists', () => {
  it('give executions newest first, by status, in pages that stay in step with new ones', async () => {
    machine = await makeMachine(context, {
      StartAt: 'Pick',
      States: {
        Pick: {
          Type: 'Choice',
          Choices: [{ Variable: '$.ok', IsPresent: true, Next: 'Fine' }],
          Default: 'Bad',
        },
        Fine: { Type: 'Succeed' },
        Bad: { Type: 'Fail', Error: 'Bad' },
      },
    });
    for (const [name, input] of [
      ['a', { ok: 1 }],
      ['b', {}],
      ['c', { ok: 1 }],
      ['d', {}],
      ['e', { ok: 1 }],
    ] as const) {
      await (await machine.start(input, name)).end();
    }
    const list = (more: Record<string, unknown>) =>
      machine.operation('ListExecutions', { stateMachineArn: MACHINE_ARN, ...more });
    const names = (page: Record<string, unknown>) =>
      (page.executions as { name: string }[]).map(({ name }) => name);
    expect(names(await list({}))).toEqual(['e', 'd', 'c', 'b', 'a']);
    expect(names(await list({ statusFilter: 'FAILED' }))).toEqual(['d', 'b']);
    expect(names(await list({ statusFilter: 'RUNNING' }))).toEqual([]);
    const first = await list({ maxResults: 2 });
    expect(names(first)).toEqual(['e', 'd']);
    await (await machine.start({ ok: 1 }, 'f')).end();
    const second = await list({ maxResults: 2, nextToken: first.nextToken });
    expect(names(second)).toEqual(['c', 'b']);
    const third = await list({ maxResults: 2, nextToken: second.nextToken });
    expect(names(third)).toEqual(['a']);
    expect(third).not.toHaveProperty('nextToken');
    expect((first.executions as object[])[0]).toEqual({
      executionArn: 'arn:aws:states:us-east-1:123456789012:execution:Machine:e',
      stateMachineArn: MACHINE_ARN,
      name: 'e',
      status: 'SUCCEEDED',
      startDate: expect.any(Date),
      stopDate: expect.any(Date),
    });
    await expect(list({ statusFilter: 'succeeded' })).rejects.toMatchObject({ code: 'ValidationException' });
    await expect(list({ maxResults: 1001 })).rejects.toMatchObject({ code: 'ValidationException' });
    expect(await machine.operation('ListStateMachines')).toEqual({
      stateMachines: [
        { stateMachineArn: MACHINE_ARN, name: 'Machine', type: 'STANDARD', creationDate: expect.any(Date) },
      ],
    });
  });
});

describe('a region that stops', () => {
  it('finds everything again at its next start, and aborts what was running', async () => {
    machine = await makeMachine(context, waiting);
    const running = await machine.start({ a: 1 }, 'left-over');
    const stopped = await machine.start({ a: 2 }, 'ended');
    await stopped.stop();
    await expect.poll(async () => (await machine.history(running.arn)).length).toBe(2);
    await machine.service.stop();
    context.published.length = 0;

    machine = await makeMachine(context, undefined);
    const status = async (executionArn: string) =>
      (await machine.operation('DescribeExecution', { executionArn })).status;
    expect(await status(running.arn)).toBe('RUNNING');
    await machine.service.resume();
    expect(await machine.operation('DescribeExecution', { executionArn: running.arn })).toMatchObject({
      status: 'ABORTED',
      error: 'Region.Stopped',
      cause: 'The local region stopped while the execution was running.',
      input: '{"a":1}',
    });
    expect(await status(stopped.arn)).toBe('ABORTED');
    expect((await machine.history(running.arn)).map(({ id, type }) => [id, type])).toEqual([
      [1, 'ExecutionStarted'],
      [2, 'WaitStateEntered'],
      [3, 'ExecutionAborted'],
    ]);
    expect(statusEvents()).toEqual([
      ['aws.states', 'Step Functions Execution Status Change', 'ABORTED', 'Region.Stopped'],
    ]);
    await machine.service.resume();
    expect(context.published.length).toBe(1);
    // The machine is there too, and can be started.
    const next = await machine.start({}, 'next');
    expect(await status(next.arn)).toBe('RUNNING');
    expect((await readdir(join(context.stateFolder, 'step-functions', 'executions'))).length).toBe(3);
  });

  it('starts anew what a rule had started: its event does not come again', async () => {
    machine = await makeMachine(context, waiting);
    await machine.service.startForRule(MACHINE_ARN, '{"a":3}');
    await machine.service.stop();
    machine = await makeMachine(context, undefined);
    await machine.service.resume();
    const listed = await machine.operation('ListExecutions', { stateMachineArn: MACHINE_ARN });
    const executions = listed.executions as { status: string; executionArn: string }[];
    expect(executions.map(({ status }) => status).sort()).toEqual(['ABORTED', 'RUNNING']);
    const executionArn = executions.find(({ status }) => status === 'RUNNING')?.executionArn;
    expect(await machine.operation('DescribeExecution', { executionArn })).toMatchObject({
      input: '{"a":3}',
    });
  });

  it('leaves what waits as it is, inside maps and behind catches too, for the next start to abort', async () => {
    const wait = { Type: 'Wait', Seconds: 100_000, Next: 'Never' };
    machine = await makeMachine(
      context,
      {
        StartAt: 'Map',
        States: {
          Map: {
            Type: 'Map',
            MaxConcurrency: 2,
            ItemProcessor: {
              ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
              StartAt: 'Wait',
              States: { Wait: wait, Never: task('never', { End: true }) },
            },
            Catch: [{ ErrorEquals: ['States.ALL'], Next: 'CleanUp' }],
            End: true,
          },
          CleanUp: task('never', { End: true }),
        },
      },
      { never: () => 1 },
    );
    const execution = await machine.start([1, 2, 3]);
    await expect.poll(async () => (await machine.history(execution.arn)).at(-1)?.type).toBe('MapRunStarted');
    context.stopTime();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await machine.operation('DescribeExecution', { executionArn: execution.arn })).toMatchObject({
      status: 'RUNNING',
    });
    expect(machine.calls).toEqual([]);
  });

  it('that crashed may leave half a line of history, or none: both are mended', async () => {
    machine = await makeMachine(context, waiting);
    const half = await machine.start({}, 'half');
    const none = await machine.start({}, 'none');
    for (const { arn } of [half, none]) {
      await expect.poll(async () => (await machine.history(arn)).length).toBe(2);
    }
    await machine.service.stop();
    const root = join(context.stateFolder, 'step-functions', 'executions');
    for (const folder of await readdir(root)) {
      const { name } = JSON.parse(await readFile(join(root, folder, 'record.json'), 'utf8'));
      const file = join(root, folder, 'history.jsonl');
      if (name === 'half') await appendFile(file, '{"id":3,"previousEventId":2,"ty');
      else await rm(file);
    }

    machine = await makeMachine(context, undefined);
    await machine.service.resume();
    expect((await machine.history(half.arn)).map(({ id, type }) => [id, type])).toEqual([
      [1, 'ExecutionStarted'],
      [2, 'WaitStateEntered'],
      [3, 'ExecutionAborted'],
    ]);
    expect((await machine.history(none.arn)).map(({ id, type }) => [id, type])).toEqual([
      [1, 'ExecutionAborted'],
    ]);
  });
});
