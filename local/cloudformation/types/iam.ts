import { z } from 'zod';
import type { IamDirectory } from '../../iam/directory.ts';
import type { ResourceType } from '../resource-type.ts';
import {
  numberProperty,
  parseProperties,
  policyDocument,
  UnfitProperties,
  withoutEffect,
} from '../resource-type.ts';

export interface IamTypesOptions {
  readonly iam: IamDirectory;
  readonly accountId: string;
}

const inlinePolicies = z.array(z.strictObject({ PolicyName: z.string(), PolicyDocument: policyDocument }));

const roleProperties = z.strictObject({
  RoleName: z.string().optional(),
  Path: z.string().default('/'),
  AssumeRolePolicyDocument: policyDocument,
  ManagedPolicyArns: z.array(z.string()).default([]),
  Policies: inlinePolicies.default([]),
  MaxSessionDuration: numberProperty.default(3600),
  Description: withoutEffect,
  Tags: withoutEffect,
  PermissionsBoundary: z.string().optional(),
});

const policyProperties = z.strictObject({
  PolicyName: z.string(),
  PolicyDocument: policyDocument,
  Roles: z.array(z.string()).default([]),
});

const managedPolicyProperties = z.strictObject({
  ManagedPolicyName: z.string().optional(),
  Path: z.string().default('/'),
  PolicyDocument: policyDocument,
  Roles: z.array(z.string()).default([]),
  Description: withoutEffect,
});

const instanceProfileProperties = z.strictObject({
  InstanceProfileName: z.string().optional(),
  Path: z.string().default('/'),
  Roles: z.array(z.string()).length(1),
});

/** Roles, policies and instance profiles, kept as data. */
export function iamTypes({ iam, accountId }: IamTypesOptions): Record<string, ResourceType> {
  const arnOf = (kind: string, path: string, name: string) =>
    `arn:aws:iam::${accountId}:${kind}${path}${name}`;
  const attach = async (id: string, roles: readonly string[], document: Record<string, unknown>) => {
    for (const role of roles) if (!iam.findRole(role)) throw new Error(`there is no role ${role}`);
    await iam.putAttachment(id, roles, document);
  };
  return {
    'AWS::IAM::Role': {
      plan(declared) {
        const properties = parseProperties(roleProperties, declared.properties);
        if (properties.PermissionsBoundary !== undefined) {
          throw new UnfitProperties(['property PermissionsBoundary is not simulated']);
        }
        const name = properties.RoleName ?? declared.generatedName(64);
        const arn = arnOf('role', properties.Path, name);
        return {
          physicalId: name,
          attributes: {
            Arn: arn,
            RoleId: `AROA${name
              .toUpperCase()
              .replace(/[^A-Z0-9]/g, '')
              .slice(-17)
              .padStart(17, '0')}`,
          },
          apply: () =>
            iam.putRole({
              name,
              arn,
              trustPolicy: properties.AssumeRolePolicyDocument,
              managedPolicyArns: properties.ManagedPolicyArns,
              inlinePolicies: Object.fromEntries(
                properties.Policies.map(({ PolicyName, PolicyDocument }) => [PolicyName, PolicyDocument]),
              ),
              maxSessionSeconds: properties.MaxSessionDuration,
            }),
        };
      },
      remove: (physicalId) => iam.deleteRole(physicalId),
    },
    'AWS::IAM::Policy': {
      plan(declared) {
        const { PolicyDocument, Roles } = parseProperties(policyProperties, declared.properties);
        const physicalId = declared.generatedName(100);
        return {
          physicalId,
          attributes: { Id: physicalId },
          apply: () => attach(physicalId, Roles, PolicyDocument),
        };
      },
      remove: (physicalId) => iam.deleteAttachment(physicalId),
    },
    'AWS::IAM::ManagedPolicy': {
      plan(declared) {
        const properties = parseProperties(managedPolicyProperties, declared.properties);
        const name = properties.ManagedPolicyName ?? declared.generatedName(128);
        const arn = arnOf('policy', properties.Path, name);
        return {
          physicalId: arn,
          attributes: { PolicyArn: arn },
          apply: async () => {
            await iam.putManagedPolicy({ arn, name, document: properties.PolicyDocument });
            await attach(arn, properties.Roles, properties.PolicyDocument);
          },
        };
      },
      remove: async (physicalId) => {
        await iam.deleteAttachment(physicalId);
        await iam.deleteManagedPolicy(physicalId);
      },
    },
    'AWS::IAM::InstanceProfile': {
      plan(declared) {
        const properties = parseProperties(instanceProfileProperties, declared.properties);
        const name = properties.InstanceProfileName ?? declared.generatedName(128);
        const arn = arnOf('instance-profile', properties.Path, name);
        return {
          physicalId: name,
          attributes: { Arn: arn },
          apply: () => iam.putInstanceProfile({ name, arn, roles: properties.Roles }),
        };
      },
      remove: (physicalId) => iam.deleteInstanceProfile(physicalId),
    },
  };
}
