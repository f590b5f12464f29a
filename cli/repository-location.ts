import { resolve } from 'node:path';
import {
  InvalidKey,
  makeFolderStore,
  makeS3Store,
  openRepository,
  parseS3Url,
  type Repository,
  type Store,
} from '../core/repository/index.ts';
import { type Connection, withConnection } from './connection/connection.ts';
import { BadRequest } from './errors.ts';
import { type Host, printNotice } from './host.ts';
import type { GlobalFlags } from './program-flags.ts';

/** Where a repository is: a folder of this machine, a place in S3, or wherever the stack says. */
export type RepositoryLocation =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'stack' };

export const REPOSITORY_FLAG = '--repository <url|folder>';
export const REPOSITORY_HELP = 's3://bucket/prefix, or a folder; default: the stack’s own';

/** @throws BadRequest for a URL that is not of the form s3://bucket/prefix */
export function parseRepositoryLocation(text: string | undefined, cwd: string): RepositoryLocation {
  if (text === undefined) return { kind: 'stack' };
  if (!/^[a-z0-9]+:\/\//i.test(text)) return { kind: 'folder', folder: resolve(cwd, text) };
  try {
    return { kind: 's3', ...parseS3Url(text) };
  } catch (cause) {
    if (!(cause instanceof InvalidKey)) throw cause;
    throw new BadRequest(
      `--repository ${text} is not a place for a repository`,
      'Use s3://bucket/prefix or a folder; a prefix is made of A-Z a-z 0-9 . _ - and /.',
      { cause },
    );
  }
}

export interface StoreOptions {
  readonly host: Host;
  readonly flags: GlobalFlags;
  readonly location: RepositoryLocation;
}

/** Says what is talked to, opens the repository that is there, and closes the connection when the work is done. */
export async function withRepository<T>(
  options: StoreOptions,
  work: (repository: Repository) => Promise<T>,
): Promise<T> {
  return await withStore(options, async (store) => work(await openRepository(store)));
}

/** The same for a place where a repository may still have to be made. */
export async function withStore<T>(
  { host, flags, location }: StoreOptions,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  if (location.kind === 'folder') {
    printNotice(host, `Talking to the repository in the folder ${location.folder}; no AWS is involved.`);
    return await work(makeFolderStore({ folder: location.folder }));
  }
  return await withConnection({ host, flags }, async (connection) =>
    work(await makeStore(connection, location)),
  );
}

/** The store of a repository in S3, through a connection that is open already. */
export async function makeStore(
  connection: Connection,
  location: Exclude<RepositoryLocation, { kind: 'folder' }>,
): Promise<Store> {
  const { bucket, prefix } =
    location.kind === 's3' ? location : parseS3Url((await connection.stackOutputs()).get('RepositoryUrl'));
  return makeS3Store({ client: connection.s3, bucket, prefix });
}
