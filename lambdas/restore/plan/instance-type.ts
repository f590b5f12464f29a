import {
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  type InstanceTypeInfo,
} from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { TargetFacts, Workload } from './facts.ts';
import type { Findings } from './findings.ts';

const FIELD = 'target.instanceType';

/** The instance type that the request names, or the source instance's, held against what it must be able to do. */
export async function findInstanceType(
  { workload, request, diskCount, findings }: TargetFacts,
  zone: string | undefined,
): Promise<string | undefined> {
  const instanceType = request.target.instanceType ?? workload.source?.instanceType;
  const field = FIELD;
  if (instanceType === undefined) {
    findings.error(
      field,
      'nothing',
      'the restore point names no instance type, so the request must',
      'Give one, e.g. m7i.large',
    );
    return undefined;
  }
  const info = await checkTypeExists(instanceType, { zone, findings });
  if (!info) return undefined;
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
  if (most !== undefined && diskCount > most) {
    findings.error(
      field,
      instanceType,
      `takes ${most} volumes, the machine has ${diskCount} disks`,
      'Choose a larger type',
    );
  }
  return instanceType;
}

/** What EC2 says of a type; undefined when the findings say that it is not to be had. */
export async function checkTypeExists(
  instanceType: string,
  { zone, findings }: { zone: string | undefined; findings: Findings },
): Promise<InstanceTypeInfo | undefined> {
  const info = await describeInstanceType(instanceType);
  if (!info) {
    findings.error(FIELD, instanceType, 'this region has no such instance type', 'Choose another');
    return undefined;
  }
  if (zone !== undefined && !(await isOffered(instanceType, zone))) {
    findings.error(
      FIELD,
      instanceType,
      `is not offered in ${zone}`,
      'Choose another type or a subnet in another zone',
    );
  }
  return info;
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
