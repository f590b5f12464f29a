import { z } from 'zod';
import { CorruptObject, RepositoryNotFound, UnsupportedRepository } from './errors.ts';
import { FORMAT_KEY } from './keys.ts';
import { sealJson, unsealJson } from './sealed-json.ts';
import { ObjectNotFound, type Store } from './store.ts';

/** A repository whose format this version knows. */
export interface Repository {
  readonly store: Store;
  readonly url: string;
}

const FORMAT = 1;
const KNOWN_FEATURES: readonly string[] = [];

// Loose: later versions may say more, and are told apart by what is checked here.
const formatSchema = z.looseObject({
  format: z.number(),
  features: z.array(z.string()).default([]),
  encryption: z.string().default('none'),
});

/** Makes the repository, or opens the one that is there. @throws UnsupportedRepository, CorruptObject */
export async function createRepository(store: Store): Promise<Repository> {
  await store.put(FORMAT_KEY, sealJson({ format: FORMAT, features: [], encryption: 'none' }), {
    ifAbsent: true,
  });
  return openRepository(store);
}

/** @throws RepositoryNotFound, UnsupportedRepository, CorruptObject */
export async function openRepository(store: Store): Promise<Repository> {
  let bytes: Uint8Array;
  try {
    bytes = await store.get(FORMAT_KEY);
  } catch (cause) {
    if (!(cause instanceof ObjectNotFound)) throw cause;
    throw new RepositoryNotFound(`there is no repository at ${store.url}: it has no ${FORMAT_KEY}`, {
      cause,
    });
  }
  checkFormat(store, bytes);
  return { store, url: store.url };
}

/** @throws UnsupportedRepository, CorruptObject */
export function checkFormat({ url }: Store, bytes: Uint8Array): void {
  const parsed = formatSchema.safeParse(unsealJson(FORMAT_KEY, bytes));
  if (!parsed.success)
    throw new CorruptObject(FORMAT_KEY, { problem: `is not what it should be: ${parsed.error.message}` });
  const { format, features, encryption } = parsed.data;
  const unknown = features.filter((feature) => !KNOWN_FEATURES.includes(feature));
  const needs = [
    ...(format === FORMAT ? [] : [`format ${format}`]),
    ...unknown.map((feature) => `the feature "${feature}"`),
    ...(encryption === 'none' ? [] : [`the encryption "${encryption}"`]),
  ];
  if (needs.length === 0) return;
  throw new UnsupportedRepository(
    `repository ${url} needs ${needs.join(', ')}, which this version does not know`,
  );
}
