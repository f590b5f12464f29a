import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import {
  type DirectDisk,
  type DirectProgress,
  directProgressPrefix,
  directProgressSchema,
} from '../../core/model/direct-progress.ts';

/** Reads what the batches of a disk have noted, with strategy direct. */
export type DirectProgressReader = (disk: DirectDisk) => Promise<DirectProgress[]>;

/**
 * A disk has up to thousands of batches, of which a dozen are written at a time: what has not changed is not read again. A note
 * that makes no sense is left out; those who restore by it are the functions.
 */
export function makeDirectProgressReader(s3: S3Client, Bucket: string): DirectProgressReader {
  const known = new Map<string, { etag: string; progress: DirectProgress | undefined }>();

  async function read(Key: string, etag: string): Promise<DirectProgress | undefined> {
    const before = known.get(Key);
    if (before?.etag === etag) return before.progress;
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const progress = parse((await Body?.transformToString()) ?? '');
    known.set(Key, { etag, progress });
    return progress;
  }

  return async (disk) => {
    const listed: [key: string, etag: string][] = [];
    const pages = paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: directProgressPrefix(disk) });
    for await (const { Contents = [] } of pages) {
      for (const { Key, ETag = '' } of Contents) if (Key !== undefined) listed.push([Key, ETag]);
    }
    const notes = await Promise.all(listed.map(([key, etag]) => read(key, etag)));
    return notes.flatMap((note) => note ?? []);
  };
}

function parse(text: string): DirectProgress | undefined {
  try {
    return directProgressSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
