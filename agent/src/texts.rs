//! Every line that a step tells about itself on the console, by step. `docs/boot.md` explains each of them; a test compares.
//!
//! Failures and warnings are not here: they have codes, see `failure`. When a line is told is the step's affair.

/// A line for a person about what a step does, waits for or has done. Only the functions of this module make one, so that
/// none is missing in [`by_step`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text(String);

impl Text {
    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A line of a test.
    #[cfg(test)]
    pub(crate) fn fake(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A function for each line, which takes the particulars that stand in it, and the list of them all.
macro_rules! texts {
    ($($name:ident($($part:ident),*) = $text:literal;)+) => {
        use super::Text;
        use std::fmt::Display;

        $(
            pub(crate) fn $name($($part: impl Display),*) -> Text {
                Text(format!($text))
            }
        )+

        /// All of them, particulars in braces.
        pub(super) const ALL: &[&str] = &[$($text),+];
    };
}

/// All lines, under the step that tells them; particulars stand in braces, as in `waiting for {member}`.
pub fn by_step() -> [(&'static str, &'static [&'static str]); 10] {
    [
        ("data", data::ALL),
        ("unseal", unseal::ALL),
        ("clock", clock::ALL),
        ("preflight", preflight::ALL),
        ("images", images::ALL),
        ("etcd", etcd::ALL),
        ("fetch", fetch::ALL),
        ("addons", addons::ALL),
        ("snapshot", snapshot::ALL),
        ("api-server, node", node::ALL),
    ]
}

pub(crate) mod data {
    texts! {
        no_disk() = "the plan has no data disk";
        waiting(disk) = "waiting for {disk}";
        partition(disk, size) = "making the data partition on {disk} ({size})";
        format(filesystem, device, size) = "making {filesystem} on {device} ({size})";
        grow(device, size) = "giving {device} the {size} behind it";
        rename(device, label, new) = "labelling {device} {new}: as {label} it holds nothing";
        spare(device, disks) = "{device} becomes the data partition, and {disks} stays blank";
        done(filesystem, device) = "{filesystem} on {device}";
    }
}

pub(crate) mod unseal {
    texts! {
        nothing() = "nothing is sealed";
        waiting(places) = "the payload is sealed and its key is not here: {places}";
        done(count, source) = "{count} files, by {source}";
    }
}

pub(crate) mod clock {
    texts! {
        set(was, floor) = "the clock said {was}: set to the render time, {floor}";
        waiting(servers) = "waiting for the time from {servers}";
        done(time) = "the time is {time}";
    }
}

pub(crate) mod preflight {
    texts! {
        card(address) = "waiting for the network card {address}";
        done(node) = "this machine is fit to be {node}";
    }
}

pub(crate) mod images {
    texts! {
        no_bundle() = "no bundle on this machine; images come from the registry";
        containerd() = "waiting for containerd";
        created(count) = "removing {count} containers that were never started before the power went";
        importing(count, finished, mebibytes) = "importing {count} images ({finished} done, {mebibytes} MiB)";
        done(count, new, seconds) = "{count} images of the bundle are there, {new} of them new ({seconds} s)";
        done_but(count, new, seconds, left) =
            "{count} images of the bundle are there, {new} of them new ({seconds} s); {left} more are left to the registry";
    }
}

pub(crate) mod etcd {
    texts! {
        listening(reason) = "waiting to answer the other members: {reason}";
        asking() = "asking the other members";
        silent(members) = "waiting for {members}";
        settling() = "agreeing with the other members";
        stop_etcd() = "stopping etcd to look at its log";
        marker() = "writing the marker";
        set_aside() = "setting the old data aside";
        build_restored() = "restoring the snapshot";
        found() = "founding the cluster with the other members";
        join() = "joining the cluster";
        promote() = "joining the cluster: asking for a vote";
        start() = "starting etcd with its data";
        force() = "starting etcd alone with its data";
        refused(doing, reason) = "{doing}: {reason}";
        image() = "waiting for the kubelet to start etcd, whose image may be on its way";
        leader() = "waiting for etcd to start and to see a leader";
        ended() = "etcd has ended: stopping it to look at its log";
        leaderless() = "etcd has had no leader for long: stopping it to look at its log";
        partitioned() = "etcd takes no part in the cluster that the others show: stopping it to look at its log";
        running_on(reason) = "waiting for the end of etcd: {reason}";
        unknown(remedy) = "DATA_UNKNOWN: the data partition or the marker can't be read; {remedy}";
        previous(incarnation, remedy) = "PREVIOUS_INCARNATION: my data are of an incarnation before {incarnation}; {remedy}";
        recovery_peers(members, remedy) =
            "RECOVERY: my data are to be kept, waiting for {members} in the new incarnation; {remedy}";
        recovery_quorum(members, remedy) = "RECOVERY: waiting for {members}, whose data are to be kept; {remedy}";
        digests(members, remedy) = "DIGESTS_DIFFER: other plan than mine on {members}; {remedy}";
        quorum_lost(members, remedy) =
            "QUORUM_LOST: there are or were data, and no quorum; waiting for {members}; {remedy}";
        done() = "etcd runs and votes";
        remote_silent(members) = "waiting for etcd: no answer from {members}";
        remote_alone(members) = "waiting for etcd: {members} have no quorum yet";
        remote_both(silent, alone) = "waiting for etcd: no answer from {silent}, no quorum on {alone}";
        remote_older(planned, running) =
            "waiting for incarnation {planned} of etcd: its members still run {running}";
        remote_newer() = "etcd has begun a new incarnation: starting the API server anew";
        remote_done() = "etcd answers, on other machines";
    }
}

pub(crate) mod fetch {
    texts! {
        waiting(url, reason) = "waiting for {url}: {reason}";
        done(count) = "{count} files";
    }
}

pub(crate) mod addons {
    texts! {
        none() = "this node applies none";
        older() = "nothing is applied";
        api_server(address) = "waiting for the API server at {address}";
        locked(holder) = "waiting for {holder}, which applies the addons";
        again(reason) = "not yet: {reason}";
        applying(count) = "applying {count} objects";
        pending(count, all, object, reason) = "{count} of {all} objects can't be applied yet; {object}: {reason}";
        found(count) = "{count} objects were applied before";
        applied(count) = "{count} objects applied";
        gated(summary, reason) = "{summary}; kube-proxy of the new version waits: {reason}";
        unlabelled(summary, nodes) = "{summary}; to be labelled when they come: {nodes}";
    }
}

pub(crate) mod snapshot {
    texts! {
        no_member() = "no member of etcd";
        taking() = "taking a snapshot";
        done(file) = "saved {file}";
    }
}

/// What is asked of Kubernetes on this node, by the step `report`.
pub(crate) mod node {
    texts! {
        api_not_ready() = "the API server answers and is not ready";
        api_silent(address) = "no answer from the API server at {address}";
        unregistered() = "the kubelet has not registered it yet";
        hidden(status) = "the API server does not show it to the kubelet (status {status})";
        silent() = "the API server does not answer";
        no_node() = "the API server's answer is no Node";
        not_ready(reason) = "not Ready: {reason}";
    }
}
