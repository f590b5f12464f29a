import type { DiskState } from '../../core/model/helper.ts';
import { parseDiskId, type RestorePointId } from '../../core/model/ids.ts';
import type { Manifest } from '../../core/model/manifest.ts';
import { type DiskReader, openDisk, type Repository } from '../../core/repository/index.ts';
import { patiently } from '../channel/patience.ts';
import { waitForDevice } from '../devices/devices.ts';
import { type OpenDevice, openDevice } from '../devices/open-device.ts';
import { checkBlank } from '../disk/blank.ts';
import { makeCheckpoint } from '../disk/checkpoint.ts';
import {
  type FinishedSegments,
  makeFinishedSegments,
  parseFinishedSegments,
} from '../disk/finished-segments.ts';
import type { DiskProgress } from '../disk/progress.ts';
import { DiskStateInvalid, OrdersInvalid } from '../errors.ts';
import { bytesOfRange, type DiskOrder, type Job } from './job.ts';
import { READ_BYTES } from './memory.ts';
import { patienceOf, type Tools } from './tools.ts';

export interface Preparation {
  readonly tools: Tools;
  readonly repository: Repository;
  readonly restorePoint: RestorePointId;
  readonly manifest: Manifest;
  readonly progress: DiskProgress;
  readonly signal: AbortSignal;
  /** Is told of the device as soon as it is open: whoever prepares closes it, whatever happens. */
  readonly onOpen: (device: OpenDevice) => void;
}

/**
 * Finds and opens the volume of a disk, and sees that it is blank or what an earlier run left. Writes nothing anywhere.
 * @throws OrdersInvalid, DeviceNotFound, DeviceSizeDiffers, DeviceInUse, DeviceFailed, VolumeNotBlank, DiskStateInvalid, what the repository throws, StorageUnreachable
 */
export async function prepareDisk(order: DiskOrder, preparation: Preparation): Promise<PreparedDisk> {
  const { tools, progress, signal, onOpen } = preparation;
  const { channel, devices, buffers, limits } = tools;
  const reader = await openOrdered(order, preparation);
  const wanted = { volumeId: order.volumeId, sizeBytes: order.volumeBytes };
  const found = await waitForDevice(devices, wanted, { seconds: limits.deviceSeconds, signal });
  const device = await openDevice(found, { wanted, devices, buffers });
  onOpen(device);
  progress.enter('checking');
  const state = await patiently(() => channel.readDiskState(order.id, signal), patienceOf(tools, signal));
  if (state === undefined) await checkBlank(device, { signal });
  const finished = state
    ? finishedOf(state, { order, reader, ...preparation })
    : makeFinishedSegments(reader.segmentCount);
  progress.resume({ doneBytes: finishedBytes(reader, finished), writtenBytes: state?.writtenBytes ?? 0 });
  return { order, reader, device, progress, finished, state };
}

export interface PreparedDisk extends Omit<Job, 'checkpoint'> {
  readonly finished: FinishedSegments;
  /** What was noted of it; nothing where it has not been begun. */
  readonly state: DiskState | undefined;
}

/** Notes that the disk is begun, if that is not noted yet: from then on the volume need not be blank. */
export async function beginDisk(
  { order, reader, device, progress, finished, state: noted }: PreparedDisk,
  { tools, restorePoint, signal }: Pick<Preparation, 'tools' | 'restorePoint' | 'signal'>,
): Promise<Job> {
  const save = (state: DiskState) =>
    patiently(() => tools.channel.writeDiskState(state, signal), patienceOf(tools, signal));
  const state: DiskState = noted ?? {
    version: 1,
    restorePoint,
    diskId: order.id,
    volumeId: order.volumeId,
    segmentCount: reader.segmentCount,
    finished: finished.toBase64(),
    writtenBytes: 0,
  };
  if (!noted) await save(state);
  progress.enter('writing');
  const flush = async () => {
    const giveBack = await tools.flushing.take();
    await device.flush().finally(giveBack);
  };
  const checkpoint = makeCheckpoint({ state, finished, flush, save });
  return { order, reader, device, progress, checkpoint };
}

async function openOrdered(
  order: DiskOrder,
  { repository, restorePoint, manifest, signal }: Preparation,
): Promise<DiskReader> {
  const diskId = parseDiskId(order.id);
  const reader = await openDisk(repository, {
    id: restorePoint,
    manifest,
    diskId,
    memoryBytes: READ_BYTES,
    signal,
  });
  if (reader.size !== order.diskBytes) {
    throw new OrdersInvalid(
      `disk ${diskId} has ${reader.size} bytes in restore point ${restorePoint}, ordered were ${order.diskBytes}`,
    );
  }
  if (order.volumeBytes >= order.diskBytes) return reader;
  throw new OrdersInvalid(
    `volume ${order.volumeId} of ${order.volumeBytes} bytes is too small for disk ${diskId} of ${order.diskBytes}`,
  );
}

/** What an earlier run, of whatever helper, has finished. @throws DiskStateInvalid */
function finishedOf(
  state: DiskState,
  { order, reader, restorePoint }: { order: DiskOrder; reader: DiskReader; restorePoint: RestorePointId },
): FinishedSegments {
  const facts = {
    restorePoint,
    diskId: order.id,
    volumeId: order.volumeId,
    segmentCount: reader.segmentCount,
  };
  const differing = (['restorePoint', 'diskId', 'volumeId', 'segmentCount'] as const).find(
    (fact) => state[fact] !== facts[fact],
  );
  if (differing) {
    throw new DiskStateInvalid(
      `the state of disk ${order.id} is of ${differing} ${state[differing]}, ordered is ${facts[differing]}`,
    );
  }
  const finished = parseFinishedSegments(state.finished, reader.segmentCount);
  if (finished) return finished;
  throw new DiskStateInvalid(`the state of disk ${order.id} is not of ${reader.segmentCount} segments`);
}

function finishedBytes(reader: DiskReader, finished: FinishedSegments): number {
  let bytes = 0;
  for (let segment = 0; segment < reader.segmentCount; segment += 1) {
    if (finished.has(segment)) bytes += bytesOfRange(reader, { from: segment, to: segment + 1 });
  }
  return bytes;
}
