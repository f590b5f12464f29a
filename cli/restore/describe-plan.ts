import { type Estimate, tellDuration, tellUsd } from '../../core/model/estimate.ts';
import type { PlanReport, StrategyReport } from '../../core/model/plan-report.ts';
import { describeFinding } from '../../core/model/request.ts';
import { renderTable } from '../table.ts';
import { formatBytes, formatCount, formatDuration } from '../units.ts';

/** The plan in lines: what keeps from it first, then what it takes, then what it makes. */
export function describePlan(report: PlanReport): string[] {
  const sections = [
    factLines(report),
    findingLines(report),
    strategyLines(report),
    targetLines(report),
    resourceLines(report),
    [conclusion(report)],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

const factLine = (name: string, value: string): string => `${name.padEnd(14)} ${value}`;

function factLines({ restorePoint, restorePointTime, workload, repository, disks }: PlanReport): string[] {
  const size = (of: 'sizeBytes' | 'writtenBytes') =>
    formatBytes(disks.reduce((sum, disk) => sum + disk[of], 0));
  return [
    ...(workload
      ? [factLine('workload', `${workload.name} (${workload.kind}), as of ${restorePointTime}`)]
      : []),
    ...(restorePoint ? [factLine('restore point', restorePoint)] : []),
    ...(repository ? [factLine('repository', repository)] : []),
    ...(disks.length > 0
      ? [factLine('disks', `${disks.length}, ${size('sizeBytes')}, ${size('writtenBytes')} of it not zero`)]
      : []),
  ];
}

function findingLines({ findings, notKnown }: PlanReport): string[] {
  const counted = (severity: 'error' | 'warning') => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [formatCount(count, severity)];
  };
  const counts = [...counted('error'), ...counted('warning')];
  return [
    ...(counts.length > 0 ? [`${counts.join(', ')}:`] : []),
    ...findings.map((finding) => factLine(finding.severity, describeFinding(finding))),
    ...notKnown.map(({ what, why }) => factLine('not known', `${what}: ${why}`)),
  ];
}

function strategyLines({ strategy, strategies, prices, region }: PlanReport): string[] {
  if (strategies.length === 0) return [];
  const rows = strategies.map((each) => strategyRow(each, strategy?.name));
  const chosen = strategies.find(({ name }) => name === strategy?.name)?.estimate;
  const elsewhere =
    region === prices.region ? '' : `; ${region} has prices of its own, often some tens of percent higher`;
  return [
    ...renderTable(['STRATEGY', 'BOOTABLE', 'AT FULL SPEED', 'COST', ''], rows),
    ...(strategy ? [factLine('chosen', `${strategy.name}: ${strategy.reason}`)] : []),
    ...(chosen ? costLines(chosen) : []),
    factLine(
      'estimates',
      `from the model in docs/cost-model.md, prices of ${prices.region}, ${prices.of}${elsewhere}`,
    ),
  ];
}

function strategyRow({ name, estimate, findings }: StrategyReport, chosen: string | undefined): string[] {
  if (estimate === undefined) {
    const [problem] = findings.filter(({ severity }) => severity === 'error');
    return [name, '-', '-', '-', problem ? `not possible: ${describeFinding(problem)}` : 'not possible'];
  }
  const { bootableSeconds, fullSpeedSeconds, fullSpeed, costUsd } = estimate;
  const bootable = tellDuration(bootableSeconds);
  const full = tellDuration(fullSpeedSeconds);
  const guess = fullSpeed === 'assumed' && full !== bootable ? ' (a guess)' : '';
  return [name, bootable, `${full}${guess}`, tellUsd(costUsd), name === chosen ? 'chosen' : ''];
}

/** What the time goes into, and what the money: parts that matter. */
function costLines({ phases, costs, costUsd }: Estimate): string[] {
  const told = (what: string, amount: string) => `${what} ${amount}`;
  const parts = costs.filter(({ usd }) => usd >= 0.005 && usd >= costUsd / 100);
  return [
    factLine('time', phases.map(({ what, seconds }) => told(what, formatDuration(seconds))).join(', ')),
    ...(parts.length > 0
      ? [factLine('cost', parts.map(({ what, usd }) => told(what, tellUsd(usd))).join(', '))]
      : []),
  ];
}

function targetLines({ target, volumesOnly, original }: PlanReport): string[] {
  if (original) {
    const { instanceId, name, instanceType, availabilityZone, replaced, powerOn } = original;
    return [
      factLine('original', `${instanceId}, "${name}", ${instanceType} in ${availabilityZone}`),
      ...replaced.map(({ diskId, volumeId, deviceName }) =>
        factLine('replaced', `${volumeId} (${deviceName}) by disk ${diskId}; detached and kept`),
      ),
      powerLine(powerOn),
    ];
  }
  if (volumesOnly) {
    const { name, availabilityZone } = volumesOnly;
    return [factLine('volumes alone', `"${name}" in ${availabilityZone}, left available; no instance`)];
  }
  if (target === undefined) return [];
  const { name, instanceType, subnetId, availabilityZone, securityGroupIds, launchImage } = target;
  return [
    factLine('instance', `"${name}", ${instanceType} in ${subnetId} (${availabilityZone})`),
    ...(target.otherInstanceTypes?.length
      ? [factLine('else', `${target.otherInstanceTypes.join(', ')}, where EC2 has no room`)]
      : []),
    factLine('groups', securityGroupIds.join(', ')),
    ...(target.privateIpAddress === undefined ? [] : [factLine('address', target.privateIpAddress)]),
    ...(target.keyName === undefined ? [] : [factLine('key pair', target.keyName)]),
    ...(target.iamInstanceProfile === undefined ? [] : [factLine('profile', target.iamInstanceProfile)]),
    factLine('launch image', launchImage),
    powerLine(target.powerOn),
  ];
}

const powerLine = (powerOn: boolean): string =>
  factLine('power', powerOn ? 'started, its status checks are waited for' : 'left stopped');

const AFTERWARDS = { result: 'remains', record: 'remains', temporary: 'removed' } as const;

function resourceLines({ resources }: PlanReport): string[] {
  if (resources.length === 0) return [];
  const rows = resources.map(({ kind, diskId, what, role }) => [AFTERWARDS[role], kind, diskId ?? '', what]);
  return renderTable(['IN THE END', 'MAKES', 'DISK', 'WHAT'], rows);
}

const conclusion = ({ possible }: PlanReport): string =>
  possible
    ? 'Nothing has been created. "landfall restore" with the same flags does it.'
    : 'Nothing has been created. A restore would be refused: mend the errors above.';
