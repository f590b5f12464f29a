import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { StackEnvironment } from '../../core/model/environment.ts';
import { pascalCase, type StepFunction } from './steps.ts';

interface Sizing {
  readonly timeoutSeconds: number;
  readonly memoryMiB: number;
}

// Loading the EC2 client wants half a vCPU for a fraction of a second; a whole vCPU is at 1,769 MiB.
const CONTROL: Sizing = { timeoutSeconds: 60, memoryMiB: 512 };
const SIZINGS: Readonly<Record<string, Sizing>> = {
  // Reads, decompresses, digests and sends: just above one vCPU saturates a Lambda's 75 MiB/s.
  'upload-batch': { timeoutSeconds: 900, memoryMiB: 2_048 },
  'write-snapshot-batch': { timeoutSeconds: 900, memoryMiB: 2_048 },
  'create-zero-object': { timeoutSeconds: 300, memoryMiB: 1_024 },
  // CompleteMultipartUpload may take minutes for thousands of parts.
  'complete-disk-upload': { timeoutSeconds: 360, memoryMiB: 512 },
  // Five types, one after another, each for as long as EC2 may take to answer.
  'launch-helper': { timeoutSeconds: 180, memoryMiB: 512 },
  'plan-restore': { timeoutSeconds: 120, memoryMiB: 1_024 },
  'clean-up': { timeoutSeconds: 300, memoryMiB: 512 },
};

export interface FunctionsOptions {
  readonly codeFolder: string;
  readonly environment: StackEnvironment;
  /** What each step may do. A step that is not in it does not exist. */
  readonly permissions: Readonly<Record<string, readonly PolicyStatement[]>>;
}

/** One Lambda function a step, each with a role of its own that may do what its step needs, and no more. */
export function makeFunctions(scope: Construct, options: FunctionsOptions): Map<string, StepFunction> {
  const code = Code.fromAsset(options.codeFolder);
  return new Map(
    Object.entries(options.permissions).map(([step, statements]) => {
      const { timeoutSeconds, memoryMiB } = SIZINGS[step] ?? CONTROL;
      const made = new LambdaFunction(scope, `${pascalCase(step)}Function`, {
        description: `Landfall: ${step}`,
        runtime: Runtime.NODEJS_24_X,
        architecture: Architecture.ARM_64,
        code,
        handler: `restore/${step}.handler`,
        environment: { ...options.environment },
        memorySize: memoryMiB,
        timeout: Duration.seconds(timeoutSeconds),
        initialPolicy: [...statements],
        logGroup: new LogGroup(scope, `${pascalCase(step)}Logs`, {
          retention: RetentionDays.THREE_MONTHS,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
      });
      return [step, { function: made, timeoutSeconds }];
    }),
  );
}
