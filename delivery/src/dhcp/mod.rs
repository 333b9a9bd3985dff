//! A proxyDHCP server: it tells machines that boot by PXE where iPXE is, and iPXE where its script is, beside the DHCP server that
//! gives addresses.
//!
//! - [`mod@packet`]: packets, read as what strangers send;
//! - [`mod@answer`]: what is said to whom.
//!
//! It never offers an address and answers nobody but PXE clients of the inventory. Off unless it is asked for. Why no library: crate
//! `dhcproto` brings a DNS library and forty crates with it for a packet of fixed layout.
//!
//! Sources: Preboot Execution Environment (PXE) Specification 2.1; RFC 2131, 2132, 4578; iPXE's documentation of chainloading.

mod answer;
mod packet;

use crate::BindError;
use crate::board::Board;
use crate::network::{self, is_quiet};
use crate::site::Delivery;
use crate::tftp::LOADERS;
use answer::{Answer, Loaders, Port};
use kfimg_images::stop::Stop;
use packet::Packet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

/// Ports of DHCP servers, of their clients, and of boot servers.
const SERVER: u16 = 67;
const CLIENT: u16 = 68;
const BOOT: u16 = 4011;
/// Bytes of a datagram that are looked at.
const LONGEST: usize = 1500;

/// How machines are told.
#[derive(Debug)]
pub struct ProxyOptions {
    /// This server's address on the machines' network.
    pub address: Ipv4Addr,
    /// URL of the script that iPXE loads.
    pub script: String,
    /// Folder of the loaders that TFTP gives.
    pub loaders: PathBuf,
}

/// A server that listens.
#[derive(Debug)]
pub struct ProxyDhcp {
    server: UdpSocket,
    boot: UdpSocket,
    answers: Answer,
    delivery: Arc<Delivery>,
    board: Arc<Board>,
}

impl ProxyDhcp {
    /// Listens on ports 67 and 4011. Another DHCP server of this machine may listen beside it.
    ///
    /// # Errors
    /// When a port is taken, or is not ours to take.
    pub fn bind(options: ProxyOptions, delivery: Arc<Delivery>, board: Arc<Board>) -> Result<Self, BindError> {
        let bind = |address: Ipv4Addr, port: u16| {
            let address = SocketAddr::from((address, port));
            network::shared(address).map_err(|source| BindError { protocol: "DHCP", address, source })
        };
        let (server, boot) = (bind(Ipv4Addr::UNSPECIFIED, SERVER)?, bind(options.address, BOOT)?);
        // The address is ours, which is seen now and not at the first machine.
        drop(bind(options.address, SERVER)?);
        let there = LOADERS.iter().map(|(name, _)| *name).filter(|name| options.loaders.join(name).is_file()).collect();
        let answers = Answer { address: options.address, script: options.script, loaders: Loaders(there) };
        Ok(Self { server, boot, answers, delivery, board })
    }

    /// What it does, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let whom = match self.delivery.output() {
            Ok(output) if output.knows_all_machines() => "machines of the inventory",
            Ok(_) => "every machine that boots by PXE, as the inventory has machines without `mac` and `uuid`",
            Err(_) => "machines of the inventory, once there is one",
        };
        vec![format!("proxyDHCP at {}, for {whom}; it gives no addresses.", self.answers.address)]
    }

    /// Serves until `stop` is asked.
    pub fn run(&self, stop: &Stop) {
        std::thread::scope(|scope| {
            scope.spawn(|| self.listen(&self.boot, Port::Boot, stop));
            self.listen(&self.server, Port::Server, stop);
        });
    }

    fn listen(&self, socket: &UdpSocket, port: Port, stop: &Stop) {
        let mut datagram = [0; LONGEST];
        while !stop.is_asked() {
            match socket.recv_from(&mut datagram) {
                Ok((length, from)) => self.hear(&datagram[..length], from, port),
                Err(error) if is_quiet(&error) => {}
                Err(_) => std::thread::sleep(network::LOOK),
            }
        }
    }

    fn hear(&self, datagram: &[u8], from: SocketAddr, port: Port) {
        let Some((packet, reply)) = self.answer(datagram, from, port) else { return };
        // Who was not reached asks again.
        let _ = match (port, packet.relay()) {
            (Port::Boot, _) => self.boot.send_to(&reply, from),
            (Port::Server, Some(relay)) => self.send(&reply, SocketAddr::from((relay, SERVER))),
            (Port::Server, None) => self.send(&reply, SocketAddr::from((Ipv4Addr::BROADCAST, CLIENT))),
        };
    }

    /// The packet that a datagram is, with its answer, if it gets one.
    fn answer(&self, datagram: &[u8], from: SocketAddr, port: Port) -> Option<(Packet, Vec<u8>)> {
        let packet = Packet::parse(datagram)?;
        let (reply, what) = self.answers.to(&packet, port)?;
        let output = self.delivery.output().ok()?;
        let mac = packet.mac();
        match output.machine(&mac, packet.uuid().as_deref()) {
            Some(node) if port == Port::Server => self.board.asks_for_loader(node, &what),
            Some(_) => {}
            // Somebody else's machine boots as it always did.
            None if output.knows_all_machines() => {
                self.board.stranger(&format!("mac-{}", mac.replace(':', "-")), from.ip(), true);
                return None;
            }
            None => {}
        }
        Some((packet, reply))
    }

    /// Sends from the server's port at our own address, and so on the right network. The socket lives for this one datagram: a
    /// longer one would take what is sent to a DHCP server that shares address and port with us.
    fn send(&self, reply: &[u8], to: SocketAddr) -> std::io::Result<usize> {
        network::shared(SocketAddr::from((self.answers.address, SERVER)))?.send_to(reply, to)
    }
}

#[cfg(test)]
mod odd;
#[cfg(test)]
mod tests;
