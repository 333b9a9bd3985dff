//! The half of `kfimg serve` that boots machines: what is handed out, to whom, and what people hear of it.

use super::ServeArgs;
use super::declared::{Declared, Entrances};
use crate::console::Console;
use crate::failure::Failure;
use crate::place::lies_in;
use clap::Args;
use kfimg_delivery::board::Tell;
use kfimg_delivery::dhcp::{ProxyDhcp, ProxyOptions};
use kfimg_delivery::tftp::{LOADERS, Tftp};
use kfimg_delivery::{Board, Delivery, DeliveryOptions, Entrance, ReleaseRules, ReportToken};
use kfimg_images::serve::{AccessLog, Credentials, ServeLimits, ServeOptions, Server};
use kfimg_images::stop::Stop;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The port for boot files where the output names none.
const PORT: u16 = 8080;
/// How often those who watch the board hear that the server is there: well within the time after which a silent connection ends.
const BEAT: Duration = Duration::from_secs(10);
/// How often they hear what happened.
const LOOK: Duration = Duration::from_millis(250);
const HEADING: &str = "Booting machines";

/// Options for booting machines.
#[derive(Args, Debug)]
pub(crate) struct BootArgs {
    /// Output of `kfimg render`: boot scripts, and payloads for the machines of its inventory
    #[arg(long = "out", value_name = "DIR", help_heading = HEADING)]
    output: Option<PathBuf>,
    /// Folder with kernels, initial RAM disks and root images, which machines find at /images/
    #[arg(long, value_name = "DIR", help_heading = HEADING)]
    images: Option<PathBuf>,
    /// Where to listen for machines that boot, by plain HTTP [default: 0.0.0.0, and the port of the output's boot server or 8080]
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = HEADING)]
    boot_listen: Option<SocketAddr>,
    /// Give a node's payload to whoever names the node, not only to the machine that asked for its own boot script
    #[arg(long, requires = "output", help_heading = HEADING)]
    payloads_open: bool,
    /// Give each payload once; a new render's goes out again
    #[arg(long, requires = "output", help_heading = HEADING)]
    payloads_once: bool,
    /// Give payloads for so many minutes from now, and then no more
    #[arg(long, value_name = "MINUTES", requires = "output", help_heading = HEADING,
          value_parser = clap::value_parser!(u32).range(1..))]
    payloads_for: Option<u32>,
    /// File with a secret of 16 characters or more that the description's report.url carries as ?token=SECRET
    #[arg(long, value_name = "FILE", requires = "output", help_heading = HEADING)]
    report_token_file: Option<PathBuf>,
    /// Hand out iPXE by TFTP at this address, port 69 unless it names one
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = tftp_address, help_heading = HEADING)]
    tftp: Option<SocketAddr>,
    /// Tell machines that boot by PXE where iPXE and its script are, beside the site's DHCP server; ADDRESS is this server's own on
    /// the machines' network
    #[arg(long, value_name = "ADDRESS", requires_all = ["output", "tftp"], help_heading = HEADING)]
    proxy_dhcp: Option<Ipv4Addr>,
    /// Folder with undionly.kpxe, ipxe.efi and ipxe-arm64.efi (Debian's package ipxe)
    #[arg(long, value_name = "DIR", default_value = "/usr/lib/ipxe", help_heading = HEADING)]
    loaders: PathBuf,
}

impl BootArgs {
    /// Whether machines are to boot from here.
    pub(super) fn is_wanted(&self) -> bool {
        self.output.is_some() || self.images.is_some() || self.tftp.is_some()
    }

    /// What the output was rendered for.
    pub(super) fn declared(&self) -> Declared {
        Declared::by(self.output.as_deref())
    }

    /// Where to listen for machines.
    fn listen(&self, declared: &Declared) -> SocketAddr {
        let port = declared.plain_port().unwrap_or(PORT);
        self.boot_listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
    }

    /// Refuses two servers at one port, of which the second would find it taken.
    pub(super) fn refuse_port_of(&self, registry: SocketAddr, declared: &Declared) -> Result<(), Failure> {
        let own = self.listen(declared);
        let is_apart =
            own.ip() != registry.ip() && [own, registry].iter().all(|address| !address.ip().is_unspecified());
        let port = own.port();
        if port == 0 || port != registry.port() || is_apart {
            return Ok(());
        }
        let remedy = "give one of them another port with --listen or --boot-listen";
        Err(Failure::Usage(format!("boot files and the registry are both to be served at port {port}; {remedy}")))
    }

    fn options(&self) -> Result<DeliveryOptions, Failure> {
        Ok(DeliveryOptions {
            output: self.output.clone(),
            images: self.images.clone(),
            release: ReleaseRules {
                open: self.payloads_open,
                once: self.payloads_once,
                window: self.payloads_for.map(|minutes| Duration::from_secs(u64::from(minutes) * 60)),
            },
            report_token: self.report_token_file.as_deref().map(report_token).transpose()?,
        })
    }

    /// What lies below the folder of images is everybody's.
    fn keep_apart(&self) -> Result<(), Failure> {
        let (Some(output), Some(images)) = (&self.output, &self.images) else { return Ok(()) };
        if lies_in(output, images) {
            let (output, images) = (output.display(), images.display());
            let remedy = "give --images a folder of its own";
            return Err(Failure::Usage(format!(
                "{output} lies in {images}, which is handed out to everybody; {remedy}"
            )));
        }
        Ok(())
    }
}

/// Where what happens is said, and who may see it.
pub(super) struct Said {
    pub(super) tell: Tell,
    pub(super) credentials: Option<Credentials>,
    pub(super) log: AccessLog,
}

/// Everything that listens for machines.
pub(super) struct Boot {
    pub(super) delivery: Arc<Delivery>,
    board: Arc<Board>,
    server: Server,
    tftp: Option<Tftp>,
    proxy: Option<ProxyDhcp>,
    has_output: bool,
}

impl Boot {
    /// Opens folders and listens; `registry` is the entrance of the server beside it.
    pub(super) fn bind(
        args: &ServeArgs,
        declared: &Declared,
        registry: Option<Entrance>,
        said: Said,
        limits: ServeLimits,
        console: Console,
    ) -> Result<Self, Failure> {
        let Said { tell, credentials, log } = said;
        let boot = &args.boot;
        boot.keep_apart()?;
        let listen = boot.listen(declared);
        let board = Arc::new(Board::new(tell));
        // Port 0 is known only once it is bound, and the site has to be there before.
        let listener = Server::reserve(listen)?;
        let entrance = Entrance { port: listener.address().port(), tls: false };
        let entrances = Entrances { boot: entrance, registry };
        let options = boot.options()?;
        let images = boot.images.clone().unwrap_or_default();
        let delivery = Arc::new(Delivery::new(options, Arc::clone(&board)).map_err(Failure::io("opening", &images))?);
        let site = Some(delivery.through(entrance));
        let options = ServeOptions { listen, site, credentials, log, limits, ..ServeOptions::default() };
        let server = listener.serve(None, options)?;
        let tftp = boot.tftp.map(|address| Tftp::bind(address, &boot.loaders, Arc::clone(&board))).transpose()?;
        let proxy = boot.proxy_dhcp.map(|address| {
            let script = declared.script(address, entrances);
            let options = ProxyOptions { address, script, loaders: boot.loaders.clone() };
            ProxyDhcp::bind(options, Arc::clone(&delivery), Arc::clone(&board))
        });
        let proxy = proxy.transpose()?;
        if tftp.as_ref().is_some_and(|tftp| tftp.names().is_empty()) {
            let (folder, names) = (boot.loaders.display(), LOADERS.map(|(name, _)| name).join(", "));
            let remedy = "install Debian's package ipxe, or name another folder with --loaders";
            console.warn(&format!("{folder} has none of {names}, and TFTP nothing to hand out; {remedy}"));
        }
        declared.doubts(entrances).iter().for_each(|doubt| console.warn(doubt));
        Ok(Self { delivery, board, server, tftp, proxy, has_output: boot.output.is_some() })
    }

    /// Where machines ask.
    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Warns of what would keep machines from booting.
    pub(super) fn warn(&self, console: &Console) {
        match self.delivery.output() {
            Ok(_) => self.delivery.doubts().iter().for_each(|doubt| console.warn(doubt)),
            Err(reason) if self.has_output => console.warn(&format!("no payloads yet: {reason}")),
            Err(_) => {}
        }
    }

    /// Says what machines find.
    pub(super) fn ready(&self, console: &Console) {
        console.say(&format!("Booting machines from *http://{}*; the board is at /board.", self.address()));
        if let Some(tftp) = &self.tftp {
            console.say(&format!("TFTP at {}: {}.", tftp.address(), tftp.names().join(", ")));
        }
        if let Some(proxy) = &self.proxy {
            proxy.lines().iter().for_each(|line| console.say(line));
        }
    }

    /// Serves until `stop` is asked.
    pub(super) fn run(self, stop: &Stop) -> Result<(), Failure> {
        let Self { board, server, tftp, proxy, .. } = self;
        std::thread::scope(|scope| {
            scope.spawn(|| beat(&board, stop));
            let tftp = tftp.map(|tftp| scope.spawn(move || tftp.run(stop)));
            let proxy = proxy.map(|proxy| scope.spawn(move || proxy.run(stop)));
            let served = server.run(stop);
            // What listens beside ends with it.
            stop.ask();
            for thread in [tftp, proxy].into_iter().flatten() {
                let _ = thread.join();
            }
            Ok(served?)
        })
    }
}

/// Tells those who watch the board what happens, and that the server is there.
fn beat(board: &Board, stop: &Stop) {
    let mut waited = Duration::ZERO;
    while !stop.is_asked() {
        std::thread::sleep(LOOK);
        waited += LOOK;
        if waited >= BEAT {
            waited = Duration::ZERO;
            board.beat(false);
        } else {
            board.flush();
        }
    }
    board.beat(true);
}

fn report_token(path: &Path) -> Result<ReportToken, Failure> {
    let text = kfimg_pki::Secret::new(std::fs::read_to_string(path).map_err(Failure::io("reading", path))?);
    ReportToken::new(text.expose().trim_end_matches(['\r', '\n'])).ok_or_else(|| {
        let what = "holds no secret for reports; write 16 or more letters, digits, `-`, `_`, `.` or `~` into it";
        Failure::Usage(format!("{} {what}", path.display()))
    })
}

fn tftp_address(text: &str) -> Result<SocketAddr, String> {
    let bare = text.parse().map(|address| SocketAddr::new(address, 69));
    bare.or_else(|_| text.parse()).map_err(|_| "write an address, or an address and a port".to_owned())
}

#[cfg(test)]
mod tests {
    use super::tftp_address;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        assert_eq!(tftp_address("192.0.2.1").unwrap().to_string(), "192.0.2.1:69");
        assert_eq!(tftp_address("::1").unwrap().to_string(), "[::1]:69");
        assert_eq!(tftp_address("192.0.2.1:6969").unwrap().to_string(), "192.0.2.1:6969");
        assert!(tftp_address("boot").is_err());
    }
}
