import { createHash } from 'node:crypto';
import type { RequestBody } from '../protocols/http-message.ts';
import { type Crc, crc32, crc32c, crc64nvme } from './crc.ts';
import { badDigest, invalidRequest, notSimulated } from './errors.ts';

export const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];
/** Whether a checksum covers the bytes of the object, or the checksums of its parts. */
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** A checksum in base64, as S3's headers hold it. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}

/** S3 has more algorithms (2026): the simulation turns them away rather than not verify what was sent. */
const OTHER_ALGORITHMS = ['SHA512', 'MD5', 'XXHASH64', 'XXHASH3', 'XXHASH128'];

export const CRCS: Readonly<Partial<Record<ChecksumAlgorithm, Crc>>> = {
  CRC32: crc32,
  CRC32C: crc32c,
  CRC64NVME: crc64nvme,
};

interface RunningDigest {
  update(bytes: Uint8Array): void;
  /** Base64. */
  value(): string;
}

export function makeChecksum(algorithm: ChecksumAlgorithm): RunningDigest {
  const crc = CRCS[algorithm];
  if (!crc) return makeHash(algorithm === 'SHA1' ? 'sha1' : 'sha256');
  let current = 0n;
  return {
    update: (bytes) => {
      current = crc.update(current, bytes);
    },
    value: () => crcToBase64(crc, current),
  };
}

function makeHash(name: string): RunningDigest {
  const hash = createHash(name);
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    value: () => hash.digest('base64'),
  };
}

export function crcToBase64(crc: Crc, value: bigint): string {
  return Buffer.from(value.toString(16).padStart(crc.bits / 4, '0'), 'hex').toString('base64');
}

export function crcFromBase64(text: string): bigint {
  return BigInt(`0x0${Buffer.from(text, 'base64').toString('hex')}`);
}

function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return (CHECKSUM_ALGORITHMS as readonly string[]).includes(name);
}

/** @throws AwsError for an algorithm that is not simulated or does not exist */
export function parseChecksumAlgorithm(name: string): ChecksumAlgorithm {
  if (isChecksumAlgorithm(name)) return name;
  if (OTHER_ALGORITHMS.includes(name)) throw notSimulated(`the checksum algorithm ${name}`);
  throw invalidRequest(
    `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${CHECKSUM_ALGORITHMS.join(', ')}]`,
  );
}

/** Members of an input or output that hold a checksum: `ChecksumCRC32`… */
export type ChecksumMembers = { readonly [A in ChecksumAlgorithm as `Checksum${A}`]?: string | undefined };

/** The checksum members of an output. */
export function checksumMembers(checksum: Checksum | undefined): ChecksumMembers {
  return checksum ? { [`Checksum${checksum.algorithm}`]: checksum.value } : {};
}

/** Checksums that an input claims. @throws AwsError for algorithms that are not simulated */
export function claimedChecksums(input: Readonly<Record<string, unknown>>): Checksum[] {
  for (const name of OTHER_ALGORITHMS) {
    if (input[`Checksum${name}`] !== undefined) throw notSimulated(`the checksum algorithm ${name}`);
  }
  return CHECKSUM_ALGORITHMS.flatMap((algorithm) => {
    const value = input[`Checksum${algorithm}`];
    return typeof value === 'string' ? [{ algorithm, value }] : [];
  });
}

export interface BodyVerifier {
  update(bytes: Uint8Array): void;
  /** Compares what was sent with what was claimed. @throws AwsError BadDigest, InvalidRequest */
  verify(): void;
  /** The checksum of an algorithm that was claimed or asked for; after {@link verify}. */
  computed(algorithm: ChecksumAlgorithm): Checksum | undefined;
  /** The first checksum claimed, which is the one that S3 keeps with the object. */
  claimed(): Checksum | undefined;
}

export interface VerifierInput {
  readonly input: Readonly<Record<string, unknown>> & { readonly ContentMD5?: string | undefined };
  readonly body: Pick<RequestBody, 'announcedTrailers' | 'trailers'>;
  /** Computed too, because the upload keeps it for every part. */
  readonly wanted?: ChecksumAlgorithm | undefined;
}

const TRAILER_PREFIX = 'x-amz-checksum-';

/** Computes the checksums that a body claims (in headers, or in trailers behind it) as its bytes go by. */
export function makeBodyVerifier({ input, body, wanted }: VerifierInput): BodyVerifier {
  const claims = new Map(claimedChecksums(input).map(({ algorithm, value }) => [algorithm, value]));
  const trailing = body.announcedTrailers
    .filter((name) => name.startsWith(TRAILER_PREFIX))
    .map((name) => parseChecksumAlgorithm(name.slice(TRAILER_PREFIX.length).toUpperCase()));
  const algorithms = new Set([...claims.keys(), ...trailing, ...(wanted ? [wanted] : [])]);
  const running = new Map([...algorithms].map((algorithm) => [algorithm, makeChecksum(algorithm)]));
  const md5 = input.ContentMD5 === undefined ? undefined : makeHash('md5');
  const results = new Map<ChecksumAlgorithm, string>();

  return {
    update: (bytes) => {
      md5?.update(bytes);
      for (const digest of running.values()) digest.update(bytes);
    },
    verify: () => {
      if (md5 && md5.value() !== input.ContentMD5) throw badDigest('Content-MD5');
      for (const [algorithm, digest] of running) results.set(algorithm, digest.value());
      for (const algorithm of trailing) {
        const value = body.trailers.get(`${TRAILER_PREFIX}${algorithm.toLowerCase()}`);
        if (value === undefined) {
          throw invalidRequest(
            `The trailer ${TRAILER_PREFIX}${algorithm.toLowerCase()} was announced and is missing`,
          );
        }
        claims.set(algorithm, value);
      }
      for (const [algorithm, value] of claims) {
        if (results.get(algorithm) !== value) throw badDigest(algorithm);
      }
    },
    computed: (algorithm) => {
      const value = results.get(algorithm);
      return value === undefined ? undefined : { algorithm, value };
    },
    claimed: () => {
      const first = claims.entries().next().value;
      return first ? { algorithm: first[0], value: first[1] } : undefined;
    },
  };
}
