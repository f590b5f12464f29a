import { describe, expect, it } from 'vitest';
import { InvalidDefinition, prepareDefinition } from '../../../local/step-functions/definition.ts';
import { task } from './machine.ts';

function problemsOf(definition: unknown): readonly string[] {
  try {
    prepareDefinition(typeof definition === 'string' ? definition : JSON.stringify(definition), {
      timeScale: 1,
    });
    return [];
  } catch (error) {
    if (error instanceof InvalidDefinition) return error.problems;
    throw error;
  }
}

const machine = (states: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  StartAt: Object.keys(states)[0],
  States: states,
  ...more,
});
const end = { Type: 'Succeed' };
const processor = (states: Record<string, unknown>, mode?: Record<string, unknown>) => ({
  ...(mode ? { ProcessorConfig: mode } : {}),
  ...machine(states),
});

describe('the loader of state machine definitions', () => {
  it.each([
    [
      'HeartbeatSeconds',
      { Only: task('f', { HeartbeatSeconds: 5, End: true }) },
      'Only.HeartbeatSeconds: is not simulated',
    ],
    [
      'TimeoutSecondsPath',
      { Only: task('f', { TimeoutSecondsPath: '$.t', End: true }) },
      'Only.TimeoutSecondsPath: is not simulated',
    ],
    ['Assign', { Only: task('f', { Assign: {}, End: true }) }, 'Only.Assign: is not simulated'],
    [
      'JSONata',
      { Only: { ...end, QueryLanguage: 'JSONata' } },
      'Only.QueryLanguage: only JSONPath is simulated',
    ],
    [
      'a Task without a timeout',
      { Only: { Type: 'Task', Resource: task('f').Resource, End: true } },
      'Only.TimeoutSeconds: is missing: without it AWS would wait a year for a task that got lost',
    ],
    [
      'another service',
      { Only: task('f', { Resource: 'arn:aws:states:::lambda:invoke', End: true }) },
      'Only.Resource: "arn:aws:states:::lambda:invoke" is not simulated: only a Lambda function\'s ARN (payloadResponseOnly)',
    ],
    ['a state without a way on', { Only: { Type: 'Pass' } }, 'Only: has neither Next nor End'],
    [
      'an unknown target',
      { Only: { Type: 'Pass', Next: 'Elsewhere' } },
      'Only.Next: "Elsewhere" is no state beside it',
    ],
    [
      'a target in another scope',
      {
        Map: { Type: 'Map', ItemProcessor: processor({ In: { Type: 'Pass', Next: 'Out' } }), Next: 'Out' },
        Out: end,
      },
      'In.Next: "Out" is no state beside it',
    ],
    [
      'a name used twice',
      { Same: { Type: 'Parallel', Branches: [machine({ Same: end })], End: true } },
      'Same: another state of the machine has this name',
    ],
    [
      'a wildcard path',
      { Only: { Type: 'Pass', Parameters: { 'x.$': '$.items[*].id' }, End: true } },
      "Only.Parameters.x.$: $.items[*].id: only reference paths are simulated ($.a.b, $.a[0], $['a-b'])",
    ],
    [
      'a part of the context object that is not there',
      { Only: { Type: 'Pass', Parameters: { 'x.$': '$$.State.EnteredTime' }, End: true } },
      'Only.Parameters.x.$: $$.State.EnteredTime of the context object is not simulated here',
    ],
    [
      'a Map item outside ItemSelector',
      { Only: { Type: 'Pass', Parameters: { 'x.$': '$$.Map.Item.Value' }, End: true } },
      'Only.Parameters.x.$: $$.Map.Item.Value of the context object is not simulated here',
    ],
    [
      'an unknown intrinsic function',
      { Only: { Type: 'Pass', Parameters: { 'x.$': 'States.MathRandom(1, 2)' }, End: true } },
      'Only.Parameters.x.$: intrinsic function States.MathRandom is not simulated',
    ],
    [
      'a plain string where a path must be',
      { Only: { Type: 'Pass', Parameters: { 'x.$': 'hello' }, End: true } },
      'Only.Parameters.x.$: cannot read "hello" in hello',
    ],
    [
      'two comparisons in a rule',
      {
        Only: {
          Type: 'Choice',
          Choices: [{ Variable: '$.a', StringEquals: 'x', NumericEquals: 1, Next: 'End' }],
        },
        End: end,
      },
      'Only.Choices[0]: must have exactly one comparison, and has StringEquals, NumericEquals',
    ],
    [
      'an unknown comparison',
      {
        Only: { Type: 'Choice', Choices: [{ Variable: '$.a', StringContains: 'x', Next: 'End' }] },
        End: end,
      },
      'Only.Choices[0].StringContains: is not a comparison that is simulated',
    ],
    [
      'States.ALL beside another error',
      {
        Only: task('f', { Catch: [{ ErrorEquals: ['States.ALL', 'X'], Next: 'End' }], End: true }),
        End: end,
      },
      'Only.Catch[0].ErrorEquals: States.ALL must stand alone, in the last rule',
    ],
    [
      'States.Runtime in a rule',
      { Only: task('f', { Retry: [{ ErrorEquals: ['States.Runtime'] }], End: true }) },
      'Only.Retry[0].ErrorEquals: States.Runtime ends the execution here: no rule can name it',
    ],
    [
      'an unknown field of a retrier',
      { Only: task('f', { Retry: [{ ErrorEquals: ['X'], Jitter: true }], End: true }) },
      'Only.Retry[0].Jitter: is not simulated',
    ],
    [
      'an ItemReader',
      { Only: { Type: 'Map', ItemReader: {}, ItemProcessor: processor({ In: end }), End: true } },
      'Only.ItemReader: is not simulated',
    ],
    [
      'tolerated failures',
      {
        Only: {
          Type: 'Map',
          ToleratedFailurePercentage: 5,
          ItemProcessor: processor({ In: end }),
          End: true,
        },
      },
      'Only.ToleratedFailurePercentage: only 0 is simulated',
    ],
    [
      'a distributed Map without MaxConcurrency',
      {
        Only: {
          Type: 'Map',
          ItemProcessor: processor({ In: end }, { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }),
          End: true,
        },
      },
      'Only.MaxConcurrency: is missing: without it AWS starts up to 10,000 children at once',
    ],
    [
      'Express children',
      {
        Only: {
          Type: 'Map',
          MaxConcurrency: 1,
          ItemProcessor: processor({ In: end }, { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' }),
          End: true,
        },
      },
      'Only.ItemProcessor.ProcessorConfig.ExecutionType: only STANDARD is simulated',
    ],
    [
      'a Wait without a length',
      { Only: { Type: 'Wait', End: true } },
      'Only: must have exactly one of Seconds, SecondsPath, Timestamp, TimestampPath',
    ],
    ['an unknown type', { Only: { Type: 'Activity', End: true } }, 'Only.Type: is not a state type'],
    [
      'a ResultPath into an array',
      { Only: task('f', { ResultPath: '$.a[0]', End: true }) },
      'Only.ResultPath: "$.a[0]" is neither null nor a path of field names ($.a.b)',
    ],
  ])('refuses %s', (_what, states, problem) => {
    expect(problemsOf(machine(states))).toEqual([problem]);
  });

  it('says everything that is wrong at once', () => {
    expect(
      problemsOf(
        machine(
          { A: task('f', { HeartbeatSeconds: 1, Next: 'B' }), B: { Type: 'Pass', Foo: 1, End: true } },
          { TimeoutSeconds: 0 },
        ),
      ),
    ).toEqual([
      '$.TimeoutSeconds: must be a whole number from 1 to 99999999',
      'A.HeartbeatSeconds: is not simulated',
      'B.Foo: is not simulated',
    ]);
  });

  it('refuses what is no definition', () => {
    expect(problemsOf('{')).toHaveLength(1);
    expect(problemsOf('[]')).toEqual(['it is not a JSON object']);
    expect(problemsOf({ StartAt: 'A' })).toEqual([
      '$.States: must be an object',
      '$.StartAt: "A" is no state beside it',
    ]);
    expect(problemsOf(`{"Comment":"${'x'.repeat(1024 * 1024)}"}`)).toEqual(['it is larger than 1 MB']);
  });

  it('takes a machine that uses everything it allows', () => {
    const distributed = { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' };
    const rules = {
      Retry: [
        {
          ErrorEquals: ['A'],
          IntervalSeconds: 1,
          MaxAttempts: 0,
          BackoffRate: 1,
          MaxDelaySeconds: 9,
          JitterStrategy: 'NONE',
        },
      ],
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: null, Next: 'Stop' }],
    };
    expect(
      problemsOf(
        machine(
          {
            Start: {
              Type: 'Pass',
              Comment: 'c',
              InputPath: '$',
              OutputPath: '$.x',
              Result: [],
              ResultPath: '$.x',
              Next: 'Work',
            },
            Work: task('f', {
              Parameters: { a: 1 },
              ResultSelector: { 'b.$': "$['c-d'][0].e" },
              ...rules,
              Next: 'Each',
            }),
            Each: {
              Type: 'Map',
              Label: 'Each',
              ItemsPath: '$.x',
              MaxConcurrencyPath: '$.most',
              ToleratedFailureCount: 0,
              ItemProcessor: processor(
                { Inner: { Type: 'Wait', TimestampPath: '$.t', End: true } },
                distributed,
              ),
              ...rules,
              Next: 'Stop',
            },
            Stop: { Type: 'Fail', ErrorPath: '$.e', CausePath: 'States.JsonToString($)' },
          },
          { Comment: 'c', Version: '1.0', QueryLanguage: 'JSONPath', TimeoutSeconds: 60 },
        ),
      ),
    ).toEqual([]);
  });
});
