import {
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  type InstanceTypeInfo,
} from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { TargetFacts, Workload } from './facts.ts';
import type { Findings } from './findings.ts';
import { checkTypeFeatures } from './type-features.ts';

interface WantedType {
  readonly instanceType: string;
  /** Path of the request's field, e.g. `target.instanceTypes[1]`. */
  readonly field: string;
}

/** The types that the request names, in order of preference; else the source instance's. */
export function wantedTypes({ workload, request }: Pick<TargetFacts, 'workload' | 'request'>): WantedType[] {
  const { instanceType = workload.source?.instanceType, instanceTypes } = request.target;
  if (instanceTypes) {
    return [...new Set(instanceTypes)].map((each) => ({
      instanceType: each,
      field: `target.instanceTypes[${instanceTypes.indexOf(each)}]`,
    }));
  }
  return instanceType === undefined ? [] : [{ instanceType, field: 'target.instanceType' }];
}

/** The wanted types, held against what they must be able to do; those that the zone has not are left out. */
export async function findInstanceTypes(
  facts: TargetFacts,
  zone: string | undefined,
): Promise<string[] | undefined> {
  const { findings } = facts;
  const wanted = wantedTypes(facts);
  if (wanted.length === 0) {
    findings.error(
      'target.instanceType',
      'nothing',
      'the restore point names no instance type, so the request must',
      'Give one, e.g. m7i.large',
    );
    return undefined;
  }
  const types = await findKnownTypes(facts, zone);
  for (const type of types) checkType(type, facts);
  const names = types.filter(({ offered }) => offered).map(({ instanceType }) => instanceType);
  return names.length > 0 ? names : undefined;
}

interface KnownType extends WantedType {
  readonly info: InstanceTypeInfo;
  /** In the zone, where one is known. */
  readonly offered: boolean;
}

/** Those of the wanted types that the Region has; of those it has not, and that the zone has not, there are findings. */
export async function findKnownTypes(
  facts: Pick<TargetFacts, 'workload' | 'request' | 'findings'>,
  zone: string | undefined,
): Promise<KnownType[]> {
  const { findings } = facts;
  const types = await Promise.all(
    wantedTypes(facts).map(async (wanted) => {
      const info = await describeInstanceType(wanted.instanceType);
      if (info)
        return [
          { ...wanted, info, offered: zone === undefined || (await isOffered(wanted.instanceType, zone)) },
        ];
      findings.error(
        wanted.field,
        wanted.instanceType,
        'this region has no such instance type',
        'Choose another',
      );
      return [];
    }),
  );
  checkOffered(types.flat(), { zone, findings });
  return types.flat();
}

/** Of several, one that the zone offers is enough. */
function checkOffered(
  types: readonly KnownType[],
  { zone, findings }: { zone: string | undefined; findings: Findings },
): void {
  const isEnough = types.some(({ offered }) => offered);
  for (const { instanceType, field, offered } of types) {
    if (offered) continue;
    const problem = `is not offered in ${zone}`;
    if (isEnough) findings.warning(field, instanceType, `${problem}; the others are tried`, 'Leave it out');
    else findings.error(field, instanceType, problem, 'Choose another type or a subnet in another zone');
  }
}

/** What the type cannot do for this machine. */
function checkType({ instanceType, field, info }: KnownType, facts: TargetFacts): void {
  const { workload, disks, findings } = facts;
  const architectures = info.ProcessorInfo?.SupportedArchitectures ?? [];
  if (!architectures.some((architecture) => architecture === workload.architecture)) {
    findings.error(
      field,
      instanceType,
      `runs ${architectures.join(', ')}, the machine is ${workload.architecture}`,
      `Choose a type for ${workload.architecture}`,
    );
  }
  checkBootMode(info, { workload, findings, field });
  const most = info.EbsInfo?.MaximumEbsAttachments;
  if (most !== undefined && disks.length > most) {
    findings.error(
      field,
      instanceType,
      `takes ${most} volumes, the machine has ${disks.length} disks`,
      'Choose a larger type',
    );
  }
  checkTypeFeatures({ info, field }, facts);
}

function checkBootMode(
  info: InstanceTypeInfo,
  { workload, findings, field }: { workload: Workload; findings: Findings; field: string },
): void {
  const supported: readonly string[] = info.SupportedBootModes ?? [];
  // uefi-preferred falls back to legacy BIOS where a type has no UEFI.
  if (workload.bootMode === undefined || workload.bootMode === 'uefi-preferred' || supported.length === 0)
    return;
  if (supported.includes(workload.bootMode)) return;
  findings.error(
    field,
    info.InstanceType,
    `boots by ${supported.join(', ')}, the machine by ${workload.bootMode}`,
    `Choose a type that boots by ${workload.bootMode}`,
  );
}

/** What EC2 says of a type, or undefined where this Region has none of that name. */
export async function describeInstanceType(instanceType: string): Promise<InstanceTypeInfo | undefined> {
  try {
    const { InstanceTypes = [] } = await ec2.send(
      // The SDK types instance types as a closed list; new ones appear every month.
      new DescribeInstanceTypesCommand({ InstanceTypes: [instanceType as never] }),
    );
    return InstanceTypes[0];
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidInstanceType') return undefined;
    throw error;
  }
}

/** Whether a zone has a type at all; whether there is room for it now is not to be known. */
export async function isOffered(instanceType: string, zone: string): Promise<boolean> {
  const { InstanceTypeOfferings = [] } = await ec2.send(
    new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [
        { Name: 'instance-type', Values: [instanceType] },
        { Name: 'location', Values: [zone] },
      ],
    }),
  );
  return InstanceTypeOfferings.length > 0;
}
