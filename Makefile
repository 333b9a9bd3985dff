# kfimg's one task runner; `make` alone lists what there is. Nothing here is needed to build: `cargo build` does that.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.PHONY: help demo static agent base vm-test image-test test interop install-test cloud-init-test guard-test data-test model cluster cluster-down boot-test cluster-test qemu-test golden bench bench-boot audit packages \
	interop-packages base-packages data-packages cluster-packages qemu-packages bench-packages tools

# What is built beside the tree, and kept from one run to the next: cargo-deny, Go programs, the real components.
export KFIMG_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kfimg
# Debian keeps haproxy, keepalived and useradd where an ordinary user does not look.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(or $(shell cargo-deny --version 2>/dev/null | grep -qx 'cargo-deny $(CARGO_DENY_VERSION)' && \
	command -v cargo-deny),$(KFIMG_CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny)

# program or file = the package of Debian and Ubuntu that brings it.
TEST_NEEDS := cc=gcc go=golang-go openssl=openssl haproxy=haproxy keepalived=keepalived ignition-validate=ignition \
	systemd-analyze=systemd udevadm=udev ip=iproute2 unshare=util-linux useradd=passwd newuidmap=uidmap strace=strace \
	curl=curl skopeo=skopeo docker-registry=docker-registry dnsmasq=dnsmasq-base nginx=nginx-light age=age mcopy=mtools fsck.fat=dosfstools mandoc=mandoc \
	sgdisk=gdisk qemu-img=qemu-utils xorriso=xorriso objdump=binutils sbverify=sbsigntool veritysetup=cryptsetup-bin \
	xmllint=libxml2-utils /usr/lib/systemd/boot/efi/linux$(if $(filter aarch64,$(shell uname -m)),aa64,x64).efi.stub=systemd-boot-efi \
	cpio=cpio jq=jq tmux=tmux /usr/bin/time=time xz=xz-utils lz4=lz4 bzip2=bzip2 \
	mksquashfs=squashfs-tools mkfs.erofs=erofs-utils setpriv=util-linux taskset=util-linux sfdisk=fdisk /usr/share/OVMF/OVMF_CODE_4M.fd=ovmf
INTEROP_NEEDS := pkg-config=pkg-config /usr/include/blkid/blkid.h=libblkid-dev mmdebstrap=mmdebstrap nginx=nginx-light \
	qemu-system-x86_64=qemu-system-x86 /boot/ipxe.lkrn=ipxe /usr/share/OVMF/OVMF_CODE_4M.fd=ovmf mkfs.ext4=e2fsprogs \
	ps=procps dash=dash node=nodejs npm=npm chromium=chromium pdftotext=poppler-utils zsh=zsh fish=fish podman=podman
CLUSTER_NEEDS := mmdebstrap=mmdebstrap systemd-nspawn=systemd-container nft=nftables mkfs.ext4=e2fsprogs /usr/include/seccomp.h=libseccomp-dev \
	curl=curl
DATA_NEEDS := sfdisk=fdisk mkfs.ext4=e2fsprogs mkfs.xfs=xfsprogs
BASE_NEEDS := mmdebstrap=mmdebstrap newuidmap=uidmap
BENCH_NEEDS := nginx=nginx-light wrk=wrk qemu-img=qemu-utils mke2fs=e2fsprogs
QEMU_NEEDS := qemu-system-x86_64=qemu-system-x86 qemu-img=qemu-utils mmdebstrap=mmdebstrap mkfs.erofs=erofs-utils \
	/usr/include/seccomp.h=libseccomp-dev curl=curl /usr/share/OVMF/OVMF_CODE_4M.fd=ovmf mkfs.ext4=e2fsprogs

# Scenarios of the lab: those that emulate whole machines with a payload.
EMULATED := clocks qemu_boots_to_a_static_pod
# Those that boot what `kfimg build` makes.
IMAGES := kfimg_data_disk kfimg_image_boots kfimg_media_boot kfimg_payload_is_kept kfimg_root_is_verified pxe_walk_through sysext_on_a_stock_base vmware_walk_through
# All others.
SCENARIOS := $(filter-out $(EMULATED) $(IMAGES),$(basename $(notdir $(wildcard qemu-tests/tests/*.rs))))

help: ## list the targets
	@sed -nE 's/^([a-z-]+): .*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: ## build kfimg, render the profile ha3 into out/, and say what to look at
	@cargo build --release --locked -p kfimg-cli
	"$${CARGO_TARGET_DIR:-target}/release/kfimg" render --profile ha3 --registry reg.local -o out
	printf '%s\n' '' 'Look at:' \
	  '  out/report.html                    all of it as a page, for a browser' \
	  '  out/nodes/master1/ignition.json    all that a control plane needs to boot' \
	  '  out/admin.kubeconfig               the administrator'\''s access, valid before the first boot' \
	  '  out/images.txt                     every image that the nodes will ask for' \
	  '  out/manifest.json                  the digest of every file written' \
	  "  $${CARGO_TARGET_DIR:-target}/release/kfimg validate --profile ha3 --registry reg.local --explain" \
	  "  $${CARGO_TARGET_DIR:-target}/release/kfimg pki show --profile ha3"

# Kinds of machines that static programs are for: the one that builds, or another.
STATIC_TARGET ?= $(shell rustc -vV | sed -n 's/^host: //p')

static: ## build a kfimg without shared libraries into target/<triple>/dist/: it is small, and starts on any Linux
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --profile dist --locked -p kfimg-cli --target $(STATIC_TARGET)

# The agent lies in every image: fewer bytes than these.
AGENT_LIMIT := 5000000
# A program that ends at a panic unwinds no stack, and needs no tables of its C code for that.
agent: ## build the static kfimg-agent into target/<triple>/agent/
	RUSTFLAGS='-C target-feature=+crt-static' CFLAGS="$${CFLAGS-} -fno-asynchronous-unwind-tables -fno-unwind-tables" \
	  cargo build --profile agent --locked -p kfimg-agent --target $(STATIC_TARGET)
	size=$$(stat -c %s "$${CARGO_TARGET_DIR:-target}/$(STATIC_TARGET)/agent/kfimg-agent")
	[ "$$size" -lt $(AGENT_LIMIT) ] || { echo "kfimg-agent has $$size bytes, and may have $(AGENT_LIMIT)" >&2; exit 1; }

# Where the base goes, and what of it can be chosen: the head of the recipe lists RELEASE, KERNEL, ARCHITECTURE, MIRROR, EXTRA.
BASE ?= base.tar

base: base-packages ## make a Debian with kernel, initrd and Ignition to build images from (needs a Debian mirror)
	builder/base/debian.sh $(BASE)

test: packages tools ## install what the checks need, then format, lints, tests, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	if (cd qemu-tests/go/kubetypes && go list -m >/dev/null 2>&1); then
	  cargo test --locked -p kfimg-cli --test kubetypes -- --ignored
	else
	  echo "$$(go version) is too old for the modules of Kubernetes: its types judge no manifest in this run"
	fi
	$(CARGO_DENY) --offline check bans licenses sources

interop: packages interop-packages ## build the real components from Go modules, and let them read what kfimg writes
	qemu-tests/go/build.sh
	cargo test --locked -p kfimg-cli --test kubetypes --test interop --test control_plane --test everything_runs --test rotate_runs --test completions --test etcd_apart --test containerd_pull --test air_gap --test charts --test pxe --test vsphere --test cis --test report --test pxe_serve --test board --test build_erofs --test documents --test full_database -- --ignored
	cargo test --locked -p kfimg-agent --test addons_real -- --ignored
	cargo test --locked -p kfimg-agent --test etcd_members -- --ignored --exact three_blank_members_found_one_cluster_at_once
	cargo test --locked -p kfimg-builder --test outputs --test sysext -- --ignored
	cargo test --locked -p kfimg-images --test registry_real --test bundle --test keepalived_image --test push_real --test peers --test memory -- --ignored

install-test: packages ## build and install kfimg as docs/getting-started.md says (a release build)
	cargo test --locked -p kfimg-cli --test walk_throughs -- --ignored

cloud-init-test: packages interop-packages ## let the cloud-init of two Debians apply payloads, and compare with Ignition (root)
	cargo test --locked -p kfimg-ignition --test cloud_init -- --ignored
	cargo test --locked -p kfimg-cli --test channels -- --ignored

guard-test: packages interop-packages ## let the agent found, lose and rejoin clusters of the real etcd (no root; ten minutes)
	qemu-tests/go/build.sh
	cargo test --locked -p kfimg-agent --lib etcd::interop -- --ignored
	cargo test --locked -p kfimg-agent --test etcd_members -- --ignored

data-test: packages data-packages ## let the agent make, find and grow data partitions on loop devices (root; a minute)
	cargo test --locked -p kfimg-agent --lib data::tests -- --ignored --test-threads=1

model: ## search more states of the etcd guard than make test does (two minutes, 200 megabytes)
	cargo test --locked -p kfimg-agent --test guard_model -- --ignored --nocapture

cluster: packages interop-packages cluster-packages ## boot three control planes and a worker on this machine, and leave them up (root)
	cargo run --quiet --locked -p kfimg-qemu-tests --bin kfimg-lab -- up

cluster-down: ## remove the machines of make cluster, with all that they held
	cargo run --quiet --locked -p kfimg-qemu-tests --bin kfimg-lab -- down

boot-test: packages interop-packages cluster-packages ## boot the lab's cluster, and wipe one control plane (root; three minutes)
	KFIMG_LAB_ROUNDS=1 cargo test --locked -p kfimg-qemu-tests --test wiped_control_plane_rejoins -- --ignored --nocapture
	$(MAKE) --silent agent
	KFIMG_AGENT=$$(readlink -f "$${CARGO_TARGET_DIR:-target}/$(STATIC_TARGET)/agent/kfimg-agent") \
	  cargo test --locked -p kfimg-agent --test memory

# Plays scenarios of the lab, TIMES times in a row; one that fails does not keep the others from being played.
TIMES ?= 1
play = for time in $$(seq $(TIMES)); do \
	cargo test --locked --no-fail-fast -p kfimg-qemu-tests $(foreach scenario,$(1),--test $(scenario)) -- --ignored --nocapture --test-threads=1; done

cluster-test: packages interop-packages cluster-packages ## play the scenarios of the lab that need no emulated machine (root; two hours)
	$(call play,$(SCENARIOS))

qemu-test: packages interop-packages qemu-packages ## boot whole emulated machines from payloads (root; an hour and a half)
	$(call play,$(EMULATED))

vm-test: packages base-packages interop-packages qemu-packages ## build images and boot them in emulated machines (root; two hours)
	$(call play,$(IMAGES))

image-test: packages ## build an image on a real base: KFIMG_BASE=base.tar
	cargo test --locked -p kfimg-builder --test build -- --ignored --nocapture

golden: ## write the golden files of the tests anew; look at the difference before you commit it
	KFIMG_UPDATE_GOLDEN=1 cargo test --workspace --locked

bench-boot: packages interop-packages cluster-packages ## measure boots beside kubeadm in the same lab (root; three quarters of an hour)
	cargo bench --locked -p kfimg-qemu-tests --bench boot

# What writes an EROFS root: Debian 12's is too old to be measured.
EROFS_UTILS := $(KFIMG_CACHE)/erofs-utils

bench: packages base-packages bench-packages agent static ## measure speed against physical limits and peers, in one run, as the table of docs/performance.md (imports and payloads: root)
	built=$$(readlink -f "$${CARGO_TARGET_DIR:-target}/$(STATIC_TARGET)")
	export KFIMG_BENCH_BINARY=$${KFIMG_BENCH_BINARY:-$$built/dist/kfimg} KFIMG_BENCH_AGENT=$${KFIMG_BENCH_AGENT:-$$built/agent/kfimg-agent}
	cargo bench --locked -p kfimg-cli --bench speed --bench bundle
	[ -d $(EROFS_UTILS) ] || builder/base/erofs-utils.sh $(EROFS_UTILS)
	PATH=$(EROFS_UTILS)/bin:$$PATH cargo bench --locked -p kfimg-builder --bench outputs

audit: tools ## ask the advisory database (needs a network)
	$(CARGO_DENY) check

packages: NEEDS = $(TEST_NEEDS)
base-packages: NEEDS = $(BASE_NEEDS)
data-packages: NEEDS = $(DATA_NEEDS)
interop-packages: NEEDS = $(INTEROP_NEEDS)
cluster-packages: NEEDS = $(CLUSTER_NEEDS)
qemu-packages: NEEDS = $(QEMU_NEEDS)
bench-packages: NEEDS = $(BENCH_NEEDS)
packages base-packages data-packages interop-packages cluster-packages qemu-packages bench-packages:
	@missing=''
	for need in $(NEEDS); do
	  program=$${need%%=*}
	  [ -e "$$program" ] || command -v "$$program" >/dev/null || missing+=" $${need#*=}"
	done
	[ -n "$$missing" ] || exit 0
	if [ "$$(id -u)" = 0 ]; then root=''; elif sudo -n true 2>/dev/null; then root=sudo; else root=none; fi
	if [ "$$root" = none ] || ! command -v apt-get >/dev/null; then
	  echo "The checks need packages that are missing here:$$missing" >&2
	  echo "Install them (on Debian and Ubuntu: sudo apt-get install$$missing), then run make again." >&2
	  exit 1
	fi
	echo "Installing what the checks need:$$missing"
	$$root apt-get update -qq
	$$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing

tools: $(CARGO_DENY)
	@cargo fetch --locked --quiet

$(CARGO_DENY):
	cargo install --quiet --locked --version $(CARGO_DENY_VERSION) --root $(KFIMG_CACHE)/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny
