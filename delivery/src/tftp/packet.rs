//! Packets of TFTP.

/// Bytes of a block where the client asks for no other size.
const BLOCK: usize = 512;
/// The largest block: with the headers of UDP and IPv6 it still is one frame of an Ethernet.
const LARGEST: usize = 1428;
/// Most blocks that are sent before the client has to answer.
const WINDOW: u16 = 16;

/// Error codes of RFC 1350.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ErrorCode {
    NotFound = 1,
    Access = 2,
    Illegal = 4,
}

/// A request to read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Request {
    /// The file's name.
    pub(super) name: String,
    /// Bytes of a block.
    pub(super) block: usize,
    /// Blocks of a window.
    pub(super) window: u16,
    /// Whether the file's size is asked for.
    pub(super) wants_size: bool,
    /// The seconds that the client waits, where it says so.
    pub(super) timeout: Option<u8>,
    /// The block size was asked for, and the window: they are confirmed then.
    pub(super) confirms: (bool, bool),
}

impl Request {
    /// Reads a datagram to the server's port; `None` when it is no request and gets no answer.
    pub(super) fn parse(datagram: &[u8]) -> Result<Option<Self>, ErrorCode> {
        let rest = match datagram {
            [0, 1, rest @ ..] => rest,
            [0, 2, ..] => return Err(ErrorCode::Access),
            _ => return Ok(None),
        };
        let Some(rest) = rest.strip_suffix(&[0]) else { return Err(ErrorCode::Illegal) };
        let mut words = rest.split(|byte| *byte == 0).map(|word| std::str::from_utf8(word).ok());
        let (Some(Some(name)), Some(Some(mode))) = (words.next(), words.next()) else { return Err(ErrorCode::Illegal) };
        if name.is_empty() || !mode.eq_ignore_ascii_case("octet") {
            return Err(ErrorCode::Illegal);
        }
        let mut request = Self {
            name: name.to_owned(),
            block: BLOCK,
            window: 1,
            wants_size: false,
            timeout: None,
            confirms: (false, false),
        };
        while let (Some(Some(name)), Some(Some(value))) = (words.next(), words.next()) {
            request.option(name, value);
        }
        Ok(Some(request))
    }

    /// An option that is unknown, or has no value of its own, is passed over, as RFC 2347 has it.
    fn option(&mut self, name: &str, value: &str) {
        let Ok(number) = value.parse::<u32>() else { return };
        match name.to_ascii_lowercase().as_str() {
            "blksize" if (8..=65464).contains(&number) => {
                self.block = usize::try_from(number).map_or(BLOCK, |block| block.min(LARGEST));
                self.confirms.0 = true;
            }
            "windowsize" if (1..=65535).contains(&number) => {
                self.window = u16::try_from(number).map_or(1, |window| window.min(WINDOW));
                self.confirms.1 = true;
            }
            "tsize" if number == 0 => self.wants_size = true,
            "timeout" if (1..=255).contains(&number) => self.timeout = u8::try_from(number).ok(),
            _ => {}
        }
    }

    /// The confirmation of the options; `None` when there were none, and the first block goes out at once.
    pub(super) fn confirmation(&self, size: usize) -> Option<Vec<u8>> {
        let mut packet = vec![0, 6];
        let mut confirm = |name: &str, value: String| {
            for word in [name, &value] {
                packet.extend_from_slice(word.as_bytes());
                packet.push(0);
            }
        };
        if self.confirms.0 {
            confirm("blksize", self.block.to_string());
        }
        if self.confirms.1 {
            confirm("windowsize", self.window.to_string());
        }
        if self.wants_size {
            confirm("tsize", size.to_string());
        }
        if let Some(seconds) = self.timeout {
            confirm("timeout", seconds.to_string());
        }
        (packet.len() > 2).then_some(packet)
    }
}

/// A block.
pub(super) fn data(number: u16, content: &[u8]) -> Vec<u8> {
    [&[0, 3], &number.to_be_bytes()[..], content].concat()
}

/// A refusal.
pub(super) fn error(code: ErrorCode) -> Vec<u8> {
    let text = match code {
        ErrorCode::NotFound => "nothing here",
        ErrorCode::Access => "this server takes nothing",
        ErrorCode::Illegal => "only whole requests in mode octet",
    };
    [&[0, 5, 0, code as u8], text.as_bytes(), &[0]].concat()
}

/// What a client says in a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reply {
    /// It has everything up to this block.
    Acknowledged(u16),
    /// It wants no more.
    Ended,
}

/// Reads a client's packet; `None` when it is none of a transfer.
pub(super) fn reply(datagram: &[u8]) -> Option<Reply> {
    match datagram {
        [0, 4, high, low, ..] => Some(Reply::Acknowledged(u16::from_be_bytes([*high, *low]))),
        [0, 5, ..] => Some(Reply::Ended),
        _ => None,
    }
}
