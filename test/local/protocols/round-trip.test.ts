import * as cloudformation from '@aws-sdk/client-cloudformation';
import * as ebs from '@aws-sdk/client-ebs';
import * as ec2 from '@aws-sdk/client-ec2';
import * as kms from '@aws-sdk/client-kms';
import * as lambda from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import * as sfn from '@aws-sdk/client-sfn';
import * as sts from '@aws-sdk/client-sts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryFor, type ValueOptions } from './schema-arbitrary.ts';
import { makeLoopback, plain } from './sdk-loopback.ts';

// The SDK writes an input, the region's adapter reads it; the adapter writes an output, the SDK reads it: both must be
// what went in. The SDK's client code is the independent second implementation.

const RUNS = 25;

/** S3's client wants names that could be a bucket's, and reads or adds these headers itself. */
const S3_FIXED = {
  Bucket: 'some-bucket',
  ACL: 'private',
  ContentLength: undefined,
  ContentMD5: undefined,
  Expires: undefined,
  ExpiresString: undefined,
  CopySource: 'other-bucket/a%20key',
  SSECustomerKey: undefined,
  SSECustomerKeyMD5: undefined,
  CopySourceSSECustomerKey: undefined,
  CopySourceSSECustomerKeyMD5: undefined,
  ChecksumAlgorithm: undefined,
  ChecksumMode: undefined,
  ContentEncoding: 'gzip',
  Body: Buffer.from('some bytes'),
  Policy: '{"Statement":[]}',
  CopyObjectResult: { ETag: '"copied"' },
  CopyPartResult: { ETag: '"copied"' },
};

const CASES: readonly {
  readonly service: string;
  readonly client: Readonly<Record<string, unknown>>;
  readonly operations: readonly string[];
  readonly options: ValueOptions;
}[] = [
  {
    service: 'ec2',
    client: ec2,
    options: {
      fixed: { PresignedUrl: undefined },
      xml: true,
      blanks: true,
      empties: false,
    },
    operations: [
      'AttachVolume',
      'CancelImportTask',
      'CreateFleet',
      'CreateSnapshot',
      'CreateTags',
      'CreateVolume',
      'DeleteVolume',
      'DescribeImages',
      'DescribeImportSnapshotTasks',
      'DescribeInstances',
      'DescribeInstanceStatus',
      'DescribeSnapshots',
      'DescribeSubnets',
      'DescribeVolumes',
      'DetachVolume',
      'ImportImage',
      'ImportSnapshot',
      'ModifyInstanceAttribute',
      'RegisterImage',
      'RunInstances',
      'StartInstances',
      'StopInstances',
      'TerminateInstances',
    ],
  },
  {
    service: 's3',
    client: s3,
    options: { fixed: S3_FIXED, xml: true, blanks: true, empties: true },
    operations: [
      'AbortMultipartUpload',
      'CompleteMultipartUpload',
      'CopyObject',
      'CreateBucket',
      'CreateMultipartUpload',
      'DeleteBucket',
      'DeleteObject',
      'DeleteObjects',
      'GetBucketEncryption',
      'GetBucketLifecycleConfiguration',
      'GetBucketTagging',
      'GetObjectTagging',
      'GetPublicAccessBlock',
      'HeadBucket',
      'ListBuckets',
      'ListMultipartUploads',
      'ListObjects',
      'ListObjectsV2',
      'ListParts',
      'PutBucketEncryption',
      'PutBucketLifecycleConfiguration',
      'PutBucketOwnershipControls',
      'PutBucketPolicy',
      'PutBucketTagging',
      'PutObject',
      'PutObjectTagging',
      'PutPublicAccessBlock',
      'UploadPart',
      'UploadPartCopy',
    ],
  },
  {
    service: 'states',
    client: sfn,
    options: { fixed: {}, xml: false, blanks: true, empties: true },
    operations: [
      'CreateStateMachine',
      'DescribeExecution',
      'DescribeStateMachine',
      'GetExecutionHistory',
      'ListExecutions',
      'ListStateMachines',
      'StartExecution',
      'StopExecution',
    ],
  },
  {
    service: 'lambda',
    client: lambda,
    options: { fixed: { ClientContext: 'e30=', StatusCode: 200 }, xml: false, blanks: true, empties: true },
    operations: ['CreateFunction', 'GetFunction', 'Invoke', 'ListFunctions', 'UpdateFunctionConfiguration'],
  },
  {
    service: 'ebs',
    client: ebs,
    options: { fixed: { BlockData: Buffer.from('some bytes') }, xml: false, blanks: true, empties: true },
    operations: [
      'CompleteSnapshot',
      'GetSnapshotBlock',
      'ListChangedBlocks',
      'ListSnapshotBlocks',
      'PutSnapshotBlock',
      'StartSnapshot',
    ],
  },
  {
    service: 'kms',
    client: kms,
    options: { fixed: {}, xml: false, blanks: true, empties: true },
    operations: ['CreateAlias', 'CreateKey', 'DescribeKey', 'ListAliases', 'ListKeys', 'ScheduleKeyDeletion'],
  },
  {
    service: 'cloudformation',
    client: cloudformation,
    options: { fixed: {}, xml: true, blanks: true, empties: false },
    operations: ['CreateStack', 'DescribeStackResources', 'DescribeStacks', 'ListStacks'],
  },
  {
    service: 'sts',
    client: sts,
    options: { fixed: {}, xml: true, blanks: true, empties: false },
    operations: ['AssumeRole', 'GetCallerIdentity'],
  },
];

for (const { service, client, operations, options } of CASES) {
  describe(service, () => {
    test.each(operations)('%s arrives as it was sent, both ways', async (operation) => {
      const schema = client[`${operation}$`];
      if (!Array.isArray(schema)) throw new Error(`the SDK has no operation ${operation}`);
      const inputs = arbitraryFor(schema[4], options);
      // The SDK's reader of answers drops blank text, so none is sent that way.
      const outputs = arbitraryFor(schema[5], { ...options, blanks: false });
      const loopback = makeLoopback({ service, client, operation });
      await fc.assert(
        fc.asyncProperty(inputs, outputs, async (input, output) => {
          const seen = await loopback(input, output);
          expect(seen.input).toEqual(plain(input));
          expect(seen.output).toEqual(plain(output));
        }),
        { numRuns: RUNS },
      );
    });
  });
}
