//! The ARP probe (RFC 5227, section 2.1.1): who else has an address? It names no sender, so it changes nobody's memory of who
//! has the address, and Linux answers it, as it answers no question that comes from the very address (`arp_process`,
//! `net/ipv4/arp.c`).

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, MsgFlags, sendto};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, eth, recv, socket_with, sockopt};
use std::io::{ErrorKind, Result};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// An Ethernet address.
pub(super) type Mac = [u8; 6];

/// Ethernet loses a frame now and then, so a probe is sent more than once; each is answered within a millisecond.
const PROBES: usize = 3;
const ANSWER: Duration = Duration::from_millis(100);

/// `ARPHRD_ETHER`, and its header with the address lengths of Ethernet and IPv4 (RFC 826).
const ETHERNET: u16 = 1;
const HEADER: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
/// Ethernet's own header: to whom, from whom, and that it is ARP.
const BROADCAST: Mac = [0xff; 6];
const ETHER_TYPE: [u8; 2] = [0x08, 0x06];
const FRAME: usize = 42;

/// Asks the networks that this machine is on.
pub(super) struct Arp {
    socket: OwnedFd,
    links: Vec<LinkAddr>,
}

impl Arp {
    /// Opens a socket, which hears what the networks say of addresses from now on.
    pub(super) fn open() -> Result<Self> {
        let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, Some(eth::ARP))?;
        let without = InterfaceFlags::IFF_NOARP | InterfaceFlags::IFF_LOOPBACK;
        let interfaces = getifaddrs()?.filter(|interface| !interface.flags.intersects(without));
        let links = interfaces.filter_map(|interface| interface.address?.as_link_addr().copied());
        let links = links.filter(|link| link.hatype() == ETHERNET && link.halen() == BROADCAST.len()).collect();
        Ok(Self { socket, links })
    }

    /// Another machine on this interface's network that has this address, or is about to take it. Interfaces that are no
    /// Ethernet have none.
    pub(super) fn other(&self, interface: u32, address: Ipv4Addr) -> Result<Option<Mac>> {
        let Some(link) = self.links.iter().find(|link| u32::try_from(link.ifindex()) == Ok(interface)) else {
            return Ok(None);
        };
        let Some(own) = link.addr() else { return Ok(None) };
        for _ in 0..PROBES {
            // A link that takes no frame any more has nobody on it.
            if sendto(self.socket.as_raw_fd(), &probe(own, address), link, MsgFlags::empty()).is_err() {
                return Ok(None);
            }
            if let Some(other) = self.answer(address)? {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// Who claims the address within the time for an answer. One of this machine's own interfaces may, on the same network.
    fn answer(&self, address: Ipv4Addr) -> Result<Option<Mac>> {
        let end = Instant::now() + ANSWER;
        let mut frame = [0; FRAME];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            sockopt::set_socket_timeout(&self.socket, sockopt::Timeout::Recv, Some(left))?;
            match recv(&self.socket, &mut frame[..], RecvFlags::empty()).map_err(std::io::Error::from) {
                Ok((_, length)) => {
                    let other = frame.get(..length).and_then(|frame| claimant(frame, address));
                    let is_own = |mac: &Mac| self.links.iter().any(|link| link.addr() == Some(*mac));
                    if let Some(other) = other.filter(|mac| !is_own(mac)) {
                        return Ok(Some(other));
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The frame that asks.
fn probe(own: Mac, address: Ipv4Addr) -> Vec<u8> {
    let request = REQUEST.to_be_bytes();
    [&BROADCAST[..], &own, &ETHER_TYPE, &HEADER, &request, &own, &[0; 4], &[0; 6], &address.octets()].concat()
}

/// Who says of itself in this frame that it has the address, or asks for it as we do.
fn claimant(frame: &[u8], address: Ipv4Addr) -> Option<Mac> {
    let arp = frame.get(14..FRAME)?.strip_prefix(&HEADER)?;
    let (operation, rest) = arp.split_first_chunk::<2>()?;
    let (mac, rest) = rest.split_first_chunk::<6>()?;
    let (sender, rest) = rest.split_first_chunk::<4>()?;
    let asks = u16::from_be_bytes(*operation) == REQUEST && *sender == [0; 4] && rest.get(6..)? == address.octets();
    (*sender == address.octets() || asks).then_some(*mac)
}

#[cfg(test)]
mod tests {
    use super::{FRAME, claimant, probe};
    use std::net::Ipv4Addr;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);

    #[test]
    fn whoever_has_the_address_or_asks_for_it_too_is_the_other() {
        let mut frame = probe([2, 0, 0, 0, 0, 7], ADDRESS);
        assert_eq!(frame.len(), FRAME);
        assert_eq!(claimant(&frame, ADDRESS), Some([2, 0, 0, 0, 0, 7]));
        assert_eq!(claimant(&frame, Ipv4Addr::new(192, 0, 2, 12)), None);
        // The same words with a sender are a neighbour's question.
        frame[28..32].copy_from_slice(&[192, 0, 2, 1]);
        assert_eq!(claimant(&frame, ADDRESS), None);
        frame[28..32].copy_from_slice(&ADDRESS.octets());
        frame[21] = 2;
        assert_eq!(claimant(&frame, ADDRESS), Some([2, 0, 0, 0, 0, 7]));
    }

    #[test]
    fn what_is_no_arp_of_ethernet_says_nothing() {
        let frame = probe([2, 0, 0, 0, 0, 7], ADDRESS);
        for length in 0..FRAME {
            assert_eq!(claimant(&frame[..length], ADDRESS), None, "{length}");
        }
        for place in 14..20 {
            let mut frame = frame.clone();
            frame[place] ^= 0xff;
            assert_eq!(claimant(&frame, ADDRESS), None, "{place}");
        }
    }
}
