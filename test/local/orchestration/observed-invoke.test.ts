import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Region } from '../../../local/region.ts';
import { startRegion } from '../../../local/region.ts';
import { functionResource, ROLE, writeAssembly } from './assembly.ts';
import { task } from './machine.ts';

let folder: string;
let region: Region;
let machineArn: string;

const CODE = `
let runs = 0;
export const handler = async ({ word }) => ({ word, runs: (runs += 1) });
`;

const definition = {
  StartAt: 'Call',
  States: {
    Call: {
      ...task('x'),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's placeholder
      Resource: '${function}',
      Retry: [
        { ErrorEquals: ['Lambda.TooManyRequestsException', 'Lambda.SdkClientException'], MaxAttempts: 2 },
      ],
      End: true,
    },
  },
};

async function execute(input: unknown): Promise<Record<string, unknown>> {
  const { stepFunctions } = region.services;
  const executionArn = await stepFunctions.startForRule(machineArn, JSON.stringify(input));
  const call = { requestId: 'r', caller: 'anonymous', signal: new AbortController().signal, effects: {} };
  for (;;) {
    const described = await stepFunctions.operations.DescribeExecution?.({ executionArn }, call);
    if (described.status !== 'RUNNING') return described;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-invoke-'));
  const template = {
    Resources: {
      Role: ROLE,
      Function: functionResource('main.handler', { FunctionName: 'counter' }),
      Machine: {
        Type: 'AWS::StepFunctions::StateMachine',
        Properties: {
          RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] },
          Definition: definition,
          DefinitionSubstitutions: { function: { 'Fn::GetAtt': ['Function', 'Arn'] } },
        },
      },
    },
    Outputs: { Machine: { Value: { Ref: 'Machine' } } },
  };
  await writeAssembly(join(folder, 'assembly'), [{ name: 'Calls', template, code: { 'main.mjs': CODE } }]);
  region = await startRegion({
    stateFolder: join(folder, 'state'),
    port: 0,
    timeScale: 0.001,
    lambdaWorkers: 1,
  });
  const [stack] = await region.deploy(join(folder, 'assembly'));
  machineArn = stack?.outputs.Machine ?? '';
});

afterEach(() => region.faults.clear());

afterAll(async () => {
  await region.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("Step Functions' calls of functions", () => {
  it('stand in the call log', async () => {
    const end = await execute({ word: 'a' });
    expect(end).toMatchObject({ status: 'SUCCEEDED', output: '{"word":"a","runs":1}' });
    const calls = region.calls.entries({ service: 'lambda' });
    expect(calls).toMatchObject([
      {
        caller: 'states.amazonaws.com',
        execution: end.executionArn,
        operation: 'Invoke',
        resources: ['counter'],
        result: 'ok',
      },
    ]);
  });

  it('can be throttled: the function does not run, the state is retried', async () => {
    const fault = region.faults.add({ service: 'lambda', operation: 'Invoke', action: { kind: 'throttle' } });
    const end = await execute({ word: 'b' });
    expect(end).toMatchObject({ status: 'SUCCEEDED', output: '{"word":"b","runs":2}' });
    expect(fault.hits).toBe(1);
    expect(region.calls.entries({ service: 'lambda' }).map(({ result }) => result)).toEqual([
      'ok',
      'TooManyRequestsException',
      'ok',
    ]);
  });

  it('can lose their answer: the function runs twice', async () => {
    region.faults.add({
      service: 'lambda',
      operation: 'Invoke',
      when: ({ FunctionName }) => String(FunctionName).endsWith(':counter'),
      action: { kind: 'loseAnswer' },
    });
    expect(await execute({ word: 'c' })).toMatchObject({
      status: 'SUCCEEDED',
      output: '{"word":"c","runs":4}',
    });
  });

  it('can fail with any code', async () => {
    region.faults.add({
      service: 'lambda',
      operation: 'Invoke',
      action: { kind: 'error', code: 'ServiceException', message: 'not today' },
    });
    expect(await execute({})).toMatchObject({
      status: 'FAILED',
      error: 'Lambda.ServiceException',
      cause: 'not today',
    });
  });
});
