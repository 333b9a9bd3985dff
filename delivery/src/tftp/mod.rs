//! A TFTP server that gives the loaders it was told of and nothing else: what a machine's firmware fetches before it runs iPXE.
//!
//! - [`mod@packet`]: packets, read as what strangers send;
//! - [`mod@transfer`]: one file on its way to one client.
//!
//! It takes no files, reads no folder on demand, and knows no path. Transfers are bounded in number, each in time; before a client has
//! answered once it gets one packet, a few times over. Why no library: crate `async-tftp` brings a second asynchronous runtime, starts as
//! many transfers as it is asked for, and does not tell how they end.
//!
//! Sources: RFC 1350, 2347, 2348 (`blksize`), 2349 (`tsize`, `timeout`), 7440 (`windowsize`).

mod packet;
mod transfer;

use crate::BindError;
use crate::board::Board;
use crate::network::{self, is_quiet};
use kfimg_images::stop::Stop;
use packet::{ErrorCode, Request};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use transfer::Transfer;

/// Loaders that are given, if they are there, and for whom.
pub const LOADERS: [(&str, &str); 4] =
    [("undionly.kpxe", "BIOS"), ("ipxe.efi", "UEFI"), ("snponly.efi", "UEFI"), ("ipxe-arm64.efi", "UEFI on ARM")];
/// Most bytes of a loader.
const LOADER_LIMIT: u64 = 16 << 20;
/// Transfers at once, of all clients and of one.
const TRANSFERS: usize = 64;
const OF_ONE: usize = 4;
/// Bytes of a datagram that are looked at: a request has a name and a few options.
const REQUEST: usize = 1024;

/// A server that listens.
#[derive(Debug)]
pub struct Tftp {
    socket: UdpSocket,
    address: SocketAddr,
    files: BTreeMap<String, Arc<Vec<u8>>>,
    board: Arc<Board>,
    running: Mutex<HashMap<IpAddr, usize>>,
}

impl Tftp {
    /// Reads the loaders and listens; 69 is the protocol's port.
    ///
    /// # Errors
    /// When the address is taken, or is not ours to take.
    pub fn bind(address: SocketAddr, folder: &Path, board: Arc<Board>) -> Result<Self, BindError> {
        let fail = |source| BindError { protocol: "TFTP", address, source };
        let socket = UdpSocket::bind(address).map_err(fail)?;
        socket.set_read_timeout(Some(network::LOOK)).map_err(fail)?;
        let address = socket.local_addr().map_err(fail)?;
        let read = |name: &str| {
            let path = folder.join(name);
            let is_loader = std::fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() <= LOADER_LIMIT);
            let content = if is_loader { std::fs::read(path).ok() } else { None };
            content.map(|content| (name.to_owned(), Arc::new(content)))
        };
        let files = LOADERS.iter().filter_map(|(name, _)| read(name)).collect();
        Ok(Self { socket, address, files, board, running: Mutex::default() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The loaders that it gives.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    /// Serves until `stop` is asked, and lets transfers end, which they do soon.
    pub fn run(&self, stop: &Stop) {
        let mut datagram = [0; REQUEST];
        std::thread::scope(|scope| {
            while !stop.is_asked() {
                let (length, client) = match self.socket.recv_from(&mut datagram) {
                    Ok(received) => received,
                    Err(error) if is_quiet(&error) => continue,
                    Err(_) => {
                        std::thread::sleep(network::LOOK);
                        continue;
                    }
                };
                match self.accept(&datagram[..length], client) {
                    Ok(transfer) => {
                        let carry = move || self.carry(&transfer, client, stop);
                        // Without a thread for it, it is as if its request was lost.
                        if std::thread::Builder::new().spawn_scoped(scope, carry).is_err() {
                            self.end(client.ip());
                        }
                    }
                    Err(Some(refusal)) => drop(self.socket.send_to(&refusal, client)),
                    Err(None) => {}
                }
            }
        });
    }

    /// What a datagram begins, or the packet that refuses it. What is no request is not answered: an answer to an answer would go
    /// on for ever between two servers.
    fn accept(&self, datagram: &[u8], client: SocketAddr) -> Result<Transfer, Option<Vec<u8>>> {
        let request = match Request::parse(datagram) {
            Ok(Some(request)) => request,
            Ok(None) => return Err(None),
            Err(code) => return Err(Some(packet::error(code))),
        };
        // Firmware also asks for `/undionly.kpxe`.
        let name = request.name.trim_start_matches('/');
        let file = self.files.get(name).ok_or_else(|| Some(packet::error(ErrorCode::NotFound)))?;
        if !self.begin(client.ip()) {
            // It asks again, and finds room then.
            return Err(None);
        }
        Ok(Transfer::new(Arc::clone(file), &request))
    }

    fn carry(&self, transfer: &Transfer, client: SocketAddr, stop: &Stop) {
        if transfer.run(self.address.ip(), client, stop) {
            self.board.loader_fetched(client.ip());
        }
        self.end(client.ip());
    }

    /// Whether there is room for one more transfer to this client.
    fn begin(&self, client: IpAddr) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (running.values().sum::<usize>(), running.get(&client).copied().unwrap_or_default());
        let is_room = all < TRANSFERS && own < OF_ONE;
        if is_room {
            running.insert(client, own + 1);
        }
        is_room
    }

    fn end(&self, client: IpAddr) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.get_mut(&client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(running.remove(&client)),
        }
    }
}

#[cfg(test)]
mod odd;
#[cfg(test)]
mod tests;
