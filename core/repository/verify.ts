import type { RestorePointId } from '../model/ids.ts';
import type { Manifest } from '../model/manifest.ts';
import { parseDisk } from './disk-format.ts';
import { CorruptObject, UnsupportedRepository } from './errors.ts';
import {
  FORMAT_KEY,
  type NamedObject,
  parseKey,
  parseManifestKey,
  RESTORE_POINTS_PREFIX,
  restorePointPrefix,
} from './keys.ts';
import { checkLease } from './lease.ts';
import { getReferenced } from './objects.ts';
import { checkFormat, type Repository } from './repository.ts';
import { findRestorePoint, parseManifest } from './restore-points.ts';
import { checkName } from './sealed.ts';
import { parseSegment } from './segment-format.ts';
import { ObjectNotFound, type Store, type StoredObject } from './store.ts';
import { type Finding, type Seen, verifyDisk } from './verify-disk.ts';
import { makePackChecks, type PackChecks } from './verify-packs.ts';

export type { Finding } from './verify-disk.ts';

export interface VerifyProgress {
  readonly objects: number;
  readonly bytes: number;
  /** Bytes that there are to read, as far as is known. */
  readonly totalBytes: number;
}

export interface VerifyOptions {
  /** Only what this restore point needs; otherwise every object. */
  readonly restorePoint?: RestorePointId;
  /** Whether to read packs whole (default) or only their tables. */
  readonly readData?: boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyResult {
  /** Objects and bytes that were read and are sound, as far as was looked. */
  readonly objects: number;
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

/** Everything that one verification shares. */
interface Verification {
  readonly store: Store;
  readonly readData: boolean;
  readonly packs: PackChecks;
  readonly seen: Seen;
  readonly signal: AbortSignal | undefined;
  readonly onRead: (bytes: number) => void;
  readonly onFinding: (finding: Finding) => void;
}

/**
 * Checks a repository: every object against its digest, every reference, every digest of a disk. Well-formed objects that nothing
 * refers to are no finding: a killed writer leaves them. Memory grows with the number of packs and segments, some 200 bytes for each.
 * @throws RestorePointNotFound, StoreFailed; damage is answered, not thrown
 */
export async function verify(
  repository: Repository,
  { restorePoint, readData = true, onProgress, signal }: VerifyOptions = {},
): Promise<VerifyResult> {
  const { store } = repository;
  if (restorePoint) await findRestorePoint(repository, { id: restorePoint });
  const prefix = restorePoint ? restorePointPrefix(restorePoint) : RESTORE_POINTS_PREFIX;
  const totalBytes = await countBytes(store, { prefix: restorePoint ? prefix : '', readData, signal });
  const findings: Finding[] = [];
  const read = { objects: 0, bytes: 0 };
  const onRead = (bytes: number) => {
    read.objects += 1;
    read.bytes += bytes;
    onProgress?.({ ...read, totalBytes: Math.max(totalBytes, read.bytes) });
  };
  const onFinding = (finding: Finding) => findings.push(finding);
  const onDamage = ({ key, problem }: CorruptObject) => onFinding({ object: key, problem });
  const packs = makePackChecks({ store, readData, signal, onDamage, onRead });
  const seen: Seen = { disks: new Set(), segments: new Set(), soundSegments: new Set() };
  const verification: Verification = { store, readData, packs, seen, signal, onRead, onFinding };
  await verifyFormat(verification);
  for await (const { key } of store.list(prefix, { signal })) await verifyManifest(verification, key);
  if (!restorePoint) {
    for await (const object of store.list('', { signal })) await verifyUnseen(verification, object);
  }
  return { ...read, findings };
}

/** What there will be to read; for one restore point only its disks' lists of packs could tell, so it is found out on the way. */
async function countBytes(
  store: Store,
  { prefix, readData, signal }: { prefix: string; readData: boolean; signal: AbortSignal | undefined },
): Promise<number> {
  let bytes = 0;
  for await (const { key, size } of store.list(prefix, { signal })) {
    const { kind } = parseKey(key);
    if (kind === 'foreign' || kind === 'unknown' || (kind === 'pack' && !readData)) continue;
    bytes += size;
  }
  return bytes;
}

async function verifyFormat({ store, onRead, onFinding }: Verification): Promise<void> {
  try {
    const bytes = await getReferenced(store, FORMAT_KEY);
    checkFormat(store, bytes);
    onRead(bytes.length);
  } catch (error) {
    onFinding({ object: FORMAT_KEY, problem: problemIn(error) });
  }
}

/** What is wrong, to be told as a finding; any other error is thrown on. */
function problemIn(error: unknown): string {
  if (error instanceof CorruptObject) return error.problem;
  if (error instanceof UnsupportedRepository) return error.message;
  throw error;
}

async function verifyManifest(verification: Verification, key: string): Promise<void> {
  const { store, signal, onRead, onFinding } = verification;
  const named = parseManifestKey(key);
  if (!named) return;
  const { id, workload } = named;
  let manifest: Manifest;
  try {
    const bytes = await store.get(key, { signal });
    manifest = parseManifest(key, bytes, { id, workload });
    onRead(bytes.length);
  } catch (error) {
    // Deleted since it was listed.
    if (error instanceof ObjectNotFound) return;
    onFinding({ object: key, problem: problemIn(error), restorePoint: id, workload });
    return;
  }
  for (const listed of manifest.disks) await verifyDisk({ ...verification, id, workload, listed });
}

/** Objects that no restore point led to: they must be well-formed all the same. */
async function verifyUnseen(verification: Verification, { key, size }: StoredObject): Promise<void> {
  const { packs, readData, onFinding } = verification;
  const named = parseKey(key);
  if (named.kind === 'unknown')
    onFinding({ object: key, problem: 'has a name that the format does not give' });
  if (named.kind !== 'pack') return verifySmall(verification, key, named);
  if (readData && !packs.isChecked(named.digest)) await packs.check({ digest: named.digest, size });
}

async function verifySmall(
  { store, seen, signal, onRead, onFinding }: Verification,
  key: string,
  named: NamedObject,
): Promise<void> {
  const check = checkOf(key, named, seen);
  if (!check) return;
  try {
    const bytes = await store.get(key, { signal });
    check(bytes);
    onRead(bytes.length);
  } catch (error) {
    // Deleted since it was listed: a lease that was given back.
    if (error instanceof ObjectNotFound) return;
    onFinding({ object: key, problem: problemIn(error) });
  }
}

/** How to check an object on its own; `undefined` where it has been, or is none of the repository's. */
function checkOf(key: string, named: NamedObject, seen: Seen): ((bytes: Uint8Array) => void) | undefined {
  switch (named.kind) {
    case 'segment':
      if (seen.segments.has(named.digest)) return undefined;
      return (bytes) => void parseSegment(key, bytes, named.digest);
    case 'disk':
      if (seen.disks.has(named.digest)) return undefined;
      return (bytes) => checkName(key, { own: parseDisk(key, bytes).digest, named: named.digest });
    case 'lease':
      return (bytes) => checkLease(key, bytes);
    // Checked before, by those who walk the restore points.
    case 'format':
    case 'manifest':
    case 'pack':
    case 'foreign':
    case 'unknown':
      return undefined;
  }
}
