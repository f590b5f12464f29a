import type { DiskId } from '../../core/model/ids.ts';
import { parseDiskId } from '../../core/model/ids.ts';
import {
  type SourceVolume,
  type Workload,
  type WorkloadKind,
  workloadSchema,
} from '../../core/model/manifest.ts';
import { BadRequest } from '../errors.ts';
import type { AttachedVolume, SourceMachine } from './source-instance.ts';

/** The flags of `backup` that say what the machine is. */
export interface WorkloadFlags {
  readonly disks: readonly DiskFlag[];
  readonly boot?: string;
  readonly deviceNames: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly kind?: WorkloadKind;
  readonly os?: string;
  readonly platform?: Workload['platform'];
  readonly architecture?: Workload['architecture'];
  readonly bootMode?: Workload['bootMode'];
  readonly usageOperation?: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface DiskFlag {
  readonly id: DiskId;
  readonly path: string;
}

export interface RequestedDisk extends DiskFlag {
  readonly boot: boolean;
  readonly deviceName?: string;
  readonly volume?: SourceVolume;
}

export interface BackupRequest {
  readonly workload: Workload;
  readonly disks: readonly RequestedDisk[];
  /** What a person should know and nothing stops at. */
  readonly notes: readonly string[];
}

/** `[ID=]PATH` as given; a disk without an id gets `disk0`, `disk1`, … by its place. @throws BadRequest, InvalidId */
export function parseDiskFlags(values: readonly string[]): DiskFlag[] {
  const disks = values.map((value, index) => {
    const [, id, path] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})=(.+)$/s.exec(value) ?? [];
    return { id: parseDiskId(id ?? `disk${index}`), path: path ?? value };
  });
  const twice = disks.find(({ id }, index) => disks.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined) {
    throw new BadRequest(
      `two disks have the id "${twice.id}"`,
      'Give each its own: --disk root=… --disk data=…',
    );
  }
  return disks;
}

/** Puts flags and source instance together, flags first. @throws BadRequest naming the flag that is missing or wrong */
export function makeBackupRequest(flags: WorkloadFlags, machine?: SourceMachine): BackupRequest {
  for (const id of Object.keys(flags.deviceNames)) requireDisk(flags, { id, flag: '--device-name' });
  const matched = matchVolumes(flags, machine);
  const bootId = bootDiskOf(flags, matched);
  const disks = flags.disks.map((disk): RequestedDisk => {
    const attached = matched.get(disk.id);
    return {
      ...disk,
      boot: disk.id === bootId,
      deviceName: flags.deviceNames[disk.id] ?? attached?.deviceName,
      volume: attached?.settings,
    };
  });
  return { workload: workloadOf(flags, machine), disks, notes: notesOf(flags, { machine, matched }) };
}

function workloadOf(flags: WorkloadFlags, machine: SourceMachine | undefined): Workload {
  const kind = flags.kind ?? (machine === undefined ? undefined : 'ec2');
  if (kind === undefined) {
    throw new BadRequest(
      'nothing says where the machine comes from',
      'Add --kind ec2, vmware, hyper-v, other-cloud or physical: it decides whether its disks boot on EC2 as they are.',
    );
  }
  const name = flags.name ?? nameOf(machine);
  if (name === undefined) {
    throw new BadRequest('the machine has no name', 'Add --name NAME: restore points are found by it.');
  }
  const parsed = workloadSchema.safeParse({
    platform: 'linux',
    architecture: 'x86_64',
    ...withoutAbsent(machine?.workload ?? {}),
    ...withoutAbsent({
      name,
      kind,
      operatingSystem: flags.os,
      platform: flags.platform,
      architecture: flags.architecture,
      bootMode: flags.bootMode,
      usageOperation: flags.usageOperation,
      source: machine?.source,
    }),
    tags: { ...machine?.workload.tags, ...flags.tags },
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new BadRequest(
    `${issue?.path.join('.')}: ${issue?.message}`,
    'Correct it with the flag of that name.',
  );
}

/** The instance's Name tag where it can be a workload's name, else its id. */
function nameOf(machine: SourceMachine | undefined): string | undefined {
  if (machine === undefined) return undefined;
  const tag = machine.source.tags.Name ?? '';
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(tag) ? tag : machine.source.instanceId;
}

/**
 * Which volume of the source instance each disk was: the one whose volume id is the disk's id, or whose device
 * name was given for it; the other disks take the other volumes in the order of the block device mappings.
 */
function matchVolumes(flags: WorkloadFlags, machine?: SourceMachine): Map<DiskId, AttachedVolume> {
  const matched = new Map<DiskId, AttachedVolume>();
  if (machine === undefined) return matched;
  const left = [...machine.volumes];
  const take = (id: DiskId, is: (volume: AttachedVolume) => boolean) => {
    const index = left.findIndex(is);
    const [volume] = index < 0 ? [] : left.splice(index, 1);
    if (volume !== undefined) matched.set(id, volume);
  };
  for (const { id } of flags.disks) {
    const deviceName = flags.deviceNames[id];
    take(id, (volume) => volume.volumeId === id || volume.deviceName === deviceName);
  }
  const isOpen = ({ id }: DiskFlag) => !matched.has(id) && flags.deviceNames[id] === undefined;
  for (const { id } of flags.disks.filter(isOpen)) take(id, () => true);
  const without = flags.disks.find((disk) => isOpen(disk));
  if (without !== undefined) {
    throw new BadRequest(
      `disk ${without.id} (${without.path}) has no volume: instance ${machine.source.instanceId} has ${machine.volumes.length}, ${flags.disks.length} disks are given`,
      'Leave the disk out, or say its device with --device-name ID=/dev/….',
    );
  }
  return matched;
}

function bootDiskOf(flags: WorkloadFlags, matched: ReadonlyMap<DiskId, AttachedVolume>): DiskId | undefined {
  if (flags.boot !== undefined) return requireDisk(flags, { id: flags.boot, flag: '--boot' }).id;
  const root = flags.disks.find(({ id }) => matched.get(id)?.isRoot);
  if (root !== undefined) return root.id;
  if (matched.size === 0) return flags.disks[0]?.id;
  throw new BadRequest(
    'none of the disks is the root volume of the source instance',
    'Add the root volume’s disk, or say which one the machine boots from with --boot ID.',
  );
}

function requireDisk({ disks }: WorkloadFlags, { id, flag }: { id: string; flag: string }): DiskFlag {
  const disk = disks.find((each) => each.id === id);
  if (disk !== undefined) return disk;
  const there = disks.map((each) => each.id).join(', ');
  throw new BadRequest(`${flag} names disk "${id}", which is not given`, `The disks are: ${there}.`);
}

function notesOf(
  flags: WorkloadFlags,
  { machine, matched }: { machine?: SourceMachine; matched: ReadonlyMap<DiskId, AttachedVolume> },
): string[] {
  const taken = new Set([...matched.values()].map(({ volumeId }) => volumeId));
  const missing = (machine?.volumes ?? []).filter(({ volumeId }) => !taken.has(volumeId));
  if (missing.length === 0) return [];
  const names = missing.map(({ volumeId, deviceName }) => `${volumeId} (${deviceName})`).join(', ');
  return [
    `${flags.disks.length} disks are backed up; of the source instance these volumes are not among them: ${names}`,
  ];
}

function withoutAbsent<T extends object>(fields: T): Partial<T> {
  // The cast: Object.fromEntries forgets the names of the fields.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
