//! Images come from a bundle on the machine. A damaged one is named and comes from the registry; the others need none.

use kfimg_lab::bundle;
use kfimg_lab::{Cluster, Error, Machine, Result, Topology, scenario};
use serde_json::Value;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
const DAMAGED: &str = "registry.k8s.io/kube-scheduler";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_bundle_needs_no_registry_and_a_damaged_image_of_it_is_named_and_asked_of_the_mirror() {
    scenario::run("damaged_image_on_the_medium", Topology::new(1, 1), |cluster| {
        let source = cluster.lab().bundle();
        for machine in cluster.machines()? {
            machine.with_disk(|disk| bundle::copy(&source, &disk.join(bundle::PLACE)))?;
        }

        // A whole bundle: the registry is never asked.
        cluster.lab().registry().stop()?;
        boot(cluster)?;
        assert!(cluster.machines()?.iter().all(|machine| !warns(machine)));

        // One bit of the scheduler is another: it is named, and nothing runs it.
        cluster.power_cut_all()?;
        let machine = cluster.machine("master1")?;
        machine.wipe()?;
        machine.with_disk(|disk| {
            bundle::copy(&source, &disk.join(bundle::PLACE))?;
            damage(&disk.join(bundle::PLACE))
        })?;
        cluster.lab().registry().start()?;
        cluster.power_on("master1")?;
        machine.wait_told("images", "IMAGE_DAMAGED", BOUND)?;
        let told = machine.step("images").map(|step| step.warnings).unwrap_or_default();
        assert!(told.iter().any(|notice| notice.message.contains(DAMAGED)), "{told:?}");
        cluster.power_on("worker1")?;
        cluster.wait_ready(2, BOUND)?;
        cluster.wait_pods(BOUND)?;
        let asked = fs_err::read_to_string(cluster.lab().registry().log())?;
        assert!(asked.contains("kube-scheduler"), "the registry was not asked for the damaged image");
        assert!(!asked.contains("kube-controller-manager"), "the registry was asked for an image of the bundle");
        Ok(())
    });
}

fn boot(cluster: &Cluster) -> Result<()> {
    cluster.power_on_all()?;
    cluster.wait_ready(2, BOUND)?;
    cluster.wait_pods(BOUND).map(drop)
}

fn warns(machine: &Machine) -> bool {
    machine.step("images").is_some_and(|step| !step.warnings.is_empty())
}

/// Turns one bit in the middle of the image's largest layer.
fn damage(bundle: &Path) -> Result<()> {
    let wrong = |reason: &str| Error::unusable(bundle.display().to_string(), reason.to_owned());
    let read = |path: &Path| -> Result<Value> {
        serde_json::from_slice(&fs_err::read(path)?).map_err(|error| wrong(&error.to_string()))
    };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        bundle.join("blobs").join(digest.replace(':', "/"))
    };
    let index = read(&bundle.join("index.json"))?;
    let entries = index["manifests"].as_array().into_iter().flatten();
    let entry = entries.into_iter().find(|entry| entry["annotations"].to_string().contains(DAMAGED));
    let manifest = read(&blob(entry.ok_or_else(|| wrong("the image is missing"))?))?;
    let layers = manifest["layers"].as_array().into_iter().flatten();
    let layer = layers.max_by_key(|layer| layer["size"].as_u64()).ok_or_else(|| wrong("the image has no layer"))?;
    let middle = layer["size"].as_u64().unwrap_or(0) / 2;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(blob(layer))?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle)?;
    Ok(file.write_all_at(&[byte[0] ^ 1], middle)?)
}
