import { join } from 'node:path';
import { openRecords, type Records } from '../records.ts';
import type { ContentStore } from './content.ts';
import { openContentStore } from './content.ts';
import { noSuchBucket, noSuchUpload } from './errors.ts';
import type { StoredBucket, StoredObject, StoredPart, StoredRecord, StoredUpload } from './records.ts';
import { recordName, recordSchema } from './records.ts';
import { makeSortedKeys, type SortedKeys } from './sorted-keys.ts';

export interface BucketState {
  record: StoredBucket;
  readonly objects: Map<string, StoredObject>;
  readonly keys: SortedKeys;
  readonly uploads: Map<string, UploadState>;
}

export interface UploadState {
  readonly record: StoredUpload;
  readonly parts: Map<number, StoredPart>;
}

/**
 * Buckets, objects and uploads: in memory, and in a file of records. Changes happen at once in memory; the
 * returned promise resolves when they are in the file. Only then is content that they replaced deleted, so that a
 * crash never leaves a record without its bytes.
 */
export interface S3State {
  readonly content: ContentStore;
  readonly buckets: ReadonlyMap<string, BucketState>;
  /** @throws AwsError NoSuchBucket */
  bucket(name: string): BucketState;
  /** @throws AwsError NoSuchBucket, NoSuchUpload */
  upload(name: { readonly Bucket?: string; readonly Key?: string; readonly UploadId?: string }): UploadState;
  saveBucket(record: StoredBucket): Promise<void>;
  /** With its uploads; it must hold no object. */
  removeBucket(bucket: BucketState): Promise<void>;
  /** Replaces what is there under the key. */
  saveObject(bucket: BucketState, record: StoredObject): Promise<void>;
  removeObjects(bucket: BucketState, keys: readonly string[]): Promise<void>;
  saveUpload(bucket: BucketState, record: StoredUpload): Promise<void>;
  savePart(upload: UploadState, record: StoredPart): Promise<void>;
  removeUpload(bucket: BucketState, upload: UploadState): Promise<void>;
  /** The upload becomes an object; parts that are not in `used` are thrown away. */
  completeUpload(completion: UploadCompletion): Promise<void>;
  stop(): Promise<void>;
}

export interface UploadCompletion {
  readonly bucket: BucketState;
  readonly upload: UploadState;
  /** Made of the pieces of the used parts. */
  readonly object: StoredObject;
  readonly used: ReadonlySet<number>;
}

/** Opens what a state folder keeps of S3. */
export async function openS3State(stateFolder: string): Promise<S3State> {
  const folder = join(stateFolder, 's3');
  const records = await openRecords<StoredRecord>({
    file: join(folder, 'records.jsonl'),
    parse: (value) => recordSchema.parse(value),
  });
  const content = await openContentStore(join(folder, 'data'));
  const buckets = loadBuckets(records, content);
  await content.sweep();
  const journal = makeJournal(records, content);
  return {
    content,
    buckets,
    ...makeLookups(buckets),
    ...makeBucketChanges(buckets, journal),
    ...makeObjectChanges(journal),
    ...makeUploadChanges(journal),
    stop: async () => {
      await content.settle();
      await records.close();
    },
  };
}

interface Journal {
  set(record: StoredRecord): void;
  forget(record: StoredRecord): void;
  /** Resolves when all is in the file; then gives up the content of what is `unused` now. */
  commit(unused?: readonly (StoredObject | StoredPart)[]): Promise<void>;
}

function makeJournal(records: Records<StoredRecord>, content: ContentStore): Journal {
  return {
    set: (record) => records.set(recordName(record), record),
    forget: (record) => records.delete(recordName(record)),
    commit: async (unused = []) => {
      await records.flush();
      for (const { pieces } of unused) content.release(pieces);
    },
  };
}

function makeLookups(buckets: ReadonlyMap<string, BucketState>): Pick<S3State, 'bucket' | 'upload'> {
  const bucketNamed = (name: string): BucketState => {
    const bucket = buckets.get(name);
    if (!bucket) throw noSuchBucket(name);
    return bucket;
  };
  return {
    bucket: bucketNamed,
    upload: ({ Bucket = '', Key, UploadId = '' }) => {
      const upload = bucketNamed(Bucket).uploads.get(UploadId);
      if (!upload || upload.record.key !== Key) throw noSuchUpload(UploadId);
      return upload;
    },
  };
}

function makeBucketChanges(
  buckets: Map<string, BucketState>,
  journal: Journal,
): Pick<S3State, 'removeBucket' | 'saveBucket'> {
  return {
    saveBucket: (record) => {
      const known = buckets.get(record.name);
      if (known) known.record = record;
      else buckets.set(record.name, makeBucket(record));
      journal.set(record);
      return journal.commit();
    },
    removeBucket: (bucket) => {
      buckets.delete(bucket.record.name);
      journal.forget(bucket.record);
      const uploads = [...bucket.uploads.values()];
      return journal.commit(uploads.flatMap((upload) => dropUpload(bucket, upload, journal)));
    },
  };
}

function makeObjectChanges(journal: Journal): Pick<S3State, 'removeObjects' | 'saveObject'> {
  return {
    saveObject: (bucket, record) => {
      const replaced = bucket.objects.get(record.key);
      putIntoBucket(bucket, record);
      journal.set(record);
      return journal.commit(replaced ? [replaced] : []);
    },
    removeObjects: (bucket, keys) => {
      const removed = keys.flatMap((key) => bucket.objects.get(key) ?? []);
      for (const object of removed) {
        bucket.objects.delete(object.key);
        journal.forget(object);
      }
      if (removed.length > 0) bucket.keys.changed();
      return journal.commit(removed);
    },
  };
}

function makeUploadChanges(
  journal: Journal,
): Pick<S3State, 'completeUpload' | 'removeUpload' | 'savePart' | 'saveUpload'> {
  return {
    saveUpload: (bucket, record) => {
      bucket.uploads.set(record.id, { record, parts: new Map() });
      journal.set(record);
      return journal.commit();
    },
    savePart: (upload, record) => {
      const replaced = upload.parts.get(record.number);
      upload.parts.set(record.number, record);
      journal.set(record);
      return journal.commit(replaced ? [replaced] : []);
    },
    removeUpload: (bucket, upload) => journal.commit(dropUpload(bucket, upload, journal)),
    completeUpload: ({ bucket, upload, object, used }) => {
      const replaced = bucket.objects.get(object.key);
      putIntoBucket(bucket, object);
      journal.set(object);
      const unused = dropUpload(bucket, upload, journal).filter((part) => !used.has(part.number));
      return journal.commit(replaced ? [replaced, ...unused] : unused);
    },
  };
}

/** Takes an upload away; the parts it had still hold their content. */
function dropUpload(bucket: BucketState, upload: UploadState, journal: Journal): StoredPart[] {
  bucket.uploads.delete(upload.record.id);
  journal.forget(upload.record);
  const parts = [...upload.parts.values()];
  for (const part of parts) journal.forget(part);
  return parts;
}

function putIntoBucket(bucket: BucketState, record: StoredObject): void {
  if (!bucket.objects.has(record.key)) bucket.keys.changed();
  bucket.objects.set(record.key, record);
}

function makeBucket(record: StoredBucket): BucketState {
  const objects = new Map<string, StoredObject>();
  return { record, objects, keys: makeSortedKeys(objects), uploads: new Map() };
}

function loadBuckets(records: Records<StoredRecord>, content: ContentStore): Map<string, BucketState> {
  const buckets = new Map<string, BucketState>();
  const later: Exclude<StoredRecord, StoredBucket>[] = [];
  for (const [, record] of records.entries()) {
    if (record.kind === 'bucket') buckets.set(record.name, makeBucket(record));
    else later.push(record);
  }
  // Uploads before their parts: a record keeps its place in the file when it is set anew, so order tells nothing.
  const parts: StoredPart[] = [];
  for (const record of later) {
    const bucket = buckets.get(record.bucket);
    if (!bucket) continue;
    if (record.kind === 'object') {
      content.retain(record.pieces);
      putIntoBucket(bucket, record);
    } else if (record.kind === 'upload') bucket.uploads.set(record.id, { record, parts: new Map() });
    else parts.push(record);
  }
  for (const part of parts) {
    const upload = buckets.get(part.bucket)?.uploads.get(part.uploadId);
    if (!upload) continue;
    content.retain(part.pieces);
    upload.parts.set(part.number, part);
  }
  return buckets;
}
