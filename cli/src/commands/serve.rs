//! `kfimg serve`: a bundle as a read-only registry that nodes pull from, and all that machines need to boot from the network.
//!
//! The registry itself is `kfimg_images::serve`, what boots machines is crate `delivery`; here is who may ask, by which certificate the
//! server is known, and what people are told.

mod boot;
mod declared;
mod limits;
mod lines;
mod report;
mod tls;

use super::description;
use crate::args::Layers;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use boot::{Boot, Said};
use clap::Args;
use kfimg_delivery::Entrance;
use kfimg_images::content::Content;
use kfimg_images::serve::{AccessLog, Credentials, Reserved, ServeOptions, Server};
use kfimg_images::stop::Stop;
use kfimg_pki::Secret;
use kfimg_profiles::cluster::Registry;
use limits::Limits;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tls::Tls;

/// Where to listen without a description.
const PORT: u16 = 5000;
/// Longest time in which the last lines are written, those for people and those of the access log.
const LOG_END: Duration = Duration::from_secs(5);

/// Arguments of `kfimg serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Bundle to serve: a folder, a tar or NAME.chunks.json; again for each delta that stands on it, the newest last [default:
    /// bundle, unless machines are to boot from here]
    #[arg(long = "bundle", value_name = "PATH")]
    bundles: Vec<PathBuf>,
    /// Where to listen; port 0 lets the system choose [default: 0.0.0.0, and the port of the description's registry or 5000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Name that nodes must log in with
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// File with the password of --user
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Write each request as a line of JSON to the end of this file; - is standard output
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    #[command(flatten)]
    boot: boot::BootArgs,
    #[command(flatten)]
    tls: tls::TlsArgs,
    #[command(flatten)]
    layers: Layers,
}

/// Serves until a signal comes.
pub(crate) fn run(args: &ServeArgs, console: &Console) -> Result<(), Failure> {
    let stop = stop_on_signals();
    let registry = registry(&args.layers, console)?;
    let declared = args.boot.declared();
    let (boot_host, boot_port) = declared.secure().unzip();
    let port = registry.as_ref().map(port).or(boot_port).unwrap_or(PORT);
    let listen = args.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    let tls = Tls::prepare(&args.tls, registry.as_ref(), boot_host, listen)?;
    let (log, credentials) = (access_log(args.access_log.as_deref())?, credentials(args)?);
    report::warn(args, &tls, registry.as_ref(), &declared, console);
    let (tell, last_line) = lines::lines(*console);
    let limits = Limits::of_system();
    let content = open(args, args.boot.is_wanted())?.map(Arc::new);
    // Without a bundle there are boot files alone, which are served by HTTPS, too, where there is a certificate.
    let is_beside = content.is_some() || !tls.is_plain();
    if is_beside && args.boot.is_wanted() {
        args.boot.refuse_port_of(listen, &declared)?;
    }
    let beside = is_beside.then(|| Server::reserve(listen)).transpose()?;
    let entrance = beside.as_ref().map(|place| Entrance { port: place.address().port(), tls: !tls.is_plain() });
    let said = Said { tell, credentials: credentials.clone(), log: log.clone() };
    let bind = || Boot::bind(args, &declared, entrance, said, limits.boot, *console);
    let boot = args.boot.is_wanted().then(bind).transpose()?;
    let site = boot.as_ref().zip(entrance).map(|(boot, entrance)| boot.delivery.through(entrance));
    let begin = |place: Reserved| {
        let (tls, log, limits) = (tls.files(), log.clone(), limits.registry);
        place.serve(content.as_ref(), ServeOptions { listen, tls, site, credentials, log, limits })
    };
    let server = beside.map(begin).transpose()?;
    let ready = report::Ready { content: content.as_deref(), server: server.as_ref(), boot: boot.as_ref() };
    ready.tell(&tls, registry.as_ref(), console)?;
    serve(server, boot, &stop)?;
    last_line.wait(LOG_END);
    log.finish(LOG_END);
    console.say("Stopped.");
    Ok(())
}

/// Runs all that listens, until a signal comes or one of them can't go on.
fn serve(server: Option<Server>, boot: Option<Boot>, stop: &Stop) -> Result<(), Failure> {
    std::thread::scope(|scope| {
        let boot = boot.map(|boot| scope.spawn(|| boot.run(stop)));
        let served = server.map_or(Ok(()), |server| {
            let served = server.run(stop);
            stop.ask();
            served
        });
        let booted = boot.map_or(Ok(()), |thread| thread.join().expect("a panic ends the program"));
        served?;
        booted
    })
}

/// The port at which nodes ask a registry.
fn port(registry: &Registry) -> u16 {
    registry.port.unwrap_or(if registry.plain_http { 80 } else { 443 })
}

/// The registry of the description, where one is given.
fn registry(layers: &Layers, console: &Console) -> Result<Option<Registry>, Failure> {
    if !layers.describe_a_cluster() {
        let alone = layers.registry.is_some() || !layers.sets.is_empty() || layers.resolve;
        let missing = "these options change a description, and none is given; name it with --profile or --site";
        return if alone { Err(Failure::Usage(missing.to_owned())) } else { Ok(None) };
    }
    let registry = description::load(layers, console)?.cluster.registry;
    let missing = "the description has no `registry`, so that its nodes ask the upstream ones; write one";
    registry.map(Some).ok_or_else(|| Failure::Usage(missing.to_owned()))
}

/// The bundle; who boots machines need not have one.
fn open(args: &ServeArgs, boots: bool) -> Result<Option<Content>, Failure> {
    let default = [PathBuf::from("bundle")];
    let paths = if args.bundles.is_empty() && !boots { &default[..] } else { &args.bundles };
    let mut bundles = paths.iter().map(|path| Content::open(path));
    let Some(first) = bundles.next().transpose()? else { return Ok(None) };
    Ok(Some(first.joined(bundles.collect::<Result<Vec<_>, _>>()?)?))
}

fn access_log(path: Option<&Path>) -> Result<AccessLog, Failure> {
    match path {
        None => Ok(AccessLog::none()),
        Some(path) if path.as_os_str() == "-" => Ok(AccessLog::to(std::io::stdout())),
        Some(path) => {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
            Ok(AccessLog::to(file.map_err(Failure::io("opening the access log", path))?))
        }
    }
}

fn credentials(args: &ServeArgs) -> Result<Option<Credentials>, Failure> {
    let (Some(name), Some(path)) = (&args.user, &args.password_file) else { return Ok(None) };
    if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
        return Err(Failure::Usage("a name for --user is not empty and has no `:`".to_owned()));
    }
    let text = Secret::new(std::fs::read_to_string(path).map_err(Failure::io("reading", path))?);
    let password = text.expose().trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::Usage(format!("{} holds no password; write one into it", path.display())));
    }
    Ok(Some(Credentials::new(name, password)))
}
