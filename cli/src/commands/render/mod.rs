//! `kfimg render`: the payload of every node.
//!
//! The order keeps the promises: everything is written beside the former output, then the state is committed, then the
//! output is swapped in. A failure before the last step leaves output and state as they were.

mod all_in_one;
mod delivery;
mod ending;
mod incarnation;
mod nodes;
mod payload;
mod reporter;
mod seal;
mod summary;

pub(crate) use nodes::{catalog, images, judge, questions, role};

use super::{description, proof};
use crate::args::{Layers, StateFolder};
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::output::{Manifest, NodeRecord, Secrecy, Servers, Staging};
use crate::place::lies_in;
use crate::report::{self, Report};
use crate::steps::Steps;
use clap::Args;
use clap::builder::PossibleValuesParser;
use delivery::Files;
use jiff::Timestamp;
use kfimg_ignition::content::Stamp;
use kfimg_ignition::payload::IgnitionVersion;
use kfimg_images::Pins;
use kfimg_images::content::Content;
use kfimg_images::stop::Stop;
use kfimg_pki::{Ca, Credentials, Kubeconfig, Secret, State, inventory};
use kfimg_profiles::check::check_upgrade;
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::Channel;
use kfimg_profiles::load::Loaded;
use nodes::{Rendering, Target, image_lines};
use payload::Format;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use seal::{SealArgument, Sealing};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use summary::Summary;

/// Arguments of `kfimg render`.
#[derive(Args, Debug)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    layers: Layers,
    #[command(flatten)]
    state: StateFolder,
    /// Folder to write into; a former output there is replaced
    #[arg(short, long, value_name = "DIR", default_value = "out")]
    output: PathBuf,
    /// Prove that this bundle holds every image that nodes will ask for, and pin each by its digest
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    /// Way in which payloads reach machines; may be given more than once [default: what the description says]
    #[arg(long = "channel", value_name = "CHANNEL", value_parser = PossibleValuesParser::new(Channel::ALL.map(|(_, name)| name)))]
    channels: Vec<String>,
    /// Seal the secrets of payloads: age:FILE with recipients, or passphrase:FILE
    #[arg(long, value_name = "HOW")]
    seal: Option<SealArgument>,
    /// Also write all-in-one.img, a drive with the payloads of all machines, of which each takes its own by Ethernet address: for
    /// kfimg images. It carries the secrets of the whole cluster
    #[arg(long)]
    all_in_one: bool,
    /// Version of the Ignition specification: 3.3.0, 3.4.0, 3.5.0 or 3.6.0
    #[arg(long, value_name = "VERSION", default_value_t = IgnitionVersion::default())]
    ignition_version: IgnitionVersion,
}

impl RenderArgs {
    /// The layers, with the channels of the command line above all others.
    fn layers(&self) -> Layers {
        let mut layers = self.layers.clone();
        if !self.channels.is_empty() {
            layers.sets.push(format!("delivery.channels=[{}]", self.channels.join(",")));
        }
        layers
    }
}

/// Renders everything.
pub(crate) fn run(args: &RenderArgs, console: &Console) -> Result<(), Failure> {
    let loaded = description::load_with_charts(&args.layers(), console)?;
    let cluster = &loaded.cluster;
    if args.all_in_one {
        all_in_one::check(cluster, console)?;
    }
    let now = Timestamp::now();
    let request = inventory::request(cluster);
    description::check_authorities(&request, now, console)?;
    let pins = match &args.bundle {
        Some(bundle) => prove(cluster, bundle, console)?,
        None => Pins::none(),
    };
    let state_folder = args.state.of(&cluster.name);
    let staging = Staging::begin(&args.output)?;
    keep_apart(&args.output, &state_folder)?;
    let state = State::open(&state_folder, &cluster.name, now)?;
    if let Some(former) = state.kubernetes_version() {
        check_upgrade(former, cluster.version)?;
    }
    incarnation::check(&loaded, &state, console)?;
    let stop = stop_on_signals();
    let issuing = Steps::new(console, "issuing certificates", 0).until(&stop);
    let (mut state, warnings) = state.ensure_watched(&request, now, &issuing)?;
    drop(issuing);
    ending::tell(cluster.version, &warnings, now, console);

    let rendered = Render { args, loaded: &loaded, staging: &staging, now, stop: &stop, console };
    let Written { manifest, measured, questions } = rendered.write(&mut state, pins)?;
    delivery::check_limits(&cluster.delivery, &manifest, &measured, console)?;
    if questions > 0 {
        console.warn(&format!(
            "{} of your manifests may need a look; `kfimg images` prints them",
            description::plural(questions, "image")
        ));
    }
    let manifest = staging.publish(manifest, || state.commit().map(drop).map_err(Failure::from))?;
    let sealed = args.seal.is_some();
    if args.all_in_one {
        all_in_one::warn(cluster, &args.output, sealed, console);
    }
    if console.is_json() {
        return console.json(&manifest);
    }
    let bundle = args.bundle.as_deref();
    let (output, state) = (&args.output, &state_folder);
    let summary = Summary { cluster, manifest: &manifest, measured: &measured, output, state, bundle, sealed };
    summary.lines().iter().for_each(|line| console.say(line));
    Ok(())
}

/// An output is replaced as a whole, and a state can't be made again.
fn keep_apart(output: &Path, state: &Path) -> Result<(), Failure> {
    if !lies_in(state, output) {
        return Ok(());
    }
    let (output, state) = (output.display(), state.display());
    Err(Failure::Usage(format!(
        "the state {state} would lie in the output {output}, which every render replaces: the keys would be lost; give -o or --state a folder \
         of its own"
    )))
}

/// Proves that a bundle is complete for the cluster, and gives the digests of its images.
fn prove(cluster: &Cluster, bundle: &Path, console: &Console) -> Result<Pins, Failure> {
    let content = Content::open(bundle)?;
    let proof = proof::prove(cluster, &images(cluster, console)?, &content)?;
    proof::tell(&proof, console)?;
    if cluster.registry.is_none() {
        console.warn("the description names no registry: each node needs the bundle on a medium of its own");
    }
    Ok(Pins::from(&proof))
}

/// What one render wrote.
struct Written {
    /// Without the list of files.
    manifest: Manifest,
    measured: Files,
    /// How many of them are open.
    questions: usize,
}

/// What one render works with.
struct Render<'a> {
    args: &'a RenderArgs,
    loaded: &'a Loaded,
    staging: &'a Staging,
    now: Timestamp,
    stop: &'a Stop,
    console: &'a Console,
}

impl Render<'_> {
    /// Writes every file but the manifest.
    fn write(&self, state: &mut State, pins: Pins) -> Result<Written, Failure> {
        let Self { args, staging, now, .. } = *self;
        let cluster = &self.loaded.cluster;
        state.set_kubernetes_version(cluster.version);
        let (number, window) = (u64::from(cluster.etcd.incarnation), cluster.etcd.bootstrap_window);
        let beginning = inventory::beginning(cluster);
        let bootstrap_not_after = state.generations_mut().begin_incarnation(number, beginning, now, window);
        let credentials = state.credentials();
        let rendering = Rendering::new(cluster, &credentials, pins, bootstrap_not_after.as_second())?;
        let nodes = self.write_nodes(&rendering, &credentials, state)?;
        delivery::write(cluster, staging)?;
        if args.all_in_one {
            all_in_one::write(cluster, staging)?;
        }
        let kubeconfig = admin_kubeconfig(cluster, &credentials)?;
        staging.write("admin.kubeconfig", kubeconfig.expose().as_bytes(), Secrecy::Secret)?;
        staging.write("images.txt", image_lines(&nodes).as_bytes(), Secrecy::Public)?;
        let version = args.ignition_version.to_string();
        let mut manifest = Manifest::new(&cluster.name, state.uid(), &cluster.version.to_string(), &version);
        manifest.generation = nodes.values().map(|node| node.generation).max().unwrap_or(0);
        manifest.nodes = nodes;
        manifest.resolved = self.loaded.resolved.clone();
        manifest.servers = Servers::of(cluster.delivery.boot_server.as_ref(), cluster.report_url.as_ref());
        if args.seal.is_some() {
            manifest.encryption_keys = credentials.encryption_key_names().map(str::to_owned).collect();
        }
        let measured = delivery::measured(cluster, staging)?;
        let report = self.report(&manifest, &measured, state, &rendering)?;
        staging.write("report.html", report.html().as_bytes(), Secrecy::Public)?;
        Ok(Written { manifest, measured, questions: rendering.questions().len() })
    }

    /// Every node's payload, and what the manifest says of it.
    fn write_nodes(
        &self,
        rendering: &Rendering<'_>,
        credentials: &Credentials,
        state: &mut State,
    ) -> Result<BTreeMap<String, NodeRecord>, Failure> {
        let Self { args, staging, now, stop, console, .. } = *self;
        let sealing =
            args.seal.as_ref().map(|argument| Sealing::read(argument, credentials.cluster_uid())).transpose()?;
        let delivery = &self.loaded.cluster.delivery;
        let format = Format { delivery, version: args.ignition_version, all_in_one: args.all_in_one };
        let target = Target { format, sealing: sealing.as_ref(), staging, stop, console };
        rendering.write(&target, state.generations_mut(), now)
    }

    /// The page for people who would rather look than read. It tells names and addresses, and no secret.
    fn report(
        &self,
        manifest: &Manifest,
        files: &Files,
        state: &State,
        rendering: &Rendering<'_>,
    ) -> Result<Report, Failure> {
        let (cluster, now) = (&self.loaded.cluster, self.now);
        let rendered_at = |generation| state.generations().rendered_at(generation).unwrap_or(now);
        let sample = |node: &Node| {
            let generation = manifest.nodes.get(&node.name).map_or(0, |record| record.generation);
            let stamp = Stamp { generation, render_time: rendered_at(generation).as_second() };
            Ok((node.name.clone(), rendering.sample(node, stamp)?))
        };
        let samples = report::samples(cluster).into_par_iter().map(sample).collect::<Result<_, Failure>>()?;
        let (rendered, certificates) = (rendered_at(manifest.generation), state.summary(now));
        let inputs = report::Inputs {
            cluster,
            manifest,
            files,
            limits: delivery::limits(&cluster.delivery),
            sealed: self.args.seal.as_ref().map(SealArgument::words),
            rendered,
            certificates: &certificates,
            samples,
        };
        Ok(Report::new(inputs))
    }
}

/// The administrator's own kubeconfig: for a person, never for a node.
fn admin_kubeconfig(cluster: &Cluster, credentials: &Credentials) -> Result<Secret, Failure> {
    let authority = credentials.ca(Ca::Kubernetes)?.bundle_pem;
    let administrator = credentials.administrator()?;
    let user = "kubernetes-admin";
    let kubeconfig = Kubeconfig::embedded(&cluster.name, &cluster.endpoint_url(), user, &authority, administrator);
    Ok(kubeconfig.to_yaml()?)
}
