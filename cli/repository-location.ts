import { resolve } from 'node:path';
import {
  makeFolderStore,
  makeS3Store,
  openRepository,
  type Repository,
  type Store,
} from '../core/repository/index.ts';
import { type Connection, withConnection } from './connection/connection.ts';
import { BadRequest } from './errors.ts';
import { type Host, printNote } from './host.ts';
import type { GlobalFlags } from './program-flags.ts';

/** Where a repository is: a folder of this machine, a place in S3, or wherever the stack says. */
export type RepositoryLocation =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'stack' };

export const REPOSITORY_FLAG = '--repository <url|folder>';
export const REPOSITORY_HELP = 's3://bucket/prefix, or a folder; default: the stack’s own';

/** @throws BadRequest for a URL that is neither s3: nor file: */
export function parseRepositoryLocation(text: string | undefined, cwd: string): RepositoryLocation {
  if (text === undefined) return { kind: 'stack' };
  const [, bucket, prefix] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/?(.*)$/.exec(text) ?? [];
  if (bucket !== undefined) return { kind: 's3', bucket, prefix: (prefix ?? '').replace(/\/+$/, '') };
  if (/^[a-z0-9]+:\/\//i.test(text)) {
    throw new BadRequest(
      `--repository ${text} is not a place for a repository`,
      'Use s3://bucket/prefix or a folder.',
    );
  }
  return { kind: 'folder', folder: resolve(cwd, text) };
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
    printNote(host, `Talking to the repository in the folder ${location.folder}; no AWS is involved.`);
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
  if (location.kind === 's3') {
    return makeS3Store({ client: connection.s3, bucket: location.bucket, prefix: location.prefix });
  }
  const url = (await connection.stackOutputs()).get('RepositoryUrl');
  const own = parseRepositoryLocation(url, '/');
  if (own.kind !== 's3')
    throw new BadRequest(`the stack's RepositoryUrl is ${url}, not s3://…`, 'Deploy it again.');
  return makeS3Store({ client: connection.s3, bucket: own.bucket, prefix: own.prefix });
}
