import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { z } from 'zod';
import { LandfallError } from '../../core/model/errors.ts';
import { awsErrorCode } from './aws-errors.ts';
import { s3 } from './s3.ts';
import { environment } from './step.ts';

/** A record of the control bucket is missing or not what it should be. */
export class RecordInvalid extends LandfallError {
  override readonly name = 'RecordInvalid';
}

/** Someone else changed the record in between; reading it again and deciding anew may help. */
export class RecordChanged extends LandfallError {
  override readonly name = 'RecordChanged';
  override readonly retryable = true;
}

export interface StoredRecord<T> {
  readonly value: T;
  readonly etag: string;
  /** When it was written, by S3's own clock. */
  readonly modifiedAt: Date;
}

/** Reads and parses a record; undefined when there is none. @throws RecordInvalid */
export async function readRecord<Schema extends z.ZodType>(
  key: string,
  schema: Schema,
): Promise<StoredRecord<z.output<Schema>> | undefined> {
  const stored = await readText(key);
  if (stored === undefined) return undefined;
  const { text, ...version } = stored;
  const parsed = schema.safeParse(parseJson(key, text));
  if (!parsed.success) throw new RecordInvalid(`${key} is not valid: ${parsed.error.message}`);
  return { value: parsed.data, ...version };
}

async function readText(
  key: string,
): Promise<({ text: string } & Omit<StoredRecord<unknown>, 'value'>) | undefined> {
  try {
    const { Body, ETag, LastModified } = await s3.send(
      new GetObjectCommand({ Bucket: environment().CONTROL_BUCKET, Key: key }),
    );
    return {
      text: (await Body?.transformToString()) ?? '',
      etag: ETag ?? '',
      modifiedAt: LastModified ?? new Date(0),
    };
  } catch (error) {
    if (awsErrorCode(error) === 'NoSuchKey') return undefined;
    throw error;
  }
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RecordInvalid(`${key} is not JSON`, { cause: error });
  }
}

/**
 * Writes a record. `replaces` is the etag of the version it was made from, or `nothing` when there must be none.
 * @throws RecordChanged when the record is another by now
 */
export async function writeRecord(
  key: string,
  value: unknown,
  { replaces }: { replaces?: string } = {},
): Promise<void> {
  const condition =
    replaces === undefined ? {} : replaces === 'nothing' ? { IfNoneMatch: '*' } : { IfMatch: replaces };
  try {
    await s3.send(
      new PutObjectCommand({
        Bucket: environment().CONTROL_BUCKET,
        Key: key,
        Body: JSON.stringify(value, null, 2),
        ContentType: 'application/json',
        ...condition,
      }),
    );
  } catch (error) {
    const code = awsErrorCode(error);
    if (code === 'PreconditionFailed' || code === 'ConditionalRequestConflict') {
      throw new RecordChanged(`${key} was changed by someone else`, { cause: error });
    }
    throw error;
  }
}

/** Removes a record; one that is not there is fine. */
export async function removeRecord(key: string): Promise<void> {
  await s3.send(new DeleteObjectCommand({ Bucket: environment().CONTROL_BUCKET, Key: key }));
}

/** Keys below a prefix, in order. */
export async function* listRecords(prefix: string): AsyncIterable<string> {
  let token: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({
        Bucket: environment().CONTROL_BUCKET,
        Prefix: prefix,
        ContinuationToken: token,
      }),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
    token = page.NextContinuationToken;
  } while (token !== undefined);
}
