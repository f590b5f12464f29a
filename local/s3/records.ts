import { z } from 'zod';
import { CHECKSUM_ALGORITHMS } from './checksums.ts';
import { pieceSchema } from './pieces.ts';

// What the S3 simulation keeps in its file, one record per bucket, object, upload and part.

const tagSchema = z.object({ Key: z.string(), Value: z.string() });

const checksumSchema = z.object({
  algorithm: z.enum(CHECKSUM_ALGORITHMS),
  value: z.string(),
  type: z.enum(['FULL_OBJECT', 'COMPOSITE']),
});

/** What the client said about the object, given back with it. */
const describedSchema = z.object({
  contentType: z.string().optional(),
  cacheControl: z.string().optional(),
  contentDisposition: z.string().optional(),
  contentEncoding: z.string().optional(),
  contentLanguage: z.string().optional(),
  /** As sent. */
  expires: z.string().optional(),
  websiteRedirectLocation: z.string().optional(),
  metadata: z.record(z.string(), z.string()).default({}),
  tags: z.array(tagSchema).default([]),
  storageClass: z.string().default('STANDARD'),
  encryption: z.object({
    algorithm: z.string(),
    kmsKeyId: z.string().optional(),
    bucketKeyEnabled: z.boolean().optional(),
  }),
});

const bucketSchema = z.object({
  kind: z.literal('bucket'),
  name: z.string(),
  created: z.number(),
  accountRegional: z.boolean(),
  /** Configurations as they were put, by their name here. */
  settings: z.record(z.string(), z.unknown()),
  tags: z.array(tagSchema),
});

const objectSchema = z.object({
  kind: z.literal('object'),
  bucket: z.string(),
  key: z.string(),
  pieces: z.array(pieceSchema).readonly(),
  size: z.number(),
  etag: z.string(),
  /** Milliseconds since the epoch, whole seconds as S3 keeps them. */
  modified: z.number(),
  checksum: checksumSchema.optional(),
  /** Sizes of the parts of a multipart upload. */
  partSizes: z.array(z.number()).optional(),
  described: describedSchema,
});

const uploadSchema = z.object({
  kind: z.literal('upload'),
  id: z.string(),
  bucket: z.string(),
  key: z.string(),
  initiated: z.number(),
  checksumAlgorithm: z.enum(CHECKSUM_ALGORITHMS).optional(),
  checksumType: z.enum(['FULL_OBJECT', 'COMPOSITE']).optional(),
  described: describedSchema,
});

const partSchema = z.object({
  kind: z.literal('part'),
  bucket: z.string(),
  uploadId: z.string(),
  number: z.number(),
  pieces: z.array(pieceSchema).readonly(),
  size: z.number(),
  etag: z.string(),
  modified: z.number(),
  checksum: checksumSchema.omit({ type: true }).optional(),
});

export const recordSchema = z.discriminatedUnion('kind', [
  bucketSchema,
  objectSchema,
  uploadSchema,
  partSchema,
]);

export type StoredRecord = z.infer<typeof recordSchema>;
export type StoredBucket = z.infer<typeof bucketSchema>;
export type StoredObject = z.infer<typeof objectSchema>;
export type StoredUpload = z.infer<typeof uploadSchema>;
export type StoredPart = z.infer<typeof partSchema>;
export type Described = z.infer<typeof describedSchema>;
export type StoredChecksum = z.infer<typeof checksumSchema>;
export type Tag = z.infer<typeof tagSchema>;

/** Under which name a record is kept. */
export function recordName(record: StoredRecord): string {
  switch (record.kind) {
    case 'bucket':
      return `bucket/${record.name}`;
    case 'object':
      return `object/${record.bucket}/${record.key}`;
    case 'upload':
      return `upload/${record.id}`;
    case 'part':
      return `part/${record.uploadId}/${record.number}`;
  }
}
