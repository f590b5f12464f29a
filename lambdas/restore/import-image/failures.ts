interface KnownFailure {
  /** In AWS's message. Looked up for advice alone: nothing is decided by it. */
  readonly text: RegExp;
  /** What the person can do. */
  readonly advice: string;
  /** Where text and advice are from. */
  readonly source: string;
}

const TROUBLESHOOTING = 'VM Import/Export User Guide, "Troubleshoot VM Import/Export"';
const REQUIREMENTS = 'VM Import/Export User Guide, "Requirements for resources that you import"';
const LICENSING = 'VM Import/Export User Guide, "Licensing options"';
const SERVICE_ROLE = 'VM Import/Export User Guide, "Required permissions"';

/** What VM Import is known to fail with. The first whose text is in the message tells what to do. */
const KNOWN_FAILURES: readonly KnownFailure[] = [
  {
    text: /unknown os|missing os files/i,
    advice:
      'VM Import found no system that it knows on the boot disk. Make sure that the right disk was backed up as the boot disk, that its root partition lies on it and is not encrypted, and that VM Import supports the system and its file systems (ext2-4, Btrfs without subvolumes, JFS, XFS; NTFS)',
    source: TROUBLESHOOTING,
  },
  {
    text: /no bootable partition/i,
    advice:
      'The boot disk needs an MBR or GPT with a bootable partition, and for UEFI an EFI system partition with EFI/BOOT/BOOTX64.EFI. Make sure that the right disk was backed up as the boot disk, and that target.bootMode is how the machine boots',
    source: TROUBLESHOOTING,
  },
  {
    text: /multiple different grub/i,
    advice: 'Leave one grub.cfg or menu.lst on the machine, and back it up again',
    source: TROUBLESHOOTING,
  },
  {
    text: /could not read fstab/i,
    advice: 'Make /etc/fstab of the machine readable and correct, and back it up again',
    source: TROUBLESHOOTING,
  },
  {
    text: /blsc-style grub/i,
    advice:
      'Set a default kernel on the machine (grubby --set-default), or GRUB_ENABLE_BLSCFG=false in /etc/default/grub and write grub.cfg anew; then back it up again',
    source: TROUBLESHOOTING,
  },
  {
    text: /initramfs|initrd/i,
    advice: 'Write the machine’s initramfs anew (dracut -f, update-initramfs -u), and back it up again',
    source: TROUBLESHOOTING,
  },
  {
    text: /logical volume group activation failed/i,
    advice:
      'All disks of a volume group must be imported together: see to it that none of them was left out of the backup, the request, or for its size',
    source: TROUBLESHOOTING,
  },
  {
    text: /multiple directories found/i,
    advice: 'Leave one system on the machine: VM Import takes no dual boot. Then back it up again',
    source: TROUBLESHOOTING,
  },
  {
    text: /unsupported kernel version/i,
    advice:
      'Install a kernel of the distribution that VM Import supports and boot it, then back the machine up again; or give target.conversion "none"',
    source: TROUBLESHOOTING,
  },
  {
    text: /booter networking failure|instance not reachable|firstbootfailure/i,
    advice:
      'The machine did not come up with a network address when VM Import booted it. Let its first network interface use DHCP, name none by its hardware, and take out of /etc/fstab what may be missing (or add nofail); Windows needs 6 GiB free on its root volume and no software that holds up the boot. Then back it up again',
    source: TROUBLESHOOTING,
  },
  {
    text: /disk validation failed/i,
    advice: 'VM Import takes up to 21 disks, each of less than 8 TiB, and needs to read every one of them',
    source: REQUIREMENTS,
  },
  {
    text: /activat/i,
    advice: 'Windows could not be activated: give target.licenseType as the licence is held (AWS or BYOL)',
    source: LICENSING,
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
      'The stack’s import role is missing or has lost permissions: deploy the stack again. Where the bucket’s or disks’ key is your own, let its key policy admit that role',
    source: SERVICE_ROLE,
  },
  {
    text: /kms key is not accessible/i,
    advice:
      'Enable the key of disks[].kmsKeyId, let its key policy admit the stack’s import role, or name another key',
    source: SERVICE_ROLE,
  },
  {
    text: /not local to the region|invalid s3 source location/i,
    advice: 'Something removed or replaced the restore’s temporary bucket: restore again',
    source: TROUBLESHOOTING,
  },
];

const GENERAL =
  'See "Troubleshoot VM Import/Export" in its User Guide; a Linux system that has drivers for EC2 can be launched as it is with target.conversion "none"';

/** AWS's message, and what the person can do about it. */
export function withAdvice(message: string): string {
  const known = KNOWN_FAILURES.find(({ text }) => text.test(message));
  return `${message.replace(/[.\s]*$/, '')}. ${known?.advice ?? GENERAL}.`;
}
