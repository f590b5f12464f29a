import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CannotComeUp } from './errors.ts';
import type { HelperHeader } from './header.ts';
import { PROGRAM, TOP_FOLDER, unpackBundle } from './unpack.ts';

export interface BundleRequest {
  readonly header: HelperHeader;
  /** Who fetches it: the calls are the instance's own in the call log. */
  readonly instanceId: string;
  readonly signal: AbortSignal;
}

/** The programs of helper appliances, unpacked once for every digest. */
export interface Bundles {
  /**
   * Fetches a bundle from the region's S3, as every instance does for itself, and checks its digest.
   * @returns the folder that the bundle unpacks to, with the program in it
   * @throws CannotComeUp
   */
  fetch(request: BundleRequest): Promise<string>;
  /** Deletes what none of the digests names, and what a crash left half done. */
  keepOnly(sha256s: ReadonlySet<string>): Promise<void>;
}

export function makeBundles(root: string, endpoint: string): Bundles {
  const unpacking = new Map<string, Promise<string>>();

  async function unpacked(sha256: string, archive: string): Promise<string> {
    const folder = join(root, sha256);
    if (!(await isThere(folder))) {
      const fresh = `${archive}.unpacked`;
      await mkdir(fresh, { recursive: true });
      await unpackBundle(archive, fresh);
      await rename(fresh, folder);
    }
    if (!(await isThere(join(folder, PROGRAM)))) throw new CannotComeUp(`the bundle has no ${PROGRAM}`);
    return join(folder, TOP_FOLDER);
  }

  return {
    async fetch({ header, instanceId, signal }) {
      await mkdir(root, { recursive: true });
      const archive = join(root, `${instanceId}.new`);
      try {
        const digest = await download({ header, instanceId, signal }, { endpoint, archive });
        if (digest !== header.sha256) {
          throw new CannotComeUp(`the bundle has SHA-256 ${digest}, not ${header.sha256}`);
        }
        // Of two that come up at once the second waits for the first one's folder.
        const folder = unpacking.get(digest) ?? unpacked(digest, archive);
        unpacking.set(digest, folder);
        return await folder.finally(() => unpacking.delete(digest));
      } finally {
        await rm(archive, { force: true });
        await rm(`${archive}.unpacked`, { recursive: true, force: true });
      }
    },
    async keepOnly(sha256s) {
      if (!(await isThere(root))) return;
      for (const name of await readdir(root)) {
        if (!sha256s.has(name)) await rm(join(root, name), { recursive: true, force: true });
      }
    },
  };
}

interface Download {
  readonly endpoint: string;
  /** File that the archive is written to. */
  readonly archive: string;
}

/** Returns the archive's SHA-256 in hex. @throws CannotComeUp */
async function download(
  { header, instanceId, signal }: BundleRequest,
  { endpoint, archive }: Download,
): Promise<string> {
  const { bucket: Bucket, key: Key } = header.bundle;
  const s3 = new S3Client({
    endpoint,
    region: header.region,
    forcePathStyle: true,
    credentials: { accessKeyId: instanceId, secretAccessKey: 'local' },
  });
  const hash = createHash('sha256');
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal: signal });
    if (!(Body instanceof Readable)) throw new Error('the answer has no body');
    Body.on('data', (piece: Uint8Array) => hash.update(piece));
    await pipeline(Body, createWriteStream(archive), { signal });
    return hash.digest('hex');
  } catch (error) {
    signal.throwIfAborted();
    throw new CannotComeUp(`s3://${Bucket}/${Key} cannot be fetched: ${String(error)}`, { cause: error });
  } finally {
    s3.destroy();
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
