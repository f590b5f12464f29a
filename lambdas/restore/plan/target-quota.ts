import type { Plan, PlannedDisk } from '../../../core/model/plan.ts';
import type { Findings } from './findings.ts';
import { describeInstanceType } from './instance-type.ts';
import { checkStorage } from './storage-quota.ts';
import { checkVcpus, type Runner } from './vcpu-quota.ts';

/** Holds target and volumes against the account's quotas; returns what the target takes of them while it runs. */
export async function checkTargetQuotas(
  target: Plan['target'] | undefined,
  { disks, findings }: { disks: readonly PlannedDisk[]; findings: Findings },
): Promise<Runner | undefined> {
  await checkStorage(disks, findings);
  if (target?.restoreTo !== 'new') return undefined;
  const { instanceType } = target;
  const info = await describeInstanceType(instanceType);
  const runner = { instanceType, vcpus: info?.VCpuInfo?.DefaultVCpus ?? 0 };
  await checkVcpus({
    runners: [runner],
    field: 'target.instanceType',
    fix: 'Have the quota raised, choose a smaller type, or make room for it',
    // What runs now may have ended by then.
    whenInUse: 'warning',
    findings,
  });
  return runner;
}
