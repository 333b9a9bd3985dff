//! Reviewed arguments of etcd.
//!
//! etcd's own defaults found a new cluster when its data is gone; so everything that has a say in founding, joining and
//! storing belongs to the guard on the node, and can't be had with `allowUnsafeArgs` either.

use super::Condition::{Any, Beside, Is, Lacks, NoTime, OneOf};
use super::{Class, ENDS_AT_ONCE, OLD_TLS, Row, STRONG_CIPHERS, USE_STRONG_CIPHERS, WEAK_CIPHERS};
use super::{data_loss, owned, refused, row};

const PKI: &str = "remove it: kfimg issues these certificates; bring an authority under `pki.etcd`";
const GUARD: &str = "remove it: the guard on each member decides this at boot";
const NO_DISCOVERY: &str = "the members are known from the description";

pub(super) const ROWS: &[Row] = &[
    // Founding and joining.
    data_loss(
        &["initial-cluster-state"],
        Any,
        "`new` on members whose disks were lost makes a second cluster over the first one's data",
        GUARD,
    ),
    data_loss(
        &["initial-cluster", "initial-cluster-token"],
        Any,
        "members that lost their disks could form a quorum without the data",
        GUARD,
    ),
    data_loss(
        &["force-new-cluster"],
        Any,
        "it throws the other members away, at every start again",
        "remove it: to recover from one member, set `recoverFrom`",
    ),
    data_loss(
        &["strict-reconfig-check"],
        Is(false),
        "a change of members could lose the quorum",
        "remove it: `true` is the default",
    ),
    owned(
        &[
            "discovery",
            "discovery-cacert",
            "discovery-cert",
            "discovery-dial-timeout",
            "discovery-endpoints",
            "discovery-fallback",
            "discovery-insecure-skip-tls-verify",
            "discovery-insecure-transport",
            "discovery-keepalive-time",
            "discovery-keepalive-timeout",
            "discovery-key",
            "discovery-password",
            "discovery-proxy",
            "discovery-request-timeout",
            "discovery-srv",
            "discovery-srv-name",
            "discovery-token",
            "discovery-user",
        ],
        NO_DISCOVERY,
        GUARD,
    ),
    // Storing.
    data_loss(
        &["unsafe-no-fsync"],
        Is(true),
        "writes that were acknowledged are gone after a power cut",
        "remove it: nothing makes this safe",
    ),
    owned(
        &["data-dir", "wal-dir"],
        "the guard looks for the data in the folder that kfimg sets",
        "use `dataDisk` of the node",
    ),
    owned(&["config-file"], "etcd ignores every flag beside it", "remove it"),
    owned(&["quota-backend-bytes"], "the description has a setting for it", "use `etcd.quotaBackendBytes`"),
    refused(
        &["feature-gates"],
        Lacks("InitialCorruptCheck=true"),
        "a member with damaged data would serve it instead of stopping; your value replaces kfimg's",
        "begin it with `InitialCorruptCheck=true,CompactHashCheck=true`",
    ),
    refused(
        &["feature-gates"],
        Lacks("CompactHashCheck=true"),
        "members whose data differs would no longer be found; your value replaces kfimg's",
        "begin it with `InitialCorruptCheck=true,CompactHashCheck=true`",
    ),
    Row {
        reason: "etcd does not take it beside the same feature gate, which kfimg sets",
        instead: "use `feature-gates`",
        ..row(Class::Refused, &["experimental-compact-hash-check-enabled", "experimental-initial-corrupt-check"], Any)
    },
    refused(
        &["compact-hash-check-time", "experimental-compact-hash-check-time"],
        NoTime,
        "members whose data differs would not be found, and etcd does not start with it",
        "give a time such as `1m`, or remove it",
    ),
    refused(
        &["max-wals", "max-snapshots"],
        OneOf(&["0"]),
        "old logs and snapshots would fill the data partition",
        "give a number above 0, or remove it",
    ),
    refused(
        &["pre-vote"],
        Is(false),
        "a member that was cut off would disturb the others when it is back",
        "remove it: `true` is the default",
    ),
    // Names and addresses.
    owned(&["name"], "certificates and the guard know the member by its node's name", "use `name` of the node"),
    owned(
        &[
            "advertise-client-urls",
            "initial-advertise-peer-urls",
            "listen-client-http-urls",
            "listen-client-urls",
            "listen-peer-urls",
        ],
        "API servers, members and probes count on the node's address and etcd's ports",
        "use `address` of the node",
    ),
    owned(&["listen-metrics-urls"], "probes ask on `127.0.0.1:2381`", "remove it"),
    // Certificates.
    owned(&["cert-file", "key-file"], "the serving certificate is part of the cluster's PKI", PKI).cis("2.1"),
    owned(&["peer-cert-file", "peer-key-file"], "members trust the certificates that kfimg issues", PKI).cis("2.4"),
    owned(&["trusted-ca-file", "peer-trusted-ca-file"], "etcd has an authority of its own", PKI).cis("2.7"),
    owned(
        &["client-cert-file", "client-key-file", "peer-client-cert-file", "peer-client-key-file"],
        "members trust the certificates that kfimg issues",
        PKI,
    ),
    refused(
        &["client-cert-auth"],
        Is(false),
        "everybody who reaches the port could read and write all of the cluster, its secrets too",
        "remove it: kfimg writes `true`",
    )
    .cis("2.2"),
    refused(
        &["auto-tls"],
        Is(true),
        "clients could not tell etcd from anybody else",
        "remove it: kfimg issues certificates",
    )
    .cis("2.3"),
    refused(
        &["peer-client-cert-auth"],
        Is(false),
        "everybody who reaches the port could pose as a member",
        "remove it: kfimg writes `true`",
    )
    .cis("2.5"),
    refused(
        &["peer-auto-tls"],
        Is(true),
        "members could not tell each other from anybody else",
        "remove it: kfimg issues certificates",
    )
    .cis("2.6"),
    refused(
        &["peer-skip-client-san-verification", "experimental-peer-skip-client-san-verification"],
        Is(true),
        "a stolen certificate would work from every address",
        "remove it",
    ),
    Row {
        reason: "with TLS 1.3 alone the suites can't be chosen, and etcd does not start",
        instead: "leave `cipher-suites` out",
        ..row(Class::Refused, &["cipher-suites"], Beside("tls-min-version", "TLS1.3"))
    },
    refused(&["cipher-suites"], STRONG_CIPHERS, WEAK_CIPHERS, USE_STRONG_CIPHERS),
    Row {
        reason: "etcd writes TLS versions in another way and knows only 1.2 and 1.3",
        instead: "write `TLS1.2` or `TLS1.3`",
        ..row(Class::Refused, &["tls-min-version", "tls-max-version"], OLD_TLS)
    },
    // The process.
    refused(
        &["enable-pprof"],
        Is(true),
        "profiles show what the process does and holds, and making them slows it down",
        "remove it",
    ),
    owned(&["version"], ENDS_AT_ONCE, "remove it"),
];
