import type { EventBus } from '../events/event-bus.ts';
import type { LambdaService } from '../lambda/service.ts';
import type { RegionContext, Service } from '../service.ts';
import type { StepFunctionsService } from '../step-functions/service.ts';

export interface CloudFormationOptions {
  /** Buckets are made by its CreateBucket, DeleteBucket, PutBucket… operations. */
  readonly s3: Service;
  readonly lambda: LambdaService;
  readonly stepFunctions: StepFunctionsService;
  readonly events: EventBus;
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
  /** Deploys every stack of a CDK cloud assembly (the folder that `cdk synth` wrote), in the order they depend on each other. */
  deploy(assemblyFolder: string): Promise<DeployedStack[]>;
  stop(): Promise<void>;
}

export async function makeCloudFormationService(
  _context: RegionContext,
  _options: CloudFormationOptions,
): Promise<CloudFormationService> {
  return {
    name: 'cloudformation',
    operations: {},
    deploy: () => Promise.reject(new Error('not there yet')),
    stop: async () => {},
  };
}
