import type * as S3 from '@aws-sdk/client-s3';
import { AwsError } from '../service.ts';
import type { Tag } from './records.ts';

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-overview.html
export const MAX_OBJECT_TAGS = 10;
export const MAX_BUCKET_TAGS = 50;
const MAX_KEY_LENGTH = 128;
const MAX_VALUE_LENGTH = 256;

/** Tags of an input. @throws AwsError InvalidTag, BadRequest */
export function parseTags(tags: readonly S3.Tag[] | undefined, most: number): Tag[] {
  const parsed = (tags ?? []).map((tag) => ({ Key: tag.Key ?? '', Value: tag.Value ?? '' }));
  if (parsed.length > most) throw new AwsError('BadRequest', `Tags cannot be more than ${most}`, 400);
  if (new Set(parsed.map((tag) => tag.Key)).size < parsed.length) {
    throw new AwsError('InvalidTag', 'Cannot provide multiple Tags with the same key', 400);
  }
  for (const { Key, Value } of parsed) {
    if (Key.length === 0 || Key.length > MAX_KEY_LENGTH) {
      throw new AwsError('InvalidTag', 'The TagKey you have provided is invalid', 400, { TagKey: Key });
    }
    if (Value.length > MAX_VALUE_LENGTH) {
      throw new AwsError('InvalidTag', 'The TagValue you have provided is invalid', 400, { TagValue: Value });
    }
  }
  return parsed;
}

/** Tags in a header are written like a query: `a=1&b=2`. @throws AwsError */
export function parseTagging(text: string): Tag[] {
  return parseTags(
    [...new URLSearchParams(text)].map(([Key, Value]) => ({ Key, Value })),
    MAX_OBJECT_TAGS,
  );
}
