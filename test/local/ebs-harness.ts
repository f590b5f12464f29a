import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { EBS } from '@aws-sdk/client-ebs';
import { type EbsService, makeEbsService } from '../../local/ebs/service.ts';
import type { FaultEffects } from '../../local/faults.ts';
import { apiOf, openTestEc2, type TestEc2 } from './ec2-harness.ts';

export const BLOCK_BYTES = 524_288;

export interface TestEbs {
  /** Every operation under its SDK name, called directly; blocks are put as the protocol hands them over. */
  readonly api: EBS;
  spoiled(effects: FaultEffects): EBS;
  readonly service: EbsService;
  readonly ec2: TestEc2;
  /** Lets so many simulated seconds pass, and what is due happen. */
  advance(seconds: number): Promise<void>;
  restart(): Promise<TestEbs>;
  close(): Promise<void>;
}

/** The EBS direct APIs over EC2's snapshots, with a clock that only moves when it is told to. */
export async function openTestEbs(): Promise<TestEbs> {
  return openOver(await openTestEc2());
}

async function openOver(ec2: TestEc2): Promise<TestEbs> {
  const service = await makeEbsService(ec2.context, {
    snapshots: ec2.service.directSnapshots,
    timeScale: 1,
  });
  return {
    api: apiOf<EBS>(service, {}),
    spoiled: (effects) => apiOf<EBS>(service, effects),
    service,
    ec2,
    advance: (seconds) => ec2.advance(seconds),
    async restart() {
      await service.stop();
      return openOver(await ec2.restart());
    },
    async close() {
      await service.stop();
      await ec2.close();
    },
  };
}

export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** A block filled with one byte. */
export const blockOf = (byte: number): Buffer => Buffer.alloc(BLOCK_BYTES, byte);

/** What a put of these bytes has to say; the bytes as a body on the wire, or as the SDK takes them. */
export function putOf<Bytes extends Uint8Array>(
  SnapshotId: string | undefined,
  BlockIndex: number,
  bytes: Bytes,
) {
  return {
    SnapshotId,
    BlockIndex,
    BlockData: bytes,
    DataLength: BLOCK_BYTES,
    Checksum: sha256(bytes).toString('base64'),
    ChecksumAlgorithm: 'SHA256' as const,
  };
}

/** Puts a block with the operation called directly, its body in two pieces; `between` comes between them. */
export async function putDirectly(
  ebs: TestEbs,
  SnapshotId: string | undefined,
  BlockIndex: number,
  bytes: Uint8Array,
  between: () => Promise<unknown> = async () => {},
): Promise<void> {
  const body = {
    announcedLength: bytes.length,
    announcedTrailers: [],
    trailers: new Map<string, string>(),
    async *[Symbol.asyncIterator]() {
      yield bytes.subarray(0, 1_000);
      await between();
      yield bytes.subarray(1_000);
    },
  };
  await ebs.api.putSnapshotBlock({ ...putOf(SnapshotId, BlockIndex, bytes), BlockData: body as never });
}

/** AWS's LINEAR checksum of blocks, worked out from their bytes. */
export function linearOf(blocks: ReadonlyMap<number, Uint8Array>): string {
  const digests = [...blocks].sort(([a], [b]) => a - b).map(([, bytes]) => sha256(bytes));
  return sha256(Buffer.concat(digests)).toString('base64');
}

/** Some bytes of a file. */
export async function bytesOf(file: string | undefined, offset: number, length: number): Promise<Buffer> {
  const handle = await open(file ?? '');
  try {
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, offset);
    return buffer;
  } finally {
    await handle.close();
  }
}

/** State of a snapshot as EC2 describes it. */
export async function snapshotStateOf(ebs: TestEbs, snapshotId: string | undefined): Promise<string> {
  const { Snapshots } = await ebs.ec2.api.describeSnapshots({ SnapshotIds: [snapshotId ?? ''] });
  return Snapshots?.[0]?.State ?? 'none';
}

/** The code, reason and status that a call fails with. */
export async function refusal(
  promise: Promise<unknown>,
): Promise<{ name: string; reason: unknown; status: unknown }> {
  try {
    await promise;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { Reason, $metadata } = error as { Reason?: unknown; $metadata?: { httpStatusCode?: number } };
    if ($metadata) return { name: error.name, reason: Reason, status: $metadata.httpStatusCode };
    const aws = error as Error & { code?: string; fields?: { Reason?: unknown }; statusCode?: number };
    return { name: aws.code ?? aws.name, reason: aws.fields?.Reason, status: aws.statusCode };
  }
  throw new Error('the call succeeded');
}
