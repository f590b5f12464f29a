import type { Store } from './store.ts';

/** A repository whose format this version knows. */
export interface Repository {
  readonly store: Store;
  readonly url: string;
}

/** Makes the repository, or opens the one that is there. @throws UnsupportedRepository, CorruptObject */
export async function createRepository(_store: Store): Promise<Repository> {
  throw new Error('not built yet');
}

/** @throws RepositoryNotFound, UnsupportedRepository, CorruptObject */
export async function openRepository(_store: Store): Promise<Repository> {
  throw new Error('not built yet');
}
