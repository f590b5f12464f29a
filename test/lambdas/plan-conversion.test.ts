import { describe, expect, it } from 'vitest';
import { manifestSchema } from '../../core/model/manifest.ts';
import { plannedDiskSchema } from '../../core/model/plan.ts';
import { describeFinding, type RestoreRequestInput, restoreRequestSchema } from '../../core/model/request.ts';
import { withAdvice } from '../../lambdas/restore/import-image/failures.ts';
import { planConversion } from '../../lambdas/restore/plan/conversion.ts';
import { Findings } from '../../lambdas/restore/plan/findings.ts';
import { importSupportOf } from '../../lambdas/restore/plan/import-systems.ts';

const TIB = 1024 ** 4;
const POINT = `rp-20261122T093000Z-${'a'.repeat(64)}`;
const KEY = 'arn:aws:kms:us-east-1:123456789012:key/1';

interface Machine {
  readonly workload?: object;
  readonly disks?: readonly { id: string; size?: number; boot?: boolean }[];
  readonly target?: RestoreRequestInput['target'];
  readonly wishes?: RestoreRequestInput['disks'];
}

/** What is planned for a machine, and every finding in the words a person reads. */
function plan({
  workload = {},
  disks = [{ id: 'root' }, { id: 'data' }],
  target = {},
  wishes = [],
}: Machine) {
  const digest = '0'.repeat(64);
  const manifest = manifestSchema.parse({
    format: 1,
    workload: {
      ...{ name: 'crm01', kind: 'vmware', platform: 'linux', architecture: 'x86_64' },
      ...{ operatingSystem: 'Debian 12', ...workload },
    },
    time: '2026-11-22T09:30:00Z',
    disks: disks.map(({ id, size = 2 ** 30, boot = id === 'root' }, order) => ({
      ...{ id, size, boot, order, object: digest, diskDigest: digest, writtenDigest: digest },
      ...{ writtenBlocks: 0, segmentBytes: 2 ** 30 },
    })),
  });
  const request = restoreRequestSchema.parse({ restorePoint: POINT, target, disks: wishes });
  const findings = new Findings();
  const wanted = disks.map(({ id, size = 2 ** 30, boot = id === 'root' }) => {
    const { encrypted = false, kmsKeyId } = request.disks.find((wish) => wish.id === id) ?? {};
    return plannedDiskSchema.parse({
      ...{ id, boot, size, volumeGiB: 1, segmentBytes: 2 ** 30, segmentCount: 1, deviceName: '/dev/sdf' },
      ...{ volumeType: 'gp3', deleteOnTermination: true, tags: {} },
      ...(kmsKeyId === undefined ? { encrypted } : { encrypted: true, kmsKeyId }),
    });
  });
  const planned = planConversion(wanted, { manifest, request, findings });
  return {
    ...planned,
    errors: findings.errors.map(describeFinding),
    warnings: findings.warnings.map(describeFinding),
  };
}

describe('the conversion of a machine from elsewhere', () => {
  it('imports all of its disks together, the boot disk first', () => {
    const { conversion, errors, warnings } = plan({
      workload: { bootMode: 'uefi' },
      disks: [{ id: 'data' }, { id: 'root' }, { id: 'logs' }],
    });
    expect(conversion).toEqual({
      kind: 'import-image',
      platform: 'linux',
      bootMode: 'uefi',
      encrypted: false,
      diskIds: ['root', 'data', 'logs'],
    });
    expect(errors).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('takes licence and boot mode of the request', () => {
    const { conversion } = plan({
      workload: { platform: 'windows', operatingSystem: 'Windows 11', bootMode: 'legacy-bios' },
      target: { licenseType: 'BYOL', bootMode: 'uefi' },
    });
    expect(conversion).toMatchObject({ platform: 'windows', licenseType: 'BYOL', bootMode: 'uefi' });
  });

  it('lets VM Import find out what the backup leaves open', () => {
    const { conversion } = plan({ workload: { bootMode: 'uefi-preferred' } });
    expect(conversion).toEqual({
      kind: 'import-image',
      platform: 'linux',
      encrypted: false,
      diskIds: ['root', 'data'],
    });
  });

  it('leaves out what is too large, or more than 21, and says so', () => {
    const more = Array.from({ length: 21 }, (_, index) => ({ id: `d${index + 1}` }));
    const { conversion, errors, warnings } = plan({
      disks: [{ id: 'root' }, { id: 'huge', size: 8 * TIB }, { id: 'large', size: 8 * TIB - 512 }, ...more],
    });
    expect(conversion).toMatchObject({
      diskIds: ['root', 'large', ...more.slice(0, 19).map(({ id }) => id)],
    });
    expect(errors).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^disk huge = 8796093022208 bytes: VM Import takes disks of less than 8 TiB: the disk becomes a volume as it is/,
      ),
      expect.stringMatching(/^disk d20 = .*: VM Import takes 21 disks at most/),
      expect.stringMatching(/^disk d21 = .*: VM Import takes 21 disks at most/),
    ]);
  });

  it('refuses a boot disk that VM Import does not take', () => {
    const { errors } = plan({ disks: [{ id: 'root', size: 8 * TIB }] });
    expect(errors).toEqual([
      'disk root = 8796093022208 bytes: VM Import takes disks of less than 8 TiB; it is the boot disk. Give target.conversion "none" to launch it as it is, or get its disks with "landfall restore --to FILE_OR_DEVICE"',
    ]);
  });

  it('tells everything that is wrong at once', () => {
    const { errors } = plan({
      workload: { architecture: 'i386', operatingSystem: 'CentOS 4.8' },
      target: { licenseType: 'AWS', bootMode: 'uefi-preferred' },
    });
    expect(errors.map((error) => error.split('. ')[0])).toEqual([
      'target.licenseType = AWS: VM Import takes Linux with BYOL only',
      'target.bootMode = uefi-preferred: VM Import does not take it',
      'restorePoint = crm01: its architecture is i386; VM Import takes x86_64 only',
      'restorePoint = crm01: its operating system, CentOS 4.8, is none that VM Import supports',
    ]);
  });

  it('warns of what it does not know, does not support, and does not carry over', () => {
    const { warnings } = plan({
      workload: { kind: 'physical', operatingSystem: undefined, tpmSupport: 'v2.0' },
    });
    expect(warnings).toEqual([
      expect.stringContaining('supports its operating system (not named in the backup) is not known'),
      expect.stringContaining('it is a physical machine, whose images VM Import does not support'),
      expect.stringContaining('it has a TPM; an imported image has none'),
    ]);
  });

  it('encrypts with the key that suits all', () => {
    const { conversion, disks, warnings } = plan({ wishes: [{ id: 'data', kmsKeyId: KEY }] });
    expect(conversion).toMatchObject({ encrypted: true, kmsKeyId: KEY });
    expect(disks).toMatchObject([
      { id: 'root', encrypted: true, kmsKeyId: KEY },
      { id: 'data', encrypted: true, kmsKeyId: KEY },
    ]);
    expect(warnings).toEqual([
      expect.stringMatching(/^disk root.encrypted = nothing: an import encrypts all/),
    ]);
  });

  it('encrypts with the default key where disks have keys of their own, which their volumes get', () => {
    const { conversion, disks } = plan({
      wishes: [
        { id: 'root', encrypted: true },
        { id: 'data', kmsKeyId: KEY },
      ],
    });
    expect(conversion).toEqual({
      kind: 'import-image',
      platform: 'linux',
      encrypted: true,
      diskIds: ['root', 'data'],
    });
    expect(disks[0]).not.toHaveProperty('kmsKeyId');
    expect(disks[1]).toMatchObject({ kmsKeyId: KEY });
  });

  it('refuses to leave one disk unencrypted', () => {
    const { errors } = plan({
      wishes: [
        { id: 'root', encrypted: false },
        { id: 'data', encrypted: true },
      ],
    });
    expect(errors).toEqual([
      'disks[0].encrypted = false: an import encrypts all disks of a machine or none, and another disk is to be encrypted. Have all disks encrypted, or none',
    ]);
  });
});

describe('a machine that is launched as it is', () => {
  it('is Linux, with a warning', () => {
    const { conversion, errors, warnings } = plan({
      workload: { architecture: 'arm64', operatingSystem: 'Alpine Linux 3.19' },
      target: { conversion: 'none' },
    });
    expect(conversion).toEqual({ kind: 'none' });
    expect(errors).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(/^target.conversion = none: crm01 is launched as it is/),
    ]);
  });

  it('takes no licence', () => {
    const { errors } = plan({ target: { conversion: 'none', licenseType: 'BYOL' } });
    expect(errors).toEqual([
      expect.stringMatching(/^target.licenseType = BYOL: the machine is not imported/),
    ]);
  });

  it('is what was backed up from EC2, unasked', () => {
    const { conversion, errors, warnings } = plan({ workload: { kind: 'ec2' } });
    expect({ conversion, errors, warnings }).toEqual({
      conversion: { kind: 'none' },
      errors: [],
      warnings: [],
    });
  });
});

describe('the systems that VM Import supports', () => {
  it.each([
    ['Ubuntu 22.04', 'supported'],
    ['Ubuntu 24.04.1 LTS', 'supported'],
    ['Ubuntu 24.10', 'unsupported'],
    ['Ubuntu 11.10', 'unsupported'],
    ['Debian GNU/Linux 12 (bookworm)', 'supported'],
    ['Debian 13', 'unsupported'],
    ['Red Hat Enterprise Linux 9.4', 'supported'],
    ['RHEL 4', 'unsupported'],
    ['Rocky Linux 9.3', 'supported'],
    ['Rocky Linux 8.9', 'unsupported'],
    ['AlmaLinux 9', 'unsupported'],
    ['CentOS Stream 9', 'supported'],
    ['Oracle Linux Server 8.9', 'supported'],
    ['SUSE Linux Enterprise Server 15 SP6', 'supported'],
    ['openSUSE Leap 15.5', 'unsupported'],
    ['Amazon Linux 2023', 'supported'],
    ['Fedora 38', 'supported'],
    ['Fedora 30', 'unsupported'],
    ['Microsoft Windows Server 2022 Standard', 'supported'],
    ['Windows Server 2012 R2', 'supported'],
    ['Windows 11 Pro', 'supported'],
    ['Windows 98', 'unsupported'],
    ['FreeBSD 14', 'unsupported'],
    ['Debian', 'unknown'],
    ['our accounting', 'unknown'],
  ])('%s: %s', (operatingSystem, support) => {
    expect(importSupportOf(operatingSystem)).toBe(support);
  });
});

describe('a failed import', () => {
  it.each([
    [
      'ClientError: Unknown OS / Missing OS files.',
      /^ClientError: Unknown OS \/ Missing OS files\. VM Import does not recognise the system/,
    ],
    ['ClientError: No bootable partition found', /EFI\/BOOT\/BOOTX64\.EFI/],
    [
      'ClientError: Unsupported configuration - Logical volume group activation failed',
      /see to it that no disk of it was left out/,
    ],
    ['CLIENT_ERROR : ClientError: Disk validation failed [Unsupported VMDK File Format]', /up to 21 disks/],
    [
      'ClientError: FirstBootFailure: This import request failed because the Windows instance failed to boot',
      /DHCP/,
    ],
    [
      'ServerError: something that nobody has seen',
      /See "Troubleshooting VM Import\/Export" in its User Guide/,
    ],
  ])('of "%s" comes with advice', (message, advice) => {
    const told = withAdvice(message);
    expect(told).toContain(message.replace(/\.$/, ''));
    expect(told).toMatch(advice);
  });
});
