//! The text of `haproxy.cfg`.

use super::HEALTH_PORT;
use crate::content::{Context, certificates};
use kfimg_profiles::cluster::API_PORT;
use kfimg_profiles::description::Role;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Seconds that open connections get when haproxy is to end.
pub(super) const STOP_SECONDS: i64 = 5;

/// Time between two checks of one API server. Control planes hold the endpoint's address and look every second; workers
/// look less often, because each check of each of them is a TLS handshake, and a failed connection makes them look at
/// once anyway.
const CONTROL_PLANE_INTERVAL: &str = "1s";
const WORKER_INTERVAL: &str = "5s";

/// The whole file.
pub(super) fn text(context: &Context<'_>) -> String {
    let control_plane = context.node.role == Role::ControlPlane;
    let interval = if control_plane { CONTROL_PLANE_INTERVAL } else { WORKER_INTERVAL };
    let mut text = format!("{HEAD}{}", frontend(context, control_plane));
    let _ = write!(
        text,
        "
backend kube-apiservers
    balance leastconn
    option httpchk GET /readyz
    http-check expect status 200
    # A server is asked over TLS, and its certificate must be the cluster's and name that node.
    default-server check check-ssl verify required ca-file {ca}
    default-server inter {interval} fastinter 500ms downinter 1s rise 1 fall 2
    default-server observe layer4 error-limit 2 on-error fastinter on-marked-down shutdown-sessions
",
        ca = certificates::CA,
    );
    for node in context.cluster.control_planes() {
        let address = SocketAddr::new(node.ip(), API_PORT);
        let _ = writeln!(text, "    server {name} {address} verifyhost {name}", name = node.name);
    }
    text
}

/// Long timeouts: watches are quiet for up to an hour, and `kubectl exec` for longer. Peers that are gone are found by
/// TCP's own questions, and sessions of a server that is down are closed.
const HEAD: &str = "\
# Written by kfimg for this node. A change here lasts until the next boot.
global
    log stdout format raw local0 notice
    maxconn 4096
    hard-stop-after 5s
    spread-checks 20

defaults
    mode tcp
    log global
    option dontlognull
    option clitcpka
    clitcpka-idle 30s
    clitcpka-intvl 10s
    clitcpka-cnt 3
    option srvtcpka
    srvtcpka-idle 30s
    srvtcpka-intvl 10s
    srvtcpka-cnt 3
    option redispatch 1
    retries 2
    timeout connect 2s
    timeout check 2s
    timeout queue 2s
    timeout client 1h
    timeout server 1h
    timeout tunnel 24h
";

fn frontend(context: &Context<'_>, control_plane: bool) -> String {
    let mut text = String::from("\nfrontend kube-apiserver\n");
    for address in addresses(context, control_plane) {
        let _ = writeln!(text, "    bind {}", SocketAddr::new(address, API_PORT));
    }
    let _ = write!(
        text,
        "    # Refuse instead of accepting and hanging: clients go on waiting for their own node's API server.
    tcp-request connection reject if {{ nbsrv(kube-apiservers) lt 1 }}
    default_backend kube-apiservers

frontend health
    mode http
    bind 127.0.0.1:{HEALTH_PORT}
    timeout client 5s
    monitor-uri /readyz
    monitor fail if {{ nbsrv(kube-apiservers) lt 1 }}
    http-request return status 200 if {{ path /livez }}
    http-request return status 404
"
    );
    text
}

/// Loopback of every family that the node has, IPv4's in any case, as it is what everything on the node asks; and the
/// endpoint's addresses where keepalived holds them.
fn addresses(context: &Context<'_>, control_plane: bool) -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    if context.node.ips().any(|ip| ip.is_ipv6()) {
        addresses.push(IpAddr::V6(Ipv6Addr::LOCALHOST));
    }
    if control_plane && context.cluster.has_vip() {
        addresses.extend(&context.cluster.endpoint.addresses);
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::{HEAD, STOP_SECONDS};

    #[test]
    fn the_pod_waits_for_what_haproxy_grants_its_connections() {
        assert!(HEAD.contains(&format!("hard-stop-after {STOP_SECONDS}s")));
    }
}
