//! Endpoint, networks, registry, time, certificates and DNS of a cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

use super::files::Files;
use super::formats;
use super::nodes::ips;
use super::router_id;
use crate::cluster::{BroughtAuthority, DEFAULT_CHANNELS, Delivery, Dns, Endpoint, Networking, Pki, Registry, Time};
use crate::description::values::{ByteSize, GoDuration, Ip, Networks};
use crate::description::{CertificateAuthority, Description, GuestinfoTransport};
use crate::document::Path;

/// The range of the pods' addresses where none is given.
pub(crate) fn default_pod_subnet() -> IpNet {
    IpNet::V4(Ipv4Net::new_assert([10, 244, 0, 0].into(), 16))
}

/// The range of the services' addresses where none is given.
pub(crate) fn default_service_subnet() -> IpNet {
    IpNet::V4(Ipv4Net::new_assert([10, 96, 0, 0].into(), 16))
}

/// The written networks, or the default one.
pub(crate) fn networks(written: Option<&Networks>, default: fn() -> IpNet) -> Vec<IpNet> {
    written.map_or_else(|| vec![default()], |networks| networks.get().iter().map(IpNet::trunc).collect())
}

/// Bits of each node's own part of a pod range where none are given, for IPv4 and IPv6.
pub(crate) const DEFAULT_MASK_SIZES: (u8, u8) = (24, 64);
/// Window of leaves where none is given: three years.
pub(crate) const DEFAULT_LEAF_WINDOW: GoDuration = GoDuration::from_secs(26_280 * 3600);
/// Window of authorities where none is given: ten years.
pub(crate) const DEFAULT_CA_WINDOW: GoDuration = GoDuration::from_secs(87_600 * 3600);

pub(super) fn endpoint(description: &Description) -> Endpoint {
    let written = &description.control_plane_endpoint;
    let addresses = written.address.as_ref().map(ips).unwrap_or_default();
    let derived = addresses.first().and_then(|vip| router_id::derive(*vip, &written.vip.reserved_virtual_router_ids));
    let set = written.vip.virtual_router_id.and_then(|id| u8::try_from(id).ok());
    Endpoint {
        mode: written.mode,
        virtual_router_id: set.or(derived).unwrap_or(0),
        addresses,
        name: written.name.clone(),
        keepalived_image: written.vip.image.clone(),
    }
}

pub(super) fn networking(description: &Description) -> Networking {
    let written = &description.networking;
    Networking {
        pod_subnets: networks(written.pod_subnet.as_ref(), default_pod_subnet),
        service_subnets: networks(written.service_subnet.as_ref(), default_service_subnet),
        dns_domain: written.dns_domain.clone().unwrap_or_else(|| "cluster.local".to_owned()),
        node_cidr_mask_size_ipv4: written.node_cidr_mask_size_ipv4.unwrap_or(DEFAULT_MASK_SIZES.0),
        node_cidr_mask_size_ipv6: written.node_cidr_mask_size_ipv6.unwrap_or(DEFAULT_MASK_SIZES.1),
        cni: written.cni,
        flannel: written.flannel.clone(),
    }
}

/// The registry; the inner value is `None` without one.
pub(super) fn registry(description: &Description, files: &mut Files<'_, '_>) -> Option<Option<Registry>> {
    let Some(written) = &description.registry else { return Some(None) };
    let at = Path::root().key("registry");
    let authority = files.authorities(&at.key("certificateAuthority"), written.certificate_authority.as_ref());
    let password = written.password_file.as_ref().map(|file| files.password(&at.key("passwordFile"), file));
    let credentials = match (written.username.clone(), password) {
        (Some(username), Some(password)) => Some((username, password?)),
        _ => None,
    };
    Some(Some(Registry {
        host: formats::bare_host(&written.host).to_owned(),
        port: written.port,
        prefix: written.prefix.as_deref().map(|prefix| prefix.trim_matches('/').to_owned()),
        address: written.address.map(|address| address.0),
        certificate_authority: authority?,
        credentials,
        plain_http: written.plain_http,
    }))
}

pub(super) fn time(description: &Description) -> Time {
    let written = &description.time;
    Time { servers: written.servers.clone(), timezone: written.timezone.clone().unwrap_or_else(|| "UTC".to_owned()) }
}

/// Greatest size of a guestinfo value where none is given, in bytes.
const GUESTINFO_LIMIT: u64 = 64 << 10;
/// The same of a vApp property: `MaxLen` of an OVF goes so far.
const PROPERTY_LIMIT: u64 = GUESTINFO_LIMIT - 1;
/// Greatest size of a virtual machine's whole configuration where nobody raised it, in bytes (`.vmx`, 1 MiB).
const MACHINE_LIMIT: u64 = 1 << 20;

pub(super) fn delivery(description: &Description) -> Delivery {
    let written = &description.delivery;
    let channels = if written.channels.is_empty() { &DEFAULT_CHANNELS[..] } else { &written.channels };
    let initrd = &written.pxe.initrd;
    let value_limit = match written.guestinfo.transport {
        GuestinfoTransport::ExtraConfig => GUESTINFO_LIMIT,
        GuestinfoTransport::OvfProperties => PROPERTY_LIMIT,
    };
    Delivery {
        channels: channels.iter().copied().collect(),
        payload: written.payload,
        boot_server: written.boot_server.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
        guestinfo_transport: written.guestinfo.transport,
        guestinfo_limit: written.guestinfo.limit.map_or(value_limit, ByteSize::get),
        guestinfo_machine_limit: written.guestinfo.machine_limit.map_or(MACHINE_LIMIT, ByteSize::get),
        user_data_limit: written.user_data_limit.map(ByteSize::get),
        kernel: written.pxe.kernel.clone().unwrap_or_else(|| "images/vmlinuz".to_owned()),
        initrd: if initrd.is_empty() { vec!["images/initrd".to_owned()] } else { initrd.clone() },
        kernel_arguments: written.pxe.arguments.clone(),
    }
}

pub(super) fn pki(description: &Description, files: &mut Files<'_, '_>) -> Option<Pki> {
    let written = &description.pki;
    let kubernetes = authority("kubernetes", written.kubernetes.as_ref(), files);
    let etcd = authority("etcd", written.etcd.as_ref(), files);
    let front_proxy = authority("frontProxy", written.front_proxy.as_ref(), files);
    Some(Pki {
        certificate_validity: window(written.certificate_validity_period, DEFAULT_LEAF_WINDOW),
        ca_validity: window(written.ca_certificate_validity_period, DEFAULT_CA_WINDOW),
        algorithm: written.encryption_algorithm,
        ca_key_on_nodes: written.ca_key_on_nodes.unwrap_or(true),
        kubernetes: kubernetes?,
        etcd: etcd?,
        front_proxy: front_proxy?,
        api_server_sans: description.api_server.cert_sans.clone(),
    })
}

fn window(written: Option<GoDuration>, default: GoDuration) -> Duration {
    written.unwrap_or(default).get()
}

fn authority(
    key: &str,
    written: Option<&CertificateAuthority>,
    files: &mut Files<'_, '_>,
) -> Option<Option<BroughtAuthority>> {
    let Some(written) = written else { return Some(None) };
    let at = Path::root().key("pki").key(key);
    let certificate = files.authorities(&at.key("certificate"), Some(&written.certificate));
    let private_key = files.private_key(&at.key("key"), &written.key);
    Some(Some(BroughtAuthority { certificate: certificate??, key: private_key? }))
}

pub(super) fn dns(description: &Description, kubernetes_nodes: usize) -> Dns {
    let written = &description.dns;
    let stub_domains = written.stub_domains.iter();
    Dns {
        upstream_nameservers: plain(&written.upstream_nameservers),
        stub_domains: stub_domains
            .map(|(domain, servers)| (domain.clone(), plain(servers)))
            .collect::<BTreeMap<_, _>>(),
        replicas: written.replicas.unwrap_or(if kubernetes_nodes == 1 { 1 } else { 2 }),
        resources: written.resources.clone(),
        node_local_cache: node_local_cache(description),
    }
}

/// The cache's address where none is given, for services whose first family is IPv4, and IPv6: one of RFC 3927 that
/// upstream's own manifest has, and one of a network of RFC 4193 that nobody else is likely to have drawn (`kfimg`).
pub(crate) fn default_cache_address(ipv6: bool) -> IpAddr {
    if ipv6 { IpAddr::from([0xfd6b, 0x6669, 0x6d67, 0, 0, 0, 0, 0x10]) } else { IpAddr::from([169, 254, 20, 10]) }
}

fn node_local_cache(description: &Description) -> Option<IpAddr> {
    let written = &description.dns.node_local_cache;
    let services = networks(description.networking.service_subnet.as_ref(), default_service_subnet);
    let ipv6 = services.first().is_some_and(|net| net.addr().is_ipv6());
    let address = written.address.map_or_else(|| default_cache_address(ipv6), |address| address.0);
    written.enabled.unwrap_or(false).then_some(address)
}

fn plain(addresses: &[Ip]) -> Vec<IpAddr> {
    addresses.iter().map(|address| address.0).collect()
}
