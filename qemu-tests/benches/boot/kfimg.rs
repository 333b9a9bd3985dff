//! A boot of what kfimg rendered.

use super::{Boot, ready, steps, wait};
use kfimg_lab::{Cluster, Result, site};
use std::time::{Instant, SystemTime};

/// Powers all machines on at once, and does nothing else.
pub(crate) fn boot(cluster: &Cluster) -> Result<Boot> {
    let url = format!("https://{}:6443/readyz", site::node_address("master1"));
    let start = Instant::now();
    cluster.power_on_all()?;
    let api = wait("the API", start, || cluster.answers(&url))?;
    let answered = SystemTime::now();
    let wanted = cluster.topology().nodes();
    let nodes = wait("all nodes", start, || {
        cluster.kubectl(&["get", "nodes", "--no-headers"]).is_ok_and(|said| ready(&said) == wanted)
    })?;
    Ok(Boot { api, nodes, steps: steps::of(cluster, answered)? })
}
