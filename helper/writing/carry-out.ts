import type { HelperOrders } from '../../core/model/helper.ts';
import { parseRestorePointId } from '../../core/model/ids.ts';
import { openRepository, readManifest, type Store } from '../../core/repository/index.ts';
import { makePatientStore } from '../channel/patient-store.ts';
import type { OpenDevice } from '../devices/open-device.ts';
import type { DiskProgress } from '../disk/progress.ts';
import { OrdersInvalid, onDisk } from '../errors.ts';
import { beginDisk, prepareDisk } from './prepare.ts';
import { together } from './together.ts';
import { patienceOf, type Tools } from './tools.ts';
import { writeDisks } from './write-disks.ts';

export interface CarryOutOptions {
  readonly tools: Tools;
  /** The store of the repository that the orders name. */
  readonly store: Store;
  /** Of the disks, in the orders' order. */
  readonly progress: readonly DiskProgress[];
  readonly signal: AbortSignal;
}

/**
 * Writes the disks that are ordered. All volumes are found, opened and looked at before the first byte is written to any.
 * Once it has ended, however it ended, no device is open any more.
 * @throws DiskFailure or another error for what is wrong; StorageUnreachable; or the signal's reason
 */
export async function carryOut(
  orders: HelperOrders,
  { tools, store, progress, signal }: CarryOutOptions,
): Promise<void> {
  checkDistinct(orders);
  const repository = await openRepository(makePatientStore(store, patienceOf(tools, signal)));
  const restorePoint = parseRestorePointId(orders.restorePoint);
  const manifest = await readManifest(repository, restorePoint, { signal });
  const opened: OpenDevice[] = [];
  const shared = {
    tools,
    repository,
    restorePoint,
    manifest,
    onOpen: (device: OpenDevice) => opened.push(device),
  };
  try {
    const disks = orders.disks.flatMap((order, nth) => {
      const own = progress[nth];
      return own ? [{ order, progress: own }] : [];
    });
    const prepare = disks.map(({ order, progress }) => (signal: AbortSignal) => {
      return onDisk(order.id, () => prepareDisk(order, { ...shared, progress, signal }));
    });
    const prepared = await together(prepare, signal);
    const begin = prepared.map((disk) => (signal: AbortSignal) => {
      return onDisk(disk.order.id, () => beginDisk(disk, { ...shared, signal }));
    });
    const jobs = await together(begin, signal);
    const { noteSeconds } = tools.limits;
    await writeDisks(jobs, { readBack: orders.readBack, noteSeconds, signal });
  } finally {
    await Promise.all(opened.map((device) => device.close()));
  }
}

/** @throws OrdersInvalid */
function checkDistinct({ disks }: HelperOrders): void {
  for (const field of ['id', 'volumeId'] as const) {
    const names = disks.map((disk) => disk[field]);
    const twice = names.find((name, nth) => names.indexOf(name) !== nth);
    if (twice !== undefined) throw new OrdersInvalid(`the orders name ${field} ${twice} twice`);
  }
}
