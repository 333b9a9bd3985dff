#!/usr/bin/env bash
# Builds the keepalived image from Debian's package, as an OCI image layout: build.sh FOLDER.
#
# The image holds keepalived, the libraries that it loads, names of users, and the licences of every package that they come from.
# No shell, no package manager. The same packages give the same bytes, whoever builds it and when. It asks for no root where
# user namespaces are allowed (mmdebstrap decides).
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: build.sh FOLDER" >&2; exit 2; }
release=bookworm
version=2.2.7
# As the catalogs name it (images/catalog): the version, and how often we changed the image of that version.
tag=$version-0
reference=ghcr.io/kfimg/keepalived:$tag
architecture=$(dpkg --print-architecture)
mkdir -p "$(dirname "$1")"
folder=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
partial=$folder.partial
rm -rf "$partial"
mkdir -p "$partial/blobs/sha256"
trap 'rm -rf "$partial"' EXIT

# Runs with the unpacked packages in "$1"; makes layer.tar there of what the image holds.
read -r -d '' prune <<'HOOK' || true
set -eu
cd "$1"
loader=$(ls lib64/ld-linux-*.so.* lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
keep() { # PATH: the file, or the link and what it leads to. Absolute links lead to this root, not to the builder's.
  path=$1
  while :; do
    folder=$(cd -P "./${path%/*}" && pwd) && folder=${folder#"$PWD"/}
    mkdir -p ".image/$folder"
    cp -a "$folder/${path##*/}" ".image/$folder/"
    [ -L "$folder/${path##*/}" ] || break
    target=$(readlink "$folder/${path##*/}")
    case $target in /*) path=$target ;; *) path=/$folder/$target ;; esac
  done
}
keep /usr/sbin/keepalived
chroot . "/$loader" --list /usr/sbin/keepalived >.libraries
for library in $(awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' .libraries); do keep "$library"; done
for link in bin sbin lib lib64; do [ ! -L "$link" ] || cp -a "$link" .image/; done
for licence in usr/share/doc/*/copyright; do keep "/$licence"; done
cd .image
mkdir -p etc run tmp
printf 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n' >etc/passwd
printf 'root:x:0:\nnobody:x:65534:\n' >etc/group
chroot . /usr/sbin/keepalived --version 2>&1 | grep -q "^Keepalived v$KEEPALIVED_VERSION " || {
  echo "build.sh: Debian has another version than $KEEPALIVED_VERSION" >&2
  exit 1
}
find . -type d -exec chmod 0755 {} +
chmod 1777 tmp
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -cf ../layer.tar .
HOOK

KEEPALIVED_VERSION=$version mmdebstrap --quiet --variant=extract --format=null --skip=output/dev,output/mknod \
  --aptopt='Apt::Install-Recommends "false"' --include=keepalived --extract-hook="$prune" \
  --extract-hook="copy-out /layer.tar $partial" "$release" -

blob() { # FILE: becomes a blob; prints digest and size
  local digest
  digest=$(sha256sum "$1" | cut -c1-64)
  mv "$1" "$partial/blobs/sha256/$digest"
  echo "sha256:$digest $(stat -c %s "$partial/blobs/sha256/$digest")"
}
descriptor() { # TYPE DIGEST SIZE
  printf '{"mediaType":"application/vnd.oci.image.%s","digest":"%s","size":%s}' "$@"
}

read -r layer layer_size < <(blob "$partial/layer.tar")
printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Env":["PATH=/usr/sbin"],"Entrypoint":["/usr/sbin/keepalived"],"Labels":{"org.opencontainers.image.licenses":"GPL-2.0-or-later","org.opencontainers.image.version":"%s"}},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
  "$architecture" "$tag" "$layer" >"$partial/config"
read -r config config_size < <(blob "$partial/config")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
  "$(descriptor config.v1+json "$config" "$config_size")" "$(descriptor layer.v1.tar "$layer" "$layer_size")" >"$partial/manifest"
read -r manifest manifest_size < <(blob "$partial/manifest")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"platform":{"architecture":"%s","os":"linux"},"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
  "$manifest" "$manifest_size" "$architecture" "$reference" >"$partial/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$partial/oci-layout"
chmod -R u=rwX,go=rX "$partial"
rm -rf "$folder"
mv "$partial" "$folder"
echo "$reference $manifest"
