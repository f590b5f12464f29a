import { describe, expect, inject, it } from 'vitest';
import { type Json, readTemplate } from '../support/definitions.ts';
import { helperBundleAsset } from './helper-assets.ts';

const assemblyFolder = inject('assemblyFolder');
const { Resources } = readTemplate(assemblyFolder);
const bundle = helperBundleAsset(assemblyFolder);

/** Resources of a type whose logical id begins with `name`, without the digest at its end. */
const all = (type: string, name: string): Json[] =>
  Object.entries<Json>(Resources)
    .filter(([id, { Type }]) => Type === type && id.startsWith(name))
    .map(([, resource]) => resource.Properties);

/** A value of the template as one line: `<Name>` for what is only known once it is deployed. */
function lineOf(value: Json): string {
  if (typeof value === 'string') return value;
  if (value['Fn::Join']) return value['Fn::Join'][1].map(lineOf).join(value['Fn::Join'][0]);
  if (value['Fn::Sub']) return value['Fn::Sub'].replaceAll(/\$\{AWS::(\w+)\}/g, '<$1>');
  const name: string = value.Ref ?? value['Fn::GetAtt']?.[0];
  return `<${name.replace(/^AWS::/, '').replace(/[0-9A-F]{8}$/, '')}>`;
}

const BUNDLE = `cdk-hnb659fds-assets-<AccountId>-<Region>/${bundle.objectKey}`;

describe('the role of a helper appliance', () => {
  const policies = all('AWS::IAM::Policy', 'HelperRole');

  it('may do exactly this', () => {
    const statements = policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
    expect(
      statements.map((statement: Json) => ({ ...statement, Resource: lineOf(statement.Resource) })),
    ).toEqual([
      { Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:<Partition>:s3:::${BUNDLE}` },
      { Effect: 'Allow', Action: 's3:GetObject', Resource: '<Repository>/*' },
      { Effect: 'Allow', Action: 's3:ListBucket', Resource: '<Repository>' },
      {
        Effect: 'Allow',
        Action: ['s3:GetObject', 's3:PutObject'],
        // biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's own variable
        Resource: '<Control>/helpers/${aws:userid}/*',
      },
      {
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: '<Control>',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's own variable
        Condition: { StringLike: { 's3:prefix': ['helpers/${aws:userid}/*'] } },
      },
    ]);
  });

  it('is of EC2 instances alone, and gets nothing from elsewhere', () => {
    const [role] = all('AWS::IAM::Role', 'HelperRole');
    expect(role.AssumeRolePolicyDocument.Statement).toEqual([
      { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'ec2.amazonaws.com' } },
    ]);
    expect(Object.keys(role).sort()).toEqual(['AssumeRolePolicyDocument', 'Description']);
    expect(policies).toHaveLength(1);
    const others = all('AWS::IAM::ManagedPolicy', '').flatMap(({ Roles }) => Roles ?? []);
    expect(others.map(lineOf)).not.toContain('<HelperRole>');
  });
});

describe('the bundle', () => {
  it('is what every function would launch a helper with: its place, and the digest of its very bytes', () => {
    const environments = all('AWS::Lambda::Function', '').map(({ Environment }) => Environment.Variables);
    expect(environments.length).toBeGreaterThan(0);
    for (const {
      HELPER_BUNDLE_SHA256,
      HELPER_BUNDLE_URL,
      HELPER_PROFILE_NAME,
      HELPER_ROLE_ID,
    } of environments) {
      expect(HELPER_BUNDLE_SHA256).toBe(bundle.sha256);
      expect(lineOf(HELPER_BUNDLE_URL)).toBe(`s3://${BUNDLE}`);
      expect(lineOf(HELPER_PROFILE_NAME)).toBe('<HelperProfile>');
      expect(lineOf(HELPER_ROLE_ID)).toBe('<HelperRole>');
    }
  });
});

describe('the folders of helpers', () => {
  it('go after 30 days, and nothing else of the control bucket does', () => {
    const [control] = all('AWS::S3::Bucket', 'Control');
    const expiring = control.LifecycleConfiguration.Rules.filter((rule: Json) => 'ExpirationInDays' in rule);
    expect(expiring).toEqual([{ Prefix: 'helpers/', ExpirationInDays: 30, Status: 'Enabled' }]);
  });
});
