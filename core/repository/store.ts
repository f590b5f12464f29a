import { LandfallError } from '../model/errors.ts';

export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last put, by the store's own clock. */
  readonly modified: Date;
}

export interface ObjectRange {
  /** Bytes from the object's start. */
  readonly offset?: number;
  /** Bytes, at least one; to the object's end when absent. */
  readonly length?: number;
}

/**
 * Where a repository's objects lie. The contract of every store, proven by one suite (`test/repository/store-contract.ts`):
 *
 * - **Keys** are one or more names joined by `/`; a name is of `A-Z a-z 0-9 . _ -`, a letter or digit first; a key has at
 *   most 512 characters. Anything else is refused with {@link InvalidKey}, so that no key leaves the store's own folder or prefix.
 *   A key is never also the folder of another key.
 * - **put** is atomic and durable: others see the whole object or what was there before, and once it answers, a loss of
 *   power does not undo it. It may run twice. With `ifAbsent` exactly one of several puts of a key answers `written`,
 *   the others `exists` and change nothing; a put whose answer was lost on the way may answer `exists` for the object it wrote itself.
 *   The bytes may be changed by the caller once it has answered.
 * - **get** answers exactly the bytes asked for, or throws: {@link ObjectNotFound}, or {@link ObjectTooShort} where
 *   the object ends before `offset + length`, or has nothing at `offset`. The answer belongs to the caller.
 * - **list** yields the objects whose key starts with `prefix`, by ascending key (as bytes), those after `startAfter` only where it
 *   is given. It pages as it goes; what is put or deleted meanwhile may be missing or there.
 * - **delete** removes what is there; an absent key is fine.
 * - **Consistency**: what a put or delete has answered is seen by every get, list and put that starts later, from anywhere.
 * - **Failures**: passing ones are retried inside, within deadlines; what is thrown in the end is a {@link StoreFailed}
 *   (or one of the causes below). An aborted `signal` makes a call reject with the signal's reason, soon; whether a put then happened is not known.
 */
export interface Store {
  /** `file:///…` or `s3://bucket/prefix`, for messages. */
  readonly url: string;
  get(key: string, options?: ObjectRange & { readonly signal?: AbortSignal }): Promise<Uint8Array>;
  put(
    key: string,
    bytes: Uint8Array,
    options?: { readonly ifAbsent?: boolean; readonly signal?: AbortSignal },
  ): Promise<'written' | 'exists'>;
  list(
    prefix: string,
    options?: { readonly startAfter?: string; readonly signal?: AbortSignal },
  ): AsyncIterable<StoredObject>;
  delete(keys: readonly string[]): Promise<void>;
}

export class ObjectNotFound extends LandfallError {
  override readonly name = 'ObjectNotFound';
  readonly key: string;

  constructor(key: string, { url, cause }: { url: string; cause?: unknown }) {
    super(`object ${key} is not in ${url}`, { cause });
    this.key = key;
  }
}

/** The object ends before the range that was asked for. */
export class ObjectTooShort extends LandfallError {
  override readonly name = 'ObjectTooShort';
  readonly key: string;

  constructor(key: string, { url, wanted }: { url: string; wanted: ObjectRange }) {
    const { offset = 0, length } = wanted;
    super(
      `object ${key} in ${url} is too short: ${length ?? 'any'} bytes at offset ${offset} are not all there`,
    );
    this.key = key;
  }
}

export class InvalidKey extends LandfallError {
  override readonly name = 'InvalidKey';
}

/** The bucket or folder that was named does not exist. */
export class StoreNotFound extends LandfallError {
  override readonly name = 'StoreNotFound';
}

export class StoreAccessDenied extends LandfallError {
  override readonly name = 'StoreAccessDenied';
}

/** Reading or writing failed, after the retries that made sense; `cause` is what the file system or the SDK said. */
export class StoreFailed extends LandfallError {
  override readonly name = 'StoreFailed';
  override readonly retryable: boolean;

  constructor(message: string, { retryable, cause }: { retryable: boolean; cause: unknown }) {
    super(message, { cause });
    this.retryable = retryable;
  }
}

const KEY = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const KEY_MOST_CHARACTERS = 512;

export const isKey = (text: string): boolean => text.length <= KEY_MOST_CHARACTERS && KEY.test(text);

/** @throws InvalidKey */
export function checkKey(key: string): string {
  if (!isKey(key)) throw new InvalidKey(`"${key}" is not a safe object key`);
  return key;
}

const PREFIX = /^([A-Za-z0-9][A-Za-z0-9._-]*\/)*([A-Za-z0-9][A-Za-z0-9._-]*)?$/;

/** A prefix is the beginning of a key, or nothing. @throws InvalidKey */
export function checkPrefix(prefix: string): string {
  if (prefix.length > KEY_MOST_CHARACTERS || !PREFIX.test(prefix)) {
    throw new InvalidKey(`"${prefix}" is not the beginning of a safe object key`);
  }
  return prefix;
}
