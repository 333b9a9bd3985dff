#!/bin/sh
# Makes the virtual machines of the cluster @CLUSTER@ in vSphere by govc, each with its payload as guestinfo.
#
#   deploy.sh --template NAME [NODE...]   clones a template (or a machine) that is switched off
#   deploy.sh --ova FILE [NODE...]        imports an appliance for each machine
#   deploy.sh [NODE...]                   gives machines that exist their payloads anew: they apply them when they boot
#   deploy.sh --erase [NODE...]           takes payloads and keys away from machines that have booted with them
#
#   --key FILE                            gives machines the key of sealed payloads, too: an identity of age or a passphrase
#   --no-power-on                         leaves new machines switched off
#
# Without a NODE: all of them. govc reads GOVC_URL, GOVC_USERNAME, GOVC_PASSWORD, GOVC_DATACENTER, GOVC_DATASTORE,
# GOVC_RESOURCE_POOL, GOVC_FOLDER and GOVC_NETWORK; `govc about` tells whether they are right. Payloads are read from
# files: no secret stands on a command line.
set -eu

transport=@TRANSPORT@
# One line a machine: its name, and its Ethernet address or a dash.
machines='@MACHINES@'

here=$(cd "$(dirname "$0")" && pwd)
template='' ova='' key='' erase='' power_on=yes nodes=''

fail() {
  echo "deploy.sh: $*" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --template) template=${2:?--template needs the name of a template} && shift ;;
    --ova) ova=${2:?--ova needs a file} && shift ;;
    --key) key=${2:?--key needs a file} && shift ;;
    --erase) erase=yes ;;
    --no-power-on) power_on='' ;;
    -*) fail "unknown option $1; the head of this script tells what there is" ;;
    *) nodes="$nodes $1" ;;
  esac
  shift
done

command -v govc >/dev/null || fail 'govc is missing: https://github.com/vmware/govmomi/releases'
[ -z "$template" ] || [ -z "$ova" ] || fail 'say either --template or --ova'
[ -z "$erase" ] || [ -z "$template$ova$key" ] ||
  fail '--erase is for machines that have booted: leave out --template, --ova and --key'
[ -z "$key" ] || [ -r "$key" ] || fail "there is no file $key, or you may not read it"
[ -z "$key" ] || key=$(cd "$(dirname "$key")" && pwd)/$(basename "$key")
identity=''
if [ -n "$key" ] && [ "$transport" = ovf-properties ]; then
  identity=$(grep -m 1 -E '^AGE-SECRET-KEY-1[0-9A-Z]+$' "$key") ||
    fail "$key: as a vApp property an identity can be given (a line AGE-SECRET-KEY-1...), a passphrase in vCenter only"
fi
[ "$transport" = extra-config ] || [ -n "$ova" ] || fail 'vApp properties are given when an appliance is imported: say --ova'
[ -n "$nodes" ] || nodes=$(echo "$machines" | while read -r node _; do echo "$node"; done)
for node in $nodes; do
  echo "$machines" | grep -q "^$node " || fail "the cluster has no machine $node"
  [ -d "$here/$node" ] || fail "$here/$node is missing: copy the whole folder that kfimg render wrote"
  [ -z "$template$ova" ] || [ -n "${GOVC_NETWORK:-}" ] || echo "$machines" | grep -q "^$node -$" ||
    fail "$node has an Ethernet address in the description: say in GOVC_NETWORK which network its card is in"
done

# What is left behind when this ends early.
folder='' making=''
finish() {
  [ -z "$folder" ] || rm -rf "$folder"
  [ -z "$making" ] || echo "deploy.sh: $making may be half made: if it is there, remove it (govc vm.destroy $making); then run this for it again" >&2
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# Imports the appliance with the payload, and with the key where there is one, as its properties. Only this user reads the file
# between, which is gone afterwards.
import_with_properties() { # NODE
  options=$here/$1/import.json
  if [ -n "$identity" ]; then
    folder=$(mktemp -d)
    printf '/"PropertyMapping": \\[/a\\\n    { "Key": "guestinfo.kfimg.key", "Value": "%s" },\n' "$identity" >"$folder/insert"
    sed -f "$folder/insert" "$options" >"$folder/import.json"
    options=$folder/import.json
  fi
  govc import.ova -options="$options" -name="$1" "$ova"
  [ -z "$folder" ] || rm -rf "$folder"
}

# Makes a machine, switched off.
make_machine() { # NODE
  address=$(echo "$machines" | while read -r node mac; do if [ "$node" = "$1" ]; then echo "$mac"; fi; done)
  if [ "$transport" = ovf-properties ]; then
    import_with_properties "$1"
  elif [ -n "$ova" ]; then
    govc import.ova -name="$1" "$ova"
  else
    govc vm.clone -vm "$template" -on=false "$1"
  fi
  if [ "$address" != - ]; then
    govc vm.network.change -vm "$1" -net "$GOVC_NETWORK" -net.address "$address" ethernet-0
  fi
  # So that disks have names below /dev/disk/by-id.
  govc vm.change -vm "$1" -e disk.enableUUID=TRUE
}

# Gives a machine the values of its payload and the key, or with --erase empty ones.
give_payload() { # NODE
  node=$1
  set -- vm.change -vm "$node"
  for file in "$here/$node"/guestinfo.*; do
    name=${file##*/}
    if [ -n "$erase" ]; then
      set -- "$@" -f "$name=" -f "$name.encoding="
    else
      set -- "$@" -f "$name=$file" -e "$name.encoding=gzip+base64"
    fi
  done
  if [ -n "$key$erase" ]; then
    set -- "$@" -f "guestinfo.kfimg.key=$key"
  fi
  govc "$@"
}

if [ -n "$template$ova" ]; then
  for node in $nodes; do
    [ -z "$(govc vm.info "$node")" ] ||
      fail "there is a machine $node already; without --template and --ova it gets its payload anew"
  done
fi
for node in $nodes; do
  if [ -z "$template$ova" ]; then
    [ -n "$(govc vm.info "$node")" ] || fail "there is no machine $node yet: say --template or --ova"
    give_payload "$node"
    echo "$node: payload $([ -n "$erase" ] && echo erased || echo given)"
    continue
  fi
  making=$node
  make_machine "$node"
  [ "$transport" != extra-config ] || give_payload "$node"
  making=''
  [ -z "$power_on" ] || govc vm.power -on "$node"
  echo "$node: made"
done
