//! `kfimg-lab`: the lab by hand. It leaves a cluster up until it is told to take it down.

use kfimg_lab::{Cluster, Error, Lab, Result, Topology, cache, leftovers};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
kfimg-lab up                    render a cluster of three control planes and a worker, boot it, wait until it is Ready
kfimg-lab down                  remove all machines, their network and their folder
kfimg-lab status                every machine, and who holds the virtual address
kfimg-lab exec NODE -- CMD …    run a command inside a machine
kfimg-lab kubectl ARGS          kubectl on the machines' network, through the virtual address
kfimg-lab power-on NODE         kfimg-lab power-off NODE        kfimg-lab power-cut NODE
kfimg-lab wipe NODE             a blank disk                    kfimg-lab console NODE
kfimg-lab cut NODE              pull the network cable          kfimg-lab plug NODE
kfimg-lab collect DIR           logs and states of every machine
Everything lies in the folder $KFIMG_LAB (default ~/.cache/kfimg/lab).";

/// Longest time until all nodes are Ready.
const READY: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kfimg-lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<ExitCode> {
    let folder = folder();
    match words {
        ["up"] => up(&folder)?,
        ["down"] => down(&folder)?,
        ["power-on", node] => Cluster::open(&folder)?.power_on(node)?,
        ["power-off", node] => Cluster::open(&folder)?.machine(node)?.power_off()?,
        ["power-cut", node] => Cluster::open(&folder)?.machine(node)?.power_cut()?,
        ["wipe", node] => Cluster::open(&folder)?.machine(node)?.wipe()?,
        ["cut", node] => Cluster::open(&folder)?.machine(node)?.cut()?,
        ["plug", node] => Cluster::open(&folder)?.machine(node)?.plug()?,
        ["console", node] => say(&Cluster::open(&folder)?.machine(node)?.console()?)?,
        ["exec", node, "--", program, arguments @ ..] => {
            let mut command = Cluster::open(&folder)?.machine(node)?.command(program)?;
            return inherit(command.args(arguments));
        }
        ["kubectl", arguments @ ..] => return inherit(Cluster::open(&folder)?.kubectl_command().args(arguments)),
        ["status"] => status(&Cluster::open(&folder)?)?,
        ["collect", target] => Cluster::open(&folder)?.collect(Path::new(target))?,
        _ => {
            eprintln!("{USAGE}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn inherit(command: &mut std::process::Command) -> Result<ExitCode> {
    let status = command.status()?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

/// Removes the lab of a folder, with the folder. One without a lab is somebody else's, and stays.
fn down(folder: &Path) -> Result<()> {
    match Lab::open(folder) {
        Ok(_) => leftovers::clear(folder),
        Err(Error::NoCluster(_)) => leftovers::remove(folder),
        Err(error) => leftovers::remove(folder).and(Err(error)),
    }
}

fn up(folder: &Path) -> Result<()> {
    down(folder)?;
    eprintln!("rendering, and building what is not in the cache yet");
    let cluster = Cluster::create(folder, Topology::new(3, 1))?;
    eprintln!("booting {}", cluster.topology().machines().collect::<Vec<_>>().join(", "));
    cluster.power_on_all()?;
    let took = cluster.wait_ready(4, READY)?;
    eprintln!("all nodes are Ready {:.0} s after the last machine got power", took.as_secs_f32());
    let nodes = cluster.kubectl(&["get", "nodes", "-o", "wide"])?;
    let kubeconfig = cluster.output().join("admin.kubeconfig");
    say(&format!(
        "{nodes}export KUBECONFIG={}\nip netns exec {} {} get pods -A\n",
        kubeconfig.display(),
        cluster.lab().lan().namespace(),
        cluster.lab().parts().kubectl.display()
    ))
}

fn status(cluster: &Cluster) -> Result<()> {
    let holders = cluster.endpoint_holders()?;
    for machine in cluster.lab().machines()? {
        let holder = if holders.iter().any(|name| name == machine.name()) { "  holds the endpoint" } else { "" };
        // Without the name of the interface.
        let addresses = || machine.addresses().split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
        let state = if machine.is_on() { addresses() } else { "off".to_owned() };
        say(&format!("{:10} {state}{holder}\n", machine.name()))?;
        for step in ["clock", "preflight", "images", "etcd", "addons"] {
            let Some(status) = machine.step(step) else { continue };
            say(&format!("           {step:10} {:8} {}\n", status.state, status.message))?;
        }
    }
    Ok(())
}

/// Writes to standard output. A reader that wants no more is content.
fn say(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn folder() -> PathBuf {
    std::env::var_os("KFIMG_LAB").map_or_else(|| cache().join("lab"), PathBuf::from)
}
