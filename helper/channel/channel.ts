import {
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { z } from 'zod';
import {
  type DiskState,
  diskStateKey,
  diskStateSchema,
  type HelperOrders,
  type HelperReport,
  helperOrdersSchema,
  helperReportSchema,
  ordersKey,
  reportKey,
} from '../../core/model/helper.ts';
import { DiskStateInvalid, OrdersInvalid } from '../errors.ts';

/**
 * What the helper and the state machine have in common: the helper's own folder of the control bucket. Every call is one
 * try, with the S3 client's own retries and a deadline; what fails is thrown as the SDK threw it.
 */
export interface Channel {
  /** The orders as they are now; `undefined` when there are none. @throws OrdersInvalid */
  lookForOrders(signal: AbortSignal): Promise<HelperOrders | undefined>;
  /** What an earlier run of the program reported last; `undefined` when there is nothing that can be read. */
  readReport(signal: AbortSignal): Promise<HelperReport | undefined>;
  writeReport(report: HelperReport, signal: AbortSignal): Promise<void>;
  /** @throws DiskStateInvalid */
  readDiskState(diskId: string, signal: AbortSignal): Promise<DiskState | undefined>;
  writeDiskState(state: DiskState, signal: AbortSignal): Promise<void>;
}

export interface ChannelOptions {
  readonly client: S3Client;
  readonly bucket: string;
  readonly folder: string;
  /** For one call. */
  readonly requestSeconds: number;
}

interface Known {
  readonly etag: string | undefined;
  readonly orders: HelperOrders;
}

export function makeChannel({ client, bucket, folder, requestSeconds }: ChannelOptions): Channel {
  const limited = (signal: AbortSignal) => ({
    abortSignal: AbortSignal.any([signal, AbortSignal.timeout(requestSeconds * 1000)]),
  });
  const get = async (key: string, signal: AbortSignal, ifNot?: string): Promise<Answer> => {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, IfNoneMatch: ifNot });
    try {
      const { Body, ETag } = await client.send(command, limited(signal));
      return { kind: 'object', text: (await Body?.transformToString()) ?? '', etag: ETag };
    } catch (error) {
      if (error instanceof NoSuchKey) return { kind: 'absent' };
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 304) {
        return { kind: 'unchanged' };
      }
      if (isDenied(error) && !(await isThere(key, signal))) return { kind: 'absent' };
      throw error;
    }
  };
  /** S3 says that reading is denied of what is not there, too, to those who may not list the bucket; ours may list this folder of it. */
  const isThere = async (key: string, signal: AbortSignal): Promise<boolean> => {
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: 1 });
    const { Contents = [] } = await client.send(command, limited(signal));
    return Contents.some(({ Key }) => Key === key);
  };
  const put = async (key: string, value: unknown, signal: AbortSignal): Promise<void> => {
    const Body = `${JSON.stringify(value, null, 2)}\n`;
    const ContentType = 'application/json';
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body, ContentType }), limited(signal));
  };

  let known: Known | undefined;
  return {
    async lookForOrders(signal) {
      const key = ordersKey(folder);
      const answer = await get(key, signal, known?.etag);
      if (answer.kind === 'unchanged') return known?.orders;
      known = undefined;
      if (answer.kind === 'absent') return undefined;
      const orders = parse(answer.text, helperOrdersSchema, (problem) => {
        return new OrdersInvalid(`s3://${bucket}/${key} ${problem}`);
      });
      known = { orders, etag: answer.etag };
      return orders;
    },
    async readReport(signal) {
      const answer = await get(reportKey(folder), signal);
      return answer.kind === 'object' ? parseOrNothing(answer.text, helperReportSchema) : undefined;
    },
    writeReport: (report, signal) => put(reportKey(folder), report, signal),
    async readDiskState(diskId, signal) {
      const key = diskStateKey(folder, diskId);
      const answer = await get(key, signal);
      if (answer.kind !== 'object') return undefined;
      return parse(answer.text, diskStateSchema, (problem) => {
        return new DiskStateInvalid(`s3://${bucket}/${key} ${problem}`);
      });
    },
    writeDiskState: (state, signal) => put(diskStateKey(folder, state.diskId), state, signal),
  };
}

const isDenied = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.$metadata.httpStatusCode === 403;

type Answer =
  | { readonly kind: 'object'; readonly text: string; readonly etag: string | undefined }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unchanged' };

function parse<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  fail: (problem: string) => Error,
): z.output<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw fail('is not JSON');
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw fail(`is not what it should be: ${parsed.error.message}`);
  return parsed.data;
}

function parseOrNothing<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
): z.output<Schema> | undefined {
  try {
    return parse(text, schema, (problem) => new Error(problem));
  } catch {
    return undefined;
  }
}
