import { join } from 'node:path';

/** Where things of helper appliances lie in the state folder. */
export interface HelperFolders {
  /** Everything: a folder for each instance, and the bundles. */
  readonly root: string;
  readonly bundles: string;
  of(instanceId: string): string;
  /** Links to an instance's volumes. */
  devices(instanceId: string): string;
  /** File of what an instance printed. */
  console(instanceId: string): string;
}

const BUNDLES = 'bundles';

export function helperFolders(stateFolder: string): HelperFolders {
  const root = join(stateFolder, 'ec2', 'helpers');
  const of = (instanceId: string) => join(root, instanceId);
  return {
    root,
    bundles: join(root, BUNDLES),
    of,
    devices: (instanceId) => join(of(instanceId), 'devices'),
    console: (instanceId) => join(of(instanceId), 'console.log'),
  };
}

/** Whether a name in the root is that of an instance's folder. */
export const isOfInstance = (name: string): boolean => name !== BUNDLES;
