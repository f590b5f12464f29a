import { PutSnapshotBlockCommand } from '@aws-sdk/client-ebs';
import { z } from 'zod';
import { parseDiskId, parseRestorePointId } from '../../core/model/ids.ts';
import type { Plan } from '../../core/model/plan.ts';
import {
  BLOCK_BYTES,
  type DiskReader,
  openDisk,
  padToBlock,
  readManifest,
} from '../../core/repository/index.ts';
import { ServiceUnavailable } from '../runtime/aws-errors.ts';
import { ebsBlocks } from '../runtime/ebs.ts';
import { readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { openRepositoryAt } from '../runtime/repository.ts';
import { makeStep } from '../runtime/step.ts';
import { realClock } from './direct/clock.ts';
import { BatchUnfinished } from './direct/errors.ts';
import { makePutLimiter } from './direct/limiter.ts';
import { directDisk, plannedDirect } from './direct/planned.ts';
import { noteProgress, readProgress } from './direct/progress.ts';
import { type DataPiece, putBlocks } from './direct/put-blocks.ts';
import { workersFor, workersOfRestore } from './direct/workers.ts';
import { makeWrittenTracker } from './direct/written-tracker.ts';

const inputSchema = restoreContextSchema.extend({
  diskId: z.string(),
  snapshotId: z.string().min(1),
  from: z.number().int().nonnegative(),
  to: z.number().int().positive(),
});

const READ_MEMORY_BYTES = 32 * 1024 ** 2;
// Kept back for what is under way when time is up, a put of 20 seconds at most, and for noting how far it came.
const RESERVE_MS = 30_000;

/**
 * Writes the non-zero blocks of the segments [from, to) into a disk's snapshot: each is read from the repository and checked
 * against its digest, and the service checks it against the same digest again. Goes on where an earlier try of this batch ended.
 * @throws BatchUnfinished when time is up and blocks were written
 */
export const handler = makeStep(
  inputSchema,
  async ({ diskId, snapshotId, from, to, ...context }, invocation) => {
    const signal = AbortSignal.timeout(Math.max(0, invocation.getRemainingTimeInMillis() - RESERVE_MS));
    const plan = await readPlan(context);
    const { segmentBytes, size } = directDisk(plan, diskId);
    const batch = { ...context, diskId, snapshotId, from, to };
    const earlier = await readProgress(batch);
    const start = { offset: earlier?.offset ?? from * segmentBytes, blocks: earlier?.writtenBlocks ?? 0 };
    const end = Math.min(to * segmentBytes, size);
    if (start.offset >= end) return { blocks: 0 };
    const reader = await openReader(plan, diskId);
    const tracker = makeWrittenTracker(start);
    const notes = noteProgress(batch, tracker);
    try {
      const outcome = await putBlocks({
        pieces: piecesAfter(
          start.offset,
          reader.read(Math.floor(start.offset / segmentBytes), to, { signal }),
        ),
        put: (piece) => putBlock(snapshotId, piece),
        limiter: limiterFor(plan, { diskId, signal }),
        clock: realClock,
        random: Math.random,
        signal,
        tracker,
      });
      if (outcome === 'out-of-time')
        throw unfinished(`${diskId}, segments ${from} to ${to}`, tracker.written().offset - start.offset);
    } finally {
      await notes.stop();
    }
    return { blocks: tracker.written().blocks - start.blocks };
  },
);

async function openReader(plan: Plan, diskId: string): Promise<DiskReader> {
  const repository = await openRepositoryAt(plan.repository);
  const id = parseRestorePointId(plan.restorePoint);
  const manifest = await readManifest(repository, id);
  return openDisk(repository, { id, manifest, diskId: parseDiskId(diskId), memoryBytes: READ_MEMORY_BYTES });
}

/** What an earlier try has written is not written again. */
async function* piecesAfter(offset: number, pieces: ReturnType<DiskReader['read']>) {
  for await (const piece of pieces) {
    const length = piece.kind === 'data' ? piece.bytes.length : piece.length;
    if (piece.offset + length > offset) yield piece;
  }
}

async function putBlock(SnapshotId: string, { offset, bytes, digest }: DataPiece): Promise<void> {
  await ebsBlocks.send(
    new PutSnapshotBlockCommand({
      SnapshotId,
      BlockIndex: offset / BLOCK_BYTES,
      BlockData: padToBlock(bytes),
      DataLength: BLOCK_BYTES,
      Checksum: Buffer.from(digest).toString('base64'),
      ChecksumAlgorithm: 'SHA256',
    }),
  );
}

function limiterFor(plan: Plan, { diskId, signal }: { diskId: string; signal: AbortSignal }) {
  const { accountPutsPerSecond } = plannedDirect(plan);
  const restore = { disks: plan.disks, accountPutsPerSecond };
  return makePutLimiter({
    workers: {
      ofSnapshot: workersFor(directDisk(plan, diskId), restore),
      ofRestore: workersOfRestore(restore),
    },
    accountPutsPerSecond,
    clock: realClock,
    random: Math.random,
    signal,
  });
}

/** A try that wrote nothing at all does not count as slow: such tries must not go on for ever. */
function unfinished(batch: string, bytes: number): Error {
  return bytes > 0
    ? new BatchUnfinished(`disk ${batch}: ${bytes} bytes are written, more than time allowed are left`)
    : new ServiceUnavailable(`disk ${batch}: no block was taken in all the time there was`);
}
