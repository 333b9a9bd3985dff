//! 2: etcd.

use crate::cis::check::On::EtcdMembers;
use crate::cis::check::{Check, automated, manual};
use crate::cis::judgements;
use crate::cis::program::Program::Etcd;
use crate::cis::require::Require::{self, Is, OrUnset, Set};
use crate::cis::rule::Rule;

const EXTRA_ARGS: &str = "etcd.extraArgs";

const fn flags(id: &'static str, title: &'static str, flags: &'static [(&'static str, Require)]) -> Check {
    automated(id, title, EtcdMembers, Rule::Flags(Etcd, flags))
}

pub(super) const CHECKS: &[Check] = &[
    flags("2.1", "a serving certificate for clients", &[("cert-file", Set), ("key-file", Set)]),
    flags("2.2", "clients need certificates", &[("client-cert-auth", Is("true"))]).setting(EXTRA_ARGS),
    flags("2.3", "no certificates that vouch for themselves", &[("auto-tls", OrUnset(&Is("false")))])
        .setting(EXTRA_ARGS),
    flags("2.4", "a certificate among members", &[("peer-cert-file", Set), ("peer-key-file", Set)]),
    flags("2.5", "members need certificates", &[("peer-client-cert-auth", Is("true"))]).setting(EXTRA_ARGS),
    flags("2.6", "no such certificates among members either", &[("peer-auto-tls", OrUnset(&Is("false")))])
        .setting(EXTRA_ARGS),
    manual("2.7", "etcd has an authority of its own", EtcdMembers, Rule::Judge(judgements::own_authority_of_etcd))
        .setting("pki.etcd"),
];
