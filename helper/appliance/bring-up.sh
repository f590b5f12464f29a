#!/bin/bash
# Makes an instance of Amazon Linux 2023 a helper appliance: the user data fetched this bundle, and runs this once, as
# root. The order is what counts: the guards are in place before the program starts, volumes are attached after its
# first report, so nothing of a restored disk is ever probed, assembled or mounted here.
# It uses what the standard image has, and no package repository: bash, coreutils, sed, util-linux (findmnt, lsblk,
# swapoff), procps-ng (sysctl), systemd 252 and systemd-udev.
set -Eeuo pipefail

: "${LANDFALL_FOLDER:?must be the URL of the folder with the orders, s3://bucket/folder/}"
: "${LANDFALL_INSTANCE_ID:?must be the id of this instance}"
: "${LANDFALL_REGION:?must be the region}"
: "${LANDFALL_DEADLINE:?must be the time after which the program ends}"

bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# /etc comes before /run and /usr/lib where files of the same name are meant (udev(7)).
rules=/etc/udev/rules.d

# What assembles or scans disks of its own accord. Masked by name: most of it is not even installed.
masked_rules=(
  62-multipath.rules
  63-md-raid-arrays.rules
  64-btrfs.rules
  64-md-raid-assembly.rules
  65-md-incremental.rules
  66-kpartx.rules
  69-dm-lvm-metad.rules
  69-dm-lvm.rules
  69-lvm.rules
  80-udisks2.rules
)

# The disk that / lies on: there must be one, and only one, or the guards would guard the wrong ones.
root_disk() {
  local source name type disks=()
  source=$(findmnt --noheadings --nofsroot --output SOURCE /)
  while read -r name type; do
    if [[ $type == disk ]]; then disks+=("$name"); fi
  done < <(lsblk --noheadings --list --inverse --output NAME,TYPE "$source")
  # Every instance type with an arm64 processor shows EBS volumes as NVMe devices.
  if [[ ${#disks[@]} -ne 1 || ! ${disks[0]} =~ ^nvme[0-9]+n[0-9]+$ ]]; then
    echo "the root disk is not one NVMe device: / is on $source, which is on ${disks[*]:-no disk}" >&2
    return 1
  fi
  echo "${disks[0]}"
}

guard_disks() {
  local disk rule
  disk=$(root_disk)
  mkdir -p "$rules"
  for rule in 00-landfall-helper.rules zz-landfall-helper.rules; do
    sed "s/ROOT_DISK/$disk/g" "$bundle/guards/$rule" >"$rules/$rule"
  done
  for rule in "${masked_rules[@]}"; do
    ln -sf /dev/null "$rules/$rule"
  done
  install -D -m 644 "$bundle/guards/lvmlocal.conf" /etc/lvm/lvmlocal.conf
  install -D -m 644 "$bundle/guards/mdadm.conf" /etc/mdadm.conf
  udevadm control --reload
  echo "every disk but $disk is guarded"
}

# The image makes swap in compressed memory (zram-generator) where there is little of it.
no_swap() {
  swapoff --all
}

# Volumes may be slow: what a flush finds unwritten is to be seconds of their work, not minutes (the default is a share of
# the memory).
bound_unwritten() {
  sysctl --quiet --write vm.dirty_bytes=268435456 vm.dirty_background_bytes=67108864
}

# Time needs nothing: chronyd runs by default, with the Amazon Time Sync Service at a link-local address.
start_program() {
  install -d -m 755 /run/landfall-helper
  cat >/run/landfall-helper/environment <<END
LANDFALL_FOLDER=$LANDFALL_FOLDER
LANDFALL_INSTANCE_ID=$LANDFALL_INSTANCE_ID
LANDFALL_DEADLINE=$LANDFALL_DEADLINE
AWS_REGION=$LANDFALL_REGION
AWS_EC2_METADATA_V1_DISABLED=true
END
  local unit
  for unit in landfall-helper.service landfall-helper-rebooted.service; do
    install -m 644 "$bundle/$unit" "/etc/systemd/system/$unit"
  done
  systemctl daemon-reload
  # For the next boot, which ends the machine; the guards stay on the disk until then.
  systemctl enable landfall-helper-rebooted.service
  systemctl start landfall-helper.service
  echo "the program is started"
}

guard_disks
no_swap
bound_unwritten
start_program
