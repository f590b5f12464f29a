import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { WorkloadName } from '../model/ids.ts';
import { CorruptObject, LeaseLost, RepositoryBusy } from './errors.ts';
import { LEASES_PREFIX, leaseKey, parseKey } from './keys.ts';
import { sealJson, unsealJson } from './sealed-json.ts';
import type { Store, StoredObject } from './store.ts';

const MINUTE_MS = 60_000;
/** Part of the format: since the store's own time of a lease's last put. */
export const LEASE_VALID_MS = 60 * MINUTE_MS;
const RENEW_EVERY_MS = 10 * MINUTE_MS;
// Leaves a third of the validity for a put that is on its way when the writer stops.
const LOST_AFTER_MS = 40 * MINUTE_MS;

/** The announcement that a backup relies on what it finds in the repository. */
export interface WriteLease {
  /** @throws LeaseLost where it has not been renewed for so long that what the backup relies on may be gone */
  check(): void;
  /** Gives it back, or lets it run out where that fails. */
  end(): Promise<void>;
}

export interface LeaseOptions {
  readonly workload: WorkloadName;
  readonly clock: () => Date;
  readonly signal?: AbortSignal;
}

/** @throws RepositoryBusy while something deletes */
export async function takeWriteLease(
  store: Store,
  { workload, clock, signal }: LeaseOptions,
): Promise<WriteLease> {
  const uuid = randomUUID();
  const key = leaseKey('write', uuid);
  const started = clock().toISOString();
  const bytes = sealJson({ format: 1, kind: 'write', lease: uuid, workload, started });
  let renewed = clock().getTime();
  let lost = false;
  const isLate = () => clock().getTime() - renewed > LOST_AFTER_MS;
  const renew = async () => {
    // A machine that slept must not renew what has run out meanwhile.
    lost ||= isLate();
    if (lost) return;
    const before = clock().getTime();
    await store.put(key, bytes);
    renewed = before;
  };
  let renewing: Promise<void> = Promise.resolve();
  const end = async () => {
    clearInterval(timer);
    await renewing;
    // It runs out by itself; a backup that is complete must not fail here.
    await store.delete([key]).catch(() => undefined);
  };
  const timer = setInterval(() => {
    // A renewal that fails is made up for by the next one, or noticed by check().
    renewing = renew().catch(() => undefined);
  }, RENEW_EVERY_MS);
  timer.unref();
  try {
    await store.put(key, bytes, { signal });
    await refuseWhileDeleting(store, { own: key, signal });
  } catch (error) {
    await end();
    throw error;
  }
  return {
    check() {
      lost ||= isLate();
      if (lost)
        throw new LeaseLost(`the lease ${key} could not be renewed for ${LOST_AFTER_MS / MINUTE_MS} minutes`);
    },
    end,
  };
}

/** By the store's clock alone: the own lease has just been put. */
async function refuseWhileDeleting(
  store: Store,
  { own, signal }: { own: string; signal?: AbortSignal },
): Promise<void> {
  const leases: StoredObject[] = [];
  for await (const lease of store.list(LEASES_PREFIX, { signal })) leases.push(lease);
  const now = leases.find(({ key }) => key === own)?.modified.getTime() ?? Number.NEGATIVE_INFINITY;
  const deleting = leases.find(
    ({ key, modified }) => isDeleteLease(key) && now - modified.getTime() < LEASE_VALID_MS,
  );
  if (!deleting) return;
  throw new RepositoryBusy(`${store.url} is being cleaned up (lease ${deleting.key}): try again later`);
}

function isDeleteLease(key: string): boolean {
  const named = parseKey(key);
  return named.kind === 'lease' && named.leaseKind === 'delete';
}

const leaseSchema = z.looseObject({
  format: z.literal(1),
  kind: z.enum(['write', 'delete']),
  lease: z.uuid(),
  started: z.iso.datetime(),
});

/** @throws CorruptObject */
export function checkLease(key: string, bytes: Uint8Array): void {
  const parsed = leaseSchema.safeParse(unsealJson(key, bytes));
  if (!parsed.success) throw new CorruptObject(key, { problem: `is not a lease: ${parsed.error.message}` });
  const { kind, lease } = parsed.data;
  if (leaseKey(kind, lease) !== key)
    throw new CorruptObject(key, { problem: `is the lease ${kind}-${lease}` });
}
