//! Packets of DHCP.
//!
//! Source: RFC 2131 section 2, RFC 2132 sections 2 and 3, RFC 3396 (an option that comes twice is one), RFC 4578.

use std::net::Ipv4Addr;

/// Bytes before the options, the cookie among them.
const FIXED: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// BOOTP's least length, which some clients wait for.
const LEAST: usize = 300;
/// Most options of a packet that are read.
const OPTIONS: usize = 128;

/// Options.
pub(super) const MESSAGE_TYPE: u8 = 53;
pub(super) const SERVER_ID: u8 = 54;
pub(super) const VENDOR_CLASS: u8 = 60;
pub(super) const VENDOR: u8 = 43;
pub(super) const USER_CLASS: u8 = 77;
pub(super) const ARCHITECTURE: u8 = 93;
pub(super) const MACHINE: u8 = 97;
pub(super) const BOOT_FILE: u8 = 67;

/// A client's packet.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// The fixed part.
    fixed: [u8; FIXED],
    options: Vec<(u8, Vec<u8>)>,
}

impl Packet {
    /// Reads a packet of a client on an Ethernet; `None` when it is anything else.
    pub(super) fn parse(datagram: &[u8]) -> Option<Self> {
        let (fixed, mut rest) = datagram.split_first_chunk::<FIXED>()?;
        let is_request = fixed[0] == 1 && fixed[1] == 1 && fixed[2] == 6 && fixed[236..] == COOKIE;
        if !is_request {
            return None;
        }
        let mut options: Vec<(u8, Vec<u8>)> = Vec::new();
        loop {
            match *rest {
                [] | [255, ..] => break,
                [0, ref after @ ..] => rest = after,
                [code, length, ref after @ ..] => {
                    let (value, after) = after.split_at_checked(usize::from(length))?;
                    match options.iter().position(|(known, _)| *known == code) {
                        Some(at) => options[at].1.extend_from_slice(value),
                        None if options.len() < OPTIONS => options.push((code, value.to_vec())),
                        None => return None,
                    }
                    rest = after;
                }
                [_] => return None,
            }
        }
        Some(Self { fixed: *fixed, options })
    }

    /// The value of an option.
    pub(super) fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(known, _)| *known == code).map(|(_, value)| value.as_slice())
    }

    /// `52:54:…`
    pub(super) fn mac(&self) -> String {
        let bytes: Vec<String> = self.fixed[28..34].iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(":")
    }

    /// The machine's UUID as SMBIOS has it, whose first three groups firmware sends with the low byte first. iPXE and `dmidecode` show
    /// it the same way.
    pub(super) fn uuid(&self) -> Option<String> {
        let [0, bytes @ ..] = self.option(MACHINE)? else { return None };
        let bytes: &[u8; 16] = bytes.try_into().ok()?;
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let text: String = [d, c, b, a, f, e, h, g].into_iter().chain(rest).map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]))
    }

    /// The relay that passed it on.
    pub(super) fn relay(&self) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.fixed[24..28].try_into().ok()?;
        let relay = Ipv4Addr::from(octets);
        let is_one = !relay.is_unspecified() && !relay.is_broadcast() && !relay.is_multicast() && !relay.is_loopback();
        is_one.then_some(relay)
    }

    /// The beginning of an answer: no address for the client, ours for the next server.
    pub(super) fn reply(&self, server: Ipv4Addr, file: &str) -> Reply {
        let mut bytes = vec![0; FIXED];
        bytes[..4].copy_from_slice(&[2, 1, 6, 0]);
        // Transaction, flags; the client's own address, where it has one; the relay; the hardware address.
        bytes[4..8].copy_from_slice(&self.fixed[4..8]);
        bytes[10..16].copy_from_slice(&self.fixed[10..16]);
        bytes[20..24].copy_from_slice(&server.octets());
        bytes[24..44].copy_from_slice(&self.fixed[24..44]);
        let name = server.to_string();
        bytes[44..44 + name.len()].copy_from_slice(name.as_bytes());
        // The field ends with a zero; what is longer stands in its option alone.
        if let Some(field) = bytes.get_mut(108..108 + file.len()).filter(|_| file.len() < 128) {
            field.copy_from_slice(file.as_bytes());
        }
        bytes[236..].copy_from_slice(&COOKIE);
        Reply(bytes)
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply(Vec<u8>);

impl Reply {
    /// With an option, of which 255 bytes are the most.
    pub(super) fn with(mut self, code: u8, value: &[u8]) -> Self {
        let value = &value[..value.len().min(255)];
        self.0.extend([code, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
        self.0.extend_from_slice(value);
        self
    }

    /// Ends it.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.push(255);
        self.0.resize(self.0.len().max(LEAST), 0);
        self.0
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{COOKIE, FIXED};

    /// A client's packet with these options.
    pub(in super::super) fn packet(options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; FIXED];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[4..8].copy_from_slice(&[1, 2, 3, 4]);
        bytes[10] = 0x80;
        bytes[28..34].copy_from_slice(&[0x52, 0x54, 0, 0, 0, 0x11]);
        bytes[236..].copy_from_slice(&COOKIE);
        for (code, value) in options {
            bytes.extend([*code, value.len().try_into().unwrap()]);
            bytes.extend_from_slice(value);
        }
        bytes.push(255);
        bytes
    }

    #[test]
    fn the_uuid_is_what_the_firmware_shows() {
        let smbios = [0, 0x44, 0x45, 0x4c, 0x4c, 0x47, 0, 0x10, 0x35, 0x80, 0x52, 0xb4, 0xc0, 0x4f, 0x4d, 0x37, 0x32];
        let packet = super::Packet::parse(&packet(&[(super::MACHINE, &smbios)])).unwrap();
        assert_eq!(packet.uuid().as_deref(), Some("4c4c4544-0047-3510-8052-b4c04f4d3732"));
        assert_eq!(packet.mac(), "52:54:00:00:00:11");
    }
}
