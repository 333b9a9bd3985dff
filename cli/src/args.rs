//! The command line: its words and their help. What a command does is in [`crate::commands`].

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Renders highly available Kubernetes clusters that assemble themselves by booting, without a network.
#[derive(Debug, Parser)]
#[command(name = "kfimg", version, max_term_width = 80, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

/// How the program talks.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Talk {
    /// Colours of messages
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: ColorChoice,
    /// Form of results and problems
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Human, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) output_format: OutputFormat,
    /// Say nothing but problems
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Say more
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) verbose: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ColorChoice {
    // On a terminal, unless NO_COLOR is set.
    Auto,
    // Always.
    Always,
    // Never.
    Never,
}

/// Form of results and problems.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum OutputFormat {
    // For people.
    Human,
    // For programs.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented site file and inventory to start from
    Init(crate::commands::init::InitArgs),
    /// List the built-in profiles
    Profiles,
    /// Print the JSON Schema of the cluster description
    Schema(crate::commands::schema::SchemaArgs),
    /// Print a completion script for a shell
    Completions(crate::commands::completions::CompletionsArgs),
    /// Write the manual
    Man(crate::commands::man::ManArgs),
    /// Print every problem of a description
    Validate(crate::commands::validate::ValidateArgs),
    /// Render the payload of every node
    Render(crate::commands::render::RenderArgs),
    /// Tell what changes between two outputs, and in which order to boot
    Diff(crate::commands::diff::DiffArgs),
    /// Look at certificates, or renew them
    #[command(subcommand)]
    Pki(PkiCommand),
    /// List the images that a cluster asks for
    Images(crate::commands::images::ImagesArgs),
    /// Carry images and binaries to a place without internet
    #[command(subcommand)]
    Bundle(crate::commands::bundle::BundleCommand),
    /// Serve a bundle as a registry, and boot machines from the network
    Serve(Box<crate::commands::serve::ServeArgs>),
    /// Build the machine template from a base system and a bundle
    Build(Box<crate::commands::build::BuildArgs>),
}

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// List every certificate of a cluster with its names and its end
    Show(crate::commands::pki::show::ShowArgs),
    /// Issue certificates of nodes anew, for the next render to hand out
    Renew(crate::commands::pki::renew::RenewArgs),
}

/// The layers of a description; later ones win.
#[derive(Args, Clone, Debug)]
pub(crate) struct Layers {
    /// Topology to start from: a built-in profile, profiles/NAME.yaml, or a path
    #[arg(long, value_name = "PROFILE", help_heading = "Cluster description")]
    pub(crate) profile: Option<String>,
    /// What this place changes; may be given more than once, - reads standard input
    #[arg(long = "site", value_name = "FILE", help_heading = "Cluster description")]
    pub(crate) sites: Vec<PathBuf>,
    /// The machines, as CSV (name,role,address,mac,uuid,serial,labels) or YAML
    #[arg(long, value_name = "FILE", help_heading = "Cluster description")]
    pub(crate) inventory: Option<PathBuf>,
    /// One setting: nodes[master1].address=10.0.0.11/24
    #[arg(long = "set", value_name = "PATH=VALUE", help_heading = "Cluster description")]
    pub(crate) sets: Vec<String>,
    /// Registry that mirrors the upstream ones
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Cluster description")]
    pub(crate) registry: Option<String>,
    /// Look up names of the registry, endpoint and time servers now, and record what was found
    #[arg(long, help_heading = "Cluster description")]
    pub(crate) resolve: bool,
}

impl Layers {
    /// Whether the command line describes a cluster at all.
    pub(crate) fn describe_a_cluster(&self) -> bool {
        self.profile.is_some() || !self.sites.is_empty() || self.inventory.is_some()
    }
}

/// Where the state lies.
#[derive(Args, Clone, Debug)]
pub(crate) struct StateFolder {
    /// Folder with the cluster's keys and certificates [default: <clusterName>.state]
    #[arg(long = "state", value_name = "DIR", help_heading = "Cluster description")]
    pub(crate) folder: Option<PathBuf>,
}

impl StateFolder {
    /// The folder of a cluster of that name.
    pub(crate) fn of(&self, cluster: &str) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| PathBuf::from(format!("{cluster}.state")))
    }
}
