import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import type { z } from 'zod';
import { LandfallError } from '../../core/model/errors.ts';
import { type HelperReport, helperFolder, helperReportSchema, reportKey } from '../../core/model/helper.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import {
  type Claim,
  claimKey,
  claimSchema,
  type LedgerEntry,
  ledgerEntrySchema,
  ledgerPrefix,
  planKey,
  type RestoreResult,
  resultKey,
  resultSchema,
} from '../../core/model/restore-record.ts';
import { type DirectProgressReader, makeDirectProgressReader } from './direct-progress.ts';

/** A record in the control bucket is not what this version of the command line reads. */
export class UnreadableRecord extends LandfallError {
  override readonly name = 'UnreadableRecord';
}

/** One attempt at a restore. */
export interface Attempt {
  readonly restoreId: string;
  readonly attempt: number;
}

/**
 * What the control bucket holds about restores, read only; `undefined` where there is nothing (yet). Each may throw
 * UnreadableRecord.
 */
export interface RestoreRecords {
  claim(restoreId: string): Promise<Claim | undefined>;
  plan(of: Attempt): Promise<Plan | undefined>;
  ledger(of: Attempt): Promise<LedgerEntry[]>;
  result(of: Attempt): Promise<RestoreResult | undefined>;
  /** How far the batches of a disk are written, with strategy direct. */
  readonly directProgress: DirectProgressReader;
  /** What a helper appliance has reported last. */
  helperReport(of: { roleId: string; instanceId: string }): Promise<HelperReport | undefined>;
}

export function makeRestoreRecords(s3: S3Client, bucket: string): RestoreRecords {
  const read = async <Schema extends z.ZodType>(
    key: string,
    schema: Schema,
  ): Promise<z.output<Schema> | undefined> => {
    const text = await readObject(s3, { bucket, key });
    if (text === undefined) return undefined;
    const where = `s3://${bucket}/${key}`;
    const parsed = schema.safeParse(parseJson(text, where));
    if (parsed.success) return parsed.data;
    throw new UnreadableRecord(`${where} is not what this version reads: ${parsed.error.message}`);
  };
  return {
    claim: (restoreId) => read(claimKey(restoreId), claimSchema),
    plan: ({ restoreId, attempt }) => read(planKey(restoreId, attempt), planSchema),
    result: ({ restoreId, attempt }) => read(resultKey(restoreId, attempt), resultSchema),
    directProgress: makeDirectProgressReader(s3, bucket),
    helperReport: ({ roleId, instanceId }) =>
      read(reportKey(helperFolder(roleId, instanceId)), helperReportSchema),
    async ledger({ restoreId, attempt }) {
      const keys: string[] = [];
      const pages = paginateListObjectsV2(
        { client: s3 },
        { Bucket: bucket, Prefix: ledgerPrefix(restoreId, attempt) },
      );
      for await (const { Contents = [] } of pages) keys.push(...Contents.flatMap(({ Key }) => Key ?? []));
      const entries = await Promise.all(keys.map((key) => read(key, ledgerEntrySchema)));
      return entries.flatMap((entry) => entry ?? []);
    },
  };
}

/** @throws UnreadableRecord */
function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UnreadableRecord(`${where} is not JSON: ${String(cause)}`, { cause });
  }
}

async function readObject(
  s3: S3Client,
  { bucket, key }: { bucket: string; key: string },
): Promise<string | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await Body?.transformToString();
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
    throw error;
  }
}
