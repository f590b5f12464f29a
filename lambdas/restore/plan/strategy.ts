import type { PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import { type RestoreRequest, shown } from '../../../core/model/request.ts';
import { Findings } from './findings.ts';
import { type HelperFacts, planHelper } from './helper.ts';
import { isTooLargeToUpload, planUploadStrategy, planUploads } from './upload.ts';

export type StrategyFacts = HelperFacts;

export interface StrategyPlan {
  readonly disks: readonly PlannedDisk[];
  /** Some names are an attempt's own, which is known once the restore is claimed. */
  readonly strategy: (claimed: { restoreId: string; attempt: number }) => PlannedStrategy;
}

const ASKED = 'the request asks for it';

/** Decides how the disks become volumes; undefined when the findings say why that is not possible. */
export async function planStrategy(facts: StrategyFacts): Promise<StrategyPlan | undefined> {
  switch (facts.request.strategy) {
    case 'upload':
      return withUpload(facts, ASKED);
    case 'helper':
      return withHelper(facts, ASKED);
    case 'direct':
      facts.findings.error('strategy', 'direct', 'is not there yet', 'Use upload or helper');
      return undefined;
    case 'auto':
      return chooseStrategy(facts);
  }
}

/** Upload needs least around it, so it is taken unless a disk is too large for it. */
async function chooseStrategy(facts: StrategyFacts): Promise<StrategyPlan | undefined> {
  const { request, disks, findings } = facts;
  const tooLarge = disks.filter(isTooLargeToUpload).map(({ id }) => id);
  if (tooLarge.length === 0) {
    return withUpload(facts, 'it needs no further instance, and no way from the subnet to S3');
  }
  const ofHelper = new Findings();
  const planned = await withHelper(
    { ...facts, findings: ofHelper },
    `${tooLarge.join(', ')}: strategy upload takes disks of less than 8 TiB`,
  );
  // Neither will do: both reasons are told.
  if (ofHelper.errors.length > 0) planUploads(disks, request, findings);
  findings.add(ofHelper);
  return planned;
}

async function withHelper(facts: HelperFacts, reason: string): Promise<StrategyPlan | undefined> {
  const strategy = await planHelper(facts, reason);
  return strategy && { disks: facts.disks, strategy: () => strategy };
}

function withUpload({ request, disks, findings }: StrategyFacts, reason: string): StrategyPlan {
  checkHelperUnused(request, findings);
  const uploaded = planUploads(disks, request, findings);
  return {
    disks: uploaded,
    strategy: (claimed) => planUploadStrategy(uploaded, { ...claimed, reason }),
  };
}

function checkHelperUnused({ helper }: RestoreRequest, findings: Findings): void {
  const { readBack, ...others } = helper;
  const given = { ...others, ...(readBack === 'sample' ? {} : { readBack }) };
  if (Object.values(given).every((value) => value === undefined)) return;
  findings.warning(
    'helper',
    shown(given),
    'is not used: the strategy is upload, which has no helper',
    'Ask for strategy helper, or leave it out',
  );
}
