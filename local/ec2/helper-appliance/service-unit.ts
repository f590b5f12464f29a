import { join } from 'node:path';
import { readTextIfThere } from '../../json-file.ts';

/** How the service on an appliance runs its program. */
export interface ServiceUnit {
  readonly environment: Readonly<Record<string, string>>;
  /** Options of Node.js itself. */
  readonly nodeOptions: readonly string[];
}

/** Reads the unit of systemd in a bundle, so that the program runs here with the settings that it has on AWS. */
export async function readServiceUnit(bundleFolder: string): Promise<ServiceUnit> {
  const text = (await readTextIfThere(join(bundleFolder, 'landfall-helper.service'))) ?? '';
  const environment = [...text.matchAll(/^Environment=(\w+)=(\S*)$/gm)];
  const [, options = ''] = /^ExecStart=\S+\/node\s+(.*?)\S+\/landfall-helper\.mjs\b/m.exec(text) ?? [];
  return {
    environment: Object.fromEntries(environment.map(([, name = '', value = '']) => [name, value])),
    nodeOptions: options.split(/\s+/).filter((option) => option !== ''),
  };
}
