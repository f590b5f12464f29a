import type { RestorePointId, WorkloadName } from '../model/ids.ts';
import { InvalidId, parseRestorePointId, parseWorkloadName } from '../model/ids.ts';
import { type Digest, isDigest } from './digest.ts';

export const FORMAT_KEY = 'landfall.json';
export const RESTORE_POINTS_PREFIX = 'restore-points/';
export const LEASES_PREFIX = 'leases/';

export type LeaseKind = 'write' | 'delete';

/** What a key names. */
export type NamedObject =
  | { readonly kind: 'format' }
  | { readonly kind: 'pack' | 'segment' | 'disk'; readonly digest: Digest }
  | { readonly kind: 'manifest'; readonly id: RestorePointId; readonly workload: WorkloadName }
  | { readonly kind: 'lease'; readonly leaseKind: LeaseKind }
  /** Under a folder of the format, but not a name it gives. */
  | { readonly kind: 'unknown' }
  /** Not part of the repository. */
  | { readonly kind: 'foreign' };

// The first two digits spread objects over prefixes of the store, or folders.
const spread = (folder: string, digest: Digest): string => `${folder}/${digest.slice(0, 2)}/${digest}`;

export const packKey = (digest: Digest): string => spread('packs', digest);
export const segmentKey = (digest: Digest): string => spread('segments', digest);
export const diskKey = (digest: Digest): string => spread('disks', digest);
export const restorePointPrefix = (id: RestorePointId): string => `${RESTORE_POINTS_PREFIX}${id}/`;
export const manifestKey = (id: RestorePointId, workload: WorkloadName): string =>
  `${restorePointPrefix(id)}${workload}.json`;
export const leaseKey = (kind: LeaseKind, uuid: string): string => `${LEASES_PREFIX}${kind}-${uuid}.json`;

const FOLDERS = { packs: 'pack', segments: 'segment', disks: 'disk' } as const;
const LEASE = /^leases\/(write|delete)-[0-9a-f-]{36}\.json$/;
const MANIFEST = /^restore-points\/([^/]+)\/([^/]+)\.json$/;
const SPREAD = /^(packs|segments|disks)\/([0-9a-f]{2})\/([0-9a-f]{64})$/;
const OURS = /^(packs|segments|disks|restore-points|leases)\//;

export function parseKey(key: string): NamedObject {
  if (key === FORMAT_KEY) return { kind: 'format' };
  if (!OURS.test(key)) return { kind: 'foreign' };
  return parseSpreadKey(key) ?? parseManifestKey(key) ?? parseLeaseKey(key) ?? { kind: 'unknown' };
}

function parseSpreadKey(key: string): NamedObject | undefined {
  const [, folder, prefix, digest = ''] = SPREAD.exec(key) ?? [];
  if (!isFolder(folder) || !isDigest(digest) || prefix !== digest.slice(0, 2)) return undefined;
  return { kind: FOLDERS[folder], digest };
}

const isFolder = (name: string | undefined): name is keyof typeof FOLDERS =>
  name !== undefined && name in FOLDERS;

/** The restore point and workload that a manifest's key names. */
export function parseManifestKey(key: string): (NamedObject & { kind: 'manifest' }) | undefined {
  const [, idText = '', workload = ''] = MANIFEST.exec(key) ?? [];
  try {
    const id = parseRestorePointId(idText);
    // A date such as February 31st is of the right form and still none.
    if (!id.startsWith(`rp-${formatTime(restorePointTime(id))}-`)) return undefined;
    return { kind: 'manifest', id, workload: parseWorkloadName(workload) };
  } catch (error) {
    if (error instanceof InvalidId) return undefined;
    throw error;
  }
}

/** `yyyymmddThhmmssZ`, as it stands in ids. */
export const formatTime = (time: Date): string =>
  Number.isNaN(time.getTime()) ? '' : time.toISOString().replace(/[-:]|\.\d+/g, '');

/** The moment that a restore point's id names. */
export function restorePointTime(id: RestorePointId): Date {
  const [, date = '', time = ''] = /^rp-(\d{8})T(\d{6})Z/.exec(id) ?? [];
  const day = date.replace(/(....)(..)(..)/, '$1-$2-$3');
  return new Date(`${day}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`);
}

function parseLeaseKey(key: string): NamedObject | undefined {
  const [, leaseKind] = LEASE.exec(key) ?? [];
  return leaseKind === 'write' || leaseKind === 'delete' ? { kind: 'lease', leaseKind } : undefined;
}
