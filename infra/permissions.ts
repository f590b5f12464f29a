import { Aws } from 'aws-cdk-lib';
import { type Conditions, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  ORIGIN_TAG,
  ORIGINAL_TAG,
  TAG,
  TEMPORARY_ROLES,
  type TemporaryRole,
} from '../core/model/restore-record.ts';

export interface PermissionsOptions {
  readonly controlBucket: IBucket;
  /** ARNs of the buckets that repositories may lie in. */
  readonly repositoryBucketArns: readonly string[];
  readonly importRoleArn: string;
  /** ARNs of the roles that a target may get by its instance profile. */
  readonly instanceProfileRoles: readonly string[];
  /** ARN of the helper appliance's role. */
  readonly helperRoleArn: string;
  readonly temporaryBucketArn: string;
}

const ec2Arn = (resource: string): string =>
  `arn:${Aws.PARTITION}:ec2:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;
// Snapshots and images carry no account id in their ARNs.
const sharedArn = (resource: string): string => `arn:${Aws.PARTITION}:ec2:${Aws.REGION}::${resource}`;

const allow = (actions: string[], resources: string[], conditions?: Conditions): PolicyStatement =>
  new PolicyStatement({ actions, resources, ...(conditions === undefined ? {} : { conditions }) });

/** EC2's Describe calls know no resources. */
const describe = (...what: string[]): PolicyStatement =>
  allow(
    what.map((name) => `ec2:${name}`),
    ['*'],
  );

/** Only for what is made as a restore's own. */
const asOurs = { Null: { [`aws:RequestTag/${TAG.restore}`]: 'false' } };
/** Only for what is made as part of a restore's helper appliance. */
const asHelper = { ...asOurs, StringEquals: { [`aws:RequestTag/${TAG.role}`]: 'helper' } };
const ofRole = (...roles: (TemporaryRole | 'result')[]): Conditions => ({
  StringEquals: { [`aws:ResourceTag/${TAG.role}`]: roles.length === 1 ? roles[0] : roles },
});
const ofAnyTemporaryRole = ofRole(...TEMPORARY_ROLES);
/** Only for the instance that a restore has borrowed, and its own volumes. */
const borrowed: Conditions = { Null: { [`aws:ResourceTag/${ORIGINAL_TAG.borrowedBy}`]: 'false' } };
const taggedOnlyAs = (...keys: string[]): Conditions => ({
  'ForAllValues:StringEquals': { 'aws:TagKeys': keys },
});
const createdBy = (action: string): Conditions => ({ StringEquals: { 'ec2:CreateAction': action } });

const snapshots = sharedArn('snapshot/*');
const images = sharedArn('image/*');
const volumes = ec2Arn('volume/*');
const instances = ec2Arn('instance/*');
const groups = ec2Arn('security-group/*');
const interfaces = ec2Arn('network-interface/*');
const importTasks = ec2Arn('import-snapshot-task/*');
const imageImportTasks = ec2Arn('import-image-task/*');

/** EC2 uses a volume's key on behalf of who creates, attaches or starts it. */
const useKeys = (): PolicyStatement[] => [
  allow(
    ['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncrypt*'],
    [`arn:${Aws.PARTITION}:kms:${Aws.REGION}:${Aws.ACCOUNT_ID}:key/*`],
    { StringEquals: { 'kms:ViaService': `ec2.${Aws.REGION}.amazonaws.com` } },
  ),
  allow(['kms:CreateGrant'], [`arn:${Aws.PARTITION}:kms:${Aws.REGION}:${Aws.ACCOUNT_ID}:key/*`], {
    StringEquals: { 'kms:ViaService': `ec2.${Aws.REGION}.amazonaws.com` },
    Bool: { 'kms:GrantIsForAWSResource': 'true' },
  }),
];

/**
 * The same for the EBS direct APIs, which want to make data keys as well. Under which name they call KMS is not documented.
 */
const useKeysDirectly = (): PolicyStatement[] => {
  const keys = [`arn:${Aws.PARTITION}:kms:${Aws.REGION}:${Aws.ACCOUNT_ID}:key/*`];
  const viaEbs = {
    'kms:ViaService': [`ec2.${Aws.REGION}.amazonaws.com`, `ebs.${Aws.REGION}.amazonaws.com`],
  };
  return [
    allow(['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'], keys, {
      StringEquals: viaEbs,
    }),
    allow(['kms:CreateGrant'], keys, {
      StringEquals: viaEbs,
      Bool: { 'kms:GrantIsForAWSResource': 'true' },
    }),
  ];
};

/** What was borrowed is nobody's any more. */
const giveBack = (): PolicyStatement =>
  allow(['ec2:DeleteTags'], [instances, volumes], { ...borrowed, ...taggedOnlyAs(ORIGINAL_TAG.borrowedBy) });

/** Run again after it was cut off, it finds some of them as results already. */
const turnIntoResult = (): PolicyStatement[] => [
  describe('DescribeInstances', 'DescribeVolumes'),
  allow(['ec2:CreateTags'], [instances], {
    ...borrowed,
    ...taggedOnlyAs(TAG.restore, TAG.role, ORIGIN_TAG.restorePoint),
    StringEquals: { [`aws:RequestTag/${TAG.role}`]: 'result' },
  }),
  allow(['ec2:CreateTags'], [volumes], { ...borrowed, ...taggedOnlyAs('Name', ORIGINAL_TAG.replacedBy) }),
  giveBack(),
  allow(['ec2:CreateTags', 'ec2:DeleteTags'], [instances, volumes, interfaces], {
    ...ofRole('temporary', 'result'),
    'ForAllValues:StringEquals': { 'aws:TagKeys': [TAG.role, TAG.expires] },
  }),
];

/** What each step may do: the list of steps, too. */
export function stepPermissions(options: PermissionsOptions): Record<string, PolicyStatement[]> {
  const { temporaryBucketArn } = options;
  const records = (): PolicyStatement[] => [
    allow(['s3:GetObject', 's3:PutObject'], [`${options.controlBucket.bucketArn}/restores/*`]),
    // Without it a record that is missing answers AccessDenied instead of NoSuchKey. Not bound to a prefix: a request for
    // an object names none, and would not fulfil the condition. What it shows beyond that are names of keys.
    allow(['s3:ListBucket'], [options.controlBucket.bucketArn]),
  ];
  /** The helpers' folders, each a helper's own: orders, reports, disk states. */
  const onHelperFolders = (objects: string, ...actions: string[]): PolicyStatement =>
    allow(actions, [`${options.controlBucket.bucketArn}/helpers/*/${objects}`]);
  const readReports = (): PolicyStatement => onHelperFolders('report.json', 's3:GetObject');
  const readRepository = (): PolicyStatement[] => [
    allow(
      ['s3:GetObject'],
      options.repositoryBucketArns.map((arn) => `${arn}/*`),
    ),
    allow(['s3:ListBucket'], [...options.repositoryBucketArns]),
  ];
  const onBucket = (...actions: string[]): PolicyStatement => allow(actions, [temporaryBucketArn]);
  const onObjects = (...actions: string[]): PolicyStatement => allow(actions, [`${temporaryBucketArn}/*`]);
  const tagOnCreate = (action: string, ...resources: string[]): PolicyStatement =>
    allow(['ec2:CreateTags'], resources, createdBy(action));

  const own: Record<string, PolicyStatement[]> = {
    'plan-restore': [
      ...readRepository(),
      describe(
        'DescribeAvailabilityZones',
        'DescribeImages',
        'DescribeImportImageTasks',
        'DescribeImportSnapshotTasks',
        'DescribeInstances',
        'DescribeInstanceTypeOfferings',
        'DescribeInstanceTypes',
        'DescribeKeyPairs',
        'DescribeNetworkInterfaces',
        'DescribePrefixLists',
        'DescribeRouteTables',
        'DescribeSecurityGroups',
        'DescribeSubnets',
        'DescribeVolumes',
        'DescribeVpcAttribute',
        'GetEbsDefaultKmsKeyId',
        'GetEbsEncryptionByDefault',
      ),
      // Whether a key can be used, and its ARN where it is named in another way.
      allow(['kms:DescribeKey'], [`arn:${Aws.PARTITION}:kms:${Aws.REGION}:${Aws.ACCOUNT_ID}:key/*`]),
      // It takes no narrower resource (Service Authorization Reference).
      allow(['servicequotas:GetServiceQuota'], ['*']),
    ],
    'create-temporary-bucket': [
      onBucket(
        's3:CreateBucket',
        's3:PutBucketPublicAccessBlock',
        's3:PutEncryptionConfiguration',
        's3:PutLifecycleConfiguration',
        's3:PutBucketTagging',
      ),
    ],
    'create-zero-object': [onBucket('s3:ListBucket'), onObjects('s3:GetObject', 's3:PutObject')],
    'start-disk-upload': [onBucket('s3:ListBucketMultipartUploads'), onObjects('s3:PutObject')],
    'upload-batch': [
      ...readRepository(),
      onObjects('s3:GetObject', 's3:PutObject', 's3:ListMultipartUploadParts'),
    ],
    'complete-disk-upload': [
      onBucket('s3:ListBucket'),
      onObjects('s3:GetObject', 's3:PutObject', 's3:ListMultipartUploadParts'),
    ],
    'note-failure': [],
    'import-snapshot': [
      allow(['ec2:ImportSnapshot'], [snapshots]),
      allow(['ec2:ImportSnapshot'], [importTasks], asOurs),
      tagOnCreate('ImportSnapshot', importTasks),
      allow(['iam:PassRole'], [options.importRoleArn], {
        StringEquals: { 'iam:PassedToService': 'vmie.amazonaws.com' },
      }),
      onBucket('s3:GetBucketLocation', 's3:ListBucket'),
      onObjects('s3:GetObject'),
      ...useKeys(),
    ],
    'check-import': [describe('DescribeImportSnapshotTasks'), allow(['ec2:CreateTags'], [snapshots], asOurs)],
    'create-disk-snapshot': [
      describe('DescribeSnapshots'),
      allow(['ec2:CreateSnapshot'], [snapshots], asOurs),
      allow(['ec2:CreateSnapshot'], [volumes], ofRole('temporary')),
      tagOnCreate('CreateSnapshot', snapshots),
      ...useKeys(),
    ],
    'import-image': [
      // The image gets no tags on creation; the snapshots are those that it is made of.
      allow(['ec2:ImportImage'], [images]),
      allow(['ec2:ImportImage'], [snapshots], ofRole('temporary')),
      allow(['ec2:ImportImage'], [imageImportTasks], asOurs),
      tagOnCreate('ImportImage', imageImportTasks),
      allow(['iam:PassRole'], [options.importRoleArn], {
        StringEquals: { 'iam:PassedToService': 'vmie.amazonaws.com' },
      }),
      onBucket('s3:GetBucketLocation', 's3:ListBucket'),
      onObjects('s3:GetObject'),
      ...useKeys(),
    ],
    'check-import-image': [
      describe('DescribeImages', 'DescribeImportImageTasks'),
      allow(['ec2:CreateTags'], [images, snapshots], asOurs),
    ],
    'start-direct-snapshot': [
      allow(['ebs:StartSnapshot'], [snapshots], asOurs),
      // Unlike EC2's own calls it names no ec2:CreateAction.
      allow(['ec2:CreateTags'], [snapshots], asOurs),
      ...useKeysDirectly(),
    ],
    'write-snapshot-batch': [
      ...readRepository(),
      allow(['ebs:PutSnapshotBlock'], [snapshots], ofRole('temporary')),
      ...useKeysDirectly(),
    ],
    'complete-direct-snapshot': [
      ...readRepository(),
      allow(['ebs:CompleteSnapshot'], [snapshots], ofRole('temporary')),
    ],
    'create-volume': [
      allow(['ec2:CreateVolume'], [volumes], asOurs),
      allow(['ec2:CreateVolume'], [snapshots], ofRole('temporary')),
      tagOnCreate('CreateVolume', volumes),
      ...useKeys(),
    ],
    'check-volume': [describe('DescribeVolumes')],
    'isolate-helper': [
      describe('DescribeSecurityGroups', 'DescribeSubnets'),
      allow(['ec2:CreateSecurityGroup'], [groups], asHelper),
      allow(['ec2:CreateSecurityGroup'], [ec2Arn('vpc/*')]),
      tagOnCreate('CreateSecurityGroup', groups),
      allow(
        ['ec2:RevokeSecurityGroupEgress', 'ec2:AuthorizeSecurityGroupEgress'],
        [groups],
        ofRole('helper'),
      ),
    ],
    'launch-helper': [
      describe('DescribeInstances'),
      allow(['ec2:RunInstances'], [instances, volumes, interfaces], asHelper),
      allow(['ec2:RunInstances'], [images], { StringEquals: { 'ec2:Owner': 'amazon' } }),
      // Its groups may be any that the request names.
      allow(['ec2:RunInstances'], [groups, snapshots, ec2Arn('subnet/*')]),
      tagOnCreate('RunInstances', instances, volumes, interfaces),
      allow(['iam:PassRole'], [options.helperRoleArn], {
        StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' },
      }),
      ...useKeys(),
    ],
    'create-empty-volume': [
      allow(['ec2:CreateVolume'], [volumes], asOurs),
      tagOnCreate('CreateVolume', volumes),
      ...useKeys(),
    ],
    'check-volumes': [describe('DescribeVolumes')],
    'check-helper': [
      describe('DescribeInstances'),
      allow(['ec2:GetConsoleOutput'], [instances], ofRole('helper')),
      readReports(),
    ],
    'attach-to-helper': [
      describe('DescribeInstances', 'DescribeVolumes'),
      allow(['ec2:AttachVolume'], [instances], ofRole('helper')),
      allow(['ec2:AttachVolume'], [volumes], ofRole('temporary')),
      ...useKeys(),
    ],
    'check-helper-attachments': [describe('DescribeInstances', 'DescribeVolumes')],
    'order-helper': [
      onHelperFolders('orders.json', 's3:PutObject'),
      onHelperFolders('disks/*', 's3:GetObject', 's3:PutObject'),
    ],
    'detach-from-helper': [
      describe('DescribeInstances', 'DescribeVolumes'),
      allow(['ec2:DetachVolume'], [instances], ofRole('helper')),
      allow(['ec2:DetachVolume'], [volumes], ofRole('temporary')),
    ],
    'retire-helper': [
      onHelperFolders('orders.json', 's3:DeleteObject'),
      describe('DescribeInstances'),
      allow(['ec2:TerminateInstances'], [instances], ofRole('helper')),
    ],
    'create-launch-volume': [
      allow(['ec2:CreateVolume'], [volumes], asOurs),
      tagOnCreate('CreateVolume', volumes),
      ...useKeys(),
    ],
    'create-launch-snapshot': [
      describe('DescribeSnapshots'),
      allow(['ec2:CreateSnapshot'], [snapshots], asOurs),
      allow(['ec2:CreateSnapshot'], [volumes], ofRole('temporary')),
      tagOnCreate('CreateSnapshot', snapshots),
    ],
    'check-snapshot': [describe('DescribeSnapshots')],
    'register-launch-image': [
      describe('DescribeImages'),
      allow(['ec2:RegisterImage'], [images], asOurs),
      allow(['ec2:RegisterImage'], [snapshots], ofRole('temporary')),
      tagOnCreate('RegisterImage', images),
    ],
    'check-image': [describe('DescribeImages')],
    'isolate-target': [
      describe('DescribeSecurityGroups'),
      allow(['ec2:CreateSecurityGroup'], [groups], asOurs),
      allow(['ec2:CreateSecurityGroup'], [ec2Arn('vpc/*')]),
      tagOnCreate('CreateSecurityGroup', groups),
      allow(['ec2:RevokeSecurityGroupEgress'], [groups], ofRole('temporary')),
    ],
    'launch-target': [
      describe('DescribeImages', 'DescribeInstances'),
      allow(['ec2:RunInstances'], [instances, volumes, interfaces], asOurs),
      allow(['ec2:RunInstances'], [groups], ofRole('temporary')),
      allow(['ec2:RunInstances'], [images, snapshots, ec2Arn('subnet/*'), ec2Arn('key-pair/*')]),
      tagOnCreate('RunInstances', instances, volumes, interfaces),
      ...useKeys(),
    ],
    'check-instance': [describe('DescribeInstances')],
    'stop-target': [allow(['ec2:StopInstances'], [instances], ofRole('temporary'))],
    'detach-placeholder-root': [
      describe('DescribeInstances'),
      allow(['ec2:DetachVolume'], [instances, volumes], ofRole('temporary')),
    ],
    'claim-original': [
      describe('DescribeInstances'),
      // It may be any instance, and gets nothing but a tag that takes no right from anybody.
      allow(['ec2:CreateTags'], [instances, volumes], {
        Null: { [`aws:RequestTag/${ORIGINAL_TAG.borrowedBy}`]: 'false' },
        ...taggedOnlyAs(ORIGINAL_TAG.borrowedBy),
      }),
    ],
    'stop-original': [describe('DescribeInstances'), allow(['ec2:StopInstances'], [instances], borrowed)],
    'detach-original-volume': [allow(['ec2:DetachVolume'], [instances, volumes], borrowed)],
    'attach-volume': [
      describe('DescribeInstances', 'DescribeVolumes'),
      allow(['ec2:AttachVolume'], [instances, volumes], ofRole('temporary')),
      allow(['ec2:AttachVolume'], [instances], borrowed),
      ...useKeys(),
    ],
    'check-attachment': [describe('DescribeVolumes')],
    'configure-target': [
      describe('DescribeInstances', 'DescribeIamInstanceProfileAssociations'),
      allow(
        ['ec2:ModifyInstanceAttribute', 'ec2:AssociateIamInstanceProfile'],
        [instances],
        ofRole('temporary'),
      ),
      allow(['ec2:ModifyNetworkInterfaceAttribute'], [interfaces], ofRole('temporary')),
      // Its groups may be any of the VPC.
      allow(['ec2:ModifyNetworkInterfaceAttribute'], [groups, instances]),
      ...(options.instanceProfileRoles.length === 0
        ? []
        : [
            allow(['iam:PassRole'], [...options.instanceProfileRoles], {
              StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' },
            }),
          ]),
    ],
    'set-volume-lifetimes': [
      allow(['ec2:ModifyInstanceAttribute'], [instances, volumes], ofRole('temporary')),
      allow(['ec2:ModifyInstanceAttribute'], [instances], borrowed),
    ],
    'hand-over': turnIntoResult(),
    'start-target': [allow(['ec2:StartInstances'], [instances], ofRole('result')), ...useKeys()],
    'check-status': [describe('DescribeInstanceStatus')],
    // Finishes a hand-over that was cut off.
    'begin-clean-up': turnIntoResult(),
    'clean-up': [
      describe(
        'DescribeImages',
        'DescribeImportImageTasks',
        'DescribeImportSnapshotTasks',
        'DescribeInstances',
        'DescribeSecurityGroups',
        'DescribeSnapshots',
        'DescribeVolumes',
      ),
      onHelperFolders('orders.json', 's3:DeleteObject'),
      allow(['ec2:TerminateInstances'], [instances], ofAnyTemporaryRole),
      // Puts an original instance back to what it was; it deletes nothing of that.
      allow(['ec2:StopInstances', 'ec2:StartInstances'], [instances], borrowed),
      allow(
        ['ec2:AttachVolume', 'ec2:DetachVolume', 'ec2:ModifyInstanceAttribute'],
        [instances, volumes],
        borrowed,
      ),
      allow(['ec2:DetachVolume'], [volumes], ofRole('temporary')),
      giveBack(),
      ...useKeys(),
      allow(['ec2:DeleteVolume'], [volumes], ofRole('temporary')),
      allow(['ec2:DeleteSnapshot'], [snapshots], ofRole('temporary')),
      allow(['ec2:DeregisterImage'], [images], ofRole('temporary')),
      allow(['ec2:DeleteSecurityGroup'], [groups], ofAnyTemporaryRole),
      allow(['ec2:CancelImportTask'], [importTasks, imageImportTasks], ofRole('temporary')),
      allow(['ec2:CreateTags'], [images, snapshots], asOurs),
      onBucket('s3:ListBucket', 's3:ListBucketMultipartUploads', 's3:GetBucketTagging', 's3:DeleteBucket'),
      onObjects('s3:DeleteObject', 's3:AbortMultipartUpload'),
    ],
    'conclude-restore': [
      describe('DescribeInstances'),
      allow(['ec2:GetConsoleOutput'], [instances], ofRole('result')),
      readReports(),
    ],
  };
  return Object.fromEntries(Object.entries(own).map(([step, more]) => [step, [...records(), ...more]]));
}
