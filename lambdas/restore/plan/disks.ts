import { wholeGiB } from '../../../core/model/ids.ts';
import type { Manifest, ManifestDisk } from '../../../core/model/manifest.ts';
import type { PlannedDisk } from '../../../core/model/plan.ts';
import { type RestoreRequest, volumeTypeSchema } from '../../../core/model/request.ts';
import { environment } from '../../runtime/step.ts';
import type { Findings } from './findings.ts';
import { cutName, nameAround } from './names.ts';
import { checkVolumeTags, withoutReservedTags } from './tags.ts';
import { checkVolumeSettings } from './volume-limits.ts';

type DiskRequest = RestoreRequest['disks'][number];

/** Decides for every disk that is restored what its volume is like. */
export function planDisks(
  { workload, disks }: Manifest,
  request: RestoreRequest,
  {
    rootDeviceName,
    takenDeviceNames = [],
    findings,
  }: { rootDeviceName: string; takenDeviceNames?: readonly string[] | undefined; findings: Findings },
): PlannedDisk[] {
  const inOrder = [...disks].sort((a, b) => a.order - b.order);
  const wishes = new Map<string, DiskRequest>(request.disks.map((disk) => [disk.id, disk]));
  const deviceNames = chooseDeviceNames(inOrder, wishes, {
    rootDeviceName,
    takenDeviceNames,
    windows: workload.platform === 'windows',
    findings,
  });
  const planned = inOrder.map((disk) => {
    const field = fieldOf(request, disk.id);
    return {
      id: disk.id,
      boot: disk.boot,
      size: disk.size,
      deviceName: deviceNames.get(disk.id) ?? rootDeviceName,
      segmentBytes: disk.segmentBytes,
      segmentCount: Math.ceil(disk.size / disk.segmentBytes),
      ...planVolume(disk, wishes.get(disk.id), { field, findings }),
      tags: volumeTags(disk, request),
    };
  });
  checkVolumeTags(planned, findings);
  return planned;
}

/** The source volume's, its name with what the request puts around names, and the request's. */
function volumeTags({ volume }: ManifestDisk, { target }: RestoreRequest): Record<string, string> {
  const tags = withoutReservedTags(volume?.tags ?? {});
  if (tags.Name !== undefined) tags.Name = cutName(nameAround(tags.Name, target));
  return { ...tags, ...target.tags };
}

function planVolume(
  { size, boot, volume: source }: ManifestDisk,
  wish: DiskRequest | undefined,
  { field, findings }: { field: string; findings: Findings },
): Pick<
  PlannedDisk,
  | 'volumeGiB'
  | 'volumeType'
  | 'iops'
  | 'throughput'
  | 'encrypted'
  | 'kmsKeyId'
  | 'initializationRate'
  | 'deleteOnTermination'
> {
  // A type that this version does not know is replaced by the general one.
  const volumeType = wish?.volumeType ?? volumeTypeSchema.catch('gp3').parse(source?.volumeType);
  const sameType = volumeType === source?.volumeType;
  const iops = wish?.iops ?? (sameType && takesIops(volumeType) ? source?.iops : undefined);
  const throughput = wish?.throughput ?? (sameType && volumeType === 'gp3' ? source?.throughput : undefined);
  const kmsKeyId =
    wish?.kmsKeyId ?? (wish?.encrypted === false ? undefined : keyOfSource(source, { field, findings }));
  const volumeGiB = wholeGiB(size);
  if (wish?.encrypted === false && wish.kmsKeyId !== undefined) {
    findings.error(`${field}.encrypted`, false, 'contradicts kmsKeyId', 'Leave out one of the two');
  }
  checkVolumeSettings(field, { volumeType, volumeGiB, iops, throughput, boot }, findings);
  return {
    volumeGiB,
    volumeType,
    ...(iops === undefined ? {} : { iops }),
    ...(throughput === undefined ? {} : { throughput }),
    encrypted: kmsKeyId !== undefined || (wish?.encrypted ?? source?.encrypted ?? false),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    ...(wish?.initializationRate === undefined ? {} : { initializationRate: wish.initializationRate }),
    deleteOnTermination: source?.deleteOnTermination ?? boot,
  };
}

/**
 * The source volume's key, where it can be used here at all: after the loss of a Region or an account it is what is
 * gone, and the default key of EBS takes its place.
 */
function keyOfSource(
  source: ManifestDisk['volume'],
  { field, findings }: { field: string; findings: Findings },
): string | undefined {
  const key = source?.kmsKeyId;
  const { region, account } =
    /^arn:[^:]+:kms:(?<region>[^:]+):(?<account>\d+):/.exec(key ?? '')?.groups ?? {};
  const { AWS_REGION, ACCOUNT_ID } = environment();
  if (region === undefined || (region === AWS_REGION && account === ACCOUNT_ID)) return key;
  // A key for several Regions has the same id in each: whether there is a replica here KMS will say.
  const replica = /:key\/(?<id>mrk-[0-9a-f]+)$/.exec(key ?? '')?.groups?.id;
  if (account === ACCOUNT_ID && replica !== undefined) return replica;
  findings.warning(
    `${field}.kmsKeyId`,
    key,
    'the source volume’s key is of another account or Region; the default key for EBS is used',
    'Give disks[].kmsKeyId to use another',
  );
  return undefined;
}

// gp2 reports IOPS too, but takes none.
const takesIops = (volumeType: string): boolean => ['gp3', 'io1', 'io2'].includes(volumeType);

/** The request's field for a disk, or the disk's name where the request has none. */
export function fieldOf(request: RestoreRequest, diskId: string): string {
  const index = request.disks.findIndex(({ id }) => id === diskId);
  return index < 0 ? `disk ${diskId}` : `disks[${index}]`;
}

/** Names that EC2 recommends for data volumes, f to p first: some kernels take no others. */
export function* freeDeviceNames(windows: boolean): Generator<string> {
  const prefix = windows ? 'xvd' : '/dev/sd';
  for (const letter of 'fghijklmnopqrstuvwxyzbcde') yield `${prefix}${letter}`;
  for (const first of 'bc')
    for (const letter of 'bcdefghijklmnopqrstuvwxyz')
      yield `${windows ? 'xvd' : '/dev/xvd'}${first}${letter}`;
}

function chooseDeviceNames(
  disks: readonly ManifestDisk[],
  wishes: ReadonlyMap<string, DiskRequest>,
  {
    rootDeviceName,
    takenDeviceNames,
    windows,
    findings,
  }: {
    rootDeviceName: string;
    takenDeviceNames: readonly string[];
    windows: boolean;
    findings: Findings;
  },
): Map<string, string> {
  const chosen = new Map<string, string>();
  const taken = new Set([rootDeviceName, ...takenDeviceNames].map(shortName));
  for (const { id, boot, deviceName } of disks) {
    const wish = wishes.get(id)?.deviceName;
    if (boot) {
      if (wish !== undefined && wish !== rootDeviceName) {
        findings.error(
          `disk ${id}.deviceName`,
          wish,
          `the root volume is attached as ${rootDeviceName}, the root device of the launch image`,
          'Leave it out',
        );
      }
      chosen.set(id, rootDeviceName);
      continue;
    }
    const name = wish ?? deviceName;
    if (name === undefined || !isUsableName({ id, name, wished: wish !== undefined }, { windows, findings }))
      continue;
    if (!taken.has(shortName(name))) {
      taken.add(shortName(name));
      chosen.set(id, name);
    } else if (wish !== undefined) {
      findings.error(
        `disk ${id}.deviceName`,
        wish,
        'is taken by another disk',
        'Choose a free name, e.g. /dev/sdf',
      );
    }
  }
  for (const { id } of disks) {
    if (chosen.has(id)) continue;
    for (const name of freeDeviceNames(windows)) {
      if (taken.has(shortName(name))) continue;
      taken.add(shortName(name));
      chosen.set(id, name);
      break;
    }
    if (!chosen.has(id))
      findings.error(`disk ${id}.deviceName`, 'nothing', 'no device name is left', 'Give one');
  }
  return chosen;
}

// Amazon EC2 User Guide, "Device names for volumes": what data volumes may be called.
const DATA_NAMES = {
  linux: /^\/dev\/(sd[b-z]|xvd[b-z]|xvd[a-d][a-z])$/,
  windows: /^xvd[b-z]$|^xvd[a-d][a-z]$/,
};

/** A name from the backup that EC2 does not take is replaced, one that was asked for is refused. */
function isUsableName(
  { id, name, wished }: { id: string; name: string; wished: boolean },
  { windows, findings }: { windows: boolean; findings: Findings },
): boolean {
  if (DATA_NAMES[windows ? 'windows' : 'linux'].test(name)) return true;
  if (wished) {
    const example = windows ? 'xvdf' : '/dev/sdf';
    findings.error(
      `disk ${id}.deviceName`,
      name,
      'is no device name that EC2 takes for a data volume',
      `Give one like ${example}`,
    );
  }
  return false;
}

// /dev/xvdf, xvdf and /dev/sdf become the same device in many guests: never use two of them together.
const shortName = (name: string): string =>
  name
    .replace(/^\/dev\//, '')
    .replace(/^(xvd|sd)/, '')
    .replace(/^a\d?$/, 'a');
