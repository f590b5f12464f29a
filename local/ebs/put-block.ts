import { hash } from 'node:crypto';
import type { PutSnapshotBlockRequest, PutSnapshotBlockResponse } from '@aws-sdk/client-ebs';
import { BLOCK_BYTES } from '../ec2/block-map.ts';
import type { RequestBody } from '../protocols/http-message.ts';
import type { Call } from '../service.ts';
import { checkOwn, checkSnapshotId } from './checks.ts';
import { DIGEST_BYTES } from './digest-file.ts';
import { invalid, invalidParameter } from './errors.ts';
import { BLOCKS_PER_GIB } from './open-snapshots.ts';
import type { EbsSimulation } from './simulation.ts';

/** A put as the protocol hands it over: its data as they come. */
export type PutSnapshotBlockInput = Omit<PutSnapshotBlockRequest, 'BlockData'> & {
  readonly BlockData: RequestBody;
};

/** @throws AwsError ValidationException, ResourceNotFoundException, RequestThrottledException, ThrottlingException */
export async function putSnapshotBlock(
  sim: EbsSimulation,
  input: PutSnapshotBlockInput,
  call: Call,
): Promise<PutSnapshotBlockResponse> {
  const snapshotId = checkSnapshotId(input.SnapshotId);
  sim.quotas.admit({ operation: 'PutSnapshotBlock', snapshotId });
  const { sizeGiB } = checkOwn(sim, snapshotId);
  const block = checkPlace(input, sizeGiB * BLOCKS_PER_GIB);
  const wanted = checkChecksum(input);
  checkProgress(input.Progress);
  await needOpen(sim, snapshotId);
  const data = await receive(sim, input.BlockData, call.signal);
  try {
    const digest = hash('sha256', data, 'buffer');
    if (!digest.equals(wanted)) {
      throw invalid('INVALID_BLOCK', 'The checksum of the block data does not match the given checksum.');
    }
    // Only now: while the data came in, the snapshot may have been completed, or have failed.
    const open = await needOpen(sim, snapshotId);
    await open.put(block, data, digest);
  } finally {
    sim.slots.give(data);
  }
  if (input.Progress !== undefined) sim.snapshots.setProgress(snapshotId, input.Progress);
  return { Checksum: input.Checksum, ChecksumAlgorithm: 'SHA256' };
}

/** @throws AwsError ValidationException, ResourceNotFoundException */
async function needOpen(sim: EbsSimulation, snapshotId: string) {
  const open = await sim.open.get(snapshotId);
  if (open?.takesBlocks) return open;
  const { state } = checkOwn(sim, snapshotId);
  throw invalid(
    'INVALID_SNAPSHOT_ID',
    `The snapshot '${snapshotId}' takes no blocks; its state is ${state}.`,
  );
}

function checkPlace(input: PutSnapshotBlockInput, blocks: number): number {
  const { BlockIndex: block = -1, DataLength: length, BlockData: data } = input;
  if (!Number.isSafeInteger(block) || block < 0 || block >= blocks) {
    throw invalid(
      'INVALID_BLOCK',
      `Block index ${block} is not within the ${blocks} blocks of the snapshot.`,
    );
  }
  if (length !== BLOCK_BYTES) throw invalidParameter(`DataLength ${length} is not ${BLOCK_BYTES}.`);
  if (data.announcedLength !== undefined && data.announcedLength !== BLOCK_BYTES) throw unreadable();
  return block;
}

function checkChecksum(input: PutSnapshotBlockInput): Buffer {
  const { Checksum: checksum = '', ChecksumAlgorithm: algorithm } = input;
  if (algorithm !== 'SHA256') throw invalidParameter(`ChecksumAlgorithm ${algorithm} is not SHA256.`);
  return parseDigest(checksum);
}

/** @throws AwsError ValidationException */
export function parseDigest(checksum: string): Buffer {
  const digest = Buffer.from(checksum, 'base64');
  if (digest.length !== DIGEST_BYTES || digest.toString('base64') !== checksum) {
    throw invalidParameter('The checksum is not the Base64 form of a SHA-256.');
  }
  return digest;
}

function checkProgress(percent: number | undefined): void {
  if (percent === undefined || (Number.isInteger(percent) && percent >= 0 && percent <= 100)) return;
  throw invalidParameter(`Progress ${percent} is not between 0 and 100.`);
}

/** In AWS's words (seen in nanovms/ops#1268). */
const unreadable = () => invalidParameter('Failed to read block data');

/** Takes in a block; the room that it lies in is the caller's to give back. */
async function receive(sim: EbsSimulation, body: RequestBody, signal: AbortSignal): Promise<Buffer> {
  let data: Buffer | undefined;
  let length = 0;
  try {
    for await (const piece of body) {
      // Not before something comes: who only says that it will send shall hold no room.
      data ??= await sim.slots.take(signal);
      if (length + piece.length > BLOCK_BYTES) throw unreadable();
      data.set(piece, length);
      length += piece.length;
    }
    if (!data || length !== BLOCK_BYTES) throw unreadable();
    return data;
  } catch (error) {
    if (data) sim.slots.give(data);
    throw error;
  }
}
