import type * as S3 from '@aws-sdk/client-s3';
import type { Operation } from '../service.ts';
import { findObject } from './objects.ts';
import type { Tag } from './records.ts';
import type { S3State } from './state.ts';
import { MAX_OBJECT_TAGS, parseTags } from './tags.ts';

/** Tags of objects that are there already. */
export function makeObjectTaggingOperations(state: S3State): Record<string, Operation> {
  async function save(input: S3.GetObjectTaggingCommandInput, tags: Tag[]): Promise<Record<string, never>> {
    const object = findObject(state, input);
    const changed = { ...object, described: { ...object.described, tags } };
    // The object replaces itself, and what is replaced gives its bytes up: they are held once more for that.
    state.content.retain(object.pieces);
    await state.saveObject(state.bucket(object.bucket), changed);
    return {};
  }
  return {
    PutObjectTagging: (input: S3.PutObjectTaggingCommandInput) =>
      save(input, parseTags(input.Tagging?.TagSet, MAX_OBJECT_TAGS)),
    GetObjectTagging: (input: S3.GetObjectTaggingCommandInput) => ({
      TagSet: findObject(state, input).described.tags,
    }),
    DeleteObjectTagging: (input: S3.DeleteObjectTaggingCommandInput) => save(input, []),
  };
}
