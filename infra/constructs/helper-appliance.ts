import { InstanceProfile, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { sha256OfFile } from '../helper-bundle.ts';

export interface HelperApplianceProps {
  /** File of the bundle, a gzipped tar archive. */
  readonly bundle: string;
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
  /** `s3://bucket/key` of the bundle. */
  readonly bundleUrl: string;
  /** Of the bundle's bytes: an appliance runs nothing else. */
  readonly bundleSha256: string;

  constructor(scope: Construct, id: string, props: HelperApplianceProps) {
    super(scope, id);
    const bundle = new Asset(this, 'Bundle', { path: props.bundle });
    this.bundleUrl = bundle.s3ObjectUrl;
    this.bundleSha256 = sha256OfFile(props.bundle);
    // IAM puts `<role id>:<instance id>` in its place, so that every instance has a folder of its own.
    const ownFolder = `helpers/\${aws:userid}/*`;
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      description: 'Landfall: helper appliances',
    });
    for (const statement of [
      // This bundle alone, not all that lies in the assets' bucket (which Asset.grantRead would allow).
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: [bundle.bucket.arnForObjects(bundle.s3ObjectKey)],
      }),
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
