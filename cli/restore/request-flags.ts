import { z } from 'zod';
import { readBackSchema } from '../../core/model/helper.ts';
import {
  describeFinding,
  parseRestoreRequest,
  type RestoreRequestInput,
  restoreRequestSchema,
} from '../../core/model/request.ts';
import { BadRequest } from '../errors.ts';
import type { PointChoice } from '../select-restore-point.ts';
import {
  type DiskFlags,
  fieldsOf,
  mergeDisks,
  mergeTarget,
  type TargetFlags,
  withoutAbsent,
} from './target-flags.ts';

/** Flags of `restore` that become fields of the request. */
export interface RequestFlags extends TargetFlags, DiskFlags {
  readonly restoreId?: string;
  readonly repository?: string;
  readonly strategy?: string;
  readonly volumesOnly?: boolean;
  readonly original?: boolean;
  readonly keepOnFailure?: boolean;
  readonly reason?: string;
  readonly helperType?: string;
  readonly helperSubnet?: string;
  readonly helperSecurityGroup?: readonly string[];
  readonly readBack?: string;
}

/** A request that is well-formed; the restore point may still be "the only machine's latest". */
export interface UnresolvedRequest {
  /** What was asked for, as it goes to the state machine, without defaults. */
  readonly input: RestoreRequestInput;
  readonly pointIsOpen: boolean;
}

const objectSchema = z.looseObject({
  target: z.looseObject({}).optional(),
  helper: z.looseObject({}).optional(),
  restorePoint: z.unknown().optional(),
});

interface RequestSources {
  readonly file?: unknown;
  readonly flags: RequestFlags;
  readonly choice: PointChoice;
}

/** Puts a request file and flags together, flags first. @throws BadRequest with everything that is wrong */
export function makeRestoreRequest(sources: RequestSources): UnresolvedRequest {
  const { input, pointIsOpen } = mergeRestoreRequest(sources);
  requireGoodRequest(input);
  return { input, pointIsOpen };
}

/** Puts a request file and flags together, flags first, whatever comes out. */
export function mergeRestoreRequest({ file, flags, choice }: RequestSources): {
  readonly input: unknown;
  readonly pointIsOpen: boolean;
} {
  const parsedFile = objectSchema.safeParse(file === undefined ? {} : file);
  // What is no object is for the request's own schema to refuse.
  const base = parsedFile.success ? parsedFile.data : file;
  const isObject = typeof base === 'object' && base !== null && !Array.isArray(base);
  const merged = isObject ? merge({ ...base }, { flags, choice }) : base;
  const pointIsOpen = isObject && choice.kind === 'only' && parsedFile.data?.restorePoint === undefined;
  return { input: merged, pointIsOpen };
}

/** Only looks: what the schema would make of it holds defaults that the caller did not ask for. @throws BadRequest */
function requireGoodRequest(merged: unknown): asserts merged is RestoreRequestInput {
  const parsed = parseRestoreRequest(merged);
  if (parsed.ok) return;
  const lines = parsed.findings.map((finding) => `  ${describeFinding(finding)}`);
  throw new BadRequest(
    ['the restore request is not good:', ...lines].join('\n'),
    'docs/request.md describes the fields; "landfall restore --help" the flags.',
  );
}

function merge(
  base: z.output<typeof objectSchema> | Record<string, unknown>,
  { flags, choice }: { flags: RequestFlags; choice: PointChoice },
): Record<string, unknown> {
  const helper = withoutAbsent({
    instanceType: flags.helperType,
    subnetId: flags.helperSubnet,
    securityGroupIds: flags.helperSecurityGroup,
    readBack: flags.readBack,
  });
  return {
    ...base,
    ...withoutAbsent({
      restoreId: flags.restoreId,
      repository: flags.repository,
      strategy: flags.strategy,
      restoreTo: flags.volumesOnly ? 'volumes' : flags.original ? 'original' : undefined,
      reason: flags.reason,
      onFailure: flags.keepOnFailure ? 'keep' : undefined,
    }),
    restorePoint: selectorOf(choice) ?? base.restorePoint ?? OPEN_POINT,
    ...field('target', mergeTarget(base.target, flags)),
    ...field('disks', mergeDisks(base.disks, flags)),
    ...field('helper', { ...fieldsOf(base.helper), ...helper }),
  };
}

/** Nothing where neither the file nor a flag says anything of it. */
const field = (name: string, merged: object | undefined): Record<string, unknown> =>
  merged === undefined || Object.keys(merged).length === 0 ? {} : { [name]: merged };

/** Stands in until the repository has been asked which machine there is. */
const OPEN_POINT = { workload: 'not-known-yet' };

function selectorOf(choice: PointChoice): RestoreRequestInput['restorePoint'] | undefined {
  switch (choice.kind) {
    case 'id':
      return choice.id;
    case 'workload':
      return {
        workload: choice.workload,
        at: choice.at === 'latest' ? 'latest' : choice.at.toISOString(),
      };
    case 'only':
      return undefined;
  }
}

/** What `--strategy` and `--read-back` may say: what the request's own schema takes. */
export const strategySchema = restoreRequestSchema.shape.strategy.unwrap();
export const STRATEGIES = strategySchema.options;
export const READ_BACKS = readBackSchema.options;
const targetShape = restoreRequestSchema.shape.target.unwrap().shape;
export const CONVERSIONS = targetShape.conversion.unwrap().options;
export const LICENSE_TYPES = targetShape.licenseType.unwrap().options;
export const BOOT_MODES = targetShape.bootMode.unwrap().options;

/** Whether what a request says of a helper may matter: `auto`, the default, may take one. */
export const mayUseHelper = (strategy: RestoreRequestInput['strategy'] = 'auto'): boolean =>
  strategy === 'helper' || strategy === 'auto';
