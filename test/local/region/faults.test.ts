import { DescribeVolumesCommand } from '@aws-sdk/client-ec2';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { ListStateMachinesCommand } from '@aws-sdk/client-sfn';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startTestRegion, type TestRegion } from './test-region.ts';

const Bucket = 'faulty';
let home: TestRegion;

beforeAll(async () => {
  home = await startTestRegion();
  await home.s3().send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => home.dispose());
afterEach(() => home.region.faults.clear());

const put = (Key: string, Body = 'x') => home.s3().send(new PutObjectCommand({ Bucket, Key, Body }));

describe('a throttled call gets the code of its service', () => {
  const throttle = (service: string, operation: string) =>
    home.region.faults.add({ service, operation, action: { kind: 'throttle' } });

  test('EC2', async () => {
    throttle('ec2', 'DescribeVolumes');
    await expect(home.ec2().send(new DescribeVolumesCommand({}))).rejects.toMatchObject({
      name: 'RequestLimitExceeded',
      $metadata: { httpStatusCode: 503 },
    });
  });

  test('S3', async () => {
    throttle('s3', 'PutObject');
    await expect(put('throttled')).rejects.toMatchObject({
      name: 'SlowDown',
      $metadata: { httpStatusCode: 503 },
    });
  });

  test('Step Functions', async () => {
    throttle('states', 'ListStateMachines');
    await expect(home.states().send(new ListStateMachinesCommand({}))).rejects.toMatchObject({
      name: 'ThrottlingException',
      $metadata: { httpStatusCode: 400 },
    });
  });

  test('Lambda', async () => {
    throttle('lambda', 'Invoke');
    await expect(home.lambda().send(new InvokeCommand({ FunctionName: 'f' }))).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      $metadata: { httpStatusCode: 429 },
    });
  });

  test('STS', async () => {
    throttle('sts', 'GetCallerIdentity');
    await expect(home.sts().send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      name: 'Throttling',
    });
  });
});

test('an error has the code, message and status asked for', async () => {
  home.region.faults.add({
    service: 'ec2',
    operation: 'DescribeVolumes',
    action: {
      kind: 'error',
      code: 'InsufficientVolumeCapacity',
      message: 'There is not enough <capacity>',
      statusCode: 500,
    },
  });
  await expect(home.ec2().send(new DescribeVolumesCommand({}))).rejects.toMatchObject({
    name: 'InsufficientVolumeCapacity',
    message: 'There is not enough <capacity>',
    $metadata: { httpStatusCode: 500 },
  });
});

test('a rule strikes after the calls it skips, as often as it says, and where its condition holds', async () => {
  const fault = home.region.faults.add({
    service: 's3',
    operation: 'PutObject',
    skip: 1,
    times: 2,
    when: (input) => String(input.Key).startsWith('struck'),
    action: { kind: 'throttle' },
  });
  const results: string[] = [];
  for (const key of ['struck-1', 'other', 'struck-2', 'struck-3', 'struck-4']) {
    results.push(
      await put(key).then(
        () => 'done',
        (error: Error) => error.name,
      ),
    );
  }
  expect(results).toEqual(['done', 'done', 'SlowDown', 'SlowDown', 'done']);
  expect(fault.hits).toBe(2);
});

test('a rule may be for one caller alone', async () => {
  home.region.faults.add({
    service: 's3',
    operation: 'HeadBucket',
    caller: 'Plan',
    action: { kind: 'throttle' },
  });
  const head = (trace?: string) =>
    fetch(`${home.endpoint}/${Bucket}`, {
      method: 'HEAD',
      headers: trace ? { 'x-amzn-trace-id': trace } : {},
    });
  expect((await head()).status).toBe(200);
  expect((await head('Root=1-0-0;Function=Other')).status).toBe(200);
  expect((await head('Root=1-0-0;Function=Plan')).status).toBe(503);
});

test('a lost answer leaves the work done', async () => {
  const fault = home.region.faults.add({
    service: 's3',
    operation: 'PutObject',
    action: { kind: 'loseAnswer' },
  });
  await expect(put('unanswered', 'done all the same')).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(fault.hits).toBe(1);
  const { Body } = await home.s3().send(new GetObjectCommand({ Bucket, Key: 'unanswered' }));
  expect(await Body?.transformToString()).toBe('done all the same');
  expect(home.region.calls.entries({ operation: 'PutObject' }).at(-1)?.result).toBe('answer lost');
});

test('a held call waits until it is released', async () => {
  const fault = home.region.faults.add({ service: 's3', operation: 'PutObject', action: { kind: 'hold' } });
  let done = false;
  const held = put('held').then(() => {
    done = true;
  });
  await expect.poll(() => fault.holding).toBe(1);
  await put('not-held');
  expect(done).toBe(false);
  fault.release();
  await held;
  expect(fault.holding).toBe(0);
});

test('a held call ends with its client', async () => {
  const fault = home.region.faults.add({ service: 's3', operation: 'HeadBucket', action: { kind: 'hold' } });
  const client = new AbortController();
  const held = home.s3().send(new HeadBucketCommand({ Bucket }), { abortSignal: client.signal });
  held.catch(() => {});
  await expect.poll(() => fault.holding).toBe(1);
  client.abort();
  await expect(held).rejects.toMatchObject({ name: 'AbortError' });
  await expect.poll(() => fault.holding).toBe(0);
});

test('rules that never struck are told', async () => {
  const rule = { service: 's3', operation: 'CopyObject', action: { kind: 'throttle' } } as const;
  home.region.faults.add(rule);
  home.region.faults.add({ service: 's3', operation: 'PutObject', action: { kind: 'throttle' } });
  await expect(put('x')).rejects.toThrow();
  expect(home.region.faults.unhit()).toEqual([rule]);
});

describe('over HTTP', () => {
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${home.endpoint}/_landfall/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: JSON, asserted on below
    return { status: answer.status, body: (await answer.json()) as any };
  };

  test('a person asks for a fault, releases it and takes it away', async () => {
    const made = await ask('POST', 'faults', {
      service: 's3',
      operation: 'PutObject',
      input: { Key: 'by-hand' },
      action: { kind: 'hold' },
    });
    expect(made.status).toBe(201);
    const { id } = made.body;
    const held = put('by-hand');
    await expect.poll(async () => (await ask('GET', 'faults')).body[0].holding).toBe(1);
    await ask('POST', `faults/${id}/release`);
    await held;
    expect((await ask('GET', 'faults')).body).toMatchObject([{ id, hits: 1, holding: 0 }]);
    expect((await ask('DELETE', `faults/${id}`)).status).toBe(200);
    expect((await ask('GET', 'faults')).body).toEqual([]);
    expect((await ask('DELETE', `faults/${id}`)).status).toBe(404);
  });

  test.each([
    ['no JSON', 'what?'],
    ['no action', { service: 's3', operation: 'PutObject' }],
    ['an unknown action', { service: 's3', operation: 'PutObject', action: { kind: 'explode' } }],
    [
      'an unknown field',
      { service: 's3', operation: 'PutObject', action: { kind: 'throttle' }, sometimes: true },
    ],
  ])('%s is refused', async (_what, body) => {
    const answer = await ask('POST', 'faults', body);
    expect(answer.status).toBe(400);
    expect(answer.body.message).toBeTruthy();
    expect(home.region.faults.list()).toEqual([]);
  });
});
