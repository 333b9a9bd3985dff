//! Whether Kubernetes runs on this node: the kubelet, the API server that it talks to, and the Node object.
//!
//! It asks as the kubelet, with the kubelet's certificate, in a thread of its own, so that a slow answer delays no line.

use super::units::{self, Unit};
use crate::http::{Client, Identity};
use crate::plan::{Plan, Role};
use crate::root::Root;
use crate::texts;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// Pauses between two rounds of questions, while the node boots and when it is up.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_UP: Duration = Duration::from_secs(15);
/// Bound of one question.
const TIME: Duration = Duration::from_secs(3);
/// Most bytes of an answer; a Node lists up to 50 images.
const LIMIT: u64 = 1 << 20;
/// TCP ports of the API server and of the kubelet's health on loopback.
const API_PORT: u16 = 6443;
const KUBELET_HEALTH_PORT: u16 = 10248;
/// The kubelet's client certificate with its key: the renewed one where there is one, else the payload's.
const KUBELET_CLIENT: [&str; 2] =
    ["/var/lib/kubelet/pki/kubelet-client-current.pem", "/etc/kubernetes/pki/kubelet-client.pem"];
const CA: &str = "/etc/kubernetes/pki/ca.crt";

/// An answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Readiness {
    /// Its turn has not come.
    #[default]
    Unasked,
    /// Not ready, and what is known of why.
    No(String),
    /// Ready.
    Yes,
}

/// The answers of a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Probe {
    /// Units in trouble.
    pub(super) units: Vec<Unit>,
    /// The kubelet's own word.
    pub(super) kubelet: Readiness,
    /// The API server that the kubelet talks to: on a control plane the node's own.
    pub(super) api_server: Readiness,
    /// The condition `Ready` of the Node.
    pub(super) node: Readiness,
}

/// Asks again and again.
pub(super) struct Prober {
    latest: Arc<Mutex<Probe>>,
    calm: Arc<AtomicBool>,
}

impl Prober {
    /// Begins.
    pub(super) fn start(root: &Root, plan: Option<Plan>) -> Self {
        let prober = Self { latest: Arc::default(), calm: Arc::default() };
        let (latest, calm, root) = (Arc::clone(&prober.latest), Arc::clone(&prober.calm), root.clone());
        spawn(move || {
            loop {
                let probe = ask(&root, plan.as_ref());
                *latest.lock().unwrap_or_else(PoisonError::into_inner) = probe;
                sleep(if calm.load(Ordering::Relaxed) { PAUSE_UP } else { PAUSE });
            }
        });
        prober
    }

    /// The answers of the last round.
    pub(super) fn latest(&self) -> Probe {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it may ask less often.
    pub(super) fn calm(&self, calm: bool) {
        self.calm.store(calm, Ordering::Relaxed);
    }
}

fn ask(root: &Root, plan: Option<&Plan>) -> Probe {
    let mut probe = Probe { units: units::troubled(), ..Probe::default() };
    let Some(plan) = plan else { return probe };
    probe.kubelet = kubelet();
    if probe.kubelet != Readiness::Yes || plan.node.role == Role::Etcd {
        return probe;
    }
    let Some(client) = client(root) else { return probe };
    let server = server(plan);
    probe.api_server = api_server(&client, server);
    if probe.api_server == Readiness::Yes {
        probe.node = node(&client, server, &plan.node.name);
    }
    probe
}

/// A connection is enough: the kubelet opens this port when it has read its configuration and talks to containerd.
fn kubelet() -> Readiness {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, KUBELET_HEALTH_PORT));
    match std::net::TcpStream::connect_timeout(&address, TIME) {
        Ok(_) => Readiness::Yes,
        Err(_) => Readiness::Unasked,
    }
}

fn client(root: &Root) -> Option<Client> {
    let files = KUBELET_CLIENT.map(|path| root.at(path));
    let own = files.iter().find(|path| path.exists())?;
    let identity = Identity::read(&root.at(CA), own, own).ok()?;
    Client::new(&identity, TIME).ok()
}

/// As the kubelet's kubeconfig has it.
fn server(plan: &Plan) -> SocketAddr {
    let first = plan.node.addresses.first().copied();
    let address = match plan.node.role {
        Role::ControlPlane => first.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ if plan.node.addresses.iter().all(IpAddr::is_ipv6) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(address, API_PORT)
}

fn api_server(client: &Client, server: SocketAddr) -> Readiness {
    match get(client, &format!("https://{server}/readyz")) {
        Ok(_) => Readiness::Yes,
        Err(error) if error.status().is_some() => Readiness::No(texts::node::api_not_ready().to_string()),
        Err(_) => Readiness::No(texts::node::api_silent(server).to_string()),
    }
}

fn node(client: &Client, server: SocketAddr, name: &str) -> Readiness {
    match get(client, &format!("https://{server}/api/v1/nodes/{name}")) {
        Ok(text) => ready_condition(&text),
        Err(error) if error.status() == Some(404) => Readiness::No(texts::node::unregistered().to_string()),
        Err(error) => Readiness::No(match error.status() {
            Some(status) => texts::node::hidden(status).to_string(),
            None => texts::node::silent().to_string(),
        }),
    }
}

fn get(client: &Client, url: &str) -> Result<Vec<u8>, crate::http::HttpError> {
    let wrong = |reason: String| crate::http::HttpError::Answer { url: url.to_owned(), reason };
    let request = ureq::http::Request::get(url).header("Accept", "application/json").body(Vec::new());
    client.send(request.map_err(|error| wrong(error.to_string()))?, LIMIT)
}

/// `v1` `Node`, as far as it is needed.
#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Default, Deserialize)]
struct NodeStatus {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
    status: String,
    #[serde(default)]
    message: String,
}

fn ready_condition(text: &[u8]) -> Readiness {
    let Ok(node) = serde_json::from_slice::<Node>(text) else {
        return Readiness::No(texts::node::no_node().to_string());
    };
    let ready = node.status.conditions.into_iter().find(|condition| condition.r#type == "Ready");
    match ready {
        Some(condition) if condition.status == "True" => Readiness::Yes,
        Some(condition) => Readiness::No(texts::node::not_ready(first_line(&condition.message)).to_string()),
        None => Readiness::No(texts::node::not_ready("the kubelet has not told yet").to_string()),
    }
}

/// Conditions may quote whole error chains.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::{Readiness, ready_condition};

    #[test]
    fn a_node_is_ready_when_its_condition_says_so() {
        let no = |text: &str| Readiness::No(text.to_owned());
        let cases = [
            (r#"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#, Readiness::Yes),
            (
                r#"{"status":{"conditions":[{"type":"Ready","status":"False","message":"cni plugin not initialized\nmore"}]}}"#,
                no("not Ready: cni plugin not initialized"),
            ),
            (r#"{"status":{}}"#, no("not Ready: the kubelet has not told yet")),
            (r#"{}"#, no("not Ready: the kubelet has not told yet")),
            ("<html>", no("the API server's answer is no Node")),
        ];
        for (text, expected) in cases {
            assert_eq!(ready_condition(text.as_bytes()), expected, "{text}");
        }
    }
}
