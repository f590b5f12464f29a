import { z } from 'zod';
import type { Call, Service } from '../../service.ts';
import { AwsError } from '../../service.ts';
import type { ResourceType } from '../resource-type.ts';
import {
  booleanProperty,
  numberProperty,
  parseProperties,
  policyDocument,
  withoutEffect,
} from '../resource-type.ts';

export interface BucketStore extends Service {
  bucketExists(bucket: string): boolean;
}

/** S3's own operations, as deploying a stack calls them. */
export interface BucketCalls {
  bucketExists(bucket: string): boolean;
  objectExists(bucket: string, key: string): Promise<boolean>;
  call(operation: string, input: Record<string, unknown>): Promise<void>;
}

export interface BucketTypesOptions {
  readonly s3: BucketCalls;
  readonly region: string;
  readonly log: (line: string) => void;
}

const tags = z.array(z.strictObject({ Key: z.string(), Value: z.string() }));

const lifecycleRule = z.strictObject({
  Id: z.string().optional(),
  Status: z.enum(['Enabled', 'Disabled']),
  Prefix: z.string().optional(),
  AbortIncompleteMultipartUpload: z.strictObject({ DaysAfterInitiation: numberProperty }).optional(),
  ExpirationInDays: numberProperty.optional(),
});

const bucketProperties = z.strictObject({
  BucketName: z.string().optional(),
  BucketEncryption: z
    .strictObject({
      ServerSideEncryptionConfiguration: z.array(
        z.strictObject({
          BucketKeyEnabled: booleanProperty.optional(),
          ServerSideEncryptionByDefault: z.strictObject({
            SSEAlgorithm: z.string(),
            KMSMasterKeyID: z.string().optional(),
          }),
        }),
      ),
    })
    .optional(),
  PublicAccessBlockConfiguration: z
    .strictObject({
      BlockPublicAcls: booleanProperty.optional(),
      BlockPublicPolicy: booleanProperty.optional(),
      IgnorePublicAcls: booleanProperty.optional(),
      RestrictPublicBuckets: booleanProperty.optional(),
    })
    .optional(),
  OwnershipControls: z
    .strictObject({ Rules: z.array(z.strictObject({ ObjectOwnership: z.string() })) })
    .optional(),
  /** Kept and given back; nothing expires in the local region. */
  LifecycleConfiguration: z.strictObject({ Rules: z.array(lifecycleRule) }).optional(),
  Tags: tags.optional(),
  AccessControl: withoutEffect,
});

const bucketPolicyProperties = z.strictObject({ Bucket: z.string(), PolicyDocument: policyDocument });

export function makeBucketCalls(s3: BucketStore): BucketCalls {
  const call = async (operation: string, input: Record<string, unknown>): Promise<void> => {
    const run = s3.operations[operation];
    if (!run) throw new Error(`the simulated S3 has no operation ${operation}`);
    await run(input, CLOUDFORMATION_CALL);
  };
  return {
    bucketExists: (bucket) => s3.bucketExists(bucket),
    async objectExists(Bucket, Key) {
      try {
        await call('HeadObject', { Bucket, Key });
        return true;
      } catch (error) {
        if (error instanceof AwsError && error.statusCode === 404) return false;
        throw error;
      }
    },
    call,
  };
}

/** AWS::S3::Bucket and AWS::S3::BucketPolicy, through S3's own operations. */
export function bucketTypes({ s3, region, log }: BucketTypesOptions): Record<string, ResourceType> {
  const { call } = s3;
  return {
    'AWS::S3::Bucket': {
      plan(declared) {
        const properties = parseProperties(bucketProperties, declared.properties);
        const Bucket = properties.BucketName ?? declared.generatedName(63, { lowerCase: true });
        return {
          physicalId: Bucket,
          attributes: {
            Arn: `arn:aws:s3:::${Bucket}`,
            DomainName: `${Bucket}.s3.amazonaws.com`,
            RegionalDomainName: `${Bucket}.s3.${region}.amazonaws.com`,
          },
          apply: async () => {
            if (!s3.bucketExists(Bucket)) await call('CreateBucket', { Bucket });
            for (const [operation, input] of settingsOf(properties))
              await call(operation, { Bucket, ...input });
          },
        };
      },
      async remove(physicalId) {
        try {
          await call('DeleteBucket', { Bucket: physicalId });
        } catch (error) {
          if (!(error instanceof AwsError) || error.code === 'NoSuchBucket') return;
          // As with CloudFormation, a bucket that is not empty stays, and somebody has to hear of it.
          log(`bucket ${physicalId} was not deleted with its stack: ${error.message}`);
        }
      },
    },
    'AWS::S3::BucketPolicy': {
      plan(declared) {
        const { Bucket, PolicyDocument } = parseProperties(bucketPolicyProperties, declared.properties);
        return {
          physicalId: Bucket,
          attributes: {},
          apply: () => call('PutBucketPolicy', { Bucket, Policy: JSON.stringify(PolicyDocument) }),
        };
      },
      async remove(physicalId) {
        if (s3.bucketExists(physicalId)) await call('DeleteBucketPolicy', { Bucket: physicalId });
      },
    },
  };
}

/** The calls that give a bucket its settings. */
function settingsOf(
  properties: z.infer<typeof bucketProperties>,
): [operation: string, input: Record<string, unknown>][] {
  const { BucketEncryption, PublicAccessBlockConfiguration, OwnershipControls, LifecycleConfiguration } =
    properties;
  const settings: [string, Record<string, unknown>][] = [];
  if (BucketEncryption) {
    const Rules = BucketEncryption.ServerSideEncryptionConfiguration.map(
      ({ ServerSideEncryptionByDefault, ...rule }) => ({
        ...rule,
        ApplyServerSideEncryptionByDefault: ServerSideEncryptionByDefault,
      }),
    );
    settings.push(['PutBucketEncryption', { ServerSideEncryptionConfiguration: { Rules } }]);
  }
  if (PublicAccessBlockConfiguration)
    settings.push(['PutPublicAccessBlock', { PublicAccessBlockConfiguration }]);
  if (OwnershipControls) settings.push(['PutBucketOwnershipControls', { OwnershipControls }]);
  if (LifecycleConfiguration) {
    const Rules = LifecycleConfiguration.Rules.map(lifecycleRuleForS3);
    settings.push(['PutBucketLifecycleConfiguration', { LifecycleConfiguration: { Rules } }]);
  }
  if (properties.Tags) settings.push(['PutBucketTagging', { Tagging: { TagSet: properties.Tags } }]);
  return settings;
}

function lifecycleRuleForS3(rule: z.infer<typeof lifecycleRule>, index: number): Record<string, unknown> {
  const { AbortIncompleteMultipartUpload, ExpirationInDays } = rule;
  return {
    ID: rule.Id ?? `rule-${index + 1}`,
    Status: rule.Status,
    Filter: { Prefix: rule.Prefix ?? '' },
    ...(AbortIncompleteMultipartUpload ? { AbortIncompleteMultipartUpload } : {}),
    ...(ExpirationInDays === undefined ? {} : { Expiration: { Days: ExpirationInDays } }),
  };
}

const CLOUDFORMATION_CALL: Call = {
  requestId: 'cloudformation',
  caller: 'cloudformation',
  signal: new AbortController().signal,
  effects: {},
};
