import type { Store } from './store.ts';

export function makeFolderStore(_options: { folder: string }): Store {
  throw new Error('not built yet');
}
