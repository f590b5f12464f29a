/**
 * How many blocks a second strategy direct puts on this machine: `node bench/direct.ts [--mib N]`. The loop, the client and
 * the reading of a batch are the real ones; S3 and EBS are simulated by another process, with their quotas off, and reached
 * over loopback. AWS lets 1,000 a second into a snapshot: how near the limiter comes to that is tested with a virtual clock
 * (test/lambdas/direct-limiter.test.ts), since one machine plays all parts here.
 */
import { spawn } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PutSnapshotBlockCommand, StartSnapshotCommand } from '@aws-sdk/client-ebs';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { parseBytes, parseDiskId, parseWorkloadName } from '../core/model/ids.ts';
import { workloadSchema } from '../core/model/manifest.ts';
import {
  backUp,
  createRepository,
  type DiskPiece,
  makeS3Client,
  makeS3Store,
  openDisk,
  readManifest,
} from '../core/repository/index.ts';
import { startRegion } from '../local/region.ts';

const MIB = 1_024 ** 2;
const BLOCK_BYTES = 524_288;
const BUCKET = 'bench';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { mib: { type: 'string', default: '1024' } },
});
if (positionals[0] === 'serve') await serve();
else await measureAll(Number(values.mib) * MIB);

/** The simulated services, in a process of their own; it ends with its standard input. */
async function serve(): Promise<void> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-bench-'));
  const region = await startRegion({ stateFolder, port: 0 });
  process.stdout.write(`${region.endpoint}\n`);
  process.stdin.resume();
  await once(process.stdin, 'end');
  await region.stop();
  await rm(stateFolder, { recursive: true, force: true });
}

async function measureAll(diskBytes: number): Promise<void> {
  const services = spawn(process.execPath, [import.meta.filename, 'serve'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(services.stdout, 'data');
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: String(line).trim(),
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
    });
    const { model } = cpus()[0] ?? { model: 'unknown' };
    console.log(
      `${cpus().length} × ${model.trim()}, Node ${process.version}; ${diskBytes / MIB} MiB of data`,
    );
    await measurePuts(diskBytes);
    await measureBatch(diskBytes);
  } finally {
    services.stdin.end();
    await once(services, 'exit');
  }
}

/** Blocks from memory: what the client, the loop and the service are good for. */
async function measurePuts(diskBytes: number): Promise<void> {
  const contents = Array.from({ length: 32 }, (_, seed) => makeBlock(seed)).map((bytes) => ({
    bytes,
    digest: createHash('sha256').update(bytes).digest(),
  }));
  async function* pieces(): AsyncGenerator<DiskPiece> {
    for (let offset = 0; offset < diskBytes; offset += BLOCK_BYTES) {
      const content = contents[(offset / BLOCK_BYTES) % contents.length];
      if (content) yield { kind: 'data', offset, ...content };
    }
  }
  await measure('put alone', pieces(), diskBytes);
}

/** As a batch does it: read from the repository, decompress, verify, put. */
async function measureBatch(diskBytes: number): Promise<void> {
  const s3 = makeS3Client();
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const repository = await createRepository(makeS3Store({ client: s3, bucket: BUCKET, prefix: '' }));
  const { restorePoint: id } = await backUp(repository, {
    workload: workloadSchema.parse({
      name: parseWorkloadName('bench'),
      kind: 'ec2',
      platform: 'linux',
      architecture: 'x86_64',
    }),
    time: new Date(),
    disks: [
      {
        id: parseDiskId('root'),
        boot: true,
        source: {
          size: parseBytes(diskBytes),
          read: async (offset: number, length: number) =>
            Buffer.concat(
              Array.from({ length: length / BLOCK_BYTES }, (_, place) =>
                makeBlock(offset / BLOCK_BYTES + place),
              ),
            ),
        },
      },
    ],
  });
  const manifest = await readManifest(repository, id);
  const reader = await openDisk(repository, {
    id,
    manifest,
    diskId: parseDiskId('root'),
    memoryBytes: 32 * MIB,
  });
  async function* pieces() {
    yield* reader.read(0, reader.segmentCount);
  }
  await measure('read, decompress, verify, put', pieces(), diskBytes);
  s3.destroy();
}

async function measure(
  what: string,
  pieces: AsyncGenerator<DiskPiece, unknown, undefined>,
  diskBytes: number,
): Promise<void> {
  // Their clients are made when they are loaded, for the endpoint that is known by now.
  const { ebs, ebsBlocks } = await import('../lambdas/runtime/ebs.ts');
  const { putBlocks } = await import('../lambdas/restore/direct/put-blocks.ts');
  const { makeWrittenTracker } = await import('../lambdas/restore/direct/written-tracker.ts');
  const { realClock } = await import('../lambdas/restore/direct/clock.ts');
  const { SnapshotId } = await ebs.send(
    new StartSnapshotCommand({ VolumeSize: Math.ceil(diskBytes / 1_024 ** 3), Timeout: 4_320 }),
  );
  const turn = { succeeded: () => undefined, throttled: () => undefined };
  const started = performance.now();
  const cpu = process.cpuUsage();
  const outcome = await putBlocks({
    pieces,
    put: async ({ offset, bytes, digest }) => {
      await ebsBlocks.send(
        new PutSnapshotBlockCommand({
          SnapshotId,
          BlockIndex: offset / BLOCK_BYTES,
          BlockData: bytes,
          DataLength: BLOCK_BYTES,
          Checksum: Buffer.from(digest).toString('base64'),
          ChecksumAlgorithm: 'SHA256',
        }),
      );
    },
    limiter: { take: async () => turn, perSecond: Number.POSITIVE_INFINITY },
    clock: realClock,
    random: Math.random,
    signal: new AbortController().signal,
    tracker: makeWrittenTracker({ offset: 0, blocks: 0 }),
  });
  if (outcome !== 'finished') throw new Error(`not finished: ${outcome}`);
  const seconds = (performance.now() - started) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const puts = diskBytes / BLOCK_BYTES / seconds;
  const cores = (user + system) / 1e6 / seconds;
  const facts = [
    `${puts.toFixed(0).padStart(5)} puts/s`,
    `${(diskBytes / MIB / seconds).toFixed(0).padStart(5)} MiB/s`,
    `${cores.toFixed(2)} cores of its own`,
    `${(puts / cores).toFixed(0)} puts a core-second`,
  ];
  console.log(`${what.padEnd(32)}${facts.join('   ')}`);
}

/** A block that zstd makes about 2.8 times smaller, as it does with ordinary disks. */
function makeBlock(seed: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES, `/usr/lib/landfall/${seed}/some text that repeats itself `);
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16, seed >> 8));
  const random = noise.update(Buffer.alloc(BLOCK_BYTES));
  for (let at = 0; at < BLOCK_BYTES; at += 4_096) random.copy(block, at, at, at + 1_400);
  return block;
}
