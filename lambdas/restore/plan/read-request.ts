import type { z } from 'zod';
import {
  parseRestoreRequest,
  type RequestFinding,
  type RestoreRequest,
  restoreRequestSchema,
} from '../../../core/model/request.ts';

export interface ReadRequest {
  /** The request without what is wrong in it; undefined where nothing can be made of it. */
  readonly request: RestoreRequest | undefined;
  readonly findings: readonly RequestFinding[];
  /** Whether it says which restore point is meant. */
  readonly namesRestorePoint: boolean;
}

const STAND_IN_POINT = { workload: 'unreadable' };
/** Stands for the id of a disk entry that names none, so that the other entries keep their places. */
export const isStandInDisk = (id: string): boolean => /^unreadable\.\d+$/.test(id);
// Each round takes away what the one before found; what is wrong under something wrong shows only then.
const MOST_ROUNDS = 5;

/** Reads a request as far as that is possible, so that the rest of it can be looked at as well. */
export function readRequest(input: unknown): ReadRequest {
  const parsed = parseRestoreRequest(input);
  if (parsed.ok) return { request: parsed.request, findings: [], namesRestorePoint: true };
  const { findings } = parsed;
  const nothing = { request: undefined, findings, namesRestorePoint: false };
  if (!isObject(input)) return nothing;
  const rest: Record<string, unknown> = structuredClone(input);
  const namesRestorePoint = restoreRequestSchema.shape.restorePoint.safeParse(rest.restorePoint).success;
  if (!namesRestorePoint) rest.restorePoint = STAND_IN_POINT;
  nameTwiceNamed(rest);
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const left = restoreRequestSchema.safeParse(rest);
    if (left.success) return { request: left.data, findings, namesRestorePoint };
    for (const issue of left.error.issues) takeAway(rest, issue);
  }
  return nothing;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of two entries for one disk the first counts. */
function nameTwiceNamed({ disks }: Record<string, unknown>): void {
  if (!Array.isArray(disks)) return;
  const seen = new Set<unknown>();
  for (const [index, disk] of disks.entries()) {
    if (isObject(disk) && seen.has(disk.id)) disks[index] = standInDisk(index);
    if (isObject(disk)) seen.add(disk.id);
  }
}

const standInDisk = (index: number) => ({ id: `unreadable.${index}` });

function takeAway(request: Record<string, unknown>, issue: z.core.$ZodIssue): void {
  const [field, index, part] = issue.path;
  if (issue.code === 'unrecognized_keys') {
    const holder = valueAt(request, issue.path);
    if (isObject(holder)) for (const key of issue.keys) delete holder[key];
    return;
  }
  if (field === 'disks' && typeof index === 'number' && Array.isArray(request.disks)) {
    const disk = request.disks[index];
    if (isObject(disk) && typeof part === 'string' && part !== 'id') delete disk[part];
    else request.disks[index] = standInDisk(index);
    return;
  }
  // Of a list of which one element is wrong, none counts: the places of the others would shift.
  const path = issue.path.slice(0, issue.path.findIndex((key) => typeof key === 'number') + 1 || undefined);
  const named = path.filter((key) => typeof key !== 'number');
  const holder = valueAt(request, named.slice(0, -1));
  const last = named.at(-1);
  if (isObject(holder) && last !== undefined) delete holder[String(last)];
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
