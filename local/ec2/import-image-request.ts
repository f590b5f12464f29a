import type { ImageDiskContainer, ImportImageRequest } from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { checkDeviceName } from './device-names.ts';
import { invalidCombination, invalidParameter, invalidValue, missingParameter, required } from './errors.ts';
import { makeId } from './ids.ts';
import { checkNamesDiffer } from './image-devices.ts';
import { isUsageOperation } from './import-image-license.ts';
import type { ImageImportRecord, ImportedDiskRecord } from './import-image-record.ts';
import { checkFormat, checkObject, checkRole, parseLocation } from './import-rules.ts';
import { chooseEncryption, isUsableKey } from './kms.ts';
import { acceptOnly } from './operation.ts';
import type { SnapshotRecord, Tag } from './records.ts';
import { need, type Simulation } from './simulation.ts';
import { tagsAtCreation } from './tags.ts';
import { checkCompleted } from './volume-store.ts';

/** Reading and checking what ImportImage is asked for. */

const ROOT_DEVICE = '/dev/sda1';

/** AWS's words for a value that a parameter of VM Import cannot have (seen for architecture and disk-image-size). */
const invalidFormat = (parameter: string, value: string) =>
  invalidParameter(`Parameter ${parameter}=${value} has an invalid format.`);

/** @throws InvalidParameter */
function oneOfFormat<T extends string>(
  value: string | undefined,
  allowed: readonly T[],
  parameter: string,
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw invalidFormat(parameter, value);
  return found;
}

function parseMachine(input: ImportImageRequest) {
  const architecture = oneOfFormat(input.Architecture, ['i386', 'x86_64'], 'architecture');
  const platform = oneOfFormat(input.Platform, ['Linux', 'Windows'], 'platform');
  // The enumeration has uefi-preferred too, which "isn't supported for importing images" (API reference).
  const bootMode = oneOfFormat(input.BootMode, ['legacy-bios', 'uefi'], 'boot-mode');
  const hypervisor = oneOfFormat(input.Hypervisor, ['xen'], 'hypervisor');
  return {
    ...(architecture ? { architecture } : {}),
    ...(platform ? { platform } : {}),
    ...(bootMode ? { bootMode } : {}),
    ...(hypervisor ? { hypervisor } : {}),
  };
}

function parseLicense(input: ImportImageRequest) {
  const licenseType = oneOfFormat(input.LicenseType, ['AWS', 'BYOL'], 'license-type');
  const { UsageOperation: usageOperation } = input;
  if (licenseType && usageOperation) {
    throw invalidCombination('Only one of licenseType and usageOperation may be given');
  }
  if (usageOperation && !isUsageOperation(usageOperation)) {
    throw invalidFormat('usage-operation', usageOperation);
  }
  return { ...(licenseType ? { licenseType } : {}), ...(usageOperation ? { usageOperation } : {}) };
}

/** The names asked for; the first disk's is the root device, the rest follow from /dev/sdb on. */
function chooseDeviceNames(containers: readonly ImageDiskContainer[]): string[] {
  const asked = containers.map(({ DeviceName: name }, index) => {
    if (name) return checkDeviceName(name);
    return index === 0 ? ROOT_DEVICE : undefined;
  });
  const taken = asked.filter((name) => name !== undefined);
  checkNamesDiffer(taken);
  const free = Array.from({ length: 25 }, (_, index) => `/dev/sd${String.fromCharCode(98 + index)}`).filter(
    (name) => !taken.includes(name),
  );
  return asked.map((name) => {
    const chosen = name ?? free.shift();
    if (chosen === undefined) throw invalidValue('There are more disks than device names');
    return chosen;
  });
}

/** @throws what is said of a snapshot that cannot be imported */
function needSource(sim: Simulation, id: string): SnapshotRecord {
  const snapshot = need(sim, 'snapshot', id);
  if (snapshot.ownerId !== sim.context.accountId) {
    throw invalidParameter(`The snapshot ${id} does not belong to this account`);
  }
  checkCompleted(snapshot);
  if (snapshot.encrypted && sim.assumptions.importsOfEncryptedSnapshots === 'refused') {
    throw invalidParameter(
      `The snapshot ${id} is encrypted. Whether AWS imports such snapshots is not known; the local region refuses them unless told otherwise (docs/local-region-ec2.md)`,
    );
  }
  return snapshot;
}

interface Disk {
  readonly container: ImageDiskContainer;
  readonly deviceName: string;
}

function parseDisk(sim: Simulation, input: ImportImageRequest, disk: Disk): ImportedDiskRecord {
  const { container, deviceName } = disk;
  acceptOnly(
    container,
    ['Description', 'DeviceName', 'Format', 'SnapshotId', 'Url', 'UserBucket'],
    'DiskContainer',
  );
  const common = {
    deviceName,
    futureSnapshotId: makeId('snap'),
    ...(container.Description ? { description: container.Description } : {}),
  };
  if (!container.SnapshotId) {
    const location = parseLocation('ImportImage', container);
    const format = checkFormat('ImportImage', container.Format);
    return { ...common, ...chooseEncryption(sim, input), source: { kind: 'object', format, ...location } };
  }
  if (container.Url || container.UserBucket || container.Format) {
    throw invalidCombination('snapshotId cannot be given with format, url or userBucket');
  }
  const snapshot = needSource(sim, container.SnapshotId);
  return {
    ...common,
    ...chooseEncryption(sim, input, snapshot),
    source: { kind: 'snapshot', snapshotId: snapshot.id },
  };
}

function parseDisks(sim: Simulation, input: ImportImageRequest): ImportedDiskRecord[] {
  const containers = input.DiskContainers ?? [];
  if (containers.length === 0) throw missingParameter('diskContainer');
  const names = chooseDeviceNames(containers);
  return containers.map((container, index) =>
    parseDisk(sim, input, { container, deviceName: names[index] ?? '' }),
  );
}

/** What a request comes to, but for what its beginning adds. */
export interface PlannedImport
  extends Pick<
    ImageImportRecord,
    | 'description'
    | 'architecture'
    | 'platform'
    | 'licenseType'
    | 'usageOperation'
    | 'bootMode'
    | 'hypervisor'
    | 'roleName'
    | 'encrypted'
    | 'kmsKeyId'
    | 'disks'
  > {
  readonly tags: Tag[];
}

/**
 * Checks all of a request. What AWS finds only later (sizes, the number of disks, the guest) is left to the task.
 * @throws what AWS refuses at once
 */
export async function parseImportImage(sim: Simulation, input: ImportImageRequest): Promise<PlannedImport> {
  const machine = parseMachine(input);
  const license = parseLicense(input);
  const roleName = checkRole(sim, input.RoleName);
  const { encrypted, kmsKeyId } = chooseEncryption(sim, input);
  if (kmsKeyId && !isUsableKey(sim, kmsKeyId)) {
    throw new AwsError('InvalidParameterValue', 'The specified KMS key is not accessible');
  }
  const disks = parseDisks(sim, input);
  const fromSnapshot = disks.some((disk) => disk.source.kind === 'snapshot');
  // "You must specify a value for the platform" there (API reference).
  if (machine.bootMode === 'uefi' && fromSnapshot) required(machine.platform, 'platform');
  const tags = tagsAtCreation(input.TagSpecifications, ['import-image-task']);
  for (const { source } of disks) {
    if (source.kind === 'object') await checkObject(sim, source);
  }
  return {
    ...machine,
    ...license,
    roleName,
    encrypted,
    disks,
    tags: tags('import-image-task'),
    ...(kmsKeyId ? { kmsKeyId } : {}),
    ...(input.Description ? { description: input.Description } : {}),
  };
}
