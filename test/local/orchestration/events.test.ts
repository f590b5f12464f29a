import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventBus } from '../../../local/events/event-bus.ts';
import { makeEventBus } from '../../../local/events/event-bus.ts';
import { compilePattern } from '../../../local/events/pattern.ts';
import { targetInput } from '../../../local/events/target-input.ts';
import type { TestContext } from './context.ts';
import { makeTestContext } from './context.ts';

const event = {
  source: 'aws.states',
  'detail-type': 'Step Functions Execution Status Change',
  resources: ['arn:a', 'arn:b'],
  detail: { status: 'ABORTED', name: 'web01-1', count: 5, error: null, nested: { flag: true, list: [] } },
};

describe('event patterns', () => {
  it.each([
    [{ source: ['aws.states'] }, true],
    [{ source: ['aws.ec2', 'aws.states'], detail: { status: ['ABORTED'] } }, true],
    [{ source: ['aws.states'], detail: { status: ['FAILED'] } }, false],
    [{ resources: ['arn:b'] }, true],
    [{ resources: [{ prefix: 'arn:c' }] }, false],
    [{ detail: { name: [{ prefix: 'web' }] } }, true],
    [{ detail: { name: [{ suffix: '-2' }] } }, false],
    [{ detail: { name: [{ suffix: '-2' }, { suffix: '-1' }] } }, true],
    [{ detail: { name: [{ 'equals-ignore-case': 'WEB01-1' }] } }, true],
    [{ detail: { status: [{ 'anything-but': ['SUCCEEDED', 'RUNNING'] }] } }, true],
    [{ detail: { status: [{ 'anything-but': 'ABORTED' }] } }, false],
    [{ detail: { name: [{ 'anything-but': { prefix: 'web' } }] } }, false],
    [{ detail: { missing: [{ 'anything-but': 'x' }] } }, false],
    [{ detail: { missing: [{ exists: false }] } }, true],
    [{ detail: { error: [{ exists: true }] } }, true],
    [{ detail: { error: [null] } }, true],
    [{ detail: { missing: [null] } }, false],
    [{ detail: { count: [5] } }, true],
    [{ detail: { count: ['5'] } }, false],
    [{ detail: { count: [{ numeric: ['>', 0, '<=', 5] }] } }, true],
    [{ detail: { count: [{ numeric: ['=', 4] }] } }, false],
    [{ detail: { nested: { flag: [true] } } }, true],
    [{ detail: { nested: { flag: [false] } } }, false],
    [{ detail: { status: { deeper: ['x'] } } }, false],
  ])('%j matches: %s', (pattern, matches) => {
    expect(compilePattern(pattern)(event)).toBe(matches);
  });

  it.each([
    [{ detail: { name: [{ wildcard: 'w*' }] } }, '.detail.name: comparison "wildcard" is not simulated'],
    [{ $or: [] }, '.$or is not simulated'],
    [{ source: 'aws.states' }, '.source must be a list of values or an object'],
    [{ source: [] }, '.source is an empty list'],
    [{}, 'the pattern is empty'],
    [
      { detail: { n: [{ numeric: ['>'] }] } },
      '.detail.n.numeric must be one or two comparisons with a number',
    ],
  ])('%j is refused', (pattern, message) => {
    expect(() => compilePattern(pattern)).toThrow(message);
  });
});

describe("a target's input", () => {
  const rule = { ruleName: 'R', ruleArn: 'arn:r' };

  it('is the event, a constant, or a part of the event', () => {
    expect(JSON.parse(targetInput({}, event, rule))).toEqual(event);
    expect(targetInput({ input: '{"a":1}' }, event, rule)).toBe('{"a":1}');
    expect(targetInput({ inputPath: '$.detail.nested' }, event, rule)).toBe('{"flag":true,"list":[]}');
  });

  it('is made by a template: values as JSON outside quotes, as text inside', () => {
    const transformer = {
      paths: {
        status: '$.detail.status',
        count: '$.detail.count',
        nested: '$.detail.nested',
        first: '$.resources[0]',
        none: '$.detail.none',
      },
      template:
        '{"s": <status>, "n": <count>, "o": <nested>, "text": "<status> of <first> (\\"<count>\\")", "rule": <aws.events.rule-name>, "none": <none>}',
    };
    expect(JSON.parse(targetInput({ transformer }, event, rule))).toEqual({
      s: 'ABORTED',
      n: 5,
      o: { flag: true, list: [] },
      text: 'ABORTED of arn:a ("5")',
      rule: 'R',
      none: null,
    });
  });
});

describe('the event bus', () => {
  let context: TestContext;
  let bus: EventBus;

  beforeEach(async () => {
    context = await makeTestContext();
    bus = await makeEventBus(context, { log: () => {} });
  });

  afterEach(async () => {
    await bus.stop();
    await context.dispose();
  });

  const rule = (name: string, more: object = {}) => ({
    name,
    arn: bus.ruleArn(name),
    enabled: true,
    pattern: { source: ['test'] },
    targets: [
      { id: '1', arn: 'arn:aws:states:us-east-1:123456789012:stateMachine:M', inputPath: '$.detail' },
    ],
    ...more,
  });

  it('delivers matching events to state machines and functions, what came before it was connected too', async () => {
    const delivered: string[] = [];
    const lambdaTarget = { id: '2', arn: 'arn:aws:lambda:us-east-1:123456789012:function:F', input: '"f"' };
    await bus.putRule(rule('one'));
    await bus.putRule(rule('two', { targets: [lambdaTarget] }));
    await bus.putRule(rule('off', { enabled: false }));
    await bus.putRule(rule('other', { pattern: { source: ['elsewhere'] } }));
    const publish = (n: number) =>
      bus.publish({ source: 'test', detailType: 'T', resources: [], detail: { n } });
    publish(1);
    bus.connect({
      startExecution: async (arn, input) => void delivered.push(`${arn.split(':').at(-1)} ${input}`),
      invokeFunction: async (arn, input) => void delivered.push(`${arn.split(':').at(-1)} ${input}`),
    });
    publish(2);
    await bus.stop();
    expect(delivered.sort()).toEqual(['F "f"', 'F "f"', 'M {"n":1}', 'M {"n":2}']);
  });

  it('still has its rules after a restart', async () => {
    await bus.putRule(rule('kept'));
    await bus.putRule(rule('dropped'));
    await bus.deleteRule('dropped');
    const again = await makeEventBus(context, { log: () => {} });
    expect(again.rules()).toEqual([rule('kept')]);
  });

  it('goes on when a target cannot take its event, and says so', async () => {
    const log: string[] = [];
    const noisy = await makeEventBus(context, { log: (line) => void log.push(line) });
    await noisy.putRule(rule('bad'));
    noisy.connect({
      startExecution: () => Promise.reject(new Error('no such machine')),
      invokeFunction: async () => {},
    });
    noisy.publish({ source: 'test', detailType: 'T', resources: [], detail: {} });
    await noisy.stop();
    expect(log).toEqual([
      'rule bad could not deliver an event to arn:aws:states:us-east-1:123456789012:stateMachine:M: no such machine',
    ]);
  });
});
