#!/bin/sh
# Makes the sample machine "web01" that `npm start` backs up and restores:
#
#   web01/root.img.zst   1.25 GiB root disk: GPT, a BIOS boot partition, an ext4 root file system with files
#   web01/data.img.zst   700 MiB data disk: ext4 without a partition table, with files
#   web01/SHA256SUMS     digests of the two images as they are when unpacked
#
# Both disks are sparse, larger than what they hold, and no whole number of GiB, so that a restore has to get
# holes and the tail of the last GiB right. Times, UUIDs and pseudo-random contents are fixed, so that a second
# run differs at most in the order of directory entries (mkfs takes it from the file system it reads).
#
# Needs: mkfs.ext4 (e2fsprogs 1.43+), sfdisk (fdisk), zstd, node. Not needed to use the sample.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$here/web01
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# One fixed moment for everything the file systems note down: 2026-01-15 08:00:00 UTC.
E2FSPROGS_FAKE_TIME=1768464000
SOURCE_DATE_EPOCH=$E2FSPROGS_FAKE_TIME
export E2FSPROGS_FAKE_TIME SOURCE_DATE_EPOCH
PATH=$PATH:/usr/sbin:/sbin

# random_file SEED BYTES: bytes that do not compress and are always the same ones.
random_file() {
  node -e '
    const { createCipheriv, createHash } = require("node:crypto");
    const key = createHash("sha256").update(process.argv[1]).digest();
    const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
    process.stdout.write(cipher.update(Buffer.alloc(Number(process.argv[2]))));
  ' "$1" "$2"
}

root=$work/root
mkdir -p "$root/etc/nginx" "$root/etc/ssh" "$root/home/ec2-user" "$root/root" "$root/srv" "$root/tmp" \
  "$root/usr/bin" "$root/usr/lib" "$root/var/log" "$root/var/www/html" "$root/var/lib/app" "$root/boot"
echo web01 >"$root/etc/hostname"
cat >"$root/etc/os-release" <<'END'
NAME="Amazon Linux"
VERSION="2023"
ID="amzn"
ID_LIKE="fedora"
VERSION_ID="2023"
PRETTY_NAME="Amazon Linux 2023 (a sample of Landfall: no kernel, it does not boot)"
END
cat >"$root/etc/fstab" <<'END'
UUID=5f0c1c1e-0001-4000-8000-000000000001 /     ext4 defaults,noatime 1 1
UUID=5f0c1c1e-0002-4000-8000-000000000002 /srv  ext4 defaults,noatime 0 2
END
cat >"$root/etc/hosts" <<'END'
127.0.0.1  localhost web01
10.0.1.20  web01.example.internal
END
cat >"$root/etc/nginx/nginx.conf" <<'END'
events {}
http { server { listen 80; root /var/www/html; location /files/ { alias /srv/files/; } } }
END
cat >"$root/var/www/html/index.html" <<'END'
<!doctype html><title>web01</title><h1>web01 came ashore</h1>
END
ln -s ../srv/files "$root/var/files"
random_file web01-lib 196608 >"$root/usr/lib/libsample.so"
random_file web01-bin 65536 >"$root/usr/bin/sample"
chmod 755 "$root/usr/bin/sample"
random_file web01-key 411 >"$root/etc/ssh/ssh_host_key"
chmod 600 "$root/etc/ssh/ssh_host_key"
# A sparse file inside the file system: a hole within the disk's data.
random_file web01-db 4096 >"$root/var/lib/app/app.db"
truncate -s 64M "$root/var/lib/app/app.db"
seq 1 4000 | sed 's|.*|2026-01-15T08:00:00Z web01 nginx: request & served|' >"$root/var/log/access.log"
find "$root" -exec touch -h -d @$E2FSPROGS_FAKE_TIME {} +

data=$work/data
mkdir -p "$data/files" "$data/backup/2025"
for n in 1 2 3; do random_file "photo-$n" 81920 >"$data/files/photo-$n.jpg"; done
seq 1 20000 | sed 's|.*|&;customer &;2026-01-15|' >"$data/files/customers.csv"
random_file archive-2025 32768 >"$data/backup/2025/archive.tar"
find "$data" -exec touch -h -d @$E2FSPROGS_FAKE_TIME {} +

# make_ext4 IMAGE MIB FOLDER UUID LABEL
make_ext4() {
  rm -f "$1"
  truncate -s "$2M" "$1"
  mkfs.ext4 -q -F -d "$3" -U "$4" -L "$5" -m 0 \
    -E "hash_seed=$4,root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1,nodiscard" -O '^has_journal' "$1"
  # mkfs copies the change time of each source file, which cannot be set there.
  (cd "$3" && find . -mindepth 1) | sed 's|^\./||' | while read -r path; do
    for field in atime ctime mtime crtime; do echo "set_inode_field \"/$path\" $field @$E2FSPROGS_FAKE_TIME"; done
    for field in atime_extra ctime_extra mtime_extra crtime_extra; do echo "set_inode_field \"/$path\" $field 0"; done
  done >"$work/times"
  debugfs -w -f "$work/times" "$1" >/dev/null 2>&1
}

# GPT: 1 MiB free, 1 MiB BIOS boot, the root file system, 1 MiB free for the copy of the table.
truncate -s 1280M "$work/root.img"
sfdisk --quiet --no-reread "$work/root.img" <<'END'
label: gpt
label-id: 5F0C1C1E-0000-4000-8000-000000000000
unit: sectors
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, uuid=5F0C1C1E-0010-4000-8000-000000000010, name="bios"
start=4096, size=2615296, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=5F0C1C1E-0011-4000-8000-000000000011, name="root"
END
make_ext4 "$work/root-fs.img" 1277 "$root" 5f0c1c1e-0001-4000-8000-000000000001 /
dd if="$work/root-fs.img" of="$work/root.img" bs=1M seek=2 conv=notrunc,sparse status=none
make_ext4 "$work/data.img" 700 "$data" 5f0c1c1e-0002-4000-8000-000000000002 data

for disk in root data; do
  zstd --quiet --force --ultra -22 "$work/$disk.img" -o "$out/$disk.img.zst"
done
(cd "$work" && sha256sum root.img data.img) >"$out/SHA256SUMS"
ls -l "$out"
