import { paginateDescribeInstances } from '@aws-sdk/client-ec2';
import { ec2 } from '../../runtime/ec2.ts';
import { askQuota } from '../../runtime/service-quotas.ts';
import type { Findings } from './findings.ts';

/** An instance that a restore launches: what it takes of the quota of its class. */
export interface Runner {
  readonly instanceType: string;
  readonly vcpus: number;
}

interface VcpuFacts {
  /** All that run at the same time. */
  readonly runners: readonly Runner[];
  /** Whose fault it is, if it is too much. */
  readonly field: string;
  readonly fix: string;
  /** What it is when there is room in the quota, but not beside what runs now: that may end. */
  readonly whenInUse: 'error' | 'warning';
  readonly findings: Findings;
}

// Amazon EC2 User Guide, "Amazon EC2 service quotas": On-Demand Instances count by vCPU, in classes of families.
const STANDARD = { code: 'L-1216C47A', families: /^([acdhimrtz]|im|is)\d/ };
const CLASSES = [
  STANDARD,
  { code: 'L-DB2E81BA', families: /^(g|gr|vt)\d/ },
  { code: 'L-417A185B', families: /^p\d/ },
  { code: 'L-7295265B', families: /^x\d/ },
  { code: 'L-74FC7D96', families: /^f\d/ },
  { code: 'L-1945791B', families: /^inf\d/ },
  { code: 'L-2C3B7624', families: /^trn\d/ },
  { code: 'L-6E869C2A', families: /^dl\d/ },
  { code: 'L-F7808C92', families: /^hpc\d/ },
  { code: 'L-43DA4232', families: /^u(-|\d)/ },
] as const;

const classOf = (instanceType: string) => CLASSES.find(({ families }) => families.test(instanceType));

/** Whether it counts against the quota that most types share, and all that a helper may be. */
export const isStandard = (instanceType: string): boolean => STANDARD.families.test(instanceType);

/** Holds the vCPUs of what is launched together against the account's quotas of On-Demand Instances. */
export async function checkVcpus({ runners, ...facts }: VcpuFacts): Promise<void> {
  for (const { code, families } of CLASSES) {
    const some = runners.filter(({ instanceType }) => families.test(instanceType));
    if (some.length > 0) await checkClass(code, { ...facts, runners: some });
  }
}

async function checkClass(code: string, facts: VcpuFacts): Promise<void> {
  const { runners, field, fix, whenInUse, findings } = facts;
  const quota = await askQuota({ service: 'ec2', code });
  const names = runners.map(({ instanceType, vcpus }) => `${instanceType} ${vcpus}`).join(', ');
  if (quota.kind === 'unknown') {
    findings.notKnown(`whether the account may run ${names} vCPUs more (quota ${code})`, quota.why);
    return;
  }
  const needed = runners.reduce((sum, { vcpus }) => sum + vcpus, 0);
  const value = runners.map(({ instanceType }) => instanceType).join(', ');
  const allowed = `the account may run ${quota.value} at once (quota ${code})`;
  const needs = runners.length === 1 ? `has ${needed} vCPUs` : `have ${needed} vCPUs together (${names})`;
  if (needed > quota.value) {
    findings.error(field, value, `${needs}, ${allowed}`, fix);
    return;
  }
  const used = await vcpusInUse(code);
  if (used + needed <= quota.value) return;
  findings[whenInUse](field, value, `${needs}, ${allowed}, and ${used} are in use`, fix);
}

const MOST_PAGES = 20;

/** Of instances of the class that run, or are on the way to it. */
async function vcpusInUse(code: string): Promise<number> {
  const pages = paginateDescribeInstances(
    { client: ec2, pageSize: 1_000 },
    { Filters: [{ Name: 'instance-state-name', Values: ['pending', 'running'] }] },
  );
  let used = 0;
  let seen = 0;
  for await (const { Reservations = [] } of pages) {
    for (const { InstanceType = '', CpuOptions } of Reservations.flatMap(({ Instances = [] }) => Instances)) {
      if (classOf(InstanceType)?.code !== code) continue;
      used += (CpuOptions?.CoreCount ?? 0) * (CpuOptions?.ThreadsPerCore ?? 1);
    }
    seen += 1;
    // Twenty thousand instances: whoever has so many knows the quota.
    if (seen === MOST_PAGES) break;
  }
  return used;
}
