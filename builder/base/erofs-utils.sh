#!/bin/bash
# The mkfs.erofs and fsck.erofs of a newer Debian, for hosts whose own are too old to write an EROFS root:
#
#   builder/base/erofs-utils.sh tools
#   PATH=$PWD/tools/bin:$PATH kfimg build --root erofs …
#
# It needs mmdebstrap and a Debian mirror, and no root. The programs run with the libraries of their own release, which lie beside them.
#
# RELEASE  trixie (Debian 13) or another
# MIRROR   lines of sources.list or an address, as mmdebstrap takes it; empty: deb.debian.org
set -euo pipefail

RELEASE=${RELEASE:-trixie}

if [ $# != 1 ]; then
  echo 'usage: erofs-utils.sh FOLDER' >&2
  exit 2
fi

case $(uname -m) in
  x86_64) linker=ld-linux-x86-64.so.2 ;;
  aarch64) linker=ld-linux-aarch64.so.1 ;;
  *) echo "$(uname -m): is x86_64 or aarch64" >&2; exit 2 ;;
esac

folder=${1%/}
if [ -e "$folder" ]; then
  echo "$folder is there already: name a folder that is not" >&2
  exit 2
fi

partial=$folder.partial
rm -rf "$partial"
trap 'rm -rf "$partial"' EXIT
mkdir -p "$partial/bin"

mmdebstrap --quiet --variant=extract --format=directory --skip=output/dev,output/mknod --aptopt='Apt::Install-Recommends "false"' \
  --include=erofs-utils "$RELEASE" "$partial/root" ${MIRROR:+"$MIRROR"}

libraries=lib/$(uname -m)-linux-gnu
for name in mkfs.erofs fsck.erofs; do
  cat >"$partial/bin/$name" <<END
#!/bin/sh
root=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")/root
linker=\$(ls "\$root"/usr/$libraries/$linker "\$root"/$libraries/$linker 2>/dev/null | head -n 1)
exec "\$linker" --library-path "\$root/usr/$libraries:\$root/$libraries" "\$root/usr/bin/$name" "\$@"
END
  chmod 0755 "$partial/bin/$name"
done

mv -T "$partial" "$folder"
