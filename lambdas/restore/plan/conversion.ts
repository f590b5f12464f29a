import type { Manifest } from '../../../core/model/manifest.ts';
import type { Conversion, LaunchImage, PlannedDisk } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { fieldOf } from './disks.ts';
import type { Findings } from './findings.ts';
import { importSupportOf } from './import-systems.ts';

// VM Import/Export User Guide: a task with more disks fails; a disk of 8 TiB or more is not taken.
const MOST_DISKS = 21;
const DISK_LIMIT_BYTES = 8 * 1024 ** 4;
const UNMODIFIED =
  'Give target.conversion "none" to launch it as it is, or get its disks with "landfall restore --to FILE_OR_DEVICE"';

export interface ConversionFacts {
  readonly manifest: Manifest;
  readonly request: RestoreRequest;
  readonly findings: Findings;
}

/** Whether VM Import has to make the machine bootable: what was backed up from EC2 boots as it is, and volumes need not. */
export const needsImport = ({ manifest, request }: Omit<ConversionFacts, 'findings'>): boolean =>
  request.restoreTo === 'new' && manifest.workload.kind !== 'ec2' && request.target.conversion !== 'none';

/** Decides how the machine becomes bootable on EC2, and which of its disks that takes. */
export function planConversion(
  disks: readonly PlannedDisk[],
  facts: ConversionFacts,
): { conversion: Conversion; disks: PlannedDisk[] } {
  // No instance, nothing to boot; or one that boots from such volumes as it is.
  if (facts.request.restoreTo !== 'new') return { conversion: { kind: 'none' }, disks: [...disks] };
  checkFields(facts);
  if (!needsImport(facts)) {
    checkUnmodified(facts);
    return { conversion: { kind: 'none' }, disks: [...disks] };
  }
  checkMachine(facts);
  const imported = importedDisks(disks, facts);
  const key = keyOf(imported);
  const { target } = facts.request;
  const bootMode = target.bootMode ?? facts.manifest.workload.bootMode;
  const ids = new Set(imported.map(({ id }) => id));
  return {
    conversion: {
      kind: 'import-image',
      ...(target.licenseType === undefined ? {} : { licenseType: target.licenseType }),
      // VM Import finds out by itself what may be started either way; it takes no uefi-preferred.
      ...(bootMode === undefined || bootMode === 'uefi-preferred' ? {} : { bootMode }),
      platform: facts.manifest.workload.platform,
      ...key,
      diskIds: imported.map(({ id }) => id),
    },
    disks: disks.map((disk) => (ids.has(disk.id) ? encryptedWith(disk, key, facts) : disk)),
  };
}

/** What the target is launched from, once VM Import has made it: billing and boot mode come with it. */
export function importedImage({ request, findings }: ConversionFacts): LaunchImage {
  const { imageId } = request.target;
  if (imageId !== undefined) {
    findings.error(
      'target.imageId',
      imageId,
      'the target is launched from the image that VM Import makes',
      'Leave it out',
    );
  }
  return {
    kind: 'imported',
    reason: 'VM Import makes an image of the machine that boots on EC2',
    // That of every imported image.
    rootDeviceName: '/dev/sda1',
  };
}

/** Fields that are not about the machine that is restored. */
function checkFields({ manifest, request, findings }: ConversionFacts): void {
  const { kind, platform } = manifest.workload;
  const { conversion, licenseType, bootMode } = request.target;
  if (kind === 'ec2' && conversion !== undefined) {
    findings.error(
      'target.conversion',
      conversion,
      'the machine is a backup of an EC2 instance, which boots as it is',
      'Leave it out',
    );
  }
  if (licenseType !== undefined && !needsImport({ manifest, request })) {
    findings.error(
      'target.licenseType',
      licenseType,
      'the machine is not imported: it is billed as the image that it is launched from',
      'Leave it out',
    );
  }
  if (!needsImport({ manifest, request })) return;
  if (licenseType === 'AWS' && platform === 'linux') {
    findings.error(
      'target.licenseType',
      licenseType,
      'VM Import takes Linux with BYOL only',
      'Leave it out, or give BYOL',
    );
  }
  if (bootMode === 'uefi-preferred') {
    findings.error(
      'target.bootMode',
      bootMode,
      'VM Import does not take it',
      'Give legacy-bios or uefi, or leave it out',
    );
  }
}

function checkUnmodified({ manifest, findings }: ConversionFacts): void {
  const { kind, name, platform } = manifest.workload;
  if (kind === 'ec2') return;
  if (platform === 'windows') {
    findings.error(
      'target.conversion',
      'none',
      'Windows from elsewhere starts on EC2 only with the drivers and the licence that an import gives it',
      'Leave it out',
    );
    return;
  }
  findings.warning(
    'target.conversion',
    'none',
    `${name} is launched as it is: whether it has drivers for EC2’s disks (NVMe) and network (ENA) is not looked at`,
    'Leave it out to have VM Import prepare the machine',
  );
}

/** Whether VM Import takes the machine at all. */
function checkMachine({ manifest, findings }: ConversionFacts): void {
  const { name, kind, architecture, operatingSystem, platform, tpmSupport } = manifest.workload;
  const advice =
    platform === 'linux' ? UNMODIFIED : 'Get its disks with "landfall restore --to FILE_OR_DEVICE"';
  if (architecture !== 'x86_64') {
    findings.error(
      'restorePoint',
      name,
      `its architecture is ${architecture}; VM Import takes x86_64 only`,
      advice,
    );
  }
  const support = operatingSystem === undefined ? 'unknown' : importSupportOf(operatingSystem);
  if (support === 'unsupported') {
    findings.error(
      'restorePoint',
      name,
      `its operating system, ${operatingSystem}, is none that VM Import supports`,
      advice,
    );
  }
  if (support === 'unknown') {
    findings.warning(
      'restorePoint',
      name,
      `whether VM Import supports its operating system (${operatingSystem ?? 'not named in the backup'}) is not known`,
      'See "Operating systems supported by VM Import/Export" in its User Guide',
    );
  }
  if (kind === 'physical') {
    findings.warning(
      'restorePoint',
      name,
      'it is a physical machine, whose images VM Import does not support: the import may fail',
      'Have the restore tried before it is needed; Linux with drivers for EC2 can be launched as it is with target.conversion "none"',
    );
  }
  if (tpmSupport !== undefined) {
    findings.warning(
      'restorePoint',
      name,
      'it has a TPM; an imported image has none, and what was sealed to the TPM cannot be opened',
      'Have the recovery keys of encrypted volumes at hand',
    );
  }
}

/** The disks that go into the import, the boot disk first; a finding for each other one. */
function importedDisks(
  disks: readonly PlannedDisk[],
  { manifest, request, findings }: ConversionFacts,
): PlannedDisk[] {
  const boot = disks.filter((disk) => disk.boot);
  if (boot.length !== 1) {
    findings.error(
      'restorePoint',
      manifest.workload.name,
      `${boot.length} of its disks are boot disks; VM Import needs to know the one`,
      'Back it up with one boot disk named',
    );
  }
  const sorted = [...boot, ...disks.filter((disk) => !disk.boot)];
  const imported = sorted.filter(isSmallEnough).slice(0, MOST_DISKS);
  for (const disk of sorted) {
    if (imported.includes(disk)) continue;
    const problem = isSmallEnough(disk)
      ? `VM Import takes ${MOST_DISKS} disks at most`
      : 'VM Import takes disks of less than 8 TiB';
    if (disk.boot) {
      findings.error(
        fieldOf(request, disk.id),
        `${disk.size} bytes`,
        `${problem}; it is the boot disk`,
        UNMODIFIED,
      );
      continue;
    }
    findings.warning(
      fieldOf(request, disk.id),
      `${disk.size} bytes`,
      `${problem}: the disk becomes a volume as it is, and the import does not see it`,
      'Make sure that the system boots without it: VM Import starts the machine once',
    );
  }
  return imported.length > 0 ? imported : [...disks];
}

const isSmallEnough = ({ size }: PlannedDisk): boolean => size < DISK_LIMIT_BYTES;

interface ImportKey {
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
}

/** An import encrypts all of its disks or none, with one key; a volume gets a key of its own when it is made. */
function keyOf(imported: readonly PlannedDisk[]): ImportKey {
  const encrypted = imported.filter((disk) => disk.encrypted);
  const [key, ...others] = new Set(encrypted.map(({ kmsKeyId }) => kmsKeyId));
  return {
    encrypted: encrypted.length > 0,
    ...(key === undefined || others.length > 0 ? {} : { kmsKeyId: key }),
  };
}

/** A volume of an encrypted snapshot is encrypted, whatever was meant for it. */
function encryptedWith(
  disk: PlannedDisk,
  { encrypted, kmsKeyId }: ImportKey,
  { request, findings }: ConversionFacts,
): PlannedDisk {
  if (disk.encrypted || !encrypted) return disk;
  const field = `${fieldOf(request, disk.id)}.encrypted`;
  const problem = 'an import encrypts all disks of a machine or none, and another disk is to be encrypted';
  if (request.disks.find(({ id }) => id === disk.id)?.encrypted === false) {
    findings.error(field, false, problem, 'Have all disks encrypted, or none');
  } else {
    findings.warning(
      field,
      'nothing',
      `${problem}: the volume will be encrypted too`,
      'Say encrypted for every disk',
    );
  }
  return { ...disk, encrypted: true, ...(kmsKeyId === undefined ? {} : { kmsKeyId }) };
}
