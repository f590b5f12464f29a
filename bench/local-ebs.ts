// How many blocks the local region's EBS direct APIs take and give: `node bench/local-ebs.ts`. The region and its client
// share one process (and one thread), as they do in tests, so the client's own work is part of every figure.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EBS } from '@aws-sdk/client-ebs';
import { startRegion } from '../local/region.ts';

const BLOCK_BYTES = 524_288;
/** Written over and over, as memory that a virtual machine touches for the first time costs much more. */
const BLOCKS = 512;
const ROUNDS = 4;
const CONNECTIONS = 16;

const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-bench-'));
const region = await startRegion({ stateFolder, port: 0, timeScale: 0.001 });
const client = new EBS({
  endpoint: region.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
});

async function measure(
  what: string,
  calls: number,
  action: (index: number) => Promise<unknown>,
): Promise<void> {
  const started = performance.now();
  const cpu = process.cpuUsage();
  let next = 0;
  const work = async () => {
    while (next < calls) {
      const index = next;
      next += 1;
      await action(index);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cores = ((user + system) / 1e6 / seconds).toFixed(2);
  console.log(
    `${what.padEnd(24)} ${String(Math.round(calls / seconds)).padStart(6)} a second  ${cores} cores`,
  );
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');

try {
  const data = Array.from({ length: 32 }, () => randomBytes(BLOCK_BYTES));
  const { SnapshotId } = await client.startSnapshot({ VolumeSize: 1, Timeout: 4_320 });
  const put = (index: number) => {
    const bytes = data[index % data.length] ?? Buffer.alloc(BLOCK_BYTES);
    return client.putSnapshotBlock({
      SnapshotId,
      BlockIndex: index % BLOCKS,
      BlockData: bytes,
      DataLength: BLOCK_BYTES,
      Checksum: sha256(bytes),
      ChecksumAlgorithm: 'SHA256',
    });
  };
  await measure('first puts', BLOCKS, put);
  await measure('puts', BLOCKS * ROUNDS, put);
  await client.completeSnapshot({ SnapshotId, ChangedBlocksCount: BLOCKS });
  while (region.services.ec2.directSnapshots.find(SnapshotId ?? '')?.state !== 'completed') {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { Blocks = [] } = await client.listSnapshotBlocks({ SnapshotId, MaxResults: 10_000 });
  await measure('gets, verified', Blocks.length * ROUNDS, async (index) => {
    const answer = await client.getSnapshotBlock({ SnapshotId, ...Blocks[index % Blocks.length] } as never);
    const bytes = (await answer.BlockData?.transformToByteArray()) ?? new Uint8Array();
    if (sha256(bytes) !== answer.Checksum) throw new Error('a block is not what was put');
  });
} finally {
  client.destroy();
  await region.stop();
  await rm(stateFolder, { recursive: true, force: true });
}
