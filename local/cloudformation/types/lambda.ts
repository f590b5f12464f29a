import { stat } from 'node:fs/promises';
import { z } from 'zod';
import type { IamDirectory } from '../../iam/directory.ts';
import type { StoredCode } from '../../lambda/code-store.ts';
import type { LambdaService } from '../../lambda/service.ts';
import type { FileAsset } from '../assembly.ts';
import type { DeclaredResource, ResourceType } from '../resource-type.ts';
import { numberProperty, parseProperties, UnfitProperties, withoutEffect } from '../resource-type.ts';

export interface FunctionTypesOptions {
  readonly lambda: LambdaService;
  readonly iam: IamDirectory;
}

const functionProperties = z.strictObject({
  FunctionName: z.string().optional(),
  Description: z.string().optional(),
  Runtime: z.string(),
  Handler: z.string(),
  Role: z.string(),
  Code: z.union([
    z.strictObject({ S3Bucket: z.string(), S3Key: z.string() }),
    z.strictObject({ ZipFile: z.string() }),
  ]),
  Environment: z.strictObject({ Variables: z.record(z.string(), z.coerce.string()) }).optional(),
  Timeout: numberProperty.default(3),
  MemorySize: numberProperty.default(128),
  EphemeralStorage: z.strictObject({ Size: numberProperty }).optional(),
  Architectures: z
    .array(z.enum(['arm64', 'x86_64']))
    .length(1)
    .default(['x86_64']),
  LoggingConfig: z
    .strictObject({
      LogGroup: z.string().optional(),
      LogFormat: withoutEffect,
      ApplicationLogLevel: withoutEffect,
      SystemLogLevel: withoutEffect,
    })
    .optional(),
  PackageType: z.literal('Zip').optional(),
  ReservedConcurrentExecutions: withoutEffect,
  TracingConfig: withoutEffect,
  Tags: withoutEffect,
});

const permissionProperties = z.strictObject({
  FunctionName: z.string(),
  Action: z.string(),
  Principal: z.string(),
  SourceArn: z.string().optional(),
  SourceAccount: z.string().optional(),
});

/** AWS::Lambda::Function; AWS::Lambda::Permission, which nothing evaluates yet. */
export function functionTypes({ lambda, iam }: FunctionTypesOptions): Record<string, ResourceType> {
  return {
    'AWS::Lambda::Function': {
      plan(declared) {
        const properties = parseProperties(functionProperties, declared.properties);
        const name = properties.FunctionName ?? declared.generatedName(64);
        const settings = {
          name,
          ...(properties.Description === undefined ? {} : { description: properties.Description }),
          runtime: properties.Runtime,
          handler: properties.Handler,
          role: properties.Role,
          timeoutSeconds: properties.Timeout,
          memoryMb: properties.MemorySize,
          ephemeralStorageMb: properties.EphemeralStorage?.Size ?? 512,
          architecture: properties.Architectures[0] ?? 'x86_64',
          environment: properties.Environment?.Variables ?? {},
          logGroup: properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
        };
        const problem = lambda.problemOf(settings);
        if (problem !== undefined) throw new UnfitProperties([problem]);
        const { Code } = properties;
        const store =
          'ZipFile' in Code
            ? () => lambda.code.putInline(Code.ZipFile)
            : assetCode(Code.S3Key, declared, lambda);
        return {
          physicalId: name,
          attributes: { Arn: lambda.arnOf(name) },
          apply: async () => {
            if (!iam.findRole(settings.role)) throw new Error(`there is no role ${settings.role}`);
            await lambda.putFunction({ ...settings, code: await store() });
          },
        };
      },
      remove: (physicalId) => lambda.deleteFunction(physicalId),
    },
    'AWS::Lambda::Permission': {
      plan(declared) {
        const { FunctionName } = parseProperties(permissionProperties, declared.properties);
        return {
          physicalId: declared.generatedName(100),
          attributes: {},
          apply: async () => {
            if (!lambda.hasFunction(FunctionName)) throw new Error(`there is no function ${FunctionName}`);
          },
        };
      },
      remove: async () => {},
    },
  };
}

function assetCode(
  key: string,
  declared: DeclaredResource,
  lambda: LambdaService,
): () => Promise<StoredCode> {
  const asset = declared.asset(key);
  if (!asset) throw new UnfitProperties([`property Code: the assembly has no asset with the key ${key}`]);
  return async () => {
    if (!(await isFolder(asset))) {
      throw new Error(`the asset ${asset.path} is no folder: code from a ready archive is not simulated`);
    }
    return lambda.code.putFolder(asset.path);
  };
}

async function isFolder({ path }: FileAsset): Promise<boolean> {
  return (await stat(path)).isDirectory();
}
