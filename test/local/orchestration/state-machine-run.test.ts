import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestContext } from './context.ts';
import { makeTestContext } from './context.ts';
import type { Machine, TestFunction } from './machine.ts';
import { makeMachine, task } from './machine.ts';

let context: TestContext;
let machine: Machine | undefined;

beforeEach(async () => {
  context = await makeTestContext();
});

afterEach(async () => {
  await machine?.service.stop();
  machine = undefined;
  await context.dispose();
});

async function run(
  states: Record<string, unknown>,
  input: unknown,
  functions: Record<string, TestFunction> = {},
) {
  machine = await makeMachine(context, { StartAt: Object.keys(states)[0], States: states }, functions);
  return machine.run(input);
}

class Throttled extends Error {
  override readonly name = 'Throttled';
}

describe('data through a state', () => {
  it('goes by InputPath, Parameters, ResultSelector, ResultPath and OutputPath', async () => {
    const end = await run(
      {
        Only: task('add', {
          InputPath: '$.numbers',
          Parameters: {
            'a.$': '$.first',
            'b.$': '$.second',
            note: 'literal',
            deep: { 'list.$': 'States.Array($.first, 7)' },
          },
          ResultSelector: { 'sum.$': '$.total' },
          ResultPath: '$.result.of.adding',
          OutputPath: '$.result',
          End: true,
        }),
      },
      { numbers: { first: 2, second: 3 }, other: true },
      { add: (event: { a: number; b: number }) => ({ total: event.a + event.b, ignored: 1 }) },
    );
    expect(end).toMatchObject({ status: 'SUCCEEDED', output: { of: { adding: { sum: 5 } } } });
    expect(machine?.calls[0]?.event).toEqual({ a: 2, b: 3, note: 'literal', deep: { list: [2, 7] } });
  });

  it('keeps the input with ResultPath null, replaces it with ResultPath "$", and makes {} of InputPath null', async () => {
    const end = await run(
      {
        Keep: task('answer', { ResultPath: null, Next: 'Replace' }),
        Replace: task('answer', { ResultPath: '$', Next: 'Empty' }),
        Empty: task('answer', { InputPath: null, ResultPath: '$.again', End: true }),
      },
      { kept: 1 },
      { answer: (event: unknown) => ({ got: event }) },
    );
    expect(end.output).toEqual({ got: { kept: 1 }, again: { got: {} } });
  });

  it('of Pass may be any JSON, also null and false', async () => {
    const end = await run(
      {
        False: { Type: 'Pass', Result: false, ResultPath: '$.no', Next: 'Null' },
        Null: { Type: 'Pass', Result: null, ResultPath: '$.nothing', Next: 'Made' },
        Made: { Type: 'Pass', Parameters: { 'copy.$': '$.no' }, ResultPath: '$.made', End: true },
      },
      {},
    );
    expect(end.output).toEqual({ no: false, nothing: null, made: { copy: false } });
  });

  it('may be null where a function returns nothing', async () => {
    const end = await run(
      { Only: task('nothing', { ResultSelector: { 'whole.$': '$' }, End: true }) },
      {},
      { nothing: () => undefined },
    );
    expect(end.output).toEqual({ whole: null });
  });

  it('fills in the context object as on AWS', async () => {
    const end = await run(
      {
        Context: {
          Type: 'Pass',
          Parameters: {
            'id.$': '$$.Execution.Id',
            'name.$': '$$.Execution.Name',
            'word.$': '$$.Execution.Input.word',
            'role.$': '$$.Execution.RoleArn',
            'state.$': '$$.State.Name',
            'machine.$': '$$.StateMachine.Name',
            'machineId.$': '$$.StateMachine.Id',
            'text.$': "States.Format('{}/{}', $$.Execution.Name, $$.State.Name)",
          },
          End: true,
        },
      },
      { word: 'given' },
    );
    const name = String(end.name);
    expect(end.output).toEqual({
      id: `arn:aws:states:us-east-1:123456789012:execution:Machine:${name}`,
      name,
      word: 'given',
      role: 'arn:aws:iam::123456789012:role/machine',
      state: 'Context',
      machine: 'Machine',
      machineId: 'arn:aws:states:us-east-1:123456789012:stateMachine:Machine',
      text: `${name}/Context`,
    });
  });

  it('that a path does not find ends the execution; States.ALL cannot catch it', async () => {
    const end = await run(
      {
        Only: task('never', {
          Parameters: { 'x.$': '$.missing' },
          Retry: [{ ErrorEquals: ['States.ALL'] }],
          Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }],
          End: true,
        }),
        Caught: { Type: 'Succeed' },
      },
      { there: 1 },
      { never: () => 1 },
    );
    expect(end).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    expect(end.cause).toContain(
      "The JSONPath '$.missing' specified for the field 'x.$' could not be found in the input '{\"there\":1}'",
    );
    expect(machine?.calls).toEqual([]);
  });
});

describe('a Choice', () => {
  const choose = (rule: Record<string, unknown>, input: unknown) =>
    run(
      {
        Choose: { Type: 'Choice', Choices: [{ ...rule, Next: 'Yes' }], Default: 'No' },
        Yes: { Type: 'Pass', Result: 'yes', End: true },
        No: { Type: 'Pass', Result: 'no', End: true },
      },
      input,
    );

  it.each([
    [{ Variable: '$.v', NumericLessThan: 10 }, { v: 9 }, 'yes'],
    // A string that JavaScript would compare as a number, and null that it would take for 0.
    [{ Variable: '$.v', NumericLessThan: 10 }, { v: '9' }, 'no'],
    [{ Variable: '$.v', NumericLessThan: 10 }, { v: null }, 'no'],
    [{ Variable: '$.v', NumericGreaterThanEqualsPath: '$.w' }, { v: 3, w: 3 }, 'yes'],
    [{ Variable: '$.v', StringEquals: 'a' }, { v: 'a' }, 'yes'],
    [{ Variable: '$.v', StringLessThan: 'b' }, { v: 1 }, 'no'],
    [{ Variable: '$.v', StringMatches: 'vol-*' }, { v: 'vol-123' }, 'yes'],
    [{ Variable: '$.v', StringMatches: 'vol-*' }, { v: 7 }, 'no'],
    [{ Variable: '$.v', BooleanEquals: false }, { v: false }, 'yes'],
    [{ Variable: '$.v', BooleanEquals: false }, { v: 0 }, 'no'],
    [{ Variable: '$.v', IsPresent: true }, { v: null }, 'yes'],
    [{ Variable: '$.v', IsPresent: false }, {}, 'yes'],
    [{ Variable: '$.v', IsPresent: false }, { v: 1 }, 'no'],
    [{ Variable: '$.v', IsNull: false }, { v: 0 }, 'yes'],
    [{ Variable: '$.v', IsNull: true }, { v: null }, 'yes'],
    [{ Variable: '$.v', IsNumeric: false }, { v: 'x' }, 'yes'],
    [{ Variable: '$.v', TimestampLessThan: '2026-01-02T00:00:00Z' }, { v: '2026-01-01T00:00:00Z' }, 'yes'],
    [{ Variable: '$.v', TimestampLessThan: '2026-01-02T00:00:00Z' }, { v: 0 }, 'no'],
    [
      {
        And: [
          { Variable: '$.v', IsPresent: true },
          { Variable: '$.v', NumericEquals: 1 },
        ],
      },
      {},
      'no',
    ],
    [
      {
        Or: [
          { Variable: '$.v', StringEquals: 'a' },
          { Variable: '$.v', StringEquals: 'b' },
        ],
      },
      { v: 'b' },
      'yes',
    ],
    [{ Not: { Variable: '$.v', StringEquals: 'a' } }, { v: 'a' }, 'no'],
  ])('%j of %j is %s', async (rule, input, answer) => {
    expect(await choose(rule, input)).toMatchObject({ status: 'SUCCEEDED', output: answer });
  });

  it('without a match and a Default ends as States.NoChoiceMatched', async () => {
    const end = await run(
      {
        Choose: { Type: 'Choice', Choices: [{ Variable: '$.v', StringEquals: 'a', Next: 'Yes' }] },
        Yes: { Type: 'Succeed' },
      },
      { v: 'b' },
    );
    expect(end).toMatchObject({ status: 'FAILED', error: 'States.NoChoiceMatched' });
  });

  it('on a field that is not there ends the execution', async () => {
    expect(await choose({ Variable: '$.v', StringEquals: 'a' }, {})).toMatchObject({
      status: 'FAILED',
      error: 'States.Runtime',
    });
  });
});

describe('errors', () => {
  it('of a function are retried as often as their rule says, then caught with name and JSON cause', async () => {
    const end = await run(
      {
        Only: task('fails', {
          Retry: [
            {
              ErrorEquals: ['Throttled'],
              IntervalSeconds: 2,
              MaxAttempts: 2,
              BackoffRate: 3,
              JitterStrategy: 'FULL',
              MaxDelaySeconds: 5,
            },
          ],
          Catch: [
            { ErrorEquals: ['SomethingElse'], Next: 'Wrong' },
            { ErrorEquals: ['Throttled'], ResultPath: '$.problem', Next: 'Right' },
          ],
          End: true,
        }),
        Wrong: { Type: 'Fail', Error: 'Wrong' },
        Right: { Type: 'Pass', End: true },
      },
      { kept: true },
      {
        fails: () => {
          throw new Throttled('slow down');
        },
      },
    );
    expect(machine?.calls.length).toBe(3);
    expect(end.output).toEqual({
      kept: true,
      problem: {
        Error: 'Throttled',
        Cause: '{"errorType":"Throttled","errorMessage":"slow down","trace":[]}',
      },
    });
  });

  it('that no rule names end the execution with their own name', async () => {
    const end = await run(
      { Only: task('fails', { End: true }) },
      {},
      {
        fails: () => {
          throw new Throttled('slow down');
        },
      },
    );
    expect(end).toMatchObject({
      status: 'FAILED',
      error: 'Throttled',
      cause: '{"errorType":"Throttled","errorMessage":"slow down","trace":[]}',
    });
    expect(end).not.toHaveProperty('output');
  });

  it('stop being retried once the function succeeds', async () => {
    let tries = 0;
    const end = await run(
      { Only: task('flaky', { Retry: [{ ErrorEquals: ['States.TaskFailed'], MaxAttempts: 5 }], End: true }) },
      {},
      {
        flaky: () => {
          tries += 1;
          if (tries < 4) throw new Throttled('again');
          return tries;
        },
      },
    );
    expect(end.output).toBe(4);
  });

  it('of a missing function are Lambda.ResourceNotFoundException', async () => {
    expect(await run({ Only: task('nobody', { End: true }) }, {})).toMatchObject({
      status: 'FAILED',
      error: 'Lambda.ResourceNotFoundException',
    });
  });

  it('by a task that takes too long are States.Timeout, not States.TaskFailed; its late result counts for nothing', async () => {
    let finished = 0;
    const end = await run(
      {
        Only: task('slow', {
          TimeoutSeconds: 1,
          Retry: [{ ErrorEquals: ['States.TaskFailed'], MaxAttempts: 3 }],
          Catch: [{ ErrorEquals: ['States.Timeout'], ResultPath: '$.error', Next: 'After' }],
          End: true,
        }),
        After: { Type: 'Wait', Seconds: 1000, End: true },
      },
      {},
      {
        slow: async () => {
          await new Promise((resolve) => setTimeout(resolve, 1300));
          finished += 1;
          return 'late';
        },
      },
    );
    expect(machine?.calls.length).toBe(1);
    expect(end).toMatchObject({ status: 'SUCCEEDED', output: { error: { Error: 'States.Timeout' } } });
    expect(finished).toBe(1);
    const types = (await machine?.history(String(end.executionArn)))?.map((event) => event.type);
    expect(types).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'LambdaFunctionTimedOut',
      'TaskStateExited',
      'WaitStateEntered',
      'WaitStateExited',
      'ExecutionSucceeded',
    ]);
  });

  it('of a Fail state come from its fields or from paths', async () => {
    expect(await run({ Only: { Type: 'Fail', Error: 'Broken', Cause: 'It broke.' } }, {})).toMatchObject({
      status: 'FAILED',
      error: 'Broken',
      cause: 'It broke.',
    });
    await machine?.service.stop();
    const caught = { error: { Error: 'Original', Cause: '{"errorMessage":"a \\"quoted\\" path C:\\\\x"}' } };
    const end = await run(
      { Only: { Type: 'Fail', ErrorPath: '$.error.Error', CausePath: '$.error.Cause' } },
      caught,
    );
    expect(end).toMatchObject({ error: 'Original', cause: caught.error.Cause });
    await machine?.service.stop();
    const empty = await run({ Only: { Type: 'Fail' } }, {});
    expect(empty.status).toBe('FAILED');
    expect(empty).not.toHaveProperty('error');
    expect(empty).not.toHaveProperty('cause');
  });
});

describe('data over 256 KiB', () => {
  const big = 'x'.repeat(256 * 1024 - 2);

  it('is the most a state may return: one byte more is States.DataLimitExceeded, which nothing catches', async () => {
    const states = {
      Only: task('big', {
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }],
        Next: 'Small',
      }),
      Small: { Type: 'Pass', Result: 'small', End: true },
      Caught: { Type: 'Succeed' },
    };
    expect(await run(states, {}, { big: () => big })).toMatchObject({ status: 'SUCCEEDED', output: 'small' });
    await machine?.service.stop();
    await context.dispose();
    context = await makeTestContext();
    expect(await run(states, {}, { big: () => `${big}x` })).toMatchObject({
      status: 'FAILED',
      error: 'States.DataLimitExceeded',
    });
  });

  it('counts bytes of UTF-8, and counts what Pass makes of small parts', async () => {
    const half = 'é'.repeat(70 * 1024);
    expect(
      await run(
        { Only: { Type: 'Pass', Parameters: { 'a.$': '$.half', 'b.$': '$.half' }, End: true } },
        { half },
      ),
    ).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
  });

  it('is refused as input', async () => {
    await expect(run({ Only: { Type: 'Succeed' } }, `${big}x`)).rejects.toMatchObject({
      code: 'InvalidExecutionInput',
    });
  });
});

describe('intrinsic functions', () => {
  // What AWS answers, from its documentation and from recorded answers.
  it.each([
    ["States.Format('id {} is {}', $.id, true)", 'id a\\b"c is true'],
    ["States.Format('\\{{}\\}', 1)", '{1}'],
    ["States.Format('it\\'s, (really) {}', null)", "it's, (really) null"],
    ['States.JsonToString($.object)', '{"q":"a\\"b\\\\c"}'],
    ['States.StringToJson(\'{"a": [1, null]}\')', { a: [1, null] }],
    ["States.Array($.id, 2, 'three')", ['a\\b"c', 2, 'three']],
    ['States.ArrayPartition($.five, 2)', [[1, 2], [3, 4], [5]]],
    ['States.ArrayContains($.five, 3)', true],
    ['States.ArrayRange(1, 9, 2)', [1, 3, 5, 7, 9]],
    ['States.ArrayRange(0, 10, 3)', [0, 3, 6, 9]],
    ['States.ArrayGetItem($.five, 4)', 5],
    ['States.ArrayLength($.five)', 5],
    ['States.ArrayUnique(States.Array(1, 2, 1, $.object, $.object))', [1, 2, { q: 'a"b\\c' }]],
    ['States.MathAdd(1.5, 1.51)', 4],
    ['States.MathAdd(-1.5, 0)', -1],
    ['States.MathAdd(States.ArrayLength($.five), -1)', 4],
    ['States.JsonMerge($.object, States.StringToJson(\'{"r":1}\'), false)', { q: 'a"b\\c', r: 1 }],
    ["States.StringSplit('This.is+a,test=string', '.+,=')", ['This', 'is', 'a', 'test', 'string']],
    ["States.Hash('input data', 'SHA-1')", 'aaff4a450a104cd177d28d18d74485e8cae074b7'],
    ["States.Base64Encode('Data to encode')", 'RGF0YSB0byBlbmNvZGU='],
    ["States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", 'Data to encode'],
  ])('%s', async (call, answer) => {
    const data = { id: 'a\\b"c', object: { q: 'a"b\\c' }, five: [1, 2, 3, 4, 5] };
    const end = await run({ Only: { Type: 'Pass', Parameters: { 'x.$': call }, End: true } }, data);
    expect(end).toMatchObject({ status: 'SUCCEEDED' });
    expect(end.output).toEqual({ x: answer });
  });

  it('that cannot work fail as States.IntrinsicFailure, which can be caught', async () => {
    const end = await run(
      {
        Only: task('never', {
          Parameters: { 'x.$': 'States.StringToJson($.text)' },
          Catch: [{ ErrorEquals: ['States.IntrinsicFailure'], Next: 'Caught' }],
          End: true,
        }),
        Caught: { Type: 'Pass', Result: 'caught', End: true },
      },
      { text: '{' },
      { never: () => 1 },
    );
    expect(end.output).toBe('caught');
  });
});

describe('waiting', () => {
  it('is scaled: an hour of Seconds, SecondsPath or Timestamp is milliseconds here', async () => {
    const begun = Date.now();
    const end = await run(
      {
        Fixed: { Type: 'Wait', Seconds: 10, Next: 'Given' },
        Given: { Type: 'Wait', SecondsPath: '$.seconds', Next: 'Until' },
        Until: { Type: 'Wait', TimestampPath: '$.until', Next: 'Past' },
        Past: { Type: 'Wait', Timestamp: '2020-01-01T00:00:00Z', End: true },
      },
      { seconds: 50, until: new Date(Date.now() + 30_000).toISOString() },
    );
    expect(end.output).toMatchObject({ seconds: 50 });
    expect(Date.now() - begun).toBeGreaterThanOrEqual(80);
  });

  it('for something that is no number of seconds ends the execution', async () => {
    expect(await run({ Only: { Type: 'Wait', SecondsPath: '$.s', End: true } }, { s: 'soon' })).toMatchObject(
      {
        status: 'FAILED',
        error: 'States.Runtime',
      },
    );
  });

  it('and retry pauses are replaced where the region says so', async () => {
    let tries = 0;
    machine = await makeMachine(
      context,
      {
        StartAt: 'Wait',
        States: {
          Wait: { Type: 'Wait', Seconds: 99_999, Next: 'Work' },
          Work: task('work', {
            Retry: [{ ErrorEquals: ['Throttled'], IntervalSeconds: 99_999, MaxAttempts: 2 }],
            End: true,
          }),
        },
      },
      {
        work: () => {
          tries += 1;
          if (tries < 3) throw new Throttled('again');
          return 'done';
        },
      },
      { waitMs: 3, timeScale: 1 },
    );
    expect(await machine.run({})).toMatchObject({ status: 'SUCCEEDED', output: 'done' });
  });
});
