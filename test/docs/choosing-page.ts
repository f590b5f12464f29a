import { type Estimate, tellDuration, tellUsd } from '../../core/model/estimate.ts';
import { type Manifest, manifestSchema } from '../../core/model/manifest.ts';
import { type PlannedDisk, plannedDiskSchema } from '../../core/model/plan.ts';
import { WEIGHTS } from '../../core/model/prices-and-speeds.ts';
import { restoreRequestSchema } from '../../core/model/request.ts';
import { batchSegments } from '../../lambdas/restore/direct/batch-size.ts';
import { fairShare } from '../../lambdas/restore/direct/workers.ts';
import { bestStrategy, type Candidate } from '../../lambdas/restore/plan/best-strategy.ts';
import {
  estimateOfDirect,
  estimateOfHelper,
  estimateOfUpload,
} from '../../lambdas/restore/plan/estimates.ts';
import { chooseHelperType } from '../../lambdas/restore/plan/helper-choice.ts';
import { HELPER_TYPES } from '../../lambdas/restore/plan/helper-types.ts';
import { planParts } from '../../lambdas/restore/plan/upload.ts';
import { throughputOf } from '../../lambdas/restore/plan/volume-throughput.ts';

const GIB = 1024 ** 3;
const MB_PER_MIB = 1024 ** 2 / 1e6;

interface Machine {
  readonly what: string;
  /** In GiB; throughput in MiB/s, 125 where absent. */
  readonly disks: readonly {
    readonly size: number;
    readonly written: number;
    readonly throughput?: number;
  }[];
  /** PutSnapshotBlock calls a second that the account may make; 5,000 where absent. */
  readonly puts?: number;
}

const MACHINES: readonly Machine[] = [
  { what: 'web server: 30 GiB, 8 of them written', disks: [{ size: 30, written: 8 }] },
  {
    what: 'application: 50 GiB and 200 GiB, half written',
    disks: [
      { size: 50, written: 25 },
      { size: 200, written: 100 },
    ],
  },
  {
    what: 'database: 50 GiB, and 1 TiB, 600 GiB of it written, on default gp3 (125 MiB/s)',
    disks: [
      { size: 50, written: 20 },
      { size: 1_024, written: 600 },
    ],
  },
  {
    what: 'the same, its data on gp3 with 500 MiB/s',
    disks: [
      { size: 50, written: 20 },
      { size: 1_024, written: 600, throughput: 500 },
    ],
  },
  {
    what: 'file server: 100 GiB, and four disks of 2 TiB, 60% written',
    disks: [
      { size: 100, written: 40 },
      ...Array.from({ length: 4 }, () => ({ size: 2_048, written: 1_229 })),
    ],
  },
  {
    what: 'the same, where the account may put 1,000 blocks a second',
    disks: [
      { size: 100, written: 40 },
      ...Array.from({ length: 4 }, () => ({ size: 2_048, written: 1_229 })),
    ],
    puts: 1_000,
  },
  { what: 'archive: one disk of 16 TiB, half written', disks: [{ size: 16_384, written: 8_192 }] },
];

const request = restoreRequestSchema.parse({ restorePoint: { workload: 'example' } });

function manifestOf({ disks }: Machine): Manifest {
  return manifestSchema.parse({
    format: 1,
    workload: { name: 'example', kind: 'ec2', platform: 'linux', architecture: 'x86_64' },
    time: '2026-01-01T00:00:00.000Z',
    disks: disks.map(({ size, written }, order) => ({
      id: `disk${order}`,
      size: size * GIB,
      order,
      boot: order === 0,
      object: '0'.repeat(64),
      diskDigest: '0'.repeat(64),
      writtenDigest: '0'.repeat(64),
      writtenBlocks: (written * GIB) / (512 * 1024),
      segmentBytes: GIB,
    })),
  });
}

const plannedOf = ({ disks }: Machine): PlannedDisk[] =>
  disks.map(({ size, throughput }, order) =>
    plannedDiskSchema.parse({
      id: `disk${order}`,
      boot: order === 0,
      size: size * GIB,
      volumeGiB: size,
      segmentBytes: GIB,
      segmentCount: size,
      deviceName: '/dev/sda1',
      volumeType: 'gp3',
      ...(throughput === undefined ? {} : { throughput }),
      encrypted: false,
      deleteOnTermination: true,
      tags: {},
    }),
  );

/** What the plan would say of a machine, each strategy by the plan's own code. */
function candidatesOf(machine: Machine): Candidate[] {
  const manifest = manifestOf(machine);
  const disks = plannedOf(machine);
  const facts = { request, manifest };
  const accountPutsPerSecond = machine.puts ?? 5_000;
  const restore = { disks, accountPutsPerSecond };
  const direct = disks.map((disk) => ({
    ...disk,
    direct: { batchSegments: batchSegments(disk, fairShare(disk, restore)) },
  }));
  const uploaded = disks.map((disk) => ({ ...disk, upload: { objectKey: disk.id, ...planParts(disk) } }));
  const volumesMBps = disks.reduce((sum, disk) => sum + throughputOf(disk).peakMiBps * MB_PER_MIB, 0);
  const helper = chooseHelperType([...HELPER_TYPES.values()], { disks: disks.length, volumesMBps });
  if (!helper) throw new Error(`no helper for ${machine.what}`);
  const isTooLarge = machine.disks.some(({ size }) => size >= 8_192);
  const candidate = (name: Candidate['name'], estimate: Estimate): Candidate => ({
    name,
    estimate,
    problems: [],
  });
  return [
    candidate('direct', estimateOfDirect(direct, { ...facts, accountPutsPerSecond })),
    isTooLarge
      ? { name: 'upload', estimate: undefined, problems: ['a disk of 8 TiB or more'] }
      : candidate('upload', estimateOfUpload(uploaded, facts)),
    candidate('helper', estimateOfHelper(disks, { ...facts, type: helper.best })),
  ];
}

function rowOf(machine: Machine): string {
  const candidates = candidatesOf(machine);
  const best = bestStrategy(candidates);
  const cells = candidates.map(({ name, estimate }) => {
    if (!estimate) return 'not possible';
    const { bootableSeconds, fullSpeedSeconds, costUsd } = estimate;
    const full =
      tellDuration(fullSpeedSeconds) === tellDuration(bootableSeconds)
        ? ''
        : ` (${tellDuration(fullSpeedSeconds)})`;
    const told = `${tellDuration(bootableSeconds)}${full}, ${tellUsd(costUsd)}`;
    return name === best?.name ? `**${told}**` : told;
  });
  return `| ${machine.what} | ${cells.join(' | ')} |`;
}

/** The page docs/choosing-a-strategy.md. */
export function choosingPage(): string {
  return `# Choosing a strategy

Three ways lead from a restore point to volumes. \`strategy: auto\`, the default, takes the one that comes out best by the
[cost model](cost-model.md) among those that are possible, and says why, with figures. \`landfall plan\` shows all three
for your machine before anything is created. This page is drawn by \`node test/docs/write-docs.ts\`; no figure on it has been
measured on AWS.

| | [direct](direct.md) | [helper](helper.md) | [upload](restore.md) |
|---|---|---|---|
| how | Lambdas write every block that is not zero into EBS snapshots | a small temporary instance writes empty volumes | Lambdas upload RAW objects, VM Import imports them |
| what it needs | nothing around it | a subnet in the target's zone with a way to S3, and vCPUs | nothing around it |
| volumes | usable at once, filled as they are read | at full speed at once | usable at once, filled as they are read |
| speed | up to 500 MiB/s a disk | what the volumes take, side by side | slow: VM Import's pace |
| price | $12.58 for each TiB that is not zero | cents | cents, and a dollar for a large disk |
| limits | 64 TiB a disk; the account's puts a second | 64 TiB a disk; disks that one instance takes | less than 8 TiB a disk; 20 imports at once in the account |

## When which

- **Leave it to auto** unless one of these holds.
- **helper** for many or large disks where a dollar matters more than an hour; where the machine must be at full speed when
  it boots (databases); where volumes have throughput provisioned, which it uses.
- **direct** where nothing but the restored machine may run, where the subnet has no way to S3, or where a machine is
  wanted as soon as possible whatever its volumes are like. Give \`disks[].initializationRate\` to have them filled at a known
  rate.
- **upload** where neither will do: it needs least, and takes longest. Encrypted disks of machines from elsewhere go this way.

What keeps a strategy from being possible is found by the plan and told with it: no route to S3, a disk of 8 TiB for
upload, more disks than an instance takes, quotas.

## What it takes and costs

Bootable after; in parentheses at full speed after, where that is later: a guess, because AWS names no rate at which a
volume is filled from its snapshot. In bold what auto takes. Default gp3 volumes, a Region with 5,000 puts a second for an
account (1,000 outside the five largest), the helper that the plan would choose.

| machine | direct | upload | helper |
|---|---|---|---|
${MACHINES.map(rowOf).join('\n')}

## How auto decides

It adds to a strategy's cost ${tellUsd(WEIGHTS.bootableHour.value)} for every hour until the machine can boot, and ${tellUsd(WEIGHTS.slowHour.value)} for every further hour until its
volumes are at full speed, and takes the least. Differences below ${tellUsd(WEIGHTS.tie.value)} (three minutes) count as none: then the simpler one
is taken, direct before upload before helper. If your hour is worth more or less, name the strategy.
`;
}
