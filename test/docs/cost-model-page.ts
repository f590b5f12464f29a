import {
  directFloorSeconds,
  estimateDirect,
  estimateHelper,
  estimateUpload,
} from '../../core/model/cost-model.ts';
import { type Estimate, tellDuration, tellUsd } from '../../core/model/estimate.ts';
import {
  FIGURES_OF,
  type Figure,
  OTHER_VCPU_HOUR_USD,
  PRICE_REGION,
  PRICES,
  SPEEDS,
  VCPU_HOUR_USD,
  WEIGHTS,
} from '../../core/model/prices-and-speeds.ts';

const GIB = 1024 ** 3;
const TIB = 1024 ** 4;

function tableOf(figures: Readonly<Record<string, Figure>>): string {
  const rows = Object.values(figures).map(
    ({ what, value, unit, basis, source }) =>
      `| ${what} | ${numberOf(value)}${unit === '' ? '' : ` ${unit}`} | ${basis} | ${source} |`,
  );
  return ['| what | value | rests on | source |', '|---|---|---|---|', ...rows].join('\n');
}

const numberOf = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 12 });

/** One TiB, every block of it written, as each strategy would do it. */
function workedExample(): string {
  const disk = { sizeBytes: TIB, writtenBytes: TIB };
  const work = { conversion: 'none', target: 'instance' } as const;
  const helperHourUsd = 4 * (VCPU_HOUR_USD.c8gb ?? 0);
  const examples: [string, Estimate][] = [
    ['upload', estimateUpload({ ...work, disks: [{ ...disk, batchBytes: 16 * GIB, partBytes: GIB }] })],
    [
      'helper, a c8gb.xlarge, volume of 125 MiB/s',
      estimateHelper({
        ...work,
        disks: [{ ...disk, volumeMibps: 125 }],
        helperMBps: 781.25,
        helperHourUsd,
        passes: 1,
      }),
    ],
    [
      'direct',
      estimateDirect({
        ...work,
        disks: [{ ...disk, batchBytes: 16 * GIB, workers: 12 }],
        accountPutsPerSecond: 5_000,
      }),
    ],
  ];
  const rows = examples.map(([name, { bootableSeconds, costUsd, costs }]) => {
    const parts = costs.filter(({ usd }) => usd >= 0.005).map(({ what, usd }) => `${what} ${tellUsd(usd)}`);
    return `| ${name} | ${tellDuration(bootableSeconds)} | ${tellUsd(costUsd)} | ${parts.join(', ')} |`;
  });
  return ['| strategy | bootable after | cost | of which |', '|---|---|---|---|', ...rows].join('\n');
}

/** The page docs/cost-model.md. */
export function costModelPage(): string {
  const floor = (directFloorSeconds({ sizeBytes: TIB, writtenBytes: TIB }) / 60).toFixed(1);
  const assumed = Object.values<Figure>(SPEEDS).filter(({ basis }) => basis === 'assumed').length;
  return `# The cost model

What \`landfall plan\` says of time and money, and what \`strategy: auto\` chooses by, comes from one model. Its figures are
in [\`core/model/prices-and-speeds.ts\`](../core/model/prices-and-speeds.ts), its arithmetic in
[\`core/model/cost-model.ts\`](../core/model/cost-model.ts). This page is drawn from them by \`node test/docs/write-docs.ts\`.

**How far to trust it.** Nothing of this has been measured with Landfall on AWS. Each figure says what it rests on:
*documented* by AWS, *measured* by somebody, *ours* (the workflow is made so), or *assumed*: ${assumed} of the speeds have no
source at all. Prices are those of ${PRICE_REGION}, ${FIGURES_OF}, before taxes and discounts; other Regions differ, often by
some tens of percent, and the model does not know them. What VM Import takes is the least certain of all.

## What is told

- **Bootable**: from the start of the restore until the instance may be started with all its disks. Starting it, and the
  machine's own boot, come on top. Of volumes alone: until they are there.
- **At full speed**: until every volume gives what it is made for. A volume that began empty (strategy helper) does at
  once. One that is made of a snapshot is filled while it is used, at a rate that AWS does not name, or at the rate of
  \`disks[].initializationRate\`.
- **Cost**: what the restore itself adds to the bill. Not in it: the restored volumes, which are the result and cost the same
  whichever way they come; the minute or two that the target runs before it is stopped; keys of KMS; data transfer, which
  is free within a Region (a NAT gateway's is not).

A restore's result holds the estimate beside what it took (\`measured\`), and \`landfall show\` tells both.

## How it is reckoned

*D* is what is not zero on a disk (\`writtenBlocks\` of the restore point times 512 KiB), *S* its size.

- **direct**: D / 512 KiB puts; at most ${numberOf(SPEEDS.snapshotPutsPerSecond.value)} a second to one snapshot, of which the limiter gets
  ${SPEEDS.reachedShare.value * 100}% through, and for all disks together no more than the account may. One full TiB is 2,097,152 puts and takes
  ${floor} minutes at the very least. Then the snapshots are completed, and volumes made of them.
- **helper**: it comes up, writes D of all disks side by side, through the slowest of the volumes or through itself
  (once more with \`readBack: all\`), and the volumes are detached.
- **upload**: Lambdas upload S in batches, ${SPEEDS.batchesAtOnce.value} of a disk at once; VM Import imports each object; volumes are made. Parts that
  are all zero are copied instead of sent, which the model does not know: it counts them as sent.
- **Machines from elsewhere**: ImportImage comes on top, and its volumes come from the image's snapshots, whatever
  wrote them.
- ${SPEEDS.disksAtOnce.value} disks go at once. Beside them the target is launched and stopped: whatever takes longer counts.

## A worked example

One disk of one TiB, every block of it not zero:

${workedExample()}

## Prices

${tableOf(PRICES)}

The helper, On-Demand with Linux, by vCPU and hour within its family; AWS's Price List API as of 2026-07-20, as
Karpenter's repository keeps it (\`aws/karpenter-provider-aws\`, pkg/providers/pricing). Any other family is taken for
${OTHER_VCPU_HOUR_USD} (assumed).

| family | USD a vCPU and hour |
|---|---|
${Object.entries(VCPU_HOUR_USD)
  .map(([family, usd]) => `| ${family} | ${usd} |`)
  .join('\n')}

## Speeds

${tableOf(SPEEDS)}

What volumes and instance types move is EC2's own answer where it gives one; the tables are in
[\`lambdas/restore/plan\`](../lambdas/restore/plan) (\`volume-throughput.ts\`, \`helper-types.ts\`).

## What auto makes of it

It counts time as money and takes the least: the cost, plus what the times are worth.

${tableOf(WEIGHTS)}

Of strategies that come out alike it takes the simpler one: direct, then upload, then helper.
[choosing-a-strategy.md](choosing-a-strategy.md) shows what that comes to.
`;
}
