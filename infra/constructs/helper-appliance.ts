import { Aws } from 'aws-cdk-lib';
import { InstanceProfile, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

export interface HelperApplianceProps {
  readonly controlBucket: IBucket;
  /** ARNs of the buckets that repositories may lie in. */
  readonly repositoryBucketArns: readonly string[];
}

/**
 * What a helper appliance is, apart from the instance that a restore launches: its role, which reads repositories
 * and touches nothing but the instance's own folder of the control bucket, and its program.
 */
export class HelperAppliance extends Construct {
  readonly role: Role;
  readonly profile: InstanceProfile;
  readonly bundleUrl = `s3://not-built-yet-${Aws.ACCOUNT_ID}/bundle.tar.gz`;
  readonly bundleSha256 = '0'.repeat(64);

  constructor(scope: Construct, id: string, props: HelperApplianceProps) {
    super(scope, id);
    // IAM puts `<role id>:<instance id>` in its place, so that every instance has a folder of its own.
    const ownFolder = `helpers/\${aws:userid}/*`;
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      description: 'Landfall: helper appliances',
    });
    for (const statement of [
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: props.repositoryBucketArns.map((arn) => `${arn}/*`),
      }),
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [...props.repositoryBucketArns] }),
      new PolicyStatement({
        actions: ['s3:GetObject', 's3:PutObject'],
        resources: [`${props.controlBucket.bucketArn}/${ownFolder}`],
      }),
      // Without it an object that is missing answers AccessDenied instead of NoSuchKey.
      new PolicyStatement({
        actions: ['s3:ListBucket'],
        resources: [props.controlBucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': [ownFolder] } },
      }),
    ]) {
      this.role.addToPolicy(statement);
    }
    this.profile = new InstanceProfile(this, 'Profile', { role: this.role });
  }
}
