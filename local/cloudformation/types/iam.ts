import { z } from 'zod';
import type { IamDirectory, PolicyDocument } from '../../iam/directory.ts';
import type { ResourceType } from '../resource-type.ts';
import { numberProperty, parseProperties, policyDocument, withoutEffect } from '../resource-type.ts';

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
export function iamTypes(options: IamTypesOptions): Record<string, ResourceType> {
  return {
    'AWS::IAM::Role': roleType(options),
    'AWS::IAM::Policy': policyType(options),
    'AWS::IAM::ManagedPolicy': managedPolicyType(options),
    'AWS::IAM::InstanceProfile': instanceProfileType(options),
  };
}

function roleType({ iam, accountId }: IamTypesOptions): ResourceType {
  return {
    plan(declared) {
      const properties = parseProperties(roleProperties, declared.properties);
      const name = properties.RoleName ?? declared.generatedName(64);
      const arn = `arn:aws:iam::${accountId}:role${properties.Path}${name}`;
      return {
        physicalId: name,
        attributes: { Arn: arn, RoleId: roleId(name) },
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
  };
}

/** `AROA` and 17 more characters, as a role's id looks; the same for the same name. */
function roleId(name: string): string {
  const characters = name.toUpperCase().replace(/[^A-Z0-9]/g, '');
  return `AROA${characters.slice(-17).padStart(17, '0')}`;
}

function policyType({ iam }: IamTypesOptions): ResourceType {
  return {
    plan(declared) {
      const { PolicyDocument, Roles } = parseProperties(policyProperties, declared.properties);
      const physicalId = declared.generatedName(100);
      return {
        physicalId,
        attributes: { Id: physicalId },
        apply: () => attach(iam, { id: physicalId, roles: Roles, document: PolicyDocument }),
      };
    },
    remove: (physicalId) => iam.deleteAttachment(physicalId),
  };
}

function managedPolicyType({ iam, accountId }: IamTypesOptions): ResourceType {
  return {
    plan(declared) {
      const properties = parseProperties(managedPolicyProperties, declared.properties);
      const { PolicyDocument: document, Roles: roles } = properties;
      const name = properties.ManagedPolicyName ?? declared.generatedName(128);
      const arn = `arn:aws:iam::${accountId}:policy${properties.Path}${name}`;
      return {
        physicalId: arn,
        attributes: { PolicyArn: arn },
        apply: async () => {
          await iam.putManagedPolicy({ arn, name, document });
          await attach(iam, { id: arn, roles, document });
        },
      };
    },
    remove: async (physicalId) => {
      await iam.deleteAttachment(physicalId);
      await iam.deleteManagedPolicy(physicalId);
    },
  };
}

function instanceProfileType({ iam, accountId }: IamTypesOptions): ResourceType {
  return {
    plan(declared) {
      const properties = parseProperties(instanceProfileProperties, declared.properties);
      const name = properties.InstanceProfileName ?? declared.generatedName(128);
      const arn = `arn:aws:iam::${accountId}:instance-profile${properties.Path}${name}`;
      return {
        physicalId: name,
        attributes: { Arn: arn },
        apply: () => iam.putInstanceProfile({ name, arn, roles: properties.Roles }),
      };
    },
    remove: (physicalId) => iam.deleteInstanceProfile(physicalId),
  };
}

interface Attachment {
  readonly id: string;
  readonly roles: readonly string[];
  readonly document: PolicyDocument;
}

async function attach(iam: IamDirectory, { id, roles, document }: Attachment): Promise<void> {
  for (const role of roles) if (!iam.findRole(role)) throw new Error(`there is no role ${role}`);
  await iam.putAttachment(id, roles, document);
}
