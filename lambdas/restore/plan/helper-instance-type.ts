import {
  type _InstanceType,
  DescribeInstanceTypesCommand,
  type InstanceTypeInfo,
  paginateDescribeInstanceTypeOfferings,
} from '@aws-sdk/client-ec2';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { Findings } from './findings.ts';
import {
  chooseHelperType,
  type HelperChoice,
  type HelperNeed,
  hasMemory,
  reasonForAsked,
} from './helper-choice.ts';
import { dataVolumesOf, gbpsAsMBps, HELPER_TYPES, type HelperType } from './helper-types.ts';
import { describeInstanceType, isOffered } from './instance-type.ts';

export interface HelperTypeFacts {
  readonly request: RestoreRequest;
  readonly need: HelperNeed;
  /** Undefined where the findings say why it is not known. */
  readonly zone: string | undefined;
  readonly findings: Findings;
}

const FIELD = 'helper.instanceType';

/** The instance type that the request names, or the best of those that the zone offers. */
export async function findHelperType(facts: HelperTypeFacts): Promise<HelperChoice | undefined> {
  const offered = await offeredTypes(facts.zone);
  const choice = chooseHelperType(offered, facts.need);
  const asked = facts.request.helper.instanceType;
  if (asked !== undefined) return checkAsked(asked, choice, facts);
  if (!choice) noneFits(offered, facts);
  return choice;
}

/** The types of the table that are to be had in the zone, with what EC2 itself says of them. */
async function offeredTypes(zone: string | undefined): Promise<HelperType[]> {
  const names = await offeredNames(zone);
  if (names.length === 0) return [];
  const { InstanceTypes = [] } = await ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: names }));
  const infos = new Map(InstanceTypes.map((info) => [String(info.InstanceType), info]));
  // In the order of the table: it is the order of preference.
  return [...HELPER_TYPES.values()].flatMap((type) => {
    const info = infos.get(type.name);
    return info ? [asEc2Says(info, type)] : [];
  });
}

async function offeredNames(zone: string | undefined): Promise<_InstanceType[]> {
  const pages = paginateDescribeInstanceTypeOfferings(
    { client: ec2 },
    {
      LocationType: zone === undefined ? 'region' : 'availability-zone',
      Filters: [
        { Name: 'instance-type', Values: [...HELPER_TYPES.keys()] },
        ...(zone === undefined ? [] : [{ Name: 'location', Values: [zone] }]),
      ],
    },
  );
  const names: _InstanceType[] = [];
  for await (const { InstanceTypeOfferings = [] } of pages) {
    for (const { InstanceType } of InstanceTypeOfferings) if (InstanceType) names.push(InstanceType);
  }
  return names;
}

/** Figures of a type, EC2's where it gives them. */
export function asEc2Says(info: InstanceTypeInfo, known: HelperType | undefined): HelperType {
  const { EbsInfo, NetworkInfo } = info;
  const { MaximumEbsAttachments: limit, AttachmentLimitType, EbsOptimizedInfo: ebs } = EbsInfo ?? {};
  const gbps = NetworkInfo?.NetworkCards?.[0]?.BaselineBandwidthInGbps;
  return {
    name: String(info.InstanceType),
    vcpus: info.VCpuInfo?.DefaultVCpus ?? known?.vcpus ?? 0,
    memoryMiB: info.MemoryInfo?.SizeInMiB ?? known?.memoryMiB ?? 0,
    ebsMBps: ebs?.BaselineThroughputInMBps ?? known?.ebsMBps ?? 0,
    ebsBurstMBps: ebs?.MaximumThroughputInMBps ?? known?.ebsBurstMBps ?? 0,
    networkMBps: gbps === undefined ? known?.networkMBps : gbpsAsMBps(gbps),
    dataVolumes:
      limit === undefined ? (known?.dataVolumes ?? 0) : dataVolumesOf(limit, AttachmentLimitType ?? 'shared'),
  };
}

function noneFits(offered: readonly HelperType[], { zone, need, findings }: HelperTypeFacts): void {
  const where = zone ?? 'this Region';
  if (offered.length === 0) {
    findings.error(
      FIELD,
      'nothing',
      `${where} offers none of the types that the plan chooses among`,
      'Name an arm64 type of the Nitro system that it offers, choose a subnet in another zone, or use strategy upload',
    );
    return;
  }
  const most = Math.max(...offered.map(({ dataVolumes }) => dataVolumes));
  findings.error(
    'strategy',
    'helper',
    `the machine has ${need.disks} disks, and no helper to be had in ${where} takes more than ${most}`,
    'Use strategy upload, which has no such limit',
  );
}

async function checkAsked(
  asked: string,
  choice: HelperChoice | undefined,
  { need, zone, findings }: HelperTypeFacts,
): Promise<HelperChoice | undefined> {
  const instead = choice ? `Choose another, e.g. ${choice.best.name}, or leave it out` : 'Choose another';
  const refuse = (problem: string, fix = instead): void => findings.error(FIELD, asked, problem, fix);
  const info = await describeInstanceType(asked);
  if (!info) {
    refuse('this region has no such instance type');
    return undefined;
  }
  const type = asEc2Says(info, HELPER_TYPES.get(asked));
  const architectures = info.ProcessorInfo?.SupportedArchitectures ?? [];
  if (!architectures.includes('arm64')) {
    refuse(
      `runs ${architectures.join(', ')}; the helper’s system and program are for arm64, whatever the machine is`,
    );
  } else if (info.EbsInfo?.NvmeSupport !== 'required') {
    refuse('is not of the Nitro system, so a volume cannot be told by its NVMe serial');
  }
  if (!hasMemory(type)) refuse(`has ${type.memoryMiB} MiB of memory, the helper needs 2 GiB`);
  if (type.dataVolumes < need.disks) {
    refuse(
      `takes ${type.dataVolumes} volumes besides its root, the machine has ${need.disks} disks`,
      choice ? `Choose one that takes them, e.g. ${choice.best.name}` : 'Use strategy upload',
    );
  }
  if (zone !== undefined && !(await isOffered(asked, zone))) refuse(`is not offered in ${zone}`);
  // No fallbacks: who names a type has a reason for it.
  return { best: type, fallbacks: [], reason: reasonForAsked(type, need) };
}
