/**
 * How fast the repository engine is on this machine: `node bench/repository.ts [--gib N]` backs up a half-empty image to a folder,
 * backs it up again unchanged, verifies, and restores it to a file; prints MiB/s of the image's data and the peak of resident memory of each.
 */
import { createCipheriv } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDiskId, parseWorkloadName } from '../core/model/ids.ts';
import { workloadSchema } from '../core/model/manifest.ts';
import {
  backUp,
  createRepository,
  makeFolderStore,
  openDisk,
  type Repository,
  readManifest,
  restoreDisk,
  verify,
} from '../core/repository/index.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const CHUNK = 4 * MIB;

const { values } = parseArgs({ options: { gib: { type: 'string', default: '2' } } });
const size = Math.round(Number(values.gib) * GIB);
if (!(size > 0)) throw new RangeError(`--gib ${values.gib} is not a size`);

/** 4 MiB that zstd makes about 2.8 times smaller, as it does with ordinary disks. */
function makeContent(seed: number): Buffer {
  const content = Buffer.alloc(CHUNK, `/usr/lib/landfall/${seed}/some text that repeats itself `);
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16, seed >> 8));
  const random = noise.update(Buffer.alloc(CHUNK));
  for (let at = 0; at < CHUNK; at += 4096) random.copy(content, at, at, at + 1400);
  return content;
}

/** Half data, half holes, in stretches of 4 MiB. */
async function writeImage(path: string): Promise<void> {
  const file = await open(path, 'w');
  for (let at = 0; at < size; at += 2 * CHUNK) {
    await file.write(makeContent(at / CHUNK), 0, Math.min(CHUNK, size - at), at);
  }
  await file.truncate(size);
  await file.close();
}

const dataBytes = (): number => {
  let bytes = 0;
  for (let at = 0; at < size; at += 2 * CHUNK) bytes += Math.min(CHUNK, size - at);
  return bytes;
};

async function measure<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const result = await action();
  const seconds = (performance.now() - started) / 1000;
  clearInterval(timer);
  const { user, system } = process.cpuUsage(cpuBefore);
  const speed = dataBytes() / MIB / seconds;
  console.log(
    `${name.padEnd(18)} ${seconds.toFixed(2).padStart(7)} s ${speed.toFixed(0).padStart(6)} MiB/s of data, ${((user + system) / 1e6).toFixed(1)} s of processor, peak ${(peak / MIB).toFixed(0)} MiB`,
  );
  return result;
}

function backUpImage(repository: Repository, { image, time }: { image: FileHandle; time: string }) {
  const source = {
    size,
    async read(offset: number, length: number) {
      const bytes = Buffer.allocUnsafe(length);
      await image.read(bytes, 0, length, offset);
      return bytes;
    },
  };
  return backUp(repository, {
    workload: workloadSchema.parse({
      name: parseWorkloadName('bench'),
      kind: 'ec2',
      platform: 'linux',
      architecture: 'x86_64',
    }),
    time: new Date(time),
    disks: [{ id: parseDiskId('root'), boot: true, source }],
  });
}

async function restoreImage(
  repository: Repository,
  id: Awaited<ReturnType<typeof backUp>>['restorePoint'],
  path: string,
) {
  const file = await open(path, 'w');
  await file.truncate(size);
  const manifest = await readManifest(repository, id);
  const reader = await openDisk(repository, { id, manifest, diskId: parseDiskId('root') });
  const target = {
    size,
    write: async (offset: number, bytes: Uint8Array) =>
      void (await file.write(bytes, 0, bytes.length, offset)),
    zero: async () => undefined,
    flush: () => file.sync(),
  };
  await restoreDisk(reader, target, { zeroRanges: false });
  await file.close();
}

const folder = await mkdtemp(join(tmpdir(), 'landfall-bench-'));
try {
  await writeImage(join(folder, 'image'));
  const image = await open(join(folder, 'image'));
  const repository = await createRepository(makeFolderStore({ folder: join(folder, 'repository') }));
  console.log(`${size / GIB} GiB, of which ${dataBytes() / GIB} GiB data`);
  const { restorePoint, stats } = await measure('backup', () =>
    backUpImage(repository, { image, time: '2026-01-01T00:00:00Z' }),
  );
  await measure('backup, unchanged', () => backUpImage(repository, { image, time: '2026-01-02T00:00:00Z' }));
  await measure('verify', () => verify(repository));
  await measure('restore', () => restoreImage(repository, restorePoint, join(folder, 'restored')));
  console.log(
    `stored ${(stats.storedBytes / MIB).toFixed(0)} MiB (${(stats.dataBytes / stats.storedBytes).toFixed(2)}:1)`,
  );
  await image.close();
} finally {
  await rm(folder, { recursive: true });
}
