import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LambdaService } from '../../../local/lambda/service.ts';
import { makeLambdaService } from '../../../local/lambda/service.ts';
import { AwsError } from '../../../local/service.ts';
import type { TestContext } from './context.ts';
import { makeTestContext } from './context.ts';

const SOURCE = `
import { STSClient, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
let invocations = 0;
class DiskOnFire extends Error { name = 'DiskOnFire'; }
export const echo = async (event, context) => {
  invocations += 1;
  console.log('got', event.word);
  return {
    event, invocations,
    context: { functionName: context.functionName, arn: context.invokedFunctionArn, requestId: context.awsRequestId, remaining: context.getRemainingTimeInMillis() },
    env: { region: process.env.AWS_REGION, name: process.env.AWS_LAMBDA_FUNCTION_NAME, colour: process.env.COLOUR, endpoint: process.env.AWS_ENDPOINT_URL, home: process.env.HOME ?? 'none', memory: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE },
  };
};
export const fail = async () => { throw new DiskOnFire('the disk burns', { cause: new Error('a match') }); };
export const nothing = async () => {};
export const sleep = async ({ ms }) => { await new Promise((done) => setTimeout(done, ms)); return 'awake'; };
let running = 0;
let most = 0;
export const crowd = async ({ ms }) => {
  running += 1;
  most = Math.max(most, running);
  await new Promise((done) => setTimeout(done, ms));
  running -= 1;
  return most;
};
export const spin = async () => { for (;;); };
export const exit = async () => { process.exit(3); };
export const stray = async ({ ms }) => { Promise.reject(new Error('nobody waits for me')); await new Promise((done) => setTimeout(done, ms)); };
export const big = async ({ bytes }) => 'x'.repeat(bytes);
export const circle = async () => { const a = {}; a.a = a; return a; };
export const call = async ({ ms }) => {
  await new Promise((done) => setTimeout(done, ms));
  try { await new STSClient({ maxAttempts: 1 }).send(new GetCallerIdentityCommand({})); } catch {}
};
export const leak = async ({ module }) => { await import(module); };
export const old = (event, context, callback) => callback(null, 1);
`;

let context: TestContext;
let lambda: LambdaService;
let asset: string;
const headers: IncomingHttpHeaders[] = [];
const recorder = createServer((request, response) => {
  headers.push(request.headers);
  response.writeHead(400).end('<ErrorResponse><Error><Code>No</Code></Error></ErrorResponse>');
});

async function deploy(
  name: string,
  handler: string,
  more: { timeoutSeconds?: number; memoryMb?: number; environment?: Record<string, string> } = {},
) {
  await lambda.putFunction({
    name,
    runtime: 'nodejs24.x',
    handler: `functions/all.${handler}`,
    role: 'arn:aws:iam::123456789012:role/r',
    timeoutSeconds: more.timeoutSeconds ?? 30,
    memoryMb: more.memoryMb ?? 512,
    ephemeralStorageMb: 512,
    architecture: 'arm64',
    environment: more.environment ?? { COLOUR: 'green' },
    logGroup: `/aws/lambda/${name}`,
    code: await lambda.code.putFolder(asset),
  });
}

async function invoke(functionName: string, event: unknown = {}, execution?: string) {
  const payload = JSON.stringify(event);
  const result = await lambda.invoke({ functionName, payload, ...(execution ? { execution } : {}) });
  return { failed: result.failed, value: JSON.parse(result.payload), logTail: result.logTail };
}

beforeAll(async () => {
  asset = await mkdtemp(join(tmpdir(), 'landfall-asset-'));
  await mkdir(join(asset, 'source'));
  await writeFile(join(asset, 'source', 'all.mjs'), SOURCE);
  await build({
    stdin: { contents: SOURCE, resolveDir: process.cwd(), loader: 'js' },
    outfile: join(asset, 'functions', 'all.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  await new Promise<void>((done) => recorder.listen(0, '127.0.0.1', done));
  const { port } = recorder.address() as AddressInfo;
  context = await makeTestContext({ endpoint: `http://127.0.0.1:${port}` });
  lambda = await makeLambdaService(context, { workers: 2, log: () => {} });
  for (const handler of [
    'echo',
    'fail',
    'nothing',
    'sleep',
    'exit',
    'stray',
    'big',
    'circle',
    'call',
    'leak',
    'old',
  ]) {
    await deploy(handler, handler);
  }
  await deploy('briefSleep', 'sleep', { timeoutSeconds: 1 });
  await deploy('briefSpin', 'spin', { timeoutSeconds: 1 });
});

afterAll(async () => {
  await lambda.stop();
  recorder.close();
  await context.dispose();
  await rm(asset, { recursive: true, force: true });
});

describe('a Lambda function in the local region', () => {
  it('gets its event, its context and its environment, and nothing of the host', async () => {
    const { failed, value } = await invoke('echo', { word: 'hello' });
    expect(failed).toBe(false);
    expect(value.event).toEqual({ word: 'hello' });
    expect(value.context).toMatchObject({
      functionName: 'echo',
      arn: 'arn:aws:lambda:us-east-1:123456789012:function:echo',
    });
    expect(value.context.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(value.context.remaining).toBeGreaterThan(25_000);
    expect(value.context.remaining).toBeLessThanOrEqual(30_000);
    expect(value.env).toEqual({
      region: 'us-east-1',
      name: 'echo',
      colour: 'green',
      endpoint: context.endpoint,
      home: 'none',
      memory: '512',
    });
  });

  it('answers null for nothing', async () => {
    expect(await invoke('nothing')).toMatchObject({ failed: false, value: null });
  });

  it('stays warm: module state survives from one invocation to the next', async () => {
    const first = await invoke('echo');
    const second = await invoke('echo');
    expect(second.value.invocations).toBe(first.value.invocations + 1);
  });

  it('reports what it throws as Lambda does', async () => {
    const { failed, value } = await invoke('fail');
    expect(failed).toBe(true);
    expect(Object.keys(value)).toEqual(['errorType', 'errorMessage', 'trace']);
    expect(value.errorType).toBe('DiskOnFire');
    expect(value.errorMessage).toBe('the disk burns');
    expect(value.trace[0]).toBe('DiskOnFire: the disk burns');
  });

  it('has its output in its own log, and the tail of it in the answer', async () => {
    const { logTail } = await invoke('echo', { word: 'logged' });
    expect(logTail).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z\t[0-9a-f-]{36}\tINFO\tgot logged\n$/);
    await expect
      .poll(() => readFile(join(context.stateFolder, 'lambda', 'logs', 'echo.log'), 'utf8'))
      .toMatch(/START RequestId: .*\n.*INFO\tgot logged\nEND RequestId: /);
    await invoke('fail');
    const log = join(context.stateFolder, 'lambda', 'logs', 'fail.log');
    await expect.poll(() => readFile(log, 'utf8')).toContain('a match');
  });

  it('that takes too long ends as Sandbox.Timedout; others in the same thread finish', async () => {
    const innocent = invoke('sleep', { ms: 1500 });
    const { failed, value } = await invoke('briefSleep', { ms: 60_000 });
    expect(failed).toBe(true);
    expect(value.errorType).toBe('Sandbox.Timedout');
    expect(value.errorMessage).toMatch(
      /^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$/,
    );
    expect(await innocent).toMatchObject({ failed: false, value: 'awake' });
  });

  it('that never yields is ended with its thread, and the next invocation gets a new one', async () => {
    expect((await invoke('briefSpin')).value.errorType).toBe('Sandbox.Timedout');
    expect((await invoke('echo', { word: 'again' })).value.event).toEqual({ word: 'again' });
  });

  it('that ends its process fails, and the next invocation works', async () => {
    const { failed, value } = await invoke('exit');
    expect(failed).toBe(true);
    expect(value.errorType).toBe('Runtime.ExitError');
    expect(value.errorMessage).toContain('exit status 3');
    expect((await invoke('nothing')).failed).toBe(false);
  });

  it('fails by a rejection that nobody handles, alone', async () => {
    const innocent = invoke('sleep', { ms: 100 });
    const { failed, value } = await invoke('stray', { ms: 60 });
    expect(failed).toBe(true);
    expect(value).toMatchObject({
      errorType: 'Runtime.UnhandledPromiseRejection',
      errorMessage: 'nobody waits for me',
    });
    expect((await innocent).value).toBe('awake');
  });

  it('fails by Lambda limits: response size, unserialisable result, callback style', async () => {
    expect((await invoke('big', { bytes: 6 * 1024 * 1024 + 200 })).value.errorType).toBe(
      'Function.ResponseSizeTooLarge',
    );
    expect((await invoke('big', { bytes: 1024 })).failed).toBe(false);
    expect((await invoke('circle')).value.errorType).toBe('Runtime.MarshalError');
    expect((await invoke('old')).value.errorType).toBe('Runtime.CallbackHandlerDeprecated');
    await expect(invoke('echo', 'x'.repeat(6 * 1024 * 1024))).rejects.toMatchObject({
      code: 'RequestTooLargeException',
      statusCode: 413,
    });
  });

  it('finds no package outside its asset, even where Node would', async () => {
    const outsider = join(context.stateFolder, 'node_modules', 'outsider');
    await mkdir(outsider, { recursive: true });
    await writeFile(join(outsider, 'package.json'), '{"name":"outsider","main":"index.js"}');
    await writeFile(join(outsider, 'index.js'), 'module.exports = 1;');
    expect((await invoke('leak', { module: 'outsider' })).value).toMatchObject({
      errorType: 'Error',
      errorMessage: "Cannot find package 'outsider': it is not in the function's asset",
    });
    expect((await invoke('leak', { module: 'node:fs' })).failed).toBe(false);
  });

  it('signs its SDK calls with its own name and its execution, whatever runs beside it', async () => {
    headers.length = 0;
    const execution = 'arn:aws:states:us-east-1:123456789012:execution:Restore:a b';
    await Promise.all([invoke('call', { ms: 30 }, execution), invoke('call', { ms: 1 })]);
    expect(headers.map((sent) => sent['x-amzn-trace-id']).sort()).toEqual([
      'Root=1-00000000-000000000000000000000000;Function=call',
      'Root=1-00000000-000000000000000000000000;Function=call;Execution=arn%3Aaws%3Astates%3Aus-east-1%3A123456789012%3Aexecution%3ARestore%3Aa%20b',
    ]);
  });

  it('that does not exist is refused with the code of AWS', async () => {
    const failure = await invoke('nobody').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AwsError);
    expect(failure).toMatchObject({ code: 'ResourceNotFoundException', statusCode: 404 });
  });

  it('with another environment runs in a thread of its own', async () => {
    await deploy('red', 'echo', { environment: { COLOUR: 'red' } });
    const answers = await Promise.all([invoke('red'), invoke('echo')]);
    expect(answers.map(({ value }) => value.env.colour)).toEqual(['red', 'green']);
    const memory = await lambda.memory();
    expect(memory.length).toBeGreaterThanOrEqual(2);
    for (const thread of memory) expect(thread.heapUsed).toBeGreaterThan(1_000_000);
    await lambda.deleteFunction('red');
  });

  it('shares a thread with as many others as their declared memory allows; the rest waits its turn', async () => {
    // An environment of their own, so that the threads are fresh, with room for 2,560 MB each.
    const environment = { COLOUR: 'crowded' };
    await deploy('heavy', 'crowd', { memoryMb: 2048, environment });
    const heavy = await Promise.all(Array.from({ length: 7 }, () => invoke('heavy', { ms: 30 })));
    expect(Math.max(...heavy.map(({ value }) => value))).toBe(1);
    await deploy('light', 'crowd', { memoryMb: 512, environment });
    const light = await Promise.all(Array.from({ length: 40 }, () => invoke('light', { ms: 30 })));
    expect(Math.max(...light.map(({ value }) => value))).toBe(5);
    await deploy('huge', 'crowd', { memoryMb: 10_240, environment });
    expect((await Promise.all([1, 2, 3].map(() => invoke('huge', { ms: 5 })))).length).toBe(3);
  });

  it('runs new code after it is deployed again, and is still there after a restart', async () => {
    const file = join(asset, 'functions', 'all.mjs');
    const before = await readFile(file, 'utf8');
    await writeFile(file, `${before}\nexport const version = async () => 'first';`);
    await deploy('version', 'version');
    expect((await invoke('version')).value).toBe('first');
    await writeFile(file, `${before}\nexport const version = async () => 'second';`);
    await deploy('version', 'version');
    expect((await invoke('version')).value).toBe('second');

    const restarted = await makeLambdaService(context, { workers: 1, log: () => {} });
    const result = await restarted.invoke({ functionName: 'version', payload: '{}' });
    expect(result.payload).toBe('"second"');
    await restarted.stop();
    expect((await stat(join(context.stateFolder, 'lambda', 'functions.json'))).isFile()).toBe(true);
  });
});
