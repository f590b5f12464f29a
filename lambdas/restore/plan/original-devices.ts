import type { Instance } from '@aws-sdk/client-ec2';
import type { Manifest, ManifestDisk } from '../../../core/model/manifest.ts';
import type { PlannedDisk, ReplacedVolume } from '../../../core/model/plan.ts';
import type { Findings } from './findings.ts';

/** The volumes of the instance that was backed up, as they are attached now. */
export interface OriginalDevices {
  readonly rootDeviceName: string;
  readonly replaced: readonly ReplacedVolume[];
  /** Names of devices whose volumes stay. */
  readonly keptDeviceNames: readonly string[];
}

const FIELD = 'restoreTo';

/** Which of its volumes are the disks' now, by id, by being the root, or by the device's name. */
export function devicesOf(
  { InstanceId, RootDeviceName = '', BlockDeviceMappings = [] }: Instance,
  { manifest, findings }: { manifest: Manifest; findings: Findings },
): OriginalDevices {
  const attached = BlockDeviceMappings.flatMap(({ DeviceName, Ebs }) =>
    DeviceName !== undefined && Ebs?.VolumeId !== undefined
      ? [
          {
            deviceName: DeviceName,
            volumeId: Ebs.VolumeId,
            deleteOnTermination: Ebs.DeleteOnTermination ?? false,
          },
        ]
      : [],
  );
  const byId = new Map(
    manifest.disks.flatMap((disk) => {
      const found = attached.find(({ deviceName, volumeId }) =>
        disk.boot ? deviceName === RootDeviceName : volumeId === disk.volume?.volumeId,
      );
      return found ? [[disk.id, found] as const] : [];
    }),
  );
  const known = new Set([...byId.values()].map(({ volumeId }) => volumeId));
  const replaced = manifest.disks.flatMap((disk): ReplacedVolume[] => {
    const found =
      byId.get(disk.id) ??
      attached.find(
        ({ deviceName, volumeId }) =>
          deviceName === disk.deviceName && deviceName !== RootDeviceName && !known.has(volumeId),
      );
    return found ? [{ diskId: disk.id, ...found }] : [];
  });
  for (const { diskId, volumeId, deviceName } of replaced) {
    warnOfOther(
      manifest.disks.find(({ id }) => id === diskId),
      { volumeId, deviceName, findings },
    );
  }
  const gone = new Set(replaced.map(({ volumeId }) => volumeId));
  const kept = attached.filter(({ volumeId }) => !gone.has(volumeId));
  for (const { volumeId, deviceName } of kept) {
    findings.warning(
      FIELD,
      'original',
      `${volumeId} is none of the disks that are restored: it stays attached to ${InstanceId} as ${deviceName}, as it is`,
      'Detach it first where it is not to be there',
    );
  }
  return {
    rootDeviceName: RootDeviceName,
    replaced,
    keptDeviceNames: kept.map(({ deviceName }) => deviceName),
  };
}

function warnOfOther(
  disk: ManifestDisk | undefined,
  { volumeId, deviceName, findings }: { volumeId: string; deviceName: string; findings: Findings },
): void {
  const backedUp = disk?.volume?.volumeId;
  if (backedUp === undefined || backedUp === volumeId) return;
  findings.warning(
    FIELD,
    'original',
    `disk ${disk?.id} was volume ${backedUp}; ${volumeId}, which is attached as ${deviceName} now, is replaced`,
    'Exclude the disk where that is not meant',
  );
}

/** The disks under the names they have at the instance, in place of those of the restore point. */
export function atOriginal(manifest: Manifest, { replaced, rootDeviceName }: OriginalDevices): Manifest {
  const names = new Map<string, string>(replaced.map(({ diskId, deviceName }) => [diskId, deviceName]));
  return {
    ...manifest,
    disks: manifest.disks.map((disk) => {
      const deviceName = disk.boot ? rootDeviceName : (names.get(disk.id) ?? disk.deviceName);
      return deviceName === undefined ? disk : { ...disk, deviceName };
    }),
  };
}

/** Which of the volumes end with the instance: as those that they replace. */
export function withLifetimesOf({ replaced }: OriginalDevices, disks: readonly PlannedDisk[]): PlannedDisk[] {
  return disks.map((disk) => {
    const before = replaced.find(({ diskId }) => diskId === disk.id);
    return before ? { ...disk, deleteOnTermination: before.deleteOnTermination } : disk;
  });
}
