//! Names and numbers that all members derive alike: the digest of their plans, the cluster's token, etcd's ids.
//!
//! Whether two members may found a cluster together is the guard's question, not this file's.

use crate::guard::{ClusterId, MemberId, NonceSet};
use crate::plan::Plan;
use data_encoding::HEXLOWER;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Digits of the hash over the nonces in a token.
const TOKEN_DIGITS: usize = 16;

/// Digest of what members must agree on: uid, incarnation, names and peer URLs. SHA-256, hexadecimal. The order in which
/// a description lists members does not matter.
pub(crate) fn digest(plan: &Plan) -> String {
    let mut members: Vec<String> = plan.etcd.iter().flat_map(|etcd| &etcd.members).map(line).collect();
    members.sort_unstable();
    let text = format!("{}\n{}\n{}", plan.cluster.uid, plan.cluster.incarnation, members.concat());
    HEXLOWER.encode(&Sha256::digest(text))
}

fn line(member: &crate::plan::Member) -> String {
    format!("{}={}\n", member.name, member.peer_url)
}

/// `--initial-cluster-token` of an attempt to found the cluster: `uid-incarnation-hash`. Two sets never share one.
pub(crate) fn token(uid: &str, incarnation: u32, nonces: &NonceSet) -> String {
    let text: Vec<String> = nonces.as_slice().iter().copied().map(String::from).collect();
    let hash = HEXLOWER.encode(&Sha256::digest(text.join("\n")));
    format!("{uid}-{incarnation}-{}", &hash[..TOKEN_DIGITS])
}

/// The id that etcd gives to a founder: the first eight bytes of SHA-1 over its peer URL and the token (etcd,
/// `server/etcdserver/api/membership/member.go`). A member that is added later has another: its time goes in too.
pub(crate) fn member_id(peer_url: &str, token: &str) -> MemberId {
    MemberId(first_eight(Sha1::new().chain_update(peer_url).chain_update(token)))
}

/// The id that etcd gives to a cluster that these members, name and peer URL, found: the first eight bytes of SHA-1 over
/// the sorted ids of its members (etcd, `server/etcdserver/api/membership/cluster.go`).
pub(crate) fn cluster_id(members: &[(&str, &str)], token: &str) -> ClusterId {
    let mut ids: Vec<u64> = members.iter().map(|(_, peer_url)| member_id(peer_url, token).0).collect();
    ids.sort_unstable();
    let hash = ids.iter().fold(Sha1::new(), |hash, id| hash.chain_update(id.to_be_bytes()));
    ClusterId(first_eight(hash))
}

fn first_eight(hash: Sha1) -> u64 {
    hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{cluster_id, digest, member_id, token};
    use crate::guard::{ClusterId, MemberId, Nonce, NonceSet};
    use crate::plan::Plan;

    #[test]
    fn ids_are_those_that_etcd_gave() {
        // etcd 3.6.8 printed these when it founded a cluster of these members.
        let members =
            [("m3", "http://127.0.0.1:2380"), ("m1", "http://127.0.0.1:2180"), ("m2", "http://127.0.0.1:2280")];
        assert_eq!(cluster_id(&members, "tok"), ClusterId(0xaaff_dbe6_c044_9f2c));
        assert_eq!(member_id(members[1].1, "tok"), MemberId(0x2227_9191_112c_2b06));
        assert_eq!(cluster_id(&[("s1", "http://127.0.0.1:2180")], "one"), ClusterId(0x7758_b5ad_2c22_cfe5));
    }

    #[test]
    fn a_token_differs_in_each_of_its_parts_and_fits_a_flag() {
        let set = |numbers: &[u128]| NonceSet::from(numbers.iter().map(|number| Nonce(*number)).collect::<Vec<_>>());
        let tokens = [
            token("uid", 1, &set(&[1, 2])),
            token("uid", 1, &set(&[1, 3])),
            token("uid", 2, &set(&[1, 2])),
            token("other", 1, &set(&[1, 2])),
        ];
        for (place, one) in tokens.iter().enumerate() {
            assert!(tokens[..place].iter().all(|other| other != one));
            assert!(one.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'), "{one}");
        }
        assert_eq!(tokens[0], token("uid", 1, &set(&[2, 1])), "the order of nonces does not matter");
    }

    #[test]
    fn a_digest_covers_what_members_must_agree_on_and_nothing_else() {
        let plan = Plan::fake();
        let changed = |change: fn(&mut Plan)| {
            let mut other = plan.clone();
            change(&mut other);
            digest(&other) == digest(&plan)
        };
        assert!(changed(|plan| plan.generation += 1));
        assert!(changed(|plan| plan.etcd.as_mut().unwrap().members.reverse()));
        assert!(!changed(|plan| plan.cluster.uid.push('x')));
        assert!(!changed(|plan| plan.cluster.incarnation += 1));
        assert!(!changed(|plan| plan.etcd.as_mut().unwrap().members[0].name.push('x')));
        assert!(!changed(|plan| plan.etcd.as_mut().unwrap().members[0].peer_url.push('x')));
        assert!(!changed(|plan| drop(plan.etcd.as_mut().unwrap().members.pop())));
    }
}
