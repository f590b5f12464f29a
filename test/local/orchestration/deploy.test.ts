import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UndeployableAssembly } from '../../../local/cloudformation/errors.ts';
import type { Region } from '../../../local/region.ts';
import { startRegion } from '../../../local/region.ts';
import { functionResource, type HandMadeStack, ROLE, writeAssembly } from './assembly.ts';

let folder: string;
let region: Region;
const log: string[] = [];

async function start(): Promise<void> {
  region = await startRegion({
    stateFolder: join(folder, 'state'),
    port: 0,
    timeScale: 0.001,
    lambdaWorkers: 1,
    log: (line) => void log.push(line),
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-deploy-'));
  log.length = 0;
  await start();
});

afterEach(async () => {
  await region.stop();
  await rm(folder, { recursive: true, force: true });
});

let assemblies = 0;

async function deploy(...stacks: HandMadeStack[]) {
  assemblies += 1;
  const assembly = join(folder, `assembly-${assemblies}`);
  await writeAssembly(assembly, stacks);
  return region.deploy(assembly);
}

async function problemsOf(
  template: unknown,
  constructs: Record<string, string> = {},
): Promise<readonly string[]> {
  try {
    await deploy({ name: 'Bad', template, constructs });
    return [];
  } catch (error) {
    if (error instanceof UndeployableAssembly) return error.problems;
    throw error;
  }
}

const invoke = async (functionName: string) => {
  const { payload } = await region.services.lambda.invoke({ functionName, payload: '{}' });
  return JSON.parse(payload);
};

describe('a deployed template', () => {
  it('has its values resolved, its resources made, its outputs given', async () => {
    const template = {
      Description: 'All of it',
      Parameters: {
        Colour: { Type: 'String', Default: 'green' },
        BootstrapVersion: {
          Type: 'AWS::SSM::Parameter::Value<String>',
          Default: '/cdk-bootstrap/hnb659fds/version',
        },
      },
      Rules: { CheckBootstrapVersion: { Assertions: [] } },
      Mappings: { Sizes: { small: { memory: 256 } } },
      Conditions: {
        IsGreen: { 'Fn::Equals': [{ Ref: 'Colour' }, 'green'] },
        IsRed: { 'Fn::Not': [{ Condition: 'IsGreen' }] },
      },
      Resources: {
        // Before what it needs: the order is worked out.
        Function: functionResource('main.handler', {
          MemorySize: { 'Fn::FindInMap': ['Sizes', 'small', 'memory'] },
          Description: { 'Fn::If': ['IsRed', 'red', { Ref: 'AWS::NoValue' }] },
          Environment: {
            Variables: {
              BUCKET: { Ref: 'Bucket' },
              URL: { 'Fn::Sub': `s3://\${Bucket}/\${Colour}/\${!literal}/\${AWS::Region}` },
              SUB: {
                'Fn::Sub': [
                  `\${Bucket.Arn}:\${word}`,
                  { word: { 'Fn::Select': [1, { 'Fn::Split': ['-', 'a-b-c'] }] } },
                ],
              },
              JOINED: {
                'Fn::Join': [
                  ':',
                  [{ Ref: 'AWS::AccountId' }, { Ref: 'AWS::Partition' }, { Ref: 'AWS::StackName' }],
                ],
              },
            },
          },
        }),
        Role: ROLE,
        Bucket: { Type: 'AWS::S3::Bucket', Properties: {}, DeletionPolicy: 'Retain' },
        Never: { Type: 'AWS::S3::Bucket', Condition: 'IsRed' },
      },
      Outputs: {
        BucketArn: {
          Value: { 'Fn::GetAtt': ['Bucket', 'Arn'] },
          Description: 'd',
          Export: { Name: 'exported' },
        },
        Hidden: { Value: 'x', Condition: 'IsRed' },
      },
    };
    const code = {
      'main.mjs':
        'export const handler = async () => ({ b: process.env.BUCKET, u: process.env.URL, s: process.env.SUB, j: process.env.JOINED, m: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE });',
    };
    const [stack] = await deploy({ name: 'All', template, code });
    const bucket = stack?.resources.find(({ logicalId }) => logicalId === 'Bucket')?.physicalId ?? '';
    expect(bucket).toMatch(/^all-bucket-[0-9a-z]{12}$/);
    expect(region.services.s3.bucketExists(bucket)).toBe(true);
    expect(stack?.resources.map(({ logicalId }) => logicalId)).toEqual(['Role', 'Bucket', 'Function']);
    expect(stack?.outputs).toEqual({ BucketArn: `arn:aws:s3:::${bucket}` });
    const name = stack?.resources[2]?.physicalId ?? '';
    expect(name).toMatch(/^All-Function-[0-9A-Z]{12}$/);
    expect(await invoke(name)).toEqual({
      b: bucket,
      u: `s3://${bucket}/green/\${literal}/us-east-1`,
      s: `arn:aws:s3:::${bucket}:b`,
      j: '123456789012:aws:All',
      m: '256',
    });
  });

  it('deployed again replaces code, keeps buckets, and deletes what is gone but for what is retained', async () => {
    const resources = {
      Role: ROLE,
      Kept: { Type: 'AWS::S3::Bucket', DeletionPolicy: 'Retain' },
      Dropped: { Type: 'AWS::S3::Bucket' },
      Function: functionResource('main.handler'),
      Other: functionResource('main.handler'),
    };
    const code = (answer: string) => ({ 'main.mjs': `export const handler = async () => '${answer}';` });
    const [first] = await deploy({ name: 'Again', template: { Resources: resources }, code: code('one') });
    const ids = Object.fromEntries(
      first?.resources.map(({ logicalId, physicalId }) => [logicalId, physicalId]) ?? [],
    );
    expect(await invoke(ids.Function ?? '')).toBe('one');

    const { Kept: _kept, Dropped: _dropped, Other: _other, ...fewer } = resources;
    const [second] = await deploy({ name: 'Again', template: { Resources: fewer }, code: code('two') });
    expect(second?.stackId).toBe(first?.stackId);
    expect(second?.resources.find(({ logicalId }) => logicalId === 'Function')?.physicalId).toBe(
      ids.Function,
    );
    expect(await invoke(ids.Function ?? '')).toBe('two');
    expect(region.services.lambda.hasFunction(ids.Other ?? '')).toBe(false);
    expect(region.services.s3.bucketExists(ids.Kept ?? '')).toBe(true);
    expect(region.services.s3.bucketExists(ids.Dropped ?? '')).toBe(false);

    await region.stop();
    await start();
    expect(await invoke(ids.Function ?? '')).toBe('two');
    const [third] = await deploy({ name: 'Again', template: { Resources: resources }, code: code('three') });
    expect(third?.resources.find(({ logicalId }) => logicalId === 'Kept')?.physicalId).toBe(ids.Kept);
    expect(await invoke(ids.Other ?? '')).toBe('three');
  });

  it('makes several stacks in the order of their dependencies', async () => {
    const bucket = { Resources: { B: { Type: 'AWS::S3::Bucket' } } };
    const stacks = await deploy(
      { name: 'Second', template: bucket, dependsOn: ['First'] },
      { name: 'First', template: bucket },
    );
    expect(stacks.map(({ stackName }) => stackName)).toEqual(['First', 'Second']);
  });

  it('that fails half-way says where, keeps what was made, and can be deployed again', async () => {
    const template = (name: string) => ({
      Resources: {
        Role: ROLE,
        Bucket: { Type: 'AWS::S3::Bucket' },
        Function: functionResource('main.handler', { Role: name }),
      },
    });
    const code = { 'main.mjs': 'export const handler = async () => 1;' };
    const constructs = { Function: '/Half/Way/Function' };
    await expect(
      deploy({ name: 'Half', template: template('arn:aws:iam::123456789012:role/nobody'), code, constructs }),
    ).rejects.toThrow(
      'stack Half, Function (Half/Way/Function, AWS::Lambda::Function): there is no role arn:aws:iam::123456789012:role/nobody',
    );
    const described = await describeStacks();
    expect(described).toMatchObject([{ StackName: 'Half', StackStatus: 'CREATE_FAILED' }]);
    const withRole = template('x');
    const [stack] = await deploy({
      name: 'Half',
      template: { Resources: { ...withRole.Resources, Function: functionResource('main.handler') } },
      code,
    });
    expect(stack?.resources.length).toBe(3);
    expect(await describeStacks()).toMatchObject([{ StackStatus: 'CREATE_COMPLETE' }]);
  });
});

async function describeStacks(): Promise<unknown> {
  const call = { requestId: 'r', caller: 'anonymous', signal: new AbortController().signal, effects: {} };
  const answer = await region.services.cloudFormation.operations.DescribeStacks?.({}, call);
  return (answer as { Stacks: unknown }).Stacks;
}

describe('what cannot be deployed is refused before anything is made', () => {
  const bucket = (properties: Record<string, unknown>) => ({
    Resources: { Bucket: { Type: 'AWS::S3::Bucket', Properties: properties } },
  });

  it.each([
    [
      'an unknown resource type',
      { Resources: { Queue: { Type: 'AWS::SQS::Queue' } } },
      ['stack Bad, Queue (no construct, AWS::SQS::Queue): the resource type is not simulated'],
    ],
    [
      'an unknown property',
      bucket({ WebsiteConfiguration: {} }),
      ['stack Bad, Bucket (no construct, AWS::S3::Bucket): property WebsiteConfiguration is not simulated'],
    ],
    [
      'an unknown nested property',
      bucket({ LifecycleConfiguration: { Rules: [{ Status: 'Enabled', Transitions: [] }] } }),
      [
        'stack Bad, Bucket (no construct, AWS::S3::Bucket): property LifecycleConfiguration.Rules.0.Transitions is not simulated',
      ],
    ],
    [
      'an unknown intrinsic function',
      bucket({ BucketName: { 'Fn::ImportValue': 'x' } }),
      [
        'stack Bad, Bucket (no construct, AWS::S3::Bucket): intrinsic function Fn::ImportValue is not simulated',
      ],
    ],
    [
      'a reference to nothing',
      bucket({ BucketName: { Ref: 'Nobody' } }),
      [
        'stack Bad, Bucket (no construct, AWS::S3::Bucket): Ref Nobody: there is no such parameter or resource',
      ],
    ],
    [
      'an unknown attribute',
      {
        Resources: {
          Bucket: { Type: 'AWS::S3::Bucket' },
          Group: {
            Type: 'AWS::Logs::LogGroup',
            Properties: { LogGroupName: { 'Fn::GetAtt': ['Bucket', 'WebsiteURL'] } },
          },
        },
      },
      [
        'stack Bad, Group (no construct, AWS::Logs::LogGroup): Fn::GetAtt Bucket.WebsiteURL: the attribute is not simulated',
      ],
    ],
    [
      'a cycle',
      {
        Resources: {
          A: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: { Ref: 'B' } } },
          B: { Type: 'AWS::Logs::LogGroup', DependsOn: 'A' },
        },
      },
      ['stack Bad, resources: resources depend on each other: A -> B -> A'],
    ],
    [
      'a section',
      { Resources: {}, Transform: 'AWS::Serverless-2016-10-31' },
      ['stack Bad: Transform is not simulated'],
    ],
    [
      'a parameter without a value',
      { Parameters: { Size: { Type: 'Number' } }, Resources: {} },
      [
        'stack Bad, parameters: parameter Size has no default, and parameters cannot be given in the local region',
      ],
    ],
    [
      'a schedule',
      {
        Resources: { Rule: { Type: 'AWS::Events::Rule', Properties: { ScheduleExpression: 'rate(1 day)' } } },
      },
      [
        'stack Bad, Rule (no construct, AWS::Events::Rule): property EventPattern: Invalid input: expected record, received undefined',
        'stack Bad, Rule (no construct, AWS::Events::Rule): property ScheduleExpression is not simulated',
      ],
    ],
    [
      'a runtime that cannot run here',
      {
        Resources: {
          Role: ROLE,
          Function: functionResource('a.b', { Runtime: 'python3.13', Code: { ZipFile: '' } }),
        },
      },
      [
        'stack Bad, Function (no construct, AWS::Lambda::Function): Runtime python3.13 cannot run here; nodejs24.x can',
      ],
    ],
    [
      'a variable that Lambda sets itself',
      {
        Resources: {
          Role: ROLE,
          Function: functionResource('a.b', {
            Code: { ZipFile: '' },
            Environment: { Variables: { AWS_REGION: 'x' } },
          }),
        },
      },
      [
        'stack Bad, Function (no construct, AWS::Lambda::Function): environment variable AWS_REGION is reserved by Lambda',
      ],
    ],
    [
      'an asset that is not there',
      { Resources: { Role: ROLE, Function: functionResource('a.b') } },
      [
        'stack Bad, Function (no construct, AWS::Lambda::Function): property Code: the assembly has no asset with the key code.zip',
      ],
    ],
  ])('%s', async (_what, template, problems) => {
    expect(await problemsOf(template)).toEqual(problems);
    expect(await describeStacks()).toEqual([]);
  });

  it('naming constructs, all problems at once, and what hangs on them only once', async () => {
    const template = {
      Resources: {
        Good: { Type: 'AWS::S3::Bucket' },
        Queue: { Type: 'AWS::SQS::Queue' },
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: {
            RoleArn: 'r',
            DefinitionString: JSON.stringify({
              StartAt: 'A',
              States: { A: { Type: 'Succeed', Assign: {} }, B: { Type: 'Pass' } },
            }),
          },
        },
        Group: {
          Type: 'AWS::Logs::LogGroup',
          Properties: { LogGroupName: { 'Fn::GetAtt': ['Queue', 'QueueName'] } },
        },
      },
    };
    expect(
      await problemsOf(template, { Machine: '/Bad/Restore/Resource', Queue: '/Bad/Work/Resource' }),
    ).toEqual([
      'stack Bad, Queue (Bad/Work/Resource, AWS::SQS::Queue): the resource type is not simulated',
      'stack Bad, Machine (Bad/Restore/Resource, AWS::StepFunctions::StateMachine): state machine A.Assign: is not simulated',
      'stack Bad, Machine (Bad/Restore/Resource, AWS::StepFunctions::StateMachine): state machine B: has neither Next nor End',
    ]);
    expect(region.services.s3.bucketExists('bad-good')).toBe(false);
  });

  it('a folder that is no cloud assembly', async () => {
    await expect(region.deploy(folder)).rejects.toThrow('has no manifest.json: it is no cloud assembly');
  });
});
