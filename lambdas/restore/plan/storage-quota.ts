import { paginateDescribeVolumes } from '@aws-sdk/client-ec2';
import type { PlannedDisk } from '../../../core/model/plan.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { askQuota } from '../../runtime/service-quotas.ts';
import type { Findings } from './findings.ts';

type VolumeType = PlannedDisk['volumeType'];

/** "Storage for … volumes, in TiB", by type. */
const QUOTAS: Readonly<Record<VolumeType, string>> = {
  gp2: 'L-D18FCD1D',
  gp3: 'L-7A658B76',
  io1: 'L-FD252861',
  io2: 'L-09BD8365',
  st1: 'L-82ACEF56',
  sc1: 'L-17AF77E8',
  standard: 'L-9CF3C2EB',
};
const GIB_PER_TIB = 1_024;
const MOST_PAGES = 20;
const FIX = 'Have the quota raised, delete volumes, or choose another volume type with disks[].volumeType';

/** Holds the volumes against what the account may have of each type: EBS would refuse them only when they are made. */
export async function checkStorage(disks: readonly PlannedDisk[], findings: Findings): Promise<void> {
  const types = [...new Set(disks.map(({ volumeType }) => volumeType))];
  await Promise.all(types.map((type) => checkType(type, { disks, findings })));
}

async function checkType(
  type: VolumeType,
  { disks, findings }: { disks: readonly PlannedDisk[]; findings: Findings },
): Promise<void> {
  const code = QUOTAS[type];
  const quota = await askQuota({ service: 'ebs', code });
  const needed = disks
    .filter(({ volumeType }) => volumeType === type)
    .reduce((sum, { volumeGiB }) => sum + volumeGiB, 0);
  if (quota.kind === 'unknown') {
    findings.notKnown(
      `whether the account may have ${needed} GiB of ${type} more (quota ${code})`,
      quota.why,
    );
    return;
  }
  const allowedGiB = quota.value * GIB_PER_TIB;
  const allowed = `the account may have ${quota.value} TiB of ${type} volumes (quota ${code})`;
  if (needed > allowedGiB) {
    findings.error('disks', `${needed} GiB of ${type}`, allowed, FIX);
    return;
  }
  const used = await gibInUse(type);
  if (used + needed <= allowedGiB) return;
  findings.warning('disks', `${needed} GiB of ${type}`, `${allowed} and has ${used} GiB of them`, FIX);
}

async function gibInUse(type: VolumeType): Promise<number> {
  const pages = paginateDescribeVolumes(
    { client: ec2, pageSize: 500 },
    { Filters: [{ Name: 'volume-type', Values: [type] }] },
  );
  let used = 0;
  let seen = 0;
  for await (const { Volumes = [] } of pages) {
    used += Volumes.reduce((sum, { Size = 0 }) => sum + Size, 0);
    seen += 1;
    // Ten thousand volumes: whoever has so many knows the quota.
    if (seen === MOST_PAGES) break;
  }
  return used;
}
