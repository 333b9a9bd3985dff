#!/bin/sh
# Makes a container look like a machine to the kubelet and to runc. It changes nothing outside of this machine.
set -u

# Control groups of this machine belong to it (systemd-nspawn mounts those of version 1 read-only).
for hierarchy in /sys/fs/cgroup/*; do
  if mountpoint -q "$hierarchy"; then mount -o remount,rw,bind "$hierarchy"; fi
done

# Settings of the network are this machine's own, as it has its own network namespace.
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,rw,bind /proc/sys/net

# The cards that sysfs shows are those of whoever mounted it: the lab's machine. Here it shows this machine's.
mkdir -p /run/kfimg-lab/sys
mount -t sysfs -o ro sysfs /run/kfimg-lab/sys
for folder in class/net devices/virtual/net; do mount --bind "/run/kfimg-lab/sys/$folder" "/sys/$folder"; done

# Other settings are of the one kernel that all machines share: each machine gets a file of its own instead, so that what
# the payload sets is what the kubelet reads, and nothing else happens.
mkdir -p /run/kfimg-lab/sysctl
while read -r name value; do
  [ -e "/proc/sys/$name" ] || continue
  file=/run/kfimg-lab/sysctl/$(echo "$name" | tr / _)
  echo "$value" >"$file"
  mount --bind "$file" "/proc/sys/$name"
done <<'SETTINGS'
fs/inotify/max_user_instances 8192
fs/inotify/max_user_watches 524288
kernel/keys/root_maxbytes 20000
kernel/keys/root_maxkeys 200
kernel/panic 0
kernel/panic_on_oops 0
vm/max_map_count 65530
vm/overcommit_memory 0
vm/panic_on_oom 0
vm/swappiness 60
SETTINGS

# Pods' mounts reach the node, as systemd has it on a machine.
mount --make-rshared /

# Swap of the machine that carries the lab is not this machine's.
printf 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n' >/run/kfimg-lab/swaps
mount --bind /run/kfimg-lab/swaps /proc/swaps
exit 0
