//! The DHCP server of a closed network of tests: dnsmasq, which gives addresses and tells nobody what to boot.

/// Its arguments: addresses of 192.168.49.0/24 on the bridge `br0`, nothing kept, everything told on standard error.
pub(crate) const DNSMASQ: [&str; 9] = [
    "--no-daemon",
    "--conf-file=/dev/null",
    "--user=root",
    "--port=0",
    "--interface=br0",
    "--bind-interfaces",
    "--dhcp-range=192.168.49.100,192.168.49.150,1h",
    "--leasefile-ro",
    "--log-dhcp",
];
