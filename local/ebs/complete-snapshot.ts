import type { CompleteSnapshotRequest, CompleteSnapshotResponse } from '@aws-sdk/client-ebs';
import type { Call } from '../service.ts';
import { checkOwn, checkSnapshotId } from './checks.ts';
import { invalid, invalidParameter } from './errors.ts';
import type { ClosedContent } from './open-snapshot.ts';
import { parseDigest } from './put-block.ts';
import type { EbsSimulation } from './simulation.ts';

/**
 * Closes a snapshot. One that does not hold what the caller says is lost: it ends in state `error`.
 * @throws AwsError ValidationException, ResourceNotFoundException, ThrottlingException
 */
export async function completeSnapshot(
  sim: EbsSimulation,
  input: CompleteSnapshotRequest,
  call: Call,
): Promise<CompleteSnapshotResponse> {
  const snapshotId = checkSnapshotId(input.SnapshotId);
  sim.quotas.admit({ operation: 'CompleteSnapshot', snapshotId });
  checkOwn(sim, snapshotId);
  checkForm(input);
  const open = await sim.open.get(snapshotId);
  if (!open?.takesBlocks) {
    const { state } = checkOwn(sim, snapshotId);
    throw invalid(
      'INVALID_SNAPSHOT_ID',
      `The snapshot '${snapshotId}' cannot be completed; its state is ${state}.`,
    );
  }
  const content = await open.close();
  const problem = await problemOf(content, input);
  if (problem === undefined) await sim.snapshots.seal(snapshotId, content.runs, call.effects);
  else sim.snapshots.fail(snapshotId, problem);
  await sim.open.drop(snapshotId);
  sim.quotas.forget(snapshotId);
  if (problem !== undefined) throw invalidParameter(problem);
  return { Status: 'pending' };
}

function checkForm(input: CompleteSnapshotRequest): void {
  const { ChangedBlocksCount: count = -1, Checksum, ChecksumAlgorithm, ChecksumAggregationMethod } = input;
  if (!Number.isSafeInteger(count) || count < 0)
    throw invalidParameter(`ChangedBlocksCount ${count} is not a count.`);
  if (Checksum === undefined && ChecksumAlgorithm === undefined && ChecksumAggregationMethod === undefined)
    return;
  parseDigest(Checksum ?? '');
  if (ChecksumAlgorithm !== 'SHA256')
    throw invalidParameter(`ChecksumAlgorithm ${ChecksumAlgorithm} is not SHA256.`);
  if (ChecksumAggregationMethod !== 'LINEAR') {
    throw invalidParameter(`ChecksumAggregationMethod ${ChecksumAggregationMethod} is not LINEAR.`);
  }
}

async function problemOf(
  content: ClosedContent,
  { ChangedBlocksCount: count, Checksum }: CompleteSnapshotRequest,
): Promise<string | undefined> {
  if (content.count !== count)
    return `ChangedBlocksCount is ${count}, but ${content.count} blocks were written.`;
  if (Checksum === undefined || Checksum === (await content.linear())) return undefined;
  return 'The aggregated checksum does not match the checksums of the blocks that were written.';
}
