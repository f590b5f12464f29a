import { hash, randomBytes } from 'node:crypto';

/**
 * Tokens that tell their own story, so that nothing has to be kept for them: when they end, where they point, and a
 * digest over all that they are bound to. They are checked for being right, not for being forged.
 */

const EXPIRY_BYTES = 6;
const NONCE_BYTES = 6;
const POSITION_BYTES = 6;
const DIGEST_BYTES = 16;

function digestOf(parts: readonly (string | number)[]): Buffer {
  return hash('sha256', parts.join('\n'), 'buffer').subarray(0, DIGEST_BYTES);
}

export interface BlockPlace {
  readonly snapshotId: string;
  readonly block: number;
}

export interface BlockTokens {
  /** When the tokens end. */
  readonly expiry: Date;
  tokenOf(place: BlockPlace): string;
}

/** A block token is good for seven days (ebsapi-faq). */
const BLOCK_TOKEN_MS = 7 * 24 * 3_600_000;

/** Block tokens of one listing; every listing has tokens of its own, and older ones stay good until they end. */
export function makeBlockTokens(now: Date): BlockTokens {
  const expiry = new Date(now.getTime() + BLOCK_TOKEN_MS);
  const head = Buffer.alloc(EXPIRY_BYTES + NONCE_BYTES);
  head.writeUIntBE(expiry.getTime(), 0, EXPIRY_BYTES);
  randomBytes(NONCE_BYTES).copy(head, EXPIRY_BYTES);
  const listing = head.toString('hex');
  return {
    expiry,
    tokenOf: ({ snapshotId, block }) =>
      Buffer.concat([head, digestOf([listing, snapshotId, block])]).toString('base64'),
  };
}

export function isBlockToken(token: string, place: BlockPlace, now: Date): boolean {
  const bytes = Buffer.from(token, 'base64');
  const headLength = EXPIRY_BYTES + NONCE_BYTES;
  if (bytes.length !== headLength + DIGEST_BYTES) return false;
  const listing = bytes.toString('hex', 0, headLength);
  return (
    bytes.readUIntBE(0, EXPIRY_BYTES) > now.getTime() &&
    bytes.subarray(headLength).equals(digestOf([listing, place.snapshotId, place.block]))
  );
}

/** A token for the next page is good for an hour (ebsapi-faq). */
const PAGE_TOKEN_MS = 60 * 60_000;

/** Token for a page of a `listing` (its operation and snapshots) that begins at a block. */
export function makePageToken(listing: string, block: number, now: Date): string {
  const head = Buffer.alloc(EXPIRY_BYTES + POSITION_BYTES);
  head.writeUIntBE(now.getTime() + PAGE_TOKEN_MS, 0, EXPIRY_BYTES);
  head.writeUIntBE(block, EXPIRY_BYTES, POSITION_BYTES);
  return Buffer.concat([head, digestOf([listing, head.toString('hex')])]).toString('base64');
}

/** The block at which the page begins; undefined when the token is not of this listing, or too old. */
export function readPageToken(listing: string, token: string, now: Date): number | undefined {
  const bytes = Buffer.from(token, 'base64');
  const headLength = EXPIRY_BYTES + POSITION_BYTES;
  if (bytes.length !== headLength + DIGEST_BYTES) return undefined;
  if (!bytes.subarray(headLength).equals(digestOf([listing, bytes.toString('hex', 0, headLength)])))
    return undefined;
  return bytes.readUIntBE(0, EXPIRY_BYTES) > now.getTime()
    ? bytes.readUIntBE(EXPIRY_BYTES, POSITION_BYTES)
    : undefined;
}
