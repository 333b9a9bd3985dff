#!/bin/bash
# A Debian system to build images from, as one tar: `kfimg build --base` takes it.
#
#   builder/base/debian.sh base.tar
#
# It needs mmdebstrap and a Debian mirror, and no root: an ordinary user with sub-ids (newuidmap) is enough. The kernel lies in
# /boot with an initrd that has systemd, Ignition, dm-verity and the drivers of disks and cards that a root is found with. kfimg adds its
# own part to that initrd, and everything that Kubernetes needs to the system; here is what both count on (docs/image.md).
#
# RELEASE       bookworm (Debian 12) or trixie (13)
# KERNEL        generic (every machine) or cloud (virtual machines only: a third of the size)
# ARCHITECTURE  amd64 or arm64; the machine's own, unless it can run the other's programs
# MIRROR        lines of sources.list or an address, as mmdebstrap takes it; empty: deb.debian.org
# EXTRA         more packages, separated by commas: firmware, a hypervisor's guest programs
# SOURCE_DATE_EPOCH  time of every file that the recipe writes: two runs against the same mirror are equal
set -euo pipefail

RELEASE=${RELEASE:-bookworm}
KERNEL=${KERNEL:-generic}
ARCHITECTURE=${ARCHITECTURE:-$(dpkg --print-architecture)}
EXTRA=${EXTRA:-}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}
FOLDER=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ $# != 1 ]; then
  echo 'usage: debian.sh FILE.tar' >&2
  exit 2
fi

case $KERNEL in
  generic) kernel=linux-image-$ARCHITECTURE ;;
  cloud) kernel=linux-image-cloud-$ARCHITECTURE ;;
  *) echo "KERNEL=$KERNEL: is generic or cloud" >&2; exit 2 ;;
esac

# What a node runs.
packages=(
  "$kernel" apparmor ca-certificates cloud-init conntrack curl dbus e2fsprogs ethtool fdisk gdisk iproute2 iptables iputils-ping jq
  kmod less libseccomp2 mount netbase nftables nvme-cli open-vm-tools openssh-server procps socat systemd systemd-resolved systemd-sysv
  systemd-timesyncd tzdata udev util-linux xfsprogs
)
# What only the initrd and the boot loader are made of.
packages+=(cryptsetup-bin dmsetup dracut-core dracut-network ignition pigz zstd systemd-boot-efi)

case $RELEASE in
  bookworm) ;;
  trixie) packages+=(systemd-cryptsetup) ;;
  *) echo "RELEASE=$RELEASE: is bookworm or trixie" >&2; exit 2 ;;
esac

include=$(IFS=,; echo "${packages[*]}")${EXTRA:+,$EXTRA}

# Root needs no help; anybody else gets a user namespace.
mode=unshare
if [ "$(id -u)" = 0 ]; then mode=root; fi

partial=$1.partial
trap 'rm -f "$partial"' EXIT

# The kernel's package need not make an initrd (INITRD=No): dracut.sh does.
INITRD=No mmdebstrap --quiet --mode="$mode" --variant=minbase --format=tar --architectures="$ARCHITECTURE" \
  --aptopt='Apt::Install-Recommends "false"' --include="$include" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/info/*' \
  --customize-hook="copy-in '$FOLDER/files/etc' /" \
  --customize-hook="upload '$FOLDER/initrd.sh' /tmp/initrd.sh" \
  --customize-hook='chroot "$1" bash /tmp/initrd.sh' \
  --customize-hook='rm -f "$1"/tmp/initrd.sh' \
  "$RELEASE" "$partial" ${MIRROR:+"$MIRROR"}

mv "$partial" "$1"
