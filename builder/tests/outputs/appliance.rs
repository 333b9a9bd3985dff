//! The appliance: tar unpacks it, its digests are right, its description names what is in it, qemu-img reads its disk.

use crate::made::Made;
use crate::program::{empty_folder, program, succeed};
use kfimg_builder::disk::{self, DiskSizes};
use kfimg_builder::output::{Medium, Watch};
use kfimg_builder::ova::{self, Machine};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[test]
fn an_appliance_is_whole() {
    let made = Made::new("ova");
    let kernel_image = made.kernel_image(Medium::Disk);
    let ova = made.path("node.ova");
    // Smaller than it is by default: qemu-img reads all of it.
    let sizes = DiskSizes { disk: Some(2 << 30), ..DiskSizes::default() };
    ova::write(&made.parts, &kernel_image, sizes, Machine::default(), &ova, &Watch::default()).unwrap();
    let listed = succeed(program("tar").args(["--numeric-owner", "-tvf"]).arg(&ova).env("TZ", "UTC"));
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(names, ["kfimg-1.36.3-1.ovf", "kfimg-1.36.3-1.mf", "kfimg-1.36.3-1-disk1.vmdk"]);
    assert!(listed.lines().all(|line| line.starts_with("-rw-r--r-- 0/0 ") && line.contains("2023-11-14 22:13")));
    let folder = empty_folder("ova/unpacked");
    succeed(program("tar").arg("-xf").arg(&ova).arg("-C").arg(&folder));

    let manifest = fs::read_to_string(folder.join(names[1])).unwrap();
    for (line, name) in manifest.lines().zip([names[0], names[2]]) {
        let digest = line.strip_prefix(&format!("SHA256({name})= ")).unwrap();
        let said = succeed(program("sha256sum").arg(folder.join(name)));
        assert_eq!(said.split(' ').next().unwrap(), digest);
    }
    let description = fs::read_to_string(folder.join(names[0])).unwrap();
    assert!(!description.contains('@'), "every place is filled in: {description}");
    let length = fs::metadata(folder.join(names[2])).unwrap().len();
    for wanted in [format!("ovf:size=\"{length}\""), "ovf:capacity=\"2147483648\"".to_owned()] {
        assert!(description.contains(&wanted), "{wanted}: {description}");
    }
    succeed(program("xmllint").args(["--nonet", "--noout"]).arg(folder.join(names[0])));

    let raw = made.path("disk.raw");
    disk::write_raw(&disk::content(&made.parts, &kernel_image, sizes).unwrap(), &raw, &Watch::default()).unwrap();
    let mut compare = program("qemu-img");
    succeed(compare.args(["compare", "-f", "raw", "-F", "vmdk"]).args([&raw, &folder.join(names[2])]));

    let again = made.path("again.ova");
    ova::write(&made.parts, &kernel_image, sizes, Machine::default(), &again, &Watch::default()).unwrap();
    assert!(fs::read(&ova).unwrap() == fs::read(&again).unwrap());
    let left: Vec<_> = fs::read_dir(&made.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

/// A simulated vCenter of govmomi.
struct VCenter {
    bin: PathBuf,
    url: String,
    simulator: Child,
}

impl VCenter {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/build.sh");
        let bin = PathBuf::from(succeed(Command::new(script).arg("vsphere")).trim_end());
        let mut simulator =
            Command::new(bin.join("vcsim")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(simulator.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self { bin, url: url.trim().to_owned(), simulator }
    }

    fn govc(&self, made: &Made, words: &[&str]) -> String {
        let mut govc = Command::new(self.bin.join("govc"));
        govc.args(words).current_dir(&made.folder).env("GOVC_URL", &self.url).env("GOVC_INSECURE", "1");
        govc.envs([("GOVC_NETWORK", "VM Network"), ("GOVC_DATACENTER", "DC0"), ("GOVC_DATASTORE", "LocalDS_0")]);
        govc.env("GOVC_RESOURCE_POOL", "/DC0/host/DC0_H0/Resources").env("GOVMOMI_HOME", &made.folder);
        succeed(&mut govc)
    }
}

impl Drop for VCenter {
    fn drop(&mut self) {
        let _ = self.simulator.kill();
        let _ = self.simulator.wait();
    }
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn govc_imports_it_with_the_payload_as_properties() {
    let made = Made::new("govc");
    let kernel_image = made.kernel_image(Medium::Disk);
    let ova = made.path("node.ova");
    ova::write(&made.parts, &kernel_image, DiskSizes::default(), Machine::default(), &ova, &Watch::default()).unwrap();
    let center = VCenter::start();
    let specification = center.govc(&made, &["import.spec", "node.ova"]);
    let keys = [
        "guestinfo.ignition.config.data",
        "guestinfo.ignition.config.data.encoding",
        "guestinfo.userdata",
        "guestinfo.userdata.encoding",
        "guestinfo.metadata",
        "guestinfo.metadata.encoding",
        "guestinfo.kfimg.key",
    ];
    for wanted in keys.iter().copied().chain(["VM Network"]) {
        assert!(specification.contains(&format!("\"{wanted}\"")), "{wanted}: {specification}");
    }
    // As crate `ignition` writes it for a node.
    let import = r#"{"Name": "node", "DiskProvisioning": "thin", "PowerOn": false, "InjectOvfEnv": true, "PropertyMapping": [
        {"Key": "guestinfo.ignition.config.data", "Value": "H4sI"},
        {"Key": "guestinfo.ignition.config.data.encoding", "Value": "gzip+base64"}]}"#;
    fs::write(made.path("import.json"), import).unwrap();
    center.govc(&made, &["import.ova", "-options=import.json", "-name=node", "node.ova"]);
    let machine: Value = serde_json::from_str(&center.govc(&made, &["vm.info", "-json", "node"])).unwrap();
    let machine = &machine["virtualMachines"][0]["config"];
    let properties = machine["vAppConfig"]["property"].as_array().unwrap();
    let value =
        |key: &str| properties.iter().find(|property| property["id"] == key).map(|found| found["value"].clone());
    assert_eq!(value(keys[0]), Some("H4sI".into()), "{properties:?}");
    assert_eq!(value(keys[1]), Some("gzip+base64".into()), "{properties:?}");
    assert!(keys.iter().all(|key| value(key).is_some()), "{properties:?}");
    assert_eq!((&machine["hardware"]["numCPU"], &machine["hardware"]["memoryMB"]), (&2.into(), &4096.into()));
    center.govc(&made, &["vm.power", "-on", "node"]);
}
