#!/bin/busybox sh
# Stands for node-cache of kubernetes/dns: gives this node the cache's address, on loopback, then becomes CoreDNS.
set -eu
while [ $# -gt 0 ]; do
  case $1 in
    -localip) address=$2; shift ;;
    -conf) conf=$2; shift ;;
  esac
  shift
done
ip address add "$address" dev lo 2>/dev/null || ip address show dev lo | grep -qF "$address/"
cp /etc/coredns/Corefile.base "$conf"
exec /coredns -conf "$conf"
