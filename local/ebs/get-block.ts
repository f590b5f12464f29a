import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { GetSnapshotBlockRequest, GetSnapshotBlockResponse } from '@aws-sdk/client-ebs';
import { BLOCK_BYTES } from '../ec2/block-map.ts';
import type { AnswerBody } from '../protocols/http-message.ts';
import type { Call } from '../service.ts';
import { readUpTo } from '../sparse/index.ts';
import type { BlockSlots } from './block-slots.ts';
import { checkCompleted, checkSnapshotId } from './checks.ts';
import { invalid } from './errors.ts';
import type { EbsSimulation } from './simulation.ts';
import { isBlockToken } from './tokens.ts';

export type GetSnapshotBlockOutput = Omit<GetSnapshotBlockResponse, 'BlockData'> & {
  readonly BlockData: AnswerBody;
};

/** @throws AwsError ValidationException, ResourceNotFoundException, RequestThrottledException, ThrottlingException */
export async function getSnapshotBlock(
  sim: EbsSimulation,
  input: GetSnapshotBlockRequest,
  call: Call,
): Promise<GetSnapshotBlockOutput> {
  const snapshotId = checkSnapshotId(input.SnapshotId);
  sim.quotas.admit({ operation: 'GetSnapshotBlock', snapshotId });
  checkCompleted(sim, snapshotId);
  const { BlockIndex: block = -1, BlockToken: token = '' } = input;
  if (!isBlockToken(token, { snapshotId, block }, sim.context.time.now())) {
    throw invalid('INVALID_BLOCK_TOKEN', `The token is not one for block ${block} of '${snapshotId}'.`);
  }
  const data = await sim.slots.take(call.signal);
  try {
    await readBlock(sim.snapshots.file(snapshotId), block, data);
  } catch (error) {
    sim.slots.give(data);
    throw error;
  }
  return {
    DataLength: BLOCK_BYTES,
    Checksum: hash('sha256', data, 'base64'),
    ChecksumAlgorithm: 'SHA256',
    BlockData: bodyOf(data, sim.slots),
  };
}

async function readBlock(path: string, block: number, into: Buffer): Promise<void> {
  const file = await open(path, 'r');
  try {
    const length = await readUpTo(file, block * BLOCK_BYTES, into);
    if (length !== BLOCK_BYTES) throw new Error(`${path} ends within block ${block}`);
  } finally {
    await file.close();
  }
}

function bodyOf(data: Buffer, slots: BlockSlots): AnswerBody {
  return {
    length: data.length,
    async *chunks() {
      yield data;
    },
    close: async () => slots.give(data),
  };
}
