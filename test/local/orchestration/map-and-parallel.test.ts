import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestContext } from './context.ts';
import { makeTestContext } from './context.ts';
import type { Machine, TestFunction } from './machine.ts';
import { makeMachine, task } from './machine.ts';

let context: TestContext;
let machine: Machine;

beforeEach(async () => {
  context = await makeTestContext();
});

afterEach(async () => {
  await machine.service.stop();
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

const lines = async (arn: unknown) =>
  (await machine.history(String(arn))).map((event) => {
    const details = event.stateEnteredEventDetails ?? event.stateExitedEventDetails;
    const iteration =
      event.mapIterationStartedEventDetails ??
      event.mapIterationSucceededEventDetails ??
      event.mapIterationFailedEventDetails ??
      event.mapIterationAbortedEventDetails;
    const what = details?.name ?? iteration?.index ?? '';
    return `${event.id} after ${event.previousEventId} ${event.type} ${what}`.trimEnd();
  });

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class BadItem extends Error {
  override readonly name = 'BadItem';
}

const inline = { ProcessorConfig: { Mode: 'INLINE' } };
const distributed = { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } };

describe('an inline Map', () => {
  it('hands each item through ItemSelector and gathers the results in order', async () => {
    const end = await run(
      {
        Each: {
          Type: 'Map',
          ItemsPath: '$.disks',
          ItemSelector: {
            'index.$': '$$.Map.Item.Index',
            'disk.$': '$$.Map.Item.Value.id',
            'label.$': "States.Format('{}-{}', $.restore, $$.Map.Item.Value.id)",
          },
          ItemProcessor: { ...inline, StartAt: 'Work', States: { Work: task('work', { End: true }) } },
          ResultSelector: { 'results.$': '$' },
          ResultPath: '$.done',
          End: true,
        },
      },
      { restore: 'r1', disks: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] },
      {
        work: async (event: { index: number; label: string }) => {
          await pause(20 - event.index * 8);
          return `${event.index}:${event.label}`;
        },
      },
    );
    expect(end).toMatchObject({ status: 'SUCCEEDED' });
    expect(end.output).toMatchObject({ restore: 'r1', done: { results: ['0:r1-a', '1:r1-b', '2:r1-c'] } });
    expect(machine.calls.map(({ event }) => event)).toEqual([
      { index: 0, disk: 'a', label: 'r1-a' },
      { index: 1, disk: 'b', label: 'r1-b' },
      { index: 2, disk: 'c', label: 'r1-c' },
    ]);
  });

  it('runs at most MaxConcurrency at once, and at most 40 without', async () => {
    let running = 0;
    let most = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await pause(5);
      running -= 1;
    };
    const states = (more: object) => ({
      Each: {
        Type: 'Map',
        ...more,
        ItemProcessor: { StartAt: 'Work', States: { Work: task('work', { End: true }) } },
        End: true,
      },
    });
    const items = Array.from({ length: 60 }, (_item, index) => index);
    await run(states({ MaxConcurrency: 3 }), items, { work });
    expect(most).toBe(3);
    most = 0;
    await machine.service.stop();
    await run(states({}), items, { work });
    expect(most).toBe(40);
    most = 0;
    await machine.service.stop();
    await run(states({ ItemsPath: '$.items', MaxConcurrencyPath: '$.most' }), { items, most: 5 }, { work });
    expect(most).toBe(5);
  });

  it('over no items at all succeeds with []', async () => {
    const end = await run(
      {
        Each: {
          Type: 'Map',
          ItemProcessor: { StartAt: 'Work', States: { Work: { Type: 'Succeed' } } },
          End: true,
        },
      },
      [],
    );
    expect(end.output).toEqual([]);
  });

  it('over something that is no array ends the execution', async () => {
    const end = await run(
      {
        Each: {
          Type: 'Map',
          ItemsPath: '$.x',
          ItemProcessor: { StartAt: 'Work', States: { Work: { Type: 'Succeed' } } },
          End: true,
        },
      },
      { x: 'abc' },
    );
    expect(end).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
  });

  it('fails with the error of the first item that fails; others start nothing more', async () => {
    const end = await run(
      {
        Each: {
          Type: 'Map',
          MaxConcurrency: 2,
          ItemProcessor: {
            StartAt: 'First',
            States: { First: task('first', { Next: 'Second' }), Second: task('second', { End: true }) },
          },
          Catch: [{ ErrorEquals: ['BadItem'], ResultPath: '$.error', Next: 'CleanUp' }],
          End: true,
        },
        CleanUp: task('cleanUp', { ResultPath: null, End: true }),
      },
      // The Map's input must be an object for ResultPath to keep it.
      [0, 1, 2, 3, 4],
      {
        first: async (item: number) => {
          if (item === 1) throw new BadItem('item 1');
          await pause(40);
          return item;
        },
        second: (item: number) => item,
        cleanUp: async () => {
          await pause(80);
        },
      },
    );
    // An array as input cannot take a ResultPath: that is a failure of its own, on AWS as here.
    expect(end).toMatchObject({ status: 'FAILED', error: 'States.ResultPathMatchFailure' });
    expect(machine.calls.map(({ name, event }) => `${name} ${event}`)).toEqual(['first 0', 'first 1']);
  });

  it('that is caught goes on while nothing of it runs any more', async () => {
    const end = await run(
      {
        Each: {
          Type: 'Map',
          ItemsPath: '$.items',
          MaxConcurrency: 2,
          ItemProcessor: {
            StartAt: 'First',
            States: { First: task('first', { Next: 'Second' }), Second: task('second', { End: true }) },
          },
          Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'CleanUp' }],
          End: true,
        },
        CleanUp: task('cleanUp', { ResultPath: null, End: true }),
      },
      { items: [0, 1, 2, 3, 4] },
      {
        first: async (item: number) => {
          await pause(10);
          if (item === 1) throw new BadItem('item 1');
          await pause(30);
          return item;
        },
        second: (item: number) => item,
        cleanUp: async () => {
          await pause(80);
        },
      },
    );
    expect(end.output).toMatchObject({ error: { Error: 'BadItem' }, items: [0, 1, 2, 3, 4] });
    expect(machine.calls.map(({ name }) => name)).toEqual(['first', 'first', 'cleanUp']);
    expect(await lines(end.executionArn)).toEqual([
      '1 after 0 ExecutionStarted',
      '2 after 0 MapStateEntered Each',
      '3 after 2 MapStateStarted',
      '4 after 3 MapIterationStarted 0',
      '5 after 3 MapIterationStarted 1',
      '6 after 4 TaskStateEntered First',
      '7 after 5 TaskStateEntered First',
      '8 after 6 LambdaFunctionScheduled',
      '9 after 8 LambdaFunctionStarted',
      '10 after 7 LambdaFunctionScheduled',
      '11 after 10 LambdaFunctionStarted',
      '12 after 11 LambdaFunctionFailed',
      '13 after 12 MapIterationFailed 1',
      '14 after 9 MapIterationAborted 0',
      '15 after 12 MapStateFailed',
      '16 after 12 MapStateExited Each',
      '17 after 16 TaskStateEntered CleanUp',
      '18 after 17 LambdaFunctionScheduled',
      '19 after 18 LambdaFunctionStarted',
      '20 after 19 LambdaFunctionSucceeded',
      '21 after 20 TaskStateExited CleanUp',
      '22 after 21 ExecutionSucceeded',
    ]);
  });

  it('is retried whole', async () => {
    let failures = 0;
    const end = await run(
      {
        Each: {
          Type: 'Map',
          ItemProcessor: { StartAt: 'Work', States: { Work: task('work', { End: true }) } },
          Retry: [{ ErrorEquals: ['BadItem'], MaxAttempts: 1 }],
          End: true,
        },
      },
      [1, 2],
      {
        work: (item: number) => {
          if (item === 2 && failures === 0) {
            failures += 1;
            throw new BadItem('once');
          }
          return item * 10;
        },
      },
    );
    expect(end.output).toEqual([10, 20]);
    expect(machine.calls.length).toBe(4);
  });

  it('shows the history that AWS shows', async () => {
    const end = await run(
      {
        Outer: {
          Type: 'Map',
          MaxConcurrency: 1,
          ItemProcessor: {
            StartAt: 'Inner',
            States: {
              Inner: {
                Type: 'Map',
                MaxConcurrency: 1,
                ItemProcessor: { StartAt: 'Copy', States: { Copy: { Type: 'Pass', End: true } } },
                End: true,
              },
            },
          },
          End: true,
        },
      },
      [[1, 2]],
    );
    expect(end.output).toEqual([[1, 2]]);
    // Recorded from AWS for such a machine, but for where the second iteration starts from.
    expect(await lines(end.executionArn)).toEqual([
      '1 after 0 ExecutionStarted',
      '2 after 0 MapStateEntered Outer',
      '3 after 2 MapStateStarted',
      '4 after 3 MapIterationStarted 0',
      '5 after 4 MapStateEntered Inner',
      '6 after 5 MapStateStarted',
      '7 after 6 MapIterationStarted 0',
      '8 after 7 PassStateEntered Copy',
      '9 after 8 PassStateExited Copy',
      '10 after 9 MapIterationSucceeded 0',
      '11 after 9 MapIterationStarted 1',
      '12 after 11 PassStateEntered Copy',
      '13 after 12 PassStateExited Copy',
      '14 after 13 MapIterationSucceeded 1',
      '15 after 13 MapStateSucceeded',
      '16 after 13 MapStateExited Inner',
      '17 after 16 MapIterationSucceeded 0',
      '18 after 16 MapStateSucceeded',
      '19 after 16 MapStateExited Outer',
      '20 after 19 ExecutionSucceeded',
    ]);
  });
});

describe('a distributed Map', () => {
  const child = (states: Record<string, unknown>) => ({
    ...distributed,
    StartAt: Object.keys(states)[0],
    States: states,
  });

  it('runs children whose context is their own, and whose events are not in the parent', async () => {
    const end = await run(
      {
        Disks: {
          Type: 'Map',
          Label: 'Disks',
          ItemsPath: '$.disks',
          ItemSelector: { 'disk.$': '$$.Map.Item.Value', 'parent.$': '$$.Execution.Name' },
          MaxConcurrency: 2,
          ItemProcessor: child({
            Segments: {
              Type: 'Map',
              Label: 'Segments',
              ItemsPath: '$.disk.segments',
              MaxConcurrency: 3,
              ItemProcessor: child({
                Copy: task('copy', {
                  Parameters: {
                    'segment.$': '$',
                    'input.$': '$$.Execution.Input',
                    'id.$': '$$.Execution.Id',
                    'name.$': '$$.Execution.Name',
                    'machine.$': '$$.StateMachine.Name',
                  },
                  End: true,
                }),
              }),
              ResultPath: '$.copied',
              Next: 'Finish',
            },
            Finish: {
              Type: 'Pass',
              Parameters: { 'parent.$': '$.parent', 'copied.$': '$.copied' },
              End: true,
            },
          }),
          End: true,
        },
      },
      { disks: [{ segments: [1, 2, 3] }, { segments: [] }] },
      { copy: (event: { segment: number }) => event.segment * 100 },
    );
    const name = String(end.name);
    expect(end.output).toEqual([
      { parent: name, copied: [100, 200, 300] },
      { parent: name, copied: [] },
    ]);
    for (const { event, execution } of machine.calls) {
      const { id, name: childName, segment, input, machine: machineName } = event as Record<string, unknown>;
      expect(childName).toMatch(/^[0-9a-f-]{36}$/);
      expect(id).toBe(`arn:aws:states:us-east-1:123456789012:execution:Machine/Segments:${childName}`);
      expect(machineName).toBe('Machine/Segments');
      expect(input).toBe(segment);
      // The call log tells what was done for which execution that a person started.
      expect(execution).toBe(end.executionArn);
    }
    expect(new Set(machine.calls.map(({ event }) => (event as { id: string }).id)).size).toBe(3);
    expect(await lines(end.executionArn)).toEqual([
      '1 after 0 ExecutionStarted',
      '2 after 0 MapStateEntered Disks',
      '3 after 2 MapStateStarted',
      '4 after 3 MapRunStarted',
      '5 after 4 MapRunSucceeded',
      '6 after 5 MapStateSucceeded',
      '7 after 5 MapStateExited Disks',
      '8 after 7 ExecutionSucceeded',
    ]);
    const started = (await machine.history(String(end.executionArn)))[3];
    expect(started?.mapRunStartedEventDetails?.mapRunArn).toMatch(
      /^arn:aws:states:us-east-1:123456789012:mapRun:Machine\/Disks:[0-9a-f-]{36}$/,
    );
  });

  it('fails as States.ExceedToleratedFailureThreshold whatever its child failed with', async () => {
    const end = await run(
      {
        Each: {
          Type: 'Map',
          MaxConcurrency: 1,
          ItemProcessor: child({ Work: task('work', { End: true }) }),
          End: true,
        },
      },
      [1, 2, 3],
      {
        work: (item: number) => {
          if (item === 2) throw new BadItem('two');
        },
      },
    );
    expect(end).toMatchObject({
      status: 'FAILED',
      error: 'States.ExceedToleratedFailureThreshold',
      cause: 'The specified tolerated failure threshold was exceeded',
    });
    expect(machine.calls.length).toBe(2);
    expect((await lines(end.executionArn)).slice(3)).toEqual([
      '4 after 3 MapRunStarted',
      '5 after 4 MapRunFailed',
      '6 after 5 MapStateFailed',
      '7 after 6 ExecutionFailed',
    ]);
  });

  it('has far more events in its children than one execution may have', async () => {
    const end = await run(
      {
        Each: {
          Type: 'Map',
          MaxConcurrency: 50,
          ItemProcessor: child({ A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Pass', Result: 1, End: true } }),
          ResultPath: null,
          End: true,
        },
      },
      Array.from({ length: 7000 }, () => 0),
    );
    expect(end).toMatchObject({ status: 'SUCCEEDED' });
  });
});

describe('Parallel', () => {
  it('gives each branch its input and gathers the results', async () => {
    const end = await run(
      {
        Both: {
          Type: 'Parallel',
          Parameters: { 'n.$': '$.number' },
          Branches: [
            { StartAt: 'Left', States: { Left: task('double', { End: true }) } },
            {
              StartAt: 'Right',
              States: {
                Right: { Type: 'Pass', Parameters: { 'id.$': '$$.Execution.Input.number' }, End: true },
              },
            },
          ],
          ResultSelector: { 'left.$': '$[0]', 'right.$': '$[1]' },
          ResultPath: '$.both',
          End: true,
        },
      },
      { number: 21 },
      { double: (event: { n: number }) => event.n * 2 },
    );
    expect(end.output).toEqual({ number: 21, both: { left: 42, right: { id: 21 } } });
    const types = (await lines(end.executionArn)).map((line) => line.replace(/^\d+ after \d+ /, ''));
    expect(types.slice(0, 3)).toEqual([
      'ExecutionStarted',
      'ParallelStateEntered Both',
      'ParallelStateStarted',
    ]);
    expect(types.slice(-3)).toEqual([
      'ParallelStateSucceeded',
      'ParallelStateExited Both',
      'ExecutionSucceeded',
    ]);
  });

  it('fails with the first error and aborts the other branch, its waits too', async () => {
    const begun = Date.now();
    const end = await run(
      {
        Both: {
          Type: 'Parallel',
          Branches: [
            { StartAt: 'Bad', States: { Bad: task('bad', { End: true }) } },
            {
              StartAt: 'Long',
              States: {
                Long: { Type: 'Wait', Seconds: 20_000, Next: 'Never' },
                Never: task('never', { End: true }),
              },
            },
          ],
          Catch: [{ ErrorEquals: ['BadItem'], ResultPath: '$.error', Next: 'After' }],
          End: true,
        },
        After: { Type: 'Pass', End: true },
      },
      {},
      {
        bad: () => {
          throw new BadItem('left');
        },
        never: () => 1,
      },
    );
    expect(end.output).toMatchObject({ error: { Error: 'BadItem' } });
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(machine.calls.map(({ name }) => name)).toEqual(['bad']);
  });
});
