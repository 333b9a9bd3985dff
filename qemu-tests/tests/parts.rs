//! What the lab is made of: the image of its machines boots, and its registry has what kfimg asks for.
//!
//! The cluster on top of it is in the scenarios. Root, Debian's archive and Go are needed.

#![allow(clippy::unwrap_used)]

use kfimg_lab::bundle::Maker;
use kfimg_lab::images::{Store, WORKLOAD, pack};
use kfimg_lab::lan::Lan;
use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::registry::{Registry, ask};
use kfimg_lab::site::KUBERNETES;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Topology, scenario};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Says what a command wrote.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    said
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A LAN with a registry, which both end with the test.
struct Site(Lan, Registry);

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.1.stop();
        self.0.down();
    }
}

#[test]
#[ignore = "builds the programs of a whole cluster; `make cluster-test` runs it"]
fn every_image_that_nodes_ask_for_is_served_over_tls() {
    let folder = folder("registry");
    let programs = Programs::build(&COMPONENTS).unwrap();
    let out = folder.join("out");
    let mut render = Command::new(programs.kfimg());
    render.args(["render", "--profile", "ha3", "--registry", "reg.local", "--state"]).arg(folder.join("state"));
    succeed(render.arg("-o").arg(&out));
    let references = std::fs::read_to_string(out.join("images.txt")).unwrap();
    pack(&Store::open(), &programs, references.lines().chain([WORKLOAD])).unwrap();

    let lan = Lan::of(&format!("p{}", std::process::id()));
    lan.up().unwrap();
    let (kfimg, bundle) = (programs.kfimg().to_owned(), folder.join("bundle"));
    let registry = Registry {
        program: kfimg.clone(),
        lan: lan.clone(),
        folder: folder.clone(),
        bundle: bundle.clone(),
        state: folder.join("state"),
    };
    let site = Site(lan.clone(), registry);
    let upstream = programs.path("registry").unwrap();
    let maker = Maker { kfimg: kfimg.clone(), registry: upstream, lan, bundle: bundle.clone() };
    maker.make(["--profile", "ha3", "--registry", "reg.local"]).unwrap();
    succeed(Command::new(&kfimg).args(["bundle", "verify", "--bundle"]).arg(&bundle));
    site.1.start().unwrap();
    for reference in references.lines() {
        let (repository, tag) = reference.rsplit_once(':').unwrap();
        let mut ask = ask(&site.0, &site.1.authority());
        ask.args(["-H", "Accept: application/vnd.oci.image.manifest.v1+json"]);
        let manifest = succeed(ask.arg(format!("https://reg.local/v2/{repository}/manifests/{tag}")));
        assert!(manifest.contains("vnd.oci.image.layer.v1.tar"), "{reference}: {manifest}");
    }

    site.1.stop().unwrap();
    assert!(!site.1.is_running());
    site.1.start().unwrap();
}

/// The agent is smaller than so many bytes.
const SIZE: u64 = 5_000_000;

#[test]
#[ignore = "builds the agent; `make cluster-test` runs it"]
fn the_agent_is_one_small_file_that_needs_no_other() {
    let programs = Programs::build(&[]).unwrap();
    let size = std::fs::metadata(programs.agent()).unwrap().len();
    println!("the agent has {size} bytes");
    assert!(size < SIZE, "{size}");
    let headers = succeed(Command::new("readelf").arg("--program-headers").arg(programs.agent()));
    assert!(headers.contains("LOAD") && !headers.contains("INTERP"), "{headers}");
}

#[test]
#[ignore = "boots a machine; `make cluster-test` runs it"]
fn a_machine_boots_from_an_empty_disk_and_runs_an_image_of_the_mirror() {
    scenario::run("parts", Topology::new(1, 0), |cluster| {
        cluster.power_on("master1")?;
        let machine = cluster.machine("master1")?;
        wait_for("containerd", Duration::from_secs(60), || {
            let state = machine.exec(&["systemctl", "is-active", "containerd.service"]);
            Ok(Look::when(state.is_ok(), (), || format!("{state:?}")))
        })?;
        machine.exec(&["crictl", "pull", WORKLOAD])?;
        let run = ["ctr", "-n", "k8s.io", "run", "--rm", WORKLOAD, "trial", "busybox", "echo", "alive"];
        assert_eq!(machine.exec(&run)?.trim(), "alive");
        assert_eq!(machine.exec(&["kubelet", "--version"])?.trim(), format!("Kubernetes {KUBERNETES}"));
        // What kfimg's own steps say of this payload is for other scenarios.
        let failed = machine.exec(&["systemctl", "list-units", "--failed", "--plain", "--no-legend"])?;
        let failed: Vec<&str> = failed.lines().filter(|unit| !unit.starts_with("kfimg-")).collect();
        assert!(failed.is_empty(), "{failed:?}");
        machine.power_off()
    });
}
