#!/usr/bin/env bash
# Builds programs that judge kfimg's output and that the lab's machines run: the real components, each from the Go module named in
# its own go.mod beside this file, and small ones of our own. Prints the folder that holds them, and nothing else, to standard output.
#
# What was built before is kept: the folder's name carries a digest of every input, so a changed version builds anew beside the old.
# Arguments name components; none means those of `make interop`. A component with a version in its name (kubernetes-1.35) has the
# same programs as the one without: they lie in a folder of that version (1.35).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${KFIMG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kfimg}
components=("$@")
[ $# -gt 0 ] || components=(certverify kubetypes etcd ignition containerd kubernetes)

# The modules ask for this Go; an older one may fetch it where GOTOOLCHAIN allows that.
needs=$(sed -n 's/^go //p' "$here"/*/go.mod | sort -V | tail -n 1)
go version >/dev/null 2>&1 || { echo "build.sh: Go is missing; install Go $needs or later (https://go.dev/dl/)" >&2; exit 1; }
if [ "$*" != certverify ] && ! (cd "$here/kubernetes" && go list -m >/dev/null); then
  echo "build.sh: $(go version) is too old; install Go $needs or later (https://go.dev/dl/)" >&2
  exit 1
fi

export CGO_ENABLED=0 GOWORK=off GOFLAGS='-trimpath -buildvcs=false'
digest() { find "$here/$1" -type f \( -name '*.go' -o -name '*.c' -o -name 'go.*' \) -print0 | sort -z | xargs -0 cat "$here/build.sh" | sha256sum | cut -c1-12; }

version() { go list -m -f '{{.Version}}' "$1"; }
link() { # LDFLAGS GO-BUILD-ARGUMENTS...
  local flags=$1
  shift
  go build -ldflags "-s -w $flags" "$@"
}

build() { # COMPONENT OUTPUT-FOLDER
  [ -d "$here/$1" ] || { echo "build.sh: no component $1" >&2; return 2; }
  cd "$here/$1"
  case $1 in
    certverify | kubetypes) go build -o "$2/" . ;;
    pause) gcc -Os -static -s -Wall -Werror -o "$2/pause" pause.c ;;
    flannel-cni) link "" -o "$2/flannel" . ;;
    etcd)
      link "" -o "$2/etcd" go.etcd.io/etcd/server/v3
      link "" -o "$2/etcdctl" go.etcd.io/etcd/etcdctl/v3
      link "" -o "$2/etcdutl" go.etcd.io/etcd/etcdutl/v3 ;;
    ignition)
      local module=github.com/coreos/ignition/v2
      local named="-X $module/internal/version.Raw=$(version $module)"
      link "$named" -o "$2/ignition-validate" $module/validate
      CGO_ENABLED=1 link "$named" -o "$2/ignition" $module/internal ;;
    containerd)
      local module=github.com/containerd/containerd/v2
      link "-X $module/version.Version=$(version $module)" -o "$2/" $(go list tool) ;;
    kubernetes | kubernetes-*)
      local package=k8s.io/component-base/version tag
      tag=$(version k8s.io/kubernetes)
      link "-X $package.gitVersion=$tag -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<<"$tag")" -o "$2/" $(go list tool) ;;
    runc)
      local tag
      tag=$(version github.com/opencontainers/runc)
      CGO_ENABLED=1 link "-extldflags -static -X main.version=${tag#v}" -tags 'seccomp netgo osusergo' -o "$2/" $(go list tool) ;;
    flannel)
      # flanneld's own main without the backends that need cgo or the SDK of a cloud: no node of the lab uses those.
      local module=github.com/flannel-io/flannel
      go mod download $module
      sed -E '/pkg\/backend\/(alivpc|tencentvpc|udp)"/d' "$(go list -m -f '{{.Dir}}' $module)/main.go" >"$2.go"
      link "-X $module/pkg/version.Version=$(version $module)" -o "$2/flanneld" "$2.go"
      rm "$2.go" ;;
    kube-bench)
      local module=github.com/aquasecurity/kube-bench
      link "-X $module/cmd.KubeBenchVersion=$(version $module)" -o "$2/" $module
      # Its checks are files beside the program.
      cp -r --no-preserve=mode "$(go list -m -f '{{.Dir}}' $module)/cfg" "$2/kube-bench-cfg" ;;
    skopeo)
      # OpenPGP in Go and no file system of containers: the C libraries for both are not needed to copy.
      link "" -tags 'containers_image_openpgp exclude_graphdriver_btrfs' -o "$2/" . ;;
    *) link "" -o "$2/" $(go list tool) ;;
  esac
}

bin=$cache/interop/bin-$(for component in "${components[@]}"; do digest "$component"; done | sha256sum | cut -c1-12)
mkdir -p "$bin"
for component in "${components[@]}"; do
  kept=$cache/interop/$component-$(digest "$component")
  # Whoever asks for the same component at the same time waits for the one who builds it.
  exec {lock}>"$kept.lock"
  flock "$lock"
  if [ ! -d "$kept" ]; then
    rm -rf "$kept.partial"
    mkdir -p "$kept.partial"
    seconds=$SECONDS
    (build "$component" "$kept.partial")
    mv "$kept.partial" "$kept"
    echo "built $component in $((SECONDS - seconds)) s" >&2
  fi
  exec {lock}>&-
  folder=$bin
  if [[ $component == kubernetes-* ]]; then folder=$bin/${component#*-}; fi
  mkdir -p "$folder"
  for program in "$kept"/*; do ln -sfn "$program" "$folder/"; done
done
echo "$bin"
