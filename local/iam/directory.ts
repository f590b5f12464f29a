import { join } from 'node:path';
import { z } from 'zod';
import { makeJsonFile } from '../json-file.ts';
import type { RegionContext } from '../service.ts';

const documentSchema = z.record(z.string(), z.unknown());

const roleSchema = z.strictObject({
  name: z.string(),
  arn: z.string(),
  trustPolicy: documentSchema,
  /** ARNs of attached managed policies, AWS's own among them. */
  managedPolicyArns: z.array(z.string()),
  inlinePolicies: z.record(z.string(), documentSchema),
  maxSessionSeconds: z.number(),
});

const managedPolicySchema = z.strictObject({
  arn: z.string(),
  name: z.string(),
  document: documentSchema,
});

const instanceProfileSchema = z.strictObject({
  name: z.string(),
  arn: z.string(),
  roles: z.array(z.string()),
});

const directorySchema = z.strictObject({
  roles: z.array(roleSchema),
  managedPolicies: z.array(managedPolicySchema),
  instanceProfiles: z.array(instanceProfileSchema),
  /** Policies that are resources of their own, by id: which roles have them inline or attached. */
  attachments: z.record(z.string(), z.strictObject({ roles: z.array(z.string()), document: documentSchema })),
});

export type IamRole = z.infer<typeof roleSchema>;
export type IamManagedPolicy = z.infer<typeof managedPolicySchema>;
export type IamInstanceProfile = z.infer<typeof instanceProfileSchema>;
export type PolicyDocument = z.infer<typeof documentSchema>;

/**
 * Roles, policies and instance profiles as data: nothing is evaluated yet, but a role or profile that somebody names must
 * exist.
 */
export interface IamDirectory {
  findRole(nameOrArn: string): IamRole | undefined;
  findInstanceProfile(nameOrArn: string): IamInstanceProfile | undefined;
  /** Every policy document that applies to the role: inline, attached, and those of policy resources that name it. */
  policiesOf(roleName: string): PolicyDocument[];
  putRole(role: IamRole): Promise<void>;
  deleteRole(name: string): Promise<void>;
  putManagedPolicy(policy: IamManagedPolicy): Promise<void>;
  deleteManagedPolicy(arn: string): Promise<void>;
  putInstanceProfile(profile: IamInstanceProfile): Promise<void>;
  deleteInstanceProfile(name: string): Promise<void>;
  /** Applies a policy document to roles, under an id of the caller's. */
  putAttachment(id: string, roles: readonly string[], document: PolicyDocument): Promise<void>;
  deleteAttachment(id: string): Promise<void>;
}

export async function openIamDirectory(context: Pick<RegionContext, 'stateFolder'>): Promise<IamDirectory> {
  const file = makeJsonFile(join(context.stateFolder, 'iam', 'directory.json'), directorySchema);
  const found = await file.read();
  const roles = new Map(found?.roles.map((role) => [role.name, role]));
  const managedPolicies = new Map(found?.managedPolicies.map((policy) => [policy.arn, policy]));
  const instanceProfiles = new Map(found?.instanceProfiles.map((profile) => [profile.name, profile]));
  const attachments = new Map(Object.entries(found?.attachments ?? {}));

  const save = () =>
    file.write({
      roles: [...roles.values()],
      managedPolicies: [...managedPolicies.values()],
      instanceProfiles: [...instanceProfiles.values()],
      attachments: Object.fromEntries(attachments),
    });

  async function change(action: () => unknown): Promise<void> {
    action();
    await save();
  }

  return {
    findRole: (nameOrArn) => roles.get(nameOf(nameOrArn)),
    findInstanceProfile: (nameOrArn) => instanceProfiles.get(nameOf(nameOrArn)),
    policiesOf(roleName) {
      const role = roles.get(roleName);
      if (!role) return [];
      const attached = role.managedPolicyArns.map((arn) => managedPolicies.get(arn)?.document);
      const named = [...attachments.values()].filter((attachment) => attachment.roles.includes(roleName));
      return [
        ...Object.values(role.inlinePolicies),
        // AWS's own managed policies are known by name only.
        ...attached.filter((document) => document !== undefined),
        ...named.map((attachment) => attachment.document),
      ];
    },
    putRole: (role) => change(() => roles.set(role.name, role)),
    deleteRole: (name) => change(() => roles.delete(name)),
    putManagedPolicy: (policy) => change(() => managedPolicies.set(policy.arn, policy)),
    deleteManagedPolicy: (arn) => change(() => managedPolicies.delete(arn)),
    putInstanceProfile: (profile) => change(() => instanceProfiles.set(profile.name, profile)),
    deleteInstanceProfile: (name) => change(() => instanceProfiles.delete(name)),
    putAttachment: (id, names, document) =>
      change(() => attachments.set(id, { roles: [...names], document })),
    deleteAttachment: (id) => change(() => attachments.delete(id)),
  };
}

/** The last part of an ARN's path, or the name itself. */
function nameOf(nameOrArn: string): string {
  return nameOrArn.startsWith('arn:') ? nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1) : nameOrArn;
}
