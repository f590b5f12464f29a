import { DescribeInstanceTypesCommand, type Instance, type Subnet, type Tag } from '@aws-sdk/client-ec2';
import type { Manifest } from '../../../core/model/manifest.ts';
import type { PlannedOriginal } from '../../../core/model/plan.ts';
import { type RestoreRequest, shown } from '../../../core/model/request.ts';
import { ORIGIN_TAG, ORIGINAL_TAG, TAG, TEMPORARY_ROLES } from '../../../core/model/restore-record.ts';
import { describeInstance, describeSubnet, describeVolumes } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { Findings } from './findings.ts';
import { sourceNameOf } from './names.ts';
import { devicesOf, type OriginalDevices } from './original-devices.ts';

/** The instance that was backed up, as it is now. */
export interface Original extends OriginalDevices {
  readonly instance: Instance;
}

interface OriginalFacts {
  readonly manifest: Manifest;
  readonly request: RestoreRequest;
  readonly findings: Findings;
}

const FIELD = 'restoreTo';
const OTHERWISE = 'Give restoreTo "new" or "volumes"';
// Amazon EC2 User Guide, "Tag restrictions".
const MOST_TAGS = 50;

/**
 * Finds the instance that the restore point was made of, and what of it is to be replaced; undefined where another kind
 * of restore is asked for, or the findings say why it cannot be this one.
 */
export async function findOriginal(facts: OriginalFacts): Promise<Original | undefined> {
  const { manifest, request, findings } = facts;
  if (request.restoreTo !== 'original') return undefined;
  checkFields(request, findings);
  const { kind, name, source } = manifest.workload;
  if (kind !== 'ec2' || source === undefined) {
    const problem =
      kind === 'ec2'
        ? `the restore point does not say which instance ${name} was`
        : `${name} is a machine of kind ${kind}, not an EC2 instance`;
    findings.error(FIELD, 'original', problem, OTHERWISE);
    return undefined;
  }
  const { instanceId } = source;
  const instance = await describeInstance({ id: instanceId });
  const problem = whyNotOriginal(instance, { id: instanceId, restoreId: request.restoreId });
  if (!instance || problem) {
    findings.error(FIELD, 'original', problem?.problem ?? '', problem?.fix ?? OTHERWISE);
    return undefined;
  }
  await warnOfStop(instance, findings);
  const original = { instance, ...devicesOf(instance, facts) };
  await checkTags(original, findings);
  return original;
}

/** What of the target is not as the instance is already. */
const USED = new Set(['tags', 'powerOn']);

function checkFields({ target, disks }: RestoreRequest, findings: Findings): void {
  const refused = [
    ...Object.entries(target).map(([field, value]) => ({ field: `target.${field}`, name: field, value })),
    ...disks.map(({ deviceName }, index) => ({
      field: `disks[${index}].deviceName`,
      name: 'deviceName',
      value: deviceName,
    })),
  ];
  for (const { field, name, value } of refused) {
    if (value === undefined || USED.has(name)) continue;
    findings.error(
      field,
      shown(value),
      'contradicts restoreTo "original": the instance stays as it is, but for the bytes of its disks',
      'Leave it out, or give restoreTo "new"',
    );
  }
}

const tagOf = (tags: readonly Tag[] | undefined, key: string): string | undefined =>
  tags?.find(({ Key }) => Key === key)?.Value;

interface Problem {
  readonly problem: string;
  readonly fix: string;
}

/** Why the volumes of an instance cannot be replaced; undefined where they can. */
export function whyNotOriginal(
  instance: Instance | undefined,
  { id, restoreId }: { id: string; restoreId: string | undefined },
): Problem | undefined {
  const state = instance?.State?.Name;
  if (!instance || state === 'terminated' || state === 'shutting-down') {
    const how = instance ? `is ${state}` : 'does not exist here';
    return { problem: `the instance ${id} that was backed up ${how}`, fix: OTHERWISE };
  }
  if (state !== 'running' && state !== 'stopped') {
    return { problem: `instance ${id} is ${state}`, fix: 'Wait until it is running or stopped' };
  }
  const { RootDeviceType, ProductCodes = [], InstanceLifecycle, Tags } = instance;
  if (RootDeviceType !== 'ebs') {
    return { problem: `the root of instance ${id} is no EBS volume`, fix: OTHERWISE };
  }
  if (ProductCodes.some(({ ProductCodeType }) => ProductCodeType === 'marketplace')) {
    return {
      problem: `instance ${id} is billed by a Marketplace product, which volumes carry`,
      fix: OTHERWISE,
    };
  }
  if (InstanceLifecycle !== undefined) {
    return { problem: `instance ${id} is a ${InstanceLifecycle} instance`, fix: OTHERWISE };
  }
  const group = tagOf(Tags, 'aws:autoscaling:groupName');
  if (group !== undefined) {
    return {
      problem: `Auto Scaling group ${group} would replace instance ${id} once it is stopped`,
      fix: 'Detach it from the group first',
    };
  }
  const role = tagOf(Tags, TAG.role);
  if (TEMPORARY_ROLES.some((each) => each === role)) {
    return {
      problem: `instance ${id} is tagged as ${role}: a restore is making it`,
      fix: 'Wait for its end',
    };
  }
  const borrower = tagOf(Tags, ORIGINAL_TAG.borrowedBy);
  if (borrower !== undefined && borrower !== restoreId) {
    return {
      problem: `restore ${borrower} has borrowed instance ${id}`,
      fix: `Wait for its end; where it was told to keep everything, remove the tag ${ORIGINAL_TAG.borrowedBy}`,
    };
  }
  return undefined;
}

/** What ends with a stop, as every stop of such an instance does to it. */
async function warnOfStop(instance: Instance, findings: Findings): Promise<void> {
  const { InstanceId: id, InstanceType, NetworkInterfaces = [] } = instance;
  const isLent = NetworkInterfaces.some(({ Association }) => Association?.IpOwnerId === 'amazon');
  if (isLent) {
    findings.warning(
      FIELD,
      'original',
      `instance ${id} is stopped on the way, and gets another public address when it starts`,
      'Give it an Elastic IP address first to keep one',
    );
  }
  if (InstanceType === undefined) return;
  const { InstanceTypes = [] } = await ec2.send(
    new DescribeInstanceTypesCommand({ InstanceTypes: [InstanceType] }),
  );
  if (InstanceTypes[0]?.InstanceStorageSupported) {
    findings.warning(
      FIELD,
      'original',
      `instance ${id} is stopped on the way: what is on its instance store is lost`,
      'Save what is worth it first',
    );
  }
}

/** What a restore adds: on the instance whose it is and of which restore point, on its volumes which replaced them. */
async function checkTags({ instance, replaced }: Original, findings: Findings): Promise<void> {
  const ids = replaced.map(({ volumeId }) => volumeId);
  const volumes = ids.length === 0 ? [] : [...(await describeVolumes(ids))];
  const tagged = [
    {
      id: instance.InstanceId,
      tags: instance.Tags,
      added: [TAG.restore, TAG.role, ORIGIN_TAG.restorePoint, ORIGINAL_TAG.borrowedBy],
    },
    ...volumes.map(([id, { Tags }]) => ({
      id,
      tags: Tags,
      added: ['Name', ORIGINAL_TAG.borrowedBy, ORIGINAL_TAG.replacedBy],
    })),
  ];
  for (const { id, tags = [], added } of tagged) {
    const counted = tags.flatMap(({ Key }) => (Key === undefined || Key.startsWith('aws:') ? [] : Key));
    if (new Set([...counted, ...added]).size <= MOST_TAGS) continue;
    findings.error(
      FIELD,
      'original',
      `${id} has ${counted.length} tags; EC2 takes ${MOST_TAGS}, and the restore adds up to ${added.length}`,
      `Remove some of the tags of ${id}`,
    );
  }
}

/** What the plan says of the instance, and where it is; nothing where the findings say why not. */
export async function planOriginal(
  original: Original | undefined,
  { workload, request }: { workload: Manifest['workload']; request: RestoreRequest },
): Promise<{ target: PlannedOriginal | undefined; subnet: Subnet | undefined }> {
  if (!original) return { target: undefined, subnet: undefined };
  const { instance, replaced } = original;
  const { InstanceId = '', InstanceType = '', Placement, SubnetId = '', Tags } = instance;
  const availabilityZone = Placement?.AvailabilityZone ?? '';
  return {
    target: {
      restoreTo: 'original',
      name: tagOf(Tags, 'Name') ?? sourceNameOf(workload),
      sourceName: sourceNameOf(workload),
      instanceId: InstanceId,
      instanceType: InstanceType,
      availabilityZone,
      replaced: [...replaced],
      tags: request.target.tags,
      powerOn: request.target.powerOn,
    },
    subnet: (await describeSubnet(SubnetId)) ?? { AvailabilityZone: availabilityZone },
  };
}
