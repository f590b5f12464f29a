import { AwsError } from '../service.ts';
import { invalidCombination, invalidParameter, notSimulated, required } from './errors.ts';
import type { Simulation } from './simulation.ts';

/** What ImportSnapshot and ImportImage ask of every request: where its bytes lie, who reads them, how many at once. */

export interface Location {
  readonly bucket: string;
  readonly key: string;
  /** How the request named the object, given back as it came. */
  readonly url?: string;
}

interface Located {
  readonly Url?: string | undefined;
  readonly UserBucket?:
    | { readonly S3Bucket?: string | undefined; readonly S3Key?: string | undefined }
    | undefined;
}

/** Where the disk lies: a bucket and key, or `s3://bucket/key`. @throws InvalidParameter, UnsupportedOperation */
export function parseLocation(operation: string, container: Located): Location {
  if (container.Url && container.UserBucket) {
    throw invalidCombination('Only one of url and userBucket may be given');
  }
  if (container.UserBucket) {
    return {
      bucket: required(container.UserBucket.S3Bucket, 's3Bucket'),
      key: required(container.UserBucket.S3Key, 's3Key'),
    };
  }
  const url = required(container.Url, 'url or userBucket');
  const match = /^s3:\/\/([^/]+)\/(.+)$/.exec(url);
  if (!match?.[1] || !match[2]) throw notSimulated(`${operation} from the URL ${url}`);
  return { bucket: match[1], key: match[2], url };
}

/** RAW alone can be read here. @throws MissingParameter, UnsupportedOperation */
export function checkFormat(operation: string, asked: string | undefined): string {
  const format = required(asked, 'format').toUpperCase();
  if (format !== 'RAW') throw notSimulated(`${operation} of the format ${format} (RAW is)`);
  return format;
}

/** @throws InvalidParameter when VM Import could not assume the role */
export function checkRole(sim: Simulation, roleName: string | undefined): string {
  const name = roleName ?? 'vmimport';
  // Without IAM to ask, a role that is named is taken to exist; nobody has made the default one.
  const exists = sim.identities ? sim.identities.findRole(name) !== undefined : roleName !== undefined;
  if (!exists) {
    throw invalidParameter(
      `The service role ${name} does not exist or does not have sufficient permissions for the service to continue`,
    );
  }
  return name;
}

/** @throws InvalidParameter when there is nothing to read */
export async function checkObject(sim: Simulation, { bucket, key }: Location): Promise<void> {
  if (!(await sim.objects.bucketExists(bucket))) {
    throw invalidParameter(`Invalid S3 source location: the bucket ${bucket} does not exist`);
  }
  const object = await sim.objects.open(bucket, key);
  if (!object) throw invalidParameter(`Invalid S3 source location: there is no object ${key} in ${bucket}`);
  await object.close();
  if (object.size === 0) throw invalidParameter('Parameter disk-image-size=0 has an invalid format.');
}

/** Imports of snapshots and of images share one quota (L-66ABAAD5). @throws ResourceCountLimitExceeded */
export function checkImportQuota(sim: Simulation): void {
  const limit = sim.quotas.importTasks;
  if (limit === undefined) return;
  const tasks = [...sim.state.importTasks.all(), ...sim.state.imageImports.all()];
  const active = tasks.filter((task) => task.status === 'active').length;
  if (active >= limit) {
    throw new AwsError('ResourceCountLimitExceeded', `The limit of ${limit} active import tasks is reached`);
  }
}
