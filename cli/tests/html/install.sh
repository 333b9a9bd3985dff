#!/usr/bin/env bash
# Installs the HTML validator of package-lock.json unless it is there, and prints the folder that holds it, and nothing else, to
# standard output. Needs npm, and a network the first time only: the folder's name carries a digest of every input.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${KFIMG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kfimg}
inputs=("$here/package.json" "$here/package-lock.json" "$here/.htmlvalidate.json")
folder=$cache/html-validate-$(cat "${inputs[@]}" "$0" | sha256sum | cut -c1-12)
if [ ! -e "$folder" ]; then
  command -v npm >/dev/null || { echo "install.sh: npm is missing; install the packages nodejs and npm" >&2; exit 1; }
  mkdir -p "$cache"
  partial=$(mktemp -d "$folder.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  cp "${inputs[@]}" "$partial"
  (cd "$partial" && npm ci --silent --no-audit --no-fund --ignore-scripts >&2)
  # Another run may have been faster.
  mv -T "$partial" "$folder" 2>/dev/null || [ -e "$folder" ]
fi
echo "$folder"
