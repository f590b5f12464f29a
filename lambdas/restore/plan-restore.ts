import { z } from 'zod';
import { LandfallError } from '../../core/model/errors.ts';
import { InvalidId, parseRestoreId, type RestoreId } from '../../core/model/ids.ts';
import type { Manifest } from '../../core/model/manifest.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import { parseRestoreRequest, type RestoreRequest, shown } from '../../core/model/request.ts';
import { planKey } from '../../core/model/restore-record.ts';
import {
  findRestorePoint,
  type Repository,
  RestorePointNotFound,
  readManifest,
} from '../../core/repository/index.ts';
import { claimRestore } from '../runtime/claim.ts';
import { readRecord, writeRecord } from '../runtime/control-bucket.ts';
import { openRepositoryAt } from '../runtime/repository.ts';
import { environment, makeStep } from '../runtime/step.ts';
import { type ChosenStrategy, chooseStrategy } from './plan/choose-strategy.ts';
import { planDisks } from './plan/disks.ts';
import { BadRequest, Findings } from './plan/findings.ts';
import { chooseLaunchImage } from './plan/launch-image.ts';
import { planTarget } from './plan/target.ts';

const inputSchema = z.object({
  executionArn: z.string(),
  executionName: z.string(),
  startedAt: z.string(),
  request: z.unknown(),
});

/**
 * Locates the restore point, checks all that can be known, decides everything, claims the restore and writes the
 * plan. Nothing is created in EC2 or S3 before this has succeeded.
 * @throws BadRequest with everything that is wrong
 */
export const handler = makeStep(inputSchema, async (input) => {
  const request = parseOrRefuse(input.request);
  const restoreId = restoreIdOf(request, input.executionName);
  const repositoryUrl = request.repository ?? environment().REPOSITORY_URL;
  const findings = new Findings();
  const located = await locate(repositoryUrl, request);
  const decided = await decide(located.manifest, request, findings);
  const attempt = await claimRestore({
    restoreId,
    executionArn: input.executionArn,
    onFailure: request.onFailure,
  });
  const { workload, time } = located.manifest;
  const plan: Plan = {
    restoreId,
    attempt,
    executionArn: input.executionArn,
    startedAt: new Date(input.startedAt).toISOString(),
    plannedAt: new Date().toISOString(),
    repository: repositoryUrl,
    restorePoint: located.id,
    restorePointTime: time,
    workload: {
      name: workload.name,
      kind: workload.kind,
      platform: workload.platform,
      ...(workload.operatingSystem === undefined ? {} : { operatingSystem: workload.operatingSystem }),
    },
    strategy: decided.strategy({ restoreId, attempt }),
    target: decided.target,
    disks: decided.disks,
    warnings: findings.warnings,
    ...(request.reason === undefined ? {} : { reason: request.reason }),
    onFailure: request.onFailure,
  };
  const { disks, strategy, target } = await writePlanOnce(plan);
  return {
    restoreId,
    attempt,
    strategy: strategy.name,
    disks: disks.map(({ id }) => ({ diskId: id })),
    launchImage: target.launchImage.kind,
    powerOn: target.powerOn,
  };
});

function parseOrRefuse(input: unknown): RestoreRequest {
  const parsed = parseRestoreRequest(input);
  if (!parsed.ok) throw new BadRequest(parsed.findings);
  return parsed.request;
}

function restoreIdOf(request: RestoreRequest, executionName: string): RestoreId {
  if (request.restoreId !== undefined) return request.restoreId;
  try {
    return parseRestoreId(executionName);
  } catch (error) {
    if (!(error instanceof InvalidId)) throw error;
    throw new BadRequest([
      {
        severity: 'error',
        field: 'restoreId',
        value: 'nothing',
        problem: `the execution’s name "${executionName}" is no restoreId (1 to 64 of A-Z a-z 0-9 _ -)`,
        fix: 'Give restoreId, or another execution name',
      },
    ]);
  }
}

interface Located {
  readonly id: string;
  readonly manifest: Manifest;
}

async function locate(repositoryUrl: string, request: RestoreRequest): Promise<Located> {
  let repository: Repository | undefined;
  try {
    repository = await openRepositoryAt(repositoryUrl);
    const id = await findRestorePoint(repository, selectorOf(request));
    return { id, manifest: await readManifest(repository, id) };
  } catch (error) {
    const isAboutRequest = !repository || error instanceof RestorePointNotFound;
    if (!isAboutRequest || !(error instanceof LandfallError) || error.retryable) throw error;
    throw new BadRequest([
      {
        severity: 'error',
        field: repository ? 'restorePoint' : 'repository',
        value: repository ? shown(request.restorePoint) : repositoryUrl,
        problem: error.message,
        fix: repository ? 'List what there is with "landfall points"' : 'Give the repository’s s3:// URL',
      },
    ]);
  }
}

function selectorOf({ restorePoint }: RestoreRequest): Parameters<typeof findRestorePoint>[1] {
  if (typeof restorePoint === 'string') return { id: restorePoint };
  const { workload, at } = restorePoint;
  return { workload, at: at === 'latest' ? 'latest' : new Date(at) };
}

type Decided = Pick<Plan, 'target' | 'disks'> & Pick<ChosenStrategy, 'strategy'>;

async function decide(manifest: Manifest, request: RestoreRequest, findings: Findings): Promise<Decided> {
  const { workload } = manifest;
  if (workload.kind !== 'ec2') {
    findings.error(
      'restorePoint',
      workload.name,
      `the machine is of kind ${workload.kind}; only backups of EC2 instances become instances so far`,
      'Get its disks with "landfall restore --to FILE_OR_DEVICE"',
    );
  }
  const launchImage = await chooseLaunchImage(workload, request, findings);
  const rootDeviceName = launchImage?.rootDeviceName ?? workload.rootDeviceName ?? '/dev/sda1';
  const planned = planDisks(manifest, request, { rootDeviceName, findings });
  const facts = { workload, request, launchImage, diskCount: planned.length, findings };
  const { target, subnet } = await planTarget(facts);
  const choice = await chooseStrategy({ request, manifest, disks: planned, targetSubnet: subnet });
  findings.add(choice.findings);
  findings.throwErrors();
  const { chosen } = choice;
  if (!target || !chosen) throw new TypeError('not everything was decided, and no finding says why');
  return { target, disks: [...chosen.disks], strategy: chosen.strategy };
}

/** A step that runs twice must not change its mind: the first plan stands, and is returned. */
async function writePlanOnce(plan: Plan): Promise<Plan> {
  const key = planKey(plan.restoreId, plan.attempt);
  const stored = await readRecord(key, planSchema);
  if (stored) return stored.value;
  await writeRecord(key, plan, { replaces: 'nothing' });
  return plan;
}
