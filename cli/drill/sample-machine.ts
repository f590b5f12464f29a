import { createReadStream } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { type BackupRequest, makeBackupRequest, parseDiskFlags } from '../backup/backup-request.ts';
import { parseSourceMachine } from '../backup/source-instance.ts';
import { PROJECT_FOLDER } from '../project-folder.ts';

const SAMPLE_FOLDER = join(PROJECT_FOLDER, 'samples', 'web01');
const DISKS = ['root', 'data'];
/** Zeros are looked for in pieces of this size: a page of the file systems that the images are unpacked on. */
const PIECE_BYTES = 4096;
const ZEROS = Buffer.alloc(PIECE_BYTES);

/** Unpacks the sample machine's disks into a folder and says what is to be backed up. */
export async function unpackSampleMachine(folder: string): Promise<BackupRequest> {
  await mkdir(folder, { recursive: true });
  for (const id of DISKS) {
    await unpackSparse(join(SAMPLE_FOLDER, `${id}.img.zst`), join(folder, `${id}.img`));
  }
  const machine = parseSourceMachine({
    instances: await readFile(join(SAMPLE_FOLDER, 'instance.json'), 'utf8'),
    instancesFrom: 'instance.json',
    volumes: await readFile(join(SAMPLE_FOLDER, 'volumes.json'), 'utf8'),
    volumesFrom: 'volumes.json',
  });
  const disks = parseDiskFlags(DISKS.map((id) => `${id}=${join(folder, `${id}.img`)}`));
  return makeBackupRequest({ disks, deviceNames: {}, tags: {}, os: 'Amazon Linux 2023' }, machine);
}

/** Decompresses a zstd file; pages of zeros become holes. zstd's own checksum tells a damaged file. */
async function unpackSparse(packed: string, target: string): Promise<void> {
  const handle = await open(target, 'w');
  try {
    let offset = 0;
    await pipeline(
      createReadStream(packed),
      createZstdDecompress({ chunkSize: 1024 ** 2 }),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
            const piece = chunk.subarray(at, at + PIECE_BYTES);
            if (!piece.equals(ZEROS.subarray(0, piece.length)))
              await handle.write(piece, 0, piece.length, offset + at);
          }
          offset += chunk.length;
        }
      },
    );
    await handle.truncate(offset);
  } finally {
    await handle.close();
  }
}
