//! One file on its way to one client, over a socket of its own.

use super::packet::{Reply, Request, data, reply};
use crate::network::{LOOK, is_quiet};
use kfimg_images::stop::Stop;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a packet is sent again before the client is taken for gone, before it has answered once and after.
const TRIES_FIRST: u32 = 3;
const TRIES: u32 = 6;
/// The first wait for an answer; the next ones are longer.
const WAIT: Duration = Duration::from_secs(1);
/// A transfer that takes longer than this is ended: a loader has a megabyte.
const LONGEST: Duration = Duration::from_secs(300);

/// A file, and how it is sent.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) file: Arc<Vec<u8>>,
    pub(super) block: usize,
    pub(super) window: u64,
    pub(super) wait: Duration,
    pub(super) confirmation: Option<Vec<u8>>,
}

impl Transfer {
    pub(super) fn new(file: Arc<Vec<u8>>, request: &Request) -> Self {
        let confirmation = request.confirmation(file.len());
        // A client may wait longer than we would, not shorter.
        let wait = request.timeout.map_or(WAIT, |seconds| Duration::from_secs(seconds.min(10).into())).max(WAIT);
        Self { file, block: request.block, window: request.window.into(), wait, confirmation }
    }

    /// Sends it from a port of its own; whether the client has it all.
    pub(super) fn run(&self, from: IpAddr, client: SocketAddr, stop: &Stop) -> bool {
        let socket = UdpSocket::bind((from, 0)).and_then(|socket| socket.connect(client).map(|()| socket));
        socket.is_ok_and(|socket| self.send(&socket, stop).unwrap_or(false))
    }

    fn send(&self, socket: &UdpSocket, stop: &Stop) -> io::Result<bool> {
        let begin = Instant::now();
        // The last block is shorter than the others, and may be empty.
        let last = (self.file.len() / self.block) as u64 + 1;
        // The block that the client has everything up to; blocks begin with 1, and 0 confirms the options.
        let mut has = 0;
        let mut tries = 0;
        let mut is_confirmed = self.confirmation.is_none();
        while has < last || !is_confirmed {
            let most = if has > 0 { TRIES } else { TRIES_FIRST };
            if tries > most || begin.elapsed() > LONGEST || stop.is_asked() {
                return Ok(false);
            }
            match &self.confirmation {
                Some(packet) if !is_confirmed => socket.send(packet).map(drop)?,
                _ => self.send_window(socket, has, last)?,
            }
            let highest = if is_confirmed { (has + self.window).min(last) } else { 0 };
            let least = if is_confirmed { has + 1 } else { 0 };
            match wait(socket, &(least..=highest), self.wait * (tries + 1).min(4), stop)? {
                Heard::Block(block) => (has, tries, is_confirmed) = (block, 0, true),
                Heard::End => return Ok(false),
                Heard::Nothing => tries += 1,
            }
        }
        Ok(true)
    }

    fn send_window(&self, socket: &UdpSocket, has: u64, last: u64) -> io::Result<()> {
        for block in has + 1..=(has + self.window).min(last) {
            let offset = usize::try_from(block - 1).unwrap_or(usize::MAX).saturating_mul(self.block);
            let content = self.file.get(offset..).unwrap_or_default();
            let content = &content[..content.len().min(self.block)];
            // Numbers of blocks begin anew after 65535.
            socket.send(&data(u16::try_from(block & 0xffff).unwrap_or_default(), content))?;
        }
        Ok(())
    }
}

/// What came back.
enum Heard {
    /// The client has everything up to this block.
    Block(u64),
    /// The client wants no more.
    End,
    /// Nothing of use.
    Nothing,
}

/// Waits for the acknowledgement of one of these blocks, no longer than until `stop` is asked. Others, which came late, are passed
/// over and do not make us send anything: so no block is ever sent twice for one that came twice.
fn wait(socket: &UdpSocket, blocks: &RangeInclusive<u64>, most: Duration, stop: &Stop) -> io::Result<Heard> {
    let end = Instant::now() + most;
    let mut datagram = [0; 512];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stop.is_asked() {
            return Ok(Heard::Nothing);
        }
        socket.set_read_timeout(Some(left.min(LOOK)))?;
        let length = match socket.recv(&mut datagram) {
            Ok(length) => length,
            // The client's port is closed: it is gone.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(Heard::End),
            Err(error) if is_quiet(&error) => continue,
            Err(error) => return Err(error),
        };
        match reply(&datagram[..length]) {
            Some(Reply::Ended) => return Ok(Heard::End),
            Some(Reply::Acknowledged(number)) => {
                let is_it = |block: &u64| block & 0xffff == u64::from(number);
                if let Some(block) = blocks.clone().find(is_it) {
                    return Ok(Heard::Block(block));
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, wait};
    use kfimg_images::stop::Stop;
    use std::net::UdpSocket;
    use std::time::Duration;

    /// A client chooses how long it is waited for; whoever runs the server does not wait for it.
    #[test]
    fn a_client_that_is_gone_keeps_no_server_from_stopping() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let stop = Stop::new();
        stop.ask();
        let heard = wait(&socket, &(0..=0), Duration::from_secs(24 * 60 * 60), &stop).unwrap();
        assert!(matches!(heard, Heard::Nothing));
    }
}
