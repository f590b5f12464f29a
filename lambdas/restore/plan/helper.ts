import type { Subnet } from '@aws-sdk/client-ec2';
import type { Estimate } from '../../../core/model/estimate.ts';
import type { Manifest } from '../../../core/model/manifest.ts';
import type { Conversion, PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { environment } from '../../runtime/step.ts';
import { estimateOfHelper } from './estimates.ts';
import type { Findings } from './findings.ts';
import type { HelperChoice } from './helper-choice.ts';
import { findHelperImage } from './helper-image.ts';
import { findHelperType } from './helper-instance-type.ts';
import { findHelperGroups, findHelperSubnet } from './helper-network.ts';
import { checkNameResolution, checkWayToS3, findS3PrefixList } from './helper-route.ts';
import { checkWritingTime } from './helper-time.ts';
import type { HelperType } from './helper-types.ts';
import { checkVcpus, isStandard, type Runner } from './vcpu-quota.ts';
import { throughputOf } from './volume-throughput.ts';

export interface HelperFacts {
  readonly request: RestoreRequest;
  readonly manifest: Manifest;
  readonly disks: readonly PlannedDisk[];
  /** Undefined where the findings say why it is not known. */
  readonly targetSubnet: Subnet | undefined;
  /** Absent where the machine boots as it is. */
  readonly conversion?: Conversion;
  /** The target, which runs while the helper does; absent where none is launched. */
  readonly targetRunner?: Runner;
  readonly findings: Findings;
}

type HelperStrategy = Extract<PlannedStrategy, { name: 'helper' }>;

export interface HelperPlan {
  readonly disks: readonly PlannedDisk[];
  readonly estimate: Estimate;
  readonly strategy: (chosen: { reason: string }) => HelperStrategy;
}

const BYTES_PER_MIB = 1_024 ** 2;
const BYTES_PER_MB = 1e6;

/**
 * Decides what the helper is like and where it runs; undefined when the findings say why that is not possible. That the
 * repository's bucket is in this Region, the only one a gateway endpoint leads to, is sure by now: it has been read,
 * by a client that asks this Region and follows no redirect.
 */
export async function planHelper(facts: HelperFacts): Promise<HelperPlan | undefined> {
  const { request, disks, findings } = facts;
  const subnet = await findHelperSubnet(facts);
  const s3PrefixListId = await findS3PrefixList(findings);
  if (subnet && s3PrefixListId !== undefined) await checkWayToS3(subnet, { s3PrefixListId, findings });
  if (subnet) await checkNameResolution(subnet, findings);
  const securityGroupIds = subnet && (await findHelperGroups(facts, { subnet, s3PrefixListId }));
  const type = await findHelperType({
    request,
    need: {
      disks: disks.length,
      volumesMBps: volumesMBps(disks),
      vcpusBeside: vcpusBeside(facts.targetRunner),
    },
    zone: subnet?.AvailabilityZone,
    findings,
  });
  if (type) {
    checkWritingTime(facts, type.best);
    await checkHelperVcpus(smallestOf(type), facts);
  }
  const image = await findHelperImage(findings);
  if (!subnet || s3PrefixListId === undefined || !type || !image) return undefined;
  const strategy: Omit<HelperStrategy, 'reason'> = {
    name: 'helper',
    instanceTypes: [type.best, ...type.fallbacks].map(({ name }) => name),
    instanceTypeReason: type.reason,
    imageId: image.imageId,
    imageRootDeviceName: image.rootDeviceName,
    subnetId: subnet.SubnetId ?? '',
    ...(securityGroupIds === undefined ? {} : { securityGroupIds }),
    s3PrefixListId,
    roleId: environment().HELPER_ROLE_ID,
    readBack: request.helper.readBack,
  };
  const estimate = estimateOfHelper(disks, { ...facts, type: type.best });
  return { disks, estimate, strategy: ({ reason }) => ({ ...strategy, reason }) };
}

const vcpusBeside = (targetRunner: Runner | undefined): number =>
  targetRunner && isStandard(targetRunner.instanceType) ? targetRunner.vcpus : 0;

/** What is launched in the end where the quota leaves no room for more. */
const smallestOf = ({ best, fallbacks }: HelperChoice): HelperType =>
  [best, ...fallbacks].toSorted((a, b) => a.vcpus - b.vcpus)[0] ?? best;

/** The helper and the target run at the same time: the target is launched and stopped while the disks are written. */
async function checkHelperVcpus(
  { name, vcpus }: HelperType,
  { request, targetRunner, findings }: HelperFacts,
): Promise<void> {
  await checkVcpus({
    runners: [{ instanceType: name, vcpus }, ...(targetRunner ? [targetRunner] : [])],
    field: 'helper.instanceType',
    fix: 'Have the quota raised, name a smaller type for the helper, or use another strategy',
    // Where another strategy will do, none is taken that cannot start now.
    whenInUse: request.strategy === 'auto' ? 'error' : 'warning',
    findings,
  });
}

/** What the volumes can take together at their best, MB/s. */
function volumesMBps(disks: readonly PlannedDisk[]): number {
  const mibps = disks.reduce((sum, disk) => sum + throughputOf(disk).peakMiBps, 0);
  return (mibps * BYTES_PER_MIB) / BYTES_PER_MB;
}
