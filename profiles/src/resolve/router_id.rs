//! The VRRP virtual router id of an endpoint whose description names none.

use std::net::IpAddr;

/// The id that an address gives, from 1 to 255; then the next one that is not reserved. `None` when all are reserved.
///
/// With `a` and `b` for the last two numbers of the address (bytes of an IPv4 address, groups of 16 bits of an IPv6
/// one), it is `(31 a + b) mod 255 + 1`. So the 254 usable addresses of an IPv4 network of 24 bits give different ids, and
/// two clusters that share a network need not agree about anything but their addresses.
pub(crate) fn derive(address: IpAddr, reserved: &[u16]) -> Option<u8> {
    let (a, b) = match address {
        IpAddr::V4(address) => {
            let [.., a, b] = address.octets();
            (u32::from(a), u32::from(b))
        }
        IpAddr::V6(address) => {
            let [.., a, b] = address.segments();
            (u32::from(a), u32::from(b))
        }
    };
    let first = (31 * a + b) % 255;
    (0..255).map(|step| ((first + step) % 255 + 1) as u8).find(|id| !reserved.contains(&u16::from(*id)))
}

#[cfg(test)]
mod tests {
    use super::derive;
    use std::collections::BTreeSet;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn addresses_of_one_network_give_different_ids() {
        let ids: BTreeSet<_> = (1..=254).map(|host| derive(Ipv4Addr::new(192, 168, 49, host).into(), &[])).collect();
        assert_eq!(ids.len(), 254);
        assert!(!ids.contains(&None) && !ids.contains(&Some(0)));
    }

    #[test]
    fn reserved_ids_are_passed_over() {
        let address: IpAddr = "192.168.49.150".parse().unwrap();
        let first = derive(address, &[]).unwrap();
        assert_eq!(first, 140);
        assert_eq!(derive(address, &[140, 141]), Some(142));
        assert_eq!(derive(address, &(140..=255).collect::<Vec<_>>()), Some(1));
        assert_eq!(derive(address, &(1..=255).collect::<Vec<_>>()), None);
        assert!(derive("fd00::ffff:ffff".parse().unwrap(), &[]).is_some());
    }
}
