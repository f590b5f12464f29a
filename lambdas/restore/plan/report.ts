import type { Estimate } from '../../../core/model/estimate.ts';
import type { LaunchImage, Plan, PlannedDisk, PlannedTarget } from '../../../core/model/plan.ts';
import type { PlanReport, StrategyReport } from '../../../core/model/plan-report.ts';
import { FIGURES_OF, PRICE_REGION } from '../../../core/model/prices-and-speeds.ts';
import type { RequestFinding } from '../../../core/model/request.ts';
import { environment } from '../../runtime/step.ts';
import type { Located } from './locate.ts';
import type { LookedAt } from './look-at.ts';
import { resourcesOf } from './resources.ts';
import type { StrategyOption } from './strategy.ts';

const BLOCK_BYTES = 512 * 1_024;
// A state of the machine holds 256 KiB: who has more mistakes than that in one request mends these first.
const MOST_FINDINGS = 250;

/** What a dry run answers: everything that a restore would do, and everything that keeps it from that. */
export function reportOf(looked: LookedAt): PlanReport {
  const { located, decision, findings } = looked;
  const { target, conversion } = decision ?? {};
  const chosen = decision?.choice.chosen;
  const all = [...findings.errors, ...findings.warnings];
  return {
    version: 1,
    plannedAt: new Date().toISOString(),
    region: environment().AWS_REGION,
    possible: findings.errors.length === 0,
    repository: looked.repositoryUrl,
    ...(located === undefined ? {} : factsOf(located)),
    findings: cut(all),
    notKnown: [...findings.allNotKnown],
    ...(chosen === undefined ? {} : { strategy: { name: chosen.name, reason: chosen.reason } }),
    strategies: (decision?.choice.options ?? []).map(strategyReport),
    ...(target === undefined ? {} : madeOf(target)),
    disks: located && chosen ? chosen.disks.map((disk) => diskReport(disk, located)) : [],
    resources:
      target && conversion && chosen
        ? resourcesOf({ ...chosen, target, conversion, strategy: chosen.strategy(NOBODY) })
        : [],
    prices: { region: PRICE_REGION, of: FIGURES_OF },
  };
}

/** Stands for the restore that a dry run does not claim. */
const NOBODY = { restoreId: 'not-started', attempt: 1 };

function cut(findings: readonly RequestFinding[]): RequestFinding[] {
  if (findings.length <= MOST_FINDINGS) return [...findings];
  const more = findings.length - MOST_FINDINGS + 1;
  return [
    ...findings.slice(0, MOST_FINDINGS - 1),
    {
      severity: 'error',
      field: 'request',
      value: `${findings.length} findings`,
      problem: `${more} more are not told`,
      fix: 'Mend these first',
    },
  ];
}

function factsOf({ id, manifest: { time, workload } }: Located) {
  return {
    restorePoint: id,
    restorePointTime: time,
    workload: { name: workload.name, kind: workload.kind },
  };
}

const strategyReport = ({ name, plan, findings }: StrategyOption): StrategyReport => ({
  name,
  ...(plan === undefined ? {} : { estimate: rounded(plan.estimate) }),
  findings: [...findings.errors, ...findings.warnings],
});

/** To whole seconds and hundredths of a cent: nobody knows it more exactly. */
function rounded(estimate: Estimate): Estimate {
  const cents = (usd: number): number => Math.round(usd * 10_000) / 10_000;
  return {
    ...estimate,
    bootableSeconds: Math.round(estimate.bootableSeconds),
    fullSpeedSeconds: Math.round(estimate.fullSpeedSeconds),
    costUsd: cents(estimate.costUsd),
    costs: estimate.costs.map(({ what, usd }) => ({ what, usd: cents(usd) })),
    phases: estimate.phases.map(({ what, seconds }) => ({ what, seconds: Math.round(seconds) })),
  };
}

/** What the disks become. */
function madeOf(target: Plan['target']): Pick<PlanReport, 'target' | 'volumesOnly' | 'original'> {
  if (target.restoreTo === 'new') return { target: targetReport(target) };
  if (target.restoreTo === 'original') {
    const { restoreTo, sourceName, tags, ...original } = target;
    return { original };
  }
  const { name, availabilityZone } = target;
  return { volumesOnly: { name, availabilityZone } };
}

function targetReport(target: PlannedTarget): NonNullable<PlanReport['target']> {
  const { privateIpAddress, keyName, iamInstanceProfile } = target;
  return {
    name: target.name,
    instanceType: target.instanceType,
    ...(target.otherInstanceTypes.length === 0 ? {} : { otherInstanceTypes: target.otherInstanceTypes }),
    subnetId: target.subnetId,
    availabilityZone: target.availabilityZone,
    securityGroupIds: target.securityGroupIds,
    ...(privateIpAddress === undefined ? {} : { privateIpAddress }),
    ...(keyName === undefined ? {} : { keyName }),
    ...(iamInstanceProfile === undefined ? {} : { iamInstanceProfile }),
    powerOn: target.powerOn,
    launchImage: tellLaunchImage(target.launchImage),
  };
}

function tellLaunchImage(image: LaunchImage): string {
  const which = image.kind === 'existing' ? image.imageId : image.kind;
  return `${which}: ${image.reason}`;
}

function diskReport(disk: PlannedDisk, { manifest }: Located): PlanReport['disks'][number] {
  const { iops, throughput, kmsKeyId, initializationRate } = disk;
  const writtenBlocks = manifest.disks.find(({ id }) => id === disk.id)?.writtenBlocks ?? 0;
  return {
    id: disk.id,
    boot: disk.boot,
    sizeBytes: disk.size,
    // The last block of a disk may be a part of one.
    writtenBytes: Math.min(disk.size, writtenBlocks * BLOCK_BYTES),
    deviceName: disk.deviceName,
    volumeType: disk.volumeType,
    volumeGiB: disk.volumeGiB,
    ...(iops === undefined ? {} : { iops }),
    ...(throughput === undefined ? {} : { throughput }),
    encrypted: disk.encrypted,
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    ...(initializationRate === undefined ? {} : { initializationRate }),
  };
}
