#!/usr/bin/env bash
# Builds the Go programs that judge kfimg's output: the real components, each from the Go module named in its own go.mod beside
# this file, and our two small ones. Prints the folder that holds them, and nothing else, to standard output.
#
# What was built before is kept: the folder's name carries a digest of every input, so a changed version builds anew beside the old.
# Arguments name components; none means all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${KFIMG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kfimg}
all=(certverify kubetypes etcd ignition containerd kubernetes)
components=("$@")
[ $# -gt 0 ] || components=("${all[@]}")

# The modules ask for this Go; an older one may fetch it where GOTOOLCHAIN allows that.
needs=$(sed -n 's/^go //p' "$here"/*/go.mod | sort -V | tail -n 1)
go version >/dev/null 2>&1 || { echo "build.sh: Go is missing; install Go $needs or later (https://go.dev/dl/)" >&2; exit 1; }
if [ "$*" != certverify ] && ! (cd "$here/kubernetes" && go list -m >/dev/null); then
  echo "build.sh: $(go version) is too old; install Go $needs or later (https://go.dev/dl/)" >&2
  exit 1
fi

export CGO_ENABLED=0 GOWORK=off GOFLAGS=-trimpath
digest() { find "$here/$1" -type f \( -name '*.go' -o -name 'go.*' \) -print0 | sort -z | xargs -0 cat "$here/build.sh" | sha256sum | cut -c1-12; }

build() { # COMPONENT OUTPUT-FOLDER
  cd "$here/$1"
  case $1 in
    certverify | kubetypes) go build -o "$2/" . ;;
    etcd)
      go build -ldflags '-s -w' -o "$2/etcd" go.etcd.io/etcd/server/v3
      go build -ldflags '-s -w' -o "$2/etcdctl" go.etcd.io/etcd/etcdctl/v3 ;;
    ignition)
      local module=github.com/coreos/ignition/v2
      local named="-s -w -X $module/internal/version.Raw=$(go list -m -f '{{.Version}}' $module)"
      go build -ldflags "$named" -o "$2/ignition-validate" $module/validate
      CGO_ENABLED=1 go build -ldflags "$named" -o "$2/ignition" $module/internal ;;
    containerd)
      local module=github.com/containerd/containerd/v2
      go build -ldflags "-s -w -X $module/version.Version=$(go list -m -f '{{.Version}}' $module)" -o "$2/" \
        $module/cmd/containerd $module/cmd/ctr ;;
    kubernetes)
      local version=k8s.io/component-base/version tag
      tag=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
      go build -ldflags "-s -w -X $version.gitVersion=$tag -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$tag")" \
        -o "$2/" $(go list tool) ;;
    *) echo "build.sh: no component $1" >&2; return 2 ;;
  esac
}

bin=$cache/interop/bin-$(for component in "${all[@]}"; do digest "$component"; done | sha256sum | cut -c1-12)
mkdir -p "$bin"
for component in "${components[@]}"; do
  kept=$cache/interop/$component-$(digest "$component")
  if [ ! -d "$kept" ]; then
    rm -rf "$kept.partial"
    mkdir -p "$kept.partial"
    seconds=$SECONDS
    (build "$component" "$kept.partial")
    mv "$kept.partial" "$kept"
    echo "built $component in $((SECONDS - seconds)) s" >&2
  fi
  for program in "$kept"/*; do ln -sfn "$program" "$bin/"; done
done
echo "$bin"
