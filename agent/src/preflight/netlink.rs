//! As much of rtnetlink (`rtnetlink(7)`) as preflight needs: the machine's addresses. It changes nothing.

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with, sockopt};
use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// `linux/rtnetlink.h`, `linux/netlink.h`, `linux/if_addr.h`.
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const AF_INET6: u8 = 10;
const IFA_F_DADFAILED: u8 = 0x08;

/// Bytes of a message before its own header, and of `ifaddrmsg`.
const HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;
/// The kernel never sends more at once than the reader's buffer holds, up to this many bytes.
const BUFFER: usize = 32 << 10;
/// A machine with more addresses than fit into so many answers is none of ours.
const MOST_ANSWERS: usize = 1_000;

/// An address of this machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Own {
    /// Index of its interface.
    pub(super) interface: u32,
    /// The address.
    pub(super) address: IpAddr,
    /// IPv6 only: the kernel found it on another machine.
    pub(super) duplicate: bool,
}

/// Talks to the kernel about the network of this process.
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    /// Opens a socket.
    pub(super) fn open() -> Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(2)))?;
        Ok(Self(socket))
    }

    /// All addresses of all interfaces.
    pub(super) fn addresses(&self) -> Result<Vec<Own>> {
        let body = [0; ADDRESS_HEADER];
        let answers = self.ask(RTM_GETADDR, NLM_F_DUMP, &body)?;
        Ok(answers.iter().filter(|answer| answer.kind == RTM_NEWADDR).filter_map(|answer| own(&answer.body)).collect())
    }

    /// Sends a request and collects the answers to its end.
    fn ask(&self, kind: u16, flags: u16, body: &[u8]) -> Result<Vec<Message>> {
        let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend(length.to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend((flags | NLM_F_REQUEST).to_ne_bytes());
        request.extend([0; 8]);
        request.extend(body);
        send(&self.0, &request, SendFlags::empty())?;
        let mut all = Vec::new();
        let mut buffer = vec![0; BUFFER];
        for _ in 0..MOST_ANSWERS {
            let (_, length) = recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
            for message in messages(&buffer[..length.min(BUFFER)]) {
                match message.kind {
                    NLMSG_DONE => return Ok(all),
                    NLMSG_ERROR => return outcome(&message.body).map(|()| all),
                    _ => all.push(message),
                }
            }
        }
        Err(Error::new(ErrorKind::InvalidData, "the kernel's answer has no end"))
    }
}

/// Type and what follows the header.
struct Message {
    kind: u16,
    body: Vec<u8>,
}

fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let (Some(length), Some(kind)) = (bytes.first_chunk::<4>(), number(bytes, 4)) {
        let length = u32::from_ne_bytes(*length) as usize;
        let Some(body) = bytes.get(HEADER..length) else { break };
        messages.push(Message { kind, body: body.to_vec() });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}

/// `nlmsgerr`: a negative error number, or 0 for an acknowledgement.
fn outcome(body: &[u8]) -> Result<()> {
    match body.first_chunk::<4>().map(|bytes| i32::from_ne_bytes(*bytes)) {
        Some(0) => Ok(()),
        Some(number) => Err(Error::from_raw_os_error(number.wrapping_neg())),
        None => Err(ErrorKind::InvalidData.into()),
    }
}

fn number(bytes: &[u8], place: usize) -> Option<u16> {
    bytes.get(place..)?.first_chunk::<2>().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn index(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(place..)?.first_chunk::<4>().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// The attribute of this type.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let (Some(length), Some(kind)) = (number(bytes, 0), number(bytes, 2)) {
        let length = usize::from(length);
        let value = bytes.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// `ifaddrmsg`: family, prefix length, flags, scope, interface. Of IPv4, `IFA_ADDRESS` is the far end on a point-to-point
/// link; IPv6 has no `IFA_LOCAL` elsewhere.
fn own(body: &[u8]) -> Option<Own> {
    let attributes = body.get(ADDRESS_HEADER..)?;
    let address = attribute(attributes, IFA_LOCAL).or_else(|| attribute(attributes, IFA_ADDRESS)).and_then(ip)?;
    let duplicate = body.first() == Some(&AF_INET6) && body.get(2)? & IFA_F_DADFAILED != 0;
    Some(Own { interface: index(body, 4)?, address, duplicate })
}

#[cfg(test)]
mod tests {
    use super::{Netlink, attribute, messages};
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn the_kernel_tells_the_machines_addresses() {
        let addresses = Netlink::open().unwrap().addresses().unwrap();
        assert!(addresses.iter().any(|own| own.address == IpAddr::V4(Ipv4Addr::LOCALHOST)), "{addresses:?}");
    }

    #[test]
    fn cut_messages_and_attributes_are_no_answer() {
        assert!(messages(&[20, 0, 0, 0, 3, 0]).is_empty());
        assert!(messages(&[0; 64]).is_empty());
        assert_eq!(attribute(&[0, 0, 1, 0, 9], 1), None);
        assert_eq!(attribute(&[8, 0, 1, 0, 9], 1), None);
        assert_eq!(attribute(&[5, 0, 2, 0, 9, 0, 0, 0, 5, 0, 1, 0, 7], 1), Some(&[7][..]));
    }
}
