import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../support/definitions.ts';

export interface BundleAsset {
  readonly path: string;
  readonly sha256: string;
  /** Its key in the bucket of assets. */
  readonly objectKey: string;
}

/** The helper appliance's bundle in a cloud assembly: the one asset that is an archive of its own. */
export function helperBundleAsset(assemblyFolder: string): BundleAsset {
  const { files } = JSON.parse(readFileSync(join(assemblyFolder, 'Landfall.assets.json'), 'utf8'));
  const bundles = Object.values<Json>(files).filter(({ source }) => source.path.endsWith('.tar.gz'));
  const [bundle] = bundles;
  const [destination] = Object.values<Json>(bundle?.destinations ?? {});
  if (bundles.length !== 1 || !destination) throw new Error(`${bundles.length} bundles in ${assemblyFolder}`);
  const path = join(assemblyFolder, bundle.source.path);
  return {
    path,
    sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
    objectKey: destination.objectKey,
  };
}
