import { parseRestorePointId, type RestorePointId, type WorkloadName } from '../model/ids.ts';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import { digestFromBytes, sha256 } from './digest.ts';
import { CorruptObject, RestorePointNotFound, UnsupportedRepository } from './errors.ts';
import {
  formatTime,
  parseManifestKey,
  RESTORE_POINTS_PREFIX,
  restorePointPrefix,
  restorePointTime,
} from './keys.ts';
import { getReferenced } from './objects.ts';
import type { Repository } from './repository.ts';
import { parseJson } from './sealed-json.ts';

export interface RestorePointEntry {
  readonly id: RestorePointId;
  readonly workload: WorkloadName;
  /** To the second. */
  readonly time: Date;
}

interface SignalOption {
  readonly signal?: AbortSignal;
}

export interface ListOptions extends SignalOption {
  readonly workload?: WorkloadName;
  /** Only those at or after this moment. */
  readonly from?: Date;
}

/** All restore points, or a workload's, by ascending time; reads key names only. */
export async function* listRestorePoints(
  { store }: Repository,
  { workload, from, signal }: ListOptions = {},
): AsyncGenerator<RestorePointEntry> {
  const startAfter = from && `${RESTORE_POINTS_PREFIX}rp-${formatTime(from)}`;
  for await (const { key } of store.list(RESTORE_POINTS_PREFIX, { startAfter, signal })) {
    const named = parseManifestKey(key);
    if (!named || (workload && named.workload !== workload)) continue;
    yield { id: named.id, workload: named.workload, time: restorePointTime(named.id) };
  }
}

/** The id that these bytes of a manifest give. */
export const restorePointIdOf = (manifest: Manifest, bytes: Uint8Array): RestorePointId =>
  parseRestorePointId(`rp-${formatTime(new Date(manifest.time))}-${digestFromBytes(sha256(bytes))}`);

export const encodeManifest = (manifest: Manifest): Uint8Array =>
  Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);

/** `at: Date` is the latest one not after that moment. @throws RestorePointNotFound, which says what there is */
export async function findRestorePoint(
  repository: Repository,
  wanted: { id: RestorePointId } | { workload: WorkloadName; at: 'latest' | Date },
): Promise<RestorePointId> {
  if ('id' in wanted) {
    await findManifests(repository, wanted.id);
    return wanted.id;
  }
  const { workload, at } = wanted;
  const found = await findLatest(repository, { workload, ...(at === 'latest' ? {} : { notAfter: at }) });
  return found ?? failToFindLatest(repository, wanted);
}

// A backup that runs daily or monthly is found without listing years of restore points.
const WINDOWS_DAYS = [2, 35, 400] as const;
const DAY_MS = 24 * 3600 * 1000;

/** The workload's latest restore point; looks back from `notAfter`, or now, in growing steps. */
export async function findLatest(
  repository: Repository,
  { workload, notAfter, signal }: { workload: WorkloadName; notAfter?: Date } & SignalOption,
): Promise<RestorePointId | undefined> {
  const end = notAfter?.getTime() ?? Number.POSITIVE_INFINITY;
  const lookFrom = notAfter?.getTime() ?? Date.now();
  const starts = [...WINDOWS_DAYS.map((days) => new Date(lookFrom - days * DAY_MS)), undefined];
  for (const from of starts) {
    let latest: RestorePointId | undefined;
    for await (const { id, time } of listRestorePoints(repository, { workload, from, signal })) {
      if (time.getTime() > end) break;
      latest = id;
    }
    if (latest) return latest;
  }
  return undefined;
}

async function failToFindLatest(
  repository: Repository,
  { workload, at }: { workload: WorkloadName; at: 'latest' | Date },
): Promise<never> {
  const points: RestorePointEntry[] = [];
  for await (const entry of listRestorePoints(repository)) points.push(entry);
  const own = points.filter((point) => point.workload === workload);
  const first = own[0];
  if (first && at !== 'latest') {
    throw new RestorePointNotFound(
      `workload ${workload} has no restore point at or before ${at.toISOString()} in ${repository.url}; its first one is of ${first.time.toISOString()}`,
    );
  }
  const names = [...new Set(points.map((point) => point.workload))].sort();
  const there = names.length === 0 ? 'it holds none at all' : `it holds those of ${shorten(names)}`;
  throw new RestorePointNotFound(`workload ${workload} has no restore point in ${repository.url}; ${there}`);
}

const MENTIONED = 10;

function shorten(names: readonly string[]): string {
  const left = names.length - MENTIONED;
  return names.slice(0, MENTIONED).join(', ') + (left > 0 ? ` and ${left} more` : '');
}

interface ManifestEntry {
  readonly key: string;
  readonly workload: WorkloadName;
}

/** Where a restore point's manifest lies: one key, unless someone has put another beside it. @throws RestorePointNotFound */
async function findManifests(
  repository: Repository,
  id: RestorePointId,
  { signal }: SignalOption = {},
): Promise<[ManifestEntry, ...ManifestEntry[]]> {
  const found: ManifestEntry[] = [];
  for await (const { key } of repository.store.list(restorePointPrefix(id), { signal })) {
    const named = parseManifestKey(key);
    if (named) found.push({ key, workload: named.workload });
  }
  const [first, ...others] = found;
  if (first) return [first, ...others];
  const latest: string[] = [];
  for await (const entry of listRestorePoints(repository, { signal })) {
    latest.push(`${entry.id} (${entry.workload})`);
    if (latest.length > 3) latest.shift();
  }
  const there = latest.length === 0 ? 'it holds none at all' : `its latest are ${latest.join(', ')}`;
  throw new RestorePointNotFound(`restore point ${id} is not in ${repository.url}; ${there}`);
}

/** The manifest, checked against the id. @throws RestorePointNotFound, CorruptObject, UnsupportedRepository */
export async function readManifest(
  repository: Repository,
  id: RestorePointId,
  { signal }: SignalOption = {},
): Promise<Manifest> {
  const [first, ...others] = await findManifests(repository, id, { signal });
  const read = async ({ key, workload }: ManifestEntry) =>
    parseManifest(key, await getReferenced(repository.store, key, { signal }), { id, workload });
  try {
    return await read(first);
  } catch (error) {
    // A stray copy under another name must not hide the manifest.
    for (const other of others) {
      const manifest = await read(other).catch(() => undefined);
      if (manifest) return manifest;
    }
    throw error;
  }
}

/**
 * Checks a manifest's bytes against its id and key.
 * @throws CorruptObject, UnsupportedRepository where it is what was written, but more than this version knows
 */
export function parseManifest(
  key: string,
  bytes: Uint8Array,
  { id, workload }: { id: RestorePointId; workload: WorkloadName },
): Manifest {
  const fail = (problem: string) => new CorruptObject(key, { problem, place: { restorePoint: id } });
  const digest = digestFromBytes(sha256(bytes));
  if (!id.endsWith(digest)) throw fail(`is not what was written: its digest is ${digest}`);
  const parsed = manifestSchema.safeParse(parseJson(key, bytes));
  if (!parsed.success) {
    throw new UnsupportedRepository(`restore point ${id} is not of this version: ${parsed.error.message}`);
  }
  const manifest = parsed.data;
  if (manifest.workload.name !== workload) throw fail(`is of workload ${manifest.workload.name}`);
  if (restorePointIdOf(manifest, bytes) !== id) throw fail(`is of ${manifest.time}`);
  return manifest;
}
