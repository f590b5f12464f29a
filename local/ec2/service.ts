import type { RegionContext, Service } from '../service.ts';
import type { ObjectSource } from './object-source.ts';

export interface Ec2Dependencies {
  /** Reads objects of the region's S3 (ImportSnapshot reads the RAW image through it). */
  readonly objects: ObjectSource;
}

/** The simulated EC2 service, and what only the region itself may ask of it. */
export interface Ec2Service extends Service {
  /** Path of the file that holds a volume's bytes; undefined when there is no such volume. */
  volumeFile(volumeId: string): string | undefined;
}

/** Opens (or creates, with its seeds) the EC2 of a region; transitions that were under way go on. */
export async function makeEc2Service(
  _context: RegionContext,
  _dependencies: Ec2Dependencies,
): Promise<Ec2Service> {
  return { name: 'ec2', operations: {}, volumeFile: () => undefined, stop: async () => {} };
}
