import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CloudFormationClient,
  DescribeStacksCommand,
  ListStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { App, CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import {
  Choice,
  Condition,
  DefinitionBody,
  DistributedMap,
  JsonPath,
  ProcessorMode,
  ProcessorType,
  StateMachine,
  TaskInput,
  Timeout,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Region } from '../../../local/region.ts';
import { startRegion } from '../../../local/region.ts';

const SOURCE = `
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
const s3 = new S3Client({});
class BadDisk extends Error { name = 'BadDisk'; }
export const plan = async ({ disks }) => ({ disks: disks.map((id) => ({ id })), waitSeconds: 120 });
export const copy = async ({ disk, restore }) => {
  if (disk.id === 'bad') throw new BadDisk('cannot be read');
  await s3.send(new PutObjectCommand({ Bucket: process.env.BUCKET, Key: restore + '/' + disk.id, Body: 'x' }));
  return disk.id.toUpperCase();
};
export const whoAmI = async () => (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn;
export const cleanUp = async (event) => {
  await s3.send(new PutObjectCommand({ Bucket: process.env.BUCKET, Key: 'clean-up/' + event.execution, Body: JSON.stringify(event) }));
};
`;

const OUTPUTS = ['MachineArn', 'CleanUpArn', 'BucketName', 'CopyName', 'WhoAmIName'] as const;

let folder: string;
let region: Region;
let outputs: Record<(typeof OUTPUTS)[number], string>;
let states: SFNClient;
let lambda: LambdaClient;

/** A small stack of the kind the region is made for: functions of one asset, a machine, a rule on its abnormal ends. */
function synthesise(assembly: string, asset: string): void {
  const app = new App({ outdir: assembly, analyticsReporting: false });
  const stack = new Stack(app, 'Tiny');
  const bucket = new Bucket(stack, 'Data', {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(7) }],
  });
  const code = Code.fromAsset(asset);
  const makeFunction = (name: string) => {
    const made = new LambdaFunction(stack, name, {
      runtime: Runtime.NODEJS_24_X,
      code,
      handler: `functions/all.${name.charAt(0).toLowerCase()}${name.slice(1)}`,
      timeout: Duration.seconds(30),
      environment: { BUCKET: bucket.bucketName },
    });
    bucket.grantPut(made);
    return made;
  };
  const call = (id: string, lambdaFunction: LambdaFunction, more: Record<string, unknown> = {}) =>
    new LambdaInvoke(stack, id, {
      lambdaFunction,
      payloadResponseOnly: true,
      retryOnServiceExceptions: false,
      taskTimeout: Timeout.duration(Duration.seconds(60)),
      ...more,
    });
  const copyFunction = makeFunction('Copy');
  const disks = new DistributedMap(stack, 'Each disk', {
    itemsPath: '$.plan.disks',
    itemSelector: { 'disk.$': '$$.Map.Item.Value', 'restore.$': '$$.Execution.Name' },
    maxConcurrency: 2,
    resultPath: '$.copied',
  });
  disks.itemProcessor(call('Copy disk', copyFunction), {
    mode: ProcessorMode.DISTRIBUTED,
    executionType: ProcessorType.STANDARD,
  });
  const pause = new Wait(stack, 'Pause', { time: WaitTime.secondsPath('$.plan.waitSeconds') });
  const definition = call('Make the plan', makeFunction('Plan'), {
    payload: TaskInput.fromObject({ disks: JsonPath.listAt('$.disks') }),
    resultPath: '$.plan',
  }).next(
    new Choice(stack, 'Is there anything')
      .when(Condition.isPresent('$.plan.disks[0]'), disks.next(pause))
      .otherwise(pause),
  );
  const machine = new StateMachine(stack, 'Machine', {
    definitionBody: DefinitionBody.fromChainable(definition),
    timeout: Duration.days(1),
  });
  const cleanUp = new StateMachine(stack, 'Sweeper', {
    definitionBody: DefinitionBody.fromChainable(
      call('Clean it up', makeFunction('CleanUp'), {
        payload: TaskInput.fromObject({
          execution: JsonPath.stringAt('$.detail.name'),
          status: JsonPath.stringAt('$.detail.status'),
          error: JsonPath.stringAt('$.detail.error'),
        }),
      }),
    ),
  });
  new Rule(stack, 'Ended', {
    eventPattern: {
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: { stateMachineArn: [machine.stateMachineArn], status: ['ABORTED', 'TIMED_OUT', 'FAILED'] },
    },
    targets: [new SfnStateMachine(cleanUp)],
  });
  const values = {
    MachineArn: machine.stateMachineArn,
    CleanUpArn: cleanUp.stateMachineArn,
    BucketName: bucket.bucketName,
    CopyName: copyFunction.functionName,
    WhoAmIName: makeFunction('WhoAmI').functionName,
  };
  for (const name of OUTPUTS) new CfnOutput(stack, name, { value: values[name] });
  app.synth();
}

async function start(): Promise<void> {
  region = await startRegion({ stateFolder: join(folder, 'state'), port: 0, timeScale: 0.001 });
  const client = {
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
  };
  states = new SFNClient(client);
  lambda = new LambdaClient(client);
}

async function execute(input: unknown, name: string): Promise<DescribeExecutionCommandOutput> {
  const { executionArn } = await states.send(
    new StartExecutionCommand({ stateMachineArn: outputs.MachineArn, input: JSON.stringify(input), name }),
  );
  for (;;) {
    const described = await states.send(new DescribeExecutionCommand({ executionArn }));
    if (described.status !== 'RUNNING') return described;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const cleanedUp = async (name: string): Promise<unknown> => {
  const object = await region.services.s3.open(outputs.BucketName, `clean-up/${name}`);
  await object?.close();
  return object !== undefined;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-cdk-'));
  const asset = join(folder, 'asset');
  await mkdir(asset);
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
  synthesise(join(folder, 'assembly'), asset);
  await start();
  const [stack] = await region.deploy(join(folder, 'assembly'));
  outputs = stack?.outputs as typeof outputs;
});

afterAll(async () => {
  await region?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a CDK app in the local region', () => {
  it('has its stack described by CloudFormation', async () => {
    const cloudFormation = new CloudFormationClient({
      endpoint: region.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    });
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Tiny' }));
    expect(Stacks?.[0]).toMatchObject({ StackName: 'Tiny', StackStatus: 'CREATE_COMPLETE' });
    expect(
      Object.fromEntries(Stacks?.[0]?.Outputs?.map((output) => [output.OutputKey, output.OutputValue]) ?? []),
    ).toEqual(outputs);
    const { StackResourceSummaries = [] } = await cloudFormation.send(
      new ListStackResourcesCommand({ StackName: 'Tiny' }),
    );
    expect(StackResourceSummaries.map((resource) => resource.ResourceType)).toContain(
      'AWS::StepFunctions::StateMachine',
    );
    await expect(
      cloudFormation.send(new DescribeStacksCommand({ StackName: 'Nobody' })),
    ).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Stack with id Nobody does not exist',
    });
  });

  it('runs its machine with its own bundles; the call log knows who did what for which execution', async () => {
    const end = await execute({ disks: ['a', 'b', 'c'] }, 'good-1');
    expect(end.status).toBe('SUCCEEDED');
    expect(JSON.parse(end.output ?? '')).toMatchObject({ copied: ['A', 'B', 'C'] });
    const puts = region.calls.entries({ service: 's3', operation: 'PutObject', caller: outputs.CopyName });
    expect(
      puts.map(({ execution, resources, result }) => [
        execution,
        resources.includes(outputs.BucketName),
        result,
      ]),
    ).toEqual(Array(3).fill([end.executionArn, true, 'ok']));
    expect(puts.map(({ input }) => input?.Key).sort()).toEqual(['good-1/a', 'good-1/b', 'good-1/c']);
    const history = await states.send(
      new GetExecutionHistoryCommand({ executionArn: end.executionArn, maxResults: 1000 }),
    );
    expect(history.events?.map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'LambdaFunctionSucceeded',
      'TaskStateExited',
      'ChoiceStateEntered',
      'ChoiceStateExited',
      'MapStateEntered',
      'MapStateStarted',
      'MapRunStarted',
      'MapRunSucceeded',
      'MapStateSucceeded',
      'MapStateExited',
      'WaitStateEntered',
      'WaitStateExited',
      'ExecutionSucceeded',
    ]);
  });

  it('has its rule start the clean-up when an execution fails or is stopped, and not when it succeeds', async () => {
    const failed = await execute({ disks: ['a', 'bad'] }, 'bad-1');
    expect(failed).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
    await expect.poll(() => cleanedUp('bad-1'), { timeout: 10_000 }).toBe(true);

    const { executionArn } = await states.send(
      new StartExecutionCommand({
        stateMachineArn: outputs.MachineArn,
        input: '{"disks":["z"]}',
        name: 'stopped-1',
      }),
    );
    await states.send(new StopExecutionCommand({ executionArn, error: 'Enough' }));
    await expect.poll(() => cleanedUp('stopped-1'), { timeout: 10_000 }).toBe(true);
    expect(await cleanedUp('good-1')).toBe(false);
    const { executions = [] } = await states.send(
      new ListExecutionsCommand({ stateMachineArn: outputs.CleanUpArn }),
    );
    expect(executions.length).toBe(2);
  });

  it('answers Invoke over HTTP, with logs and errors as Lambda gives them', async () => {
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName: outputs.WhoAmIName, LogType: 'Tail' }),
    );
    expect(answer.StatusCode).toBe(200);
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toBe(
      `arn:aws:sts::123456789012:assumed-role/local/${outputs.WhoAmIName}`,
    );
    const failed = await lambda.send(
      new InvokeCommand({
        FunctionName: outputs.CopyName,
        Payload: '{"disk":{"id":"bad"}}',
        LogType: 'Tail',
      }),
    );
    expect(failed.FunctionError).toBe('Unhandled');
    expect(JSON.parse(failed.Payload?.transformToString() ?? '')).toMatchObject({
      errorType: 'BadDisk',
      errorMessage: 'cannot be read',
    });
    expect(Buffer.from(failed.LogResult ?? '', 'base64').toString()).toContain('cannot be read');
    const dryRun = await lambda.send(
      new InvokeCommand({ FunctionName: outputs.CopyName, InvocationType: 'DryRun' }),
    );
    expect(dryRun.StatusCode).toBe(204);
    expect(
      await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: outputs.CopyName })),
    ).toMatchObject({
      Runtime: 'nodejs24.x',
      Handler: 'functions/all.copy',
      Timeout: 30,
      MemorySize: 128,
      Environment: { Variables: { BUCKET: outputs.BucketName } },
    });
    await expect(lambda.send(new InvokeCommand({ FunctionName: 'nobody' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('goes on after the region was stopped in the middle: the cut execution is aborted and cleaned up after', async () => {
    const hold = region.faults.add({
      service: 's3',
      operation: 'PutObject',
      caller: outputs.CopyName,
      action: { kind: 'hold' },
    });
    const { executionArn } = await states.send(
      new StartExecutionCommand({
        stateMachineArn: outputs.MachineArn,
        input: '{"disks":["held"]}',
        name: 'cut-1',
      }),
    );
    await expect.poll(() => hold.holding, { timeout: 10_000 }).toBe(1);
    await region.stop();
    await start();
    const described = await states.send(new DescribeExecutionCommand({ executionArn }));
    expect(described).toMatchObject({ status: 'ABORTED', error: 'Region.Stopped' });
    await expect.poll(() => cleanedUp('cut-1'), { timeout: 10_000 }).toBe(true);
    expect(await execute({ disks: ['again'] }, 'good-2')).toMatchObject({ status: 'SUCCEEDED' });
  });
});
