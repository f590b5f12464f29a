import { join } from 'node:path';
import type { EventBus } from '../events/event-bus.ts';
import type { IamDirectory } from '../iam/directory.ts';
import type { LambdaService } from '../lambda/service.ts';
import type { RegionContext, Service } from '../service.ts';
import type { StepFunctionsService } from '../step-functions/service.ts';
import { readAssembly } from './assembly.ts';
import type { DeploymentOptions } from './deployment.ts';
import { applyStack, planStack } from './deployment.ts';
import { makeOperations } from './operations.ts';
import { checkFiles, publishFiles } from './publish-files.ts';
import type { StackRecord } from './stacks.ts';
import { openStacks } from './stacks.ts';
import { eventTypes } from './types/events.ts';
import { iamTypes } from './types/iam.ts';
import { inertTypes } from './types/inert.ts';
import { functionTypes } from './types/lambda.ts';
import type { BucketStore } from './types/s3.ts';
import { bucketTypes, makeBucketCalls } from './types/s3.ts';
import { machineTypes } from './types/step-functions.ts';

export interface CloudFormationOptions {
  /** Buckets are made by its CreateBucket, DeleteBucket, PutBucket… operations. */
  readonly s3: BucketStore;
  readonly lambda: LambdaService;
  readonly stepFunctions: StepFunctionsService;
  readonly events: EventBus;
  readonly iam: IamDirectory;
  readonly log: (line: string) => void;
}

/** A stack as it stands after a deploy. */
export interface DeployedStack {
  readonly stackName: string;
  readonly stackId: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly resources: readonly DeployedResource[];
}

export interface DeployedResource {
  readonly logicalId: string;
  readonly type: string;
  readonly physicalId: string;
}

export interface CloudFormationService extends Service {
  /**
   * Deploys every stack of a CDK cloud assembly (the folder that `cdk synth` wrote), in the order they depend on each
   * other. Nothing is made when anything in it is not simulated.
   * @throws UndeployableAssembly naming logical id and construct; ResourceFailed
   */
  deploy(assemblyFolder: string): Promise<DeployedStack[]>;
  stop(): Promise<void>;
}

export async function makeCloudFormationService(
  context: RegionContext,
  services: CloudFormationOptions,
): Promise<CloudFormationService> {
  const { accountId, region } = context;
  const stacks = await openStacks(join(context.stateFolder, 'cloudformation'));
  const { log } = services;
  const s3 = makeBucketCalls(services.s3);
  const options: DeploymentOptions = {
    context,
    stacks,
    log,
    types: {
      ...bucketTypes({ s3, region, log }),
      ...functionTypes(services),
      ...machineTypes(services),
      ...iamTypes({ ...services, accountId }),
      ...eventTypes(services),
      ...inertTypes({ region, accountId }),
    },
  };
  let deploying: Promise<unknown> = Promise.resolve();

  async function deploy(assemblyFolder: string): Promise<DeployedStack[]> {
    const assembly = await readAssembly(assemblyFolder);
    const plans = assembly.map((stack) => planStack(stack, options));
    const files = assembly.flatMap((stack) => stack.files);
    await checkFiles(files);
    await publishFiles(files, s3, context);
    const deployed: DeployedStack[] = [];
    for (const plan of plans) deployed.push(asDeployed(await applyStack(plan, options)));
    return deployed;
  }

  return {
    name: 'cloudformation',
    operations: makeOperations(stacks),
    // One deploy at a time: two would not see what the other is about to change.
    deploy: (assemblyFolder) => {
      const result = deploying.then(() => deploy(assemblyFolder));
      deploying = result.catch(() => {});
      return result;
    },
    stop: async () => {
      await deploying;
    },
  };
}

function asDeployed({ stackName, stackId, outputs, resources }: StackRecord): DeployedStack {
  return {
    stackName,
    stackId,
    outputs: Object.fromEntries(outputs.map(({ key, value }) => [key, value])),
    resources: resources.map(({ logicalId, type, physicalId }) => ({ logicalId, type, physicalId })),
  };
}
