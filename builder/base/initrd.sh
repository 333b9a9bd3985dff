#!/bin/bash
# Runs inside the new system: makes the initrd of every kernel in it, and takes away what belongs to one machine.
set -euo pipefail

# What dracut does not find out by itself: how a root is found (loop, dm-verity, squashfs, EROFS), where payloads come from (QEMU's
# firmware, disks and discs with a label), and what the data partition is made with.
modules='ignition systemd-networkd systemd-resolved systemd-veritysetup'
drivers='dm-verity loop squashfs erofs overlay ext4 xfs vfat nls_cp437 nls_iso8859-1 nls_ascii isofs sr_mod sd_mod qemu_fw_cfg'
drivers+=' virtio_blk virtio_scsi virtio_pci virtio_net virtio_rng nvme ahci'
# The kernel takes its plain SHA-256 for dm-verity unless a faster one is there before: every block that is read goes through it.
# arm64 kernels have theirs built in.
faster='sha256_ssse3'
# Disks and cards that hypervisors show and servers have, as the lint initrd-drivers wants them: of the kernel's that are modules.
drivers+=' ata_piix vmw_pvscsi mptspi mptsas hv_storvsc'
drivers+=' megaraid_sas mpt3sas smartpqi hpsa aacraid xhci_hcd xhci_pci usb_storage'
drivers+=' vmxnet3 e1000 e1000e hv_netvsc ena igb igc ixgbe i40e ice tg3 bnx2x bnxt_en mlx4_en mlx5_core r8169'
programs='groupmod losetup partx sfdisk blkid blockdev mkfs.ext4 mkfs.xfs true'

# The name that nvme-cli has given to this machine would be every node's, for the initrd carries it too.
rm -f /etc/nvme/hostid /etc/nvme/hostnqn

# present VERSION LIST: those of the list that this kernel brings as modules.
present() {
  local driver
  for driver in $2; do
    if modinfo -k "$1" "$driver" >/dev/null 2>&1; then printf ' %s' "$driver"; fi
  done
}
for version in $(ls /lib/modules); do
  dracut --quiet --force --no-hostonly --no-hostonly-cmdline --reproducible --no-early-microcode --zstd --kver "$version" \
    --add "$modules" --add-drivers "$(present "$version" "$drivers")" --force-drivers "$(present "$version" "$faster")" --install "$programs" \
    "/boot/initrd.img-$version"
done

rm -f /etc/hostname /etc/resolv.conf /etc/fstab /etc/machine-id /var/lib/dbus/machine-id /etc/ssh/ssh_host_*
rm -rf /var/cache/apt/* /var/lib/apt/lists/* /var/log/* /var/tmp/* /tmp/dracut.*
