#!/bin/sh
# Run by kfimg-sysext.service with a URL and a SHA-256: fetches the system extension, unless it lies here already, and merges it.
# Without it the node has nothing to do, so this tries for as long as it takes. The agent is a part of what is fetched.
set -u
url=$1
sha256=$2
folder=/var/lib/extensions
file=$folder/kfimg.raw
partial=$folder/.kfimg.partial
merged=/usr/lib/extension-release.d/extension-release.kfimg

say() {
  echo "[kfimg] sysext: $*"
}

is_right() {
  [ -f "$1" ] && echo "$sha256  $1" | sha256sum --check --status
}

# In place at once, and on the disk before: the power may go at any moment.
fetch() {
  mkdir -p "$folder"
  rm -f "$partial"
  curl --fail --silent --show-error --location --connect-timeout 10 --speed-limit 1024 --speed-time 30 \
    --output "$partial" "$url" || return 1
  if ! is_right "$partial"; then
    say "SYSEXT_CHANGED: what $url sends is not what this node's payload names; it is not used"
    rm -f "$partial"
    return 1
  fi
  sync "$partial" && mv "$partial" "$file" && sync "$folder"
}

merge() {
  systemd-sysext refresh && [ -e "$merged" ]
}

# systemd may have merged it earlier in this boot.
if ! is_right "$file" || ! [ -e "$merged" ]; then
  until is_right "$file" || fetch; do
    say "$url is asked again in 5 s"
    sleep 5
  done
  until merge; do
    say "SYSEXT_REFUSED: systemd did not merge it; it is tried again in 5 s"
    sleep 5
  done
fi
say "kubelet, runtime and agent are there"
