interface KnownFailure {
  /** In AWS's message. Looked up for advice alone: nothing is decided by it. */
  readonly text: RegExp;
  /** What the person can do. */
  readonly advice: string;
  /** Where text and advice are from. */
  readonly source: string;
}

const TROUBLESHOOTING = 'VM Import/Export User Guide, "Troubleshooting VM Import/Export"';
const REQUIREMENTS = 'VM Import/Export User Guide, "Requirements for resources that you import"';
const LIMITATIONS = 'VM Import/Export User Guide, "Limitations for resources being imported"';
const LICENSING = 'VM Import/Export User Guide, "Licensing options"';
const BACK_UP_AGAIN = 'Then back the machine up again';

/** What VM Import is known to fail with. The first whose text is in the message tells what to do. */
const KNOWN_FAILURES: readonly KnownFailure[] = [
  {
    text: /unknown os|missing os files/i,
    advice:
      'VM Import does not recognise the system on the boot disk. Make sure that it supports it, that the right disk was backed up as the boot disk, and that the root partition lies on it, is not encrypted and has a file system that it reads (ext2-4, Btrfs without subvolumes, JFS, XFS; NTFS)',
    source: `${TROUBLESHOOTING}; ${REQUIREMENTS}; ${LIMITATIONS}`,
  },
  {
    text: /no bootable partition/i,
    advice:
      'The boot disk needs a boot partition; to boot by UEFI, an EFI system partition with the fallback loader EFI/BOOT/BOOTX64.EFI. Make sure that the right disk was backed up as the boot disk, and that target.bootMode is how the machine boots',
    source: `${TROUBLESHOOTING}; ${LIMITATIONS}`,
  },
  {
    text: /multiple different grub/i,
    advice: `Of each of grub.cfg, grub.conf and menu.lst the machine may have one, and it may have no second system. ${BACK_UP_AGAIN}`,
    source: TROUBLESHOOTING,
  },
  {
    text: /could not read fstab|multiple directories found/i,
    advice: `The machine may have one system and one /etc: VM Import takes no dual boot. ${BACK_UP_AGAIN}`,
    source: TROUBLESHOOTING,
  },
  {
    text: /blsc-style grub/i,
    advice: `Have /boot/grub2/grubenv of the machine name the default kernel as saved_entry (grubby --set-default). ${BACK_UP_AGAIN}`,
    source: TROUBLESHOOTING,
  },
  {
    text: /initramfs|initrd/i,
    advice: `Check the machine’s initramfs (lsinitramfs, lsinitrd) and build it anew where it cannot be read. ${BACK_UP_AGAIN}`,
    source: TROUBLESHOOTING,
  },
  {
    text: /logical volume group activation failed/i,
    advice:
      'A volume group is damaged or not complete: see to it that no disk of it was left out, by the backup, by the request, or for its size, and check it on the machine (vgck)',
    source: TROUBLESHOOTING,
  },
  {
    text: /unsupported kernel version/i,
    advice: `Boot a kernel of the distribution itself, of a version that VM Import supports. ${BACK_UP_AGAIN}, or give target.conversion "none"`,
    source: TROUBLESHOOTING,
  },
  {
    text: /booter networking failure|instance not reachable/i,
    advice: `The machine did not come up with a network address when VM Import booted it: its network interface has to use DHCP and a name that does not hang on the hardware; Windows needs .NET Framework 3.5 SP1 or later. ${BACK_UP_AGAIN}`,
    source: `${TROUBLESHOOTING}; ${LIMITATIONS}`,
  },
  {
    text: /firstbootfailure/i,
    advice: `Windows did not start, or got no network address, when VM Import booted it: let it use DHCP, turn off virus scanners, firewalls and hardening, remove the Hyper-V role, keep 6 GiB of the root volume free, and leave out no volume that it needs. ${BACK_UP_AGAIN}`,
    source: `${TROUBLESHOOTING}; ${LIMITATIONS}`,
  },
  {
    text: /disk validation failed/i,
    advice: 'VM Import takes up to 21 disks, each of less than 8 TiB, and needs to read every one of them',
    source: `${REQUIREMENTS}; ${LIMITATIONS}`,
  },
  {
    text: /activat(e|ion)/i,
    advice:
      'Windows could not be activated: AWS’s licence is for editions with volume licensing only. For others give target.licenseType BYOL',
    source: `${TROUBLESHOOTING}; ${LICENSING}`,
  },
  {
    text: /licen[sc]e type|usage operation/i,
    advice:
      'Linux takes BYOL only, Windows clients too; for Windows Server give target.licenseType AWS or BYOL, as the licence is held',
    source: LICENSING,
  },
  {
    text: /service role|sufficient permissions/i,
    advice:
      'The stack’s import role is missing or has lost permissions: deploy the stack again; where a key of your own is used, let its key policy admit that role',
    source: TROUBLESHOOTING,
  },
  {
    text: /kms key is not accessible/i,
    advice:
      'Enable the key of disks[].kmsKeyId and let its key policy admit the stack’s import role, or name another key',
    source: 'hashicorp/packer-plugin-amazon, issue 225',
  },
  {
    text: /not local to the region|invalid s3 source location/i,
    advice: 'Something removed or replaced the restore’s temporary bucket: restore again',
    source: TROUBLESHOOTING,
  },
];

const GENERAL =
  'See "Troubleshooting VM Import/Export" in its User Guide; a Linux system that has drivers for EC2 can be launched as it is with target.conversion "none"';

/** AWS's message, and what the person can do about it. */
export function withAdvice(message: string): string {
  const known = KNOWN_FAILURES.find(({ text }) => text.test(message));
  return `${message.replace(/[.\s]*$/, '')}. ${known?.advice ?? GENERAL}.`;
}
