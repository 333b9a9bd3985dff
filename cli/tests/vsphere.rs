//! govc runs the deploy script against the vCenter simulator: machines are made, get their payloads, boot, and forget them.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::document::read;
use support::fenced::{self, Fenced};
use support::program::{both, empty_folder, find, go_folder, run, succeed};
use support::steps::without_chapter;
use support::vcenter::{self, Vcenter};

/// A machine of the simulator's inventory that serves as the template.
const TEMPLATE: &str = "DC0_H0_VM0";
const SITE: &str = "nodes: [{name: master1, mac: '00:50:56:00:00:11'}]\n";

/// An appliance with one small disk and the properties that carry an Ignition payload.
const OVF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References><File ovf:href="disk.vmdk" ovf:id="file1" ovf:size="512"/></References>
  <DiskSection><Info>Disks</Info>
    <Disk ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="disk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="VM Network"><Description>The network</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="node"><Info>A node</Info><Name>node</Name>
    <OperatingSystemSection ovf:id="96"><Info>System</Info></OperatingSystemSection>
    <VirtualHardwareSection ovf:transport="com.vmware.guestInfo"><Info>Hardware</Info>
      <System><vssd:ElementName>Hardware</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemIdentifier>node</vssd:VirtualSystemIdentifier><vssd:VirtualSystemType>vmx-17</vssd:VirtualSystemType></System>
      <Item><rasd:ElementName>1 CPU</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>memory</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>2048</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>SCSI</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>disk</rasd:ElementName><rasd:HostResource>ovf:/disk/disk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>7</rasd:AddressOnParent><rasd:AutomaticAllocation>true</rasd:AutomaticAllocation><rasd:Connection>VM Network</rasd:Connection><rasd:ElementName>card</rasd:ElementName><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
    </VirtualHardwareSection>
    <ProductSection><Info>Payload</Info><Product>node</Product>
      <Property ovf:key="guestinfo.ignition.config.data" ovf:type="string" ovf:userConfigurable="true"/>
      <Property ovf:key="guestinfo.ignition.config.data.encoding" ovf:type="string" ovf:userConfigurable="true"/>
      <Property ovf:key="guestinfo.kfimg.key" ovf:type="string" ovf:userConfigurable="true"/>
    </ProductSection>
  </VirtualSystem>
</Envelope>
"#;

/// A simulated vCenter, and an output of kfimg to deploy there.
struct Site {
    folder: PathBuf,
    bin: PathBuf,
    vcenter: Vcenter,
}

impl Site {
    fn start(name: &str, options: &[&str]) -> Self {
        Self::of("ha3", name, options)
    }

    /// With the output of that profile.
    fn of(profile: &str, name: &str, options: &[&str]) -> Self {
        let folder = empty_folder(&format!("vsphere/{name}"));
        fs::write(folder.join("site.yaml"), SITE).unwrap();
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(["render", "--profile", profile, "--registry", "reg.local", "--site", "site.yaml"]).args(options);
        succeed(kfimg.current_dir(&folder));
        let bin = go_folder(&["vsphere"]);
        let vcenter = Vcenter::start(&mut Command::new(bin.join("vcsim")));
        Self { folder, bin, vcenter }
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        command.current_dir(&self.folder).env("PATH", path).env("GOVMOMI_HOME", &self.folder);
        command.envs(self.vcenter.environment());
        command
    }

    /// The script, as its user starts it.
    fn deploy(&self, words: &[&str]) -> Output {
        run(self.command("out/vmware/deploy.sh").args(words))
    }

    /// What the simulator knows of a machine.
    fn machine(&self, name: &str) -> Value {
        vcenter::machine(&succeed(self.command(self.bin.join("govc")).args(["vm.info", "-json", "-e", name])))
    }

    /// guestinfo of a machine.
    fn guestinfo(&self, name: &str) -> BTreeMap<String, String> {
        vcenter::guestinfo(&self.machine(name))
    }

    fn power(&self, name: &str) -> String {
        self.machine(name)["runtime"]["powerState"].as_str().unwrap().to_owned()
    }
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn machines_are_cloned_get_their_payloads_and_forget_them() {
    let site = Site::start("clone", &[]);
    let made = site.deploy(&["--template", TEMPLATE, "master1", "worker1"]);
    assert!(made.status.success(), "{}", both(&made));
    for node in ["master1", "worker1"] {
        let value =
            fs::read_to_string(site.folder.join(format!("out/vmware/{node}/guestinfo.ignition.config.data"))).unwrap();
        let guestinfo = site.guestinfo(node);
        assert_eq!(guestinfo["guestinfo.ignition.config.data"], value, "{node}");
        assert_eq!(guestinfo["guestinfo.ignition.config.data.encoding"], "gzip+base64", "{node}");
        assert_eq!(site.power(node), "poweredOn", "{node}");
    }
    let card = site.machine("master1").to_string();
    assert!(card.contains("00:50:56:00:00:11"), "the address of the description: {card}");

    let again = site.deploy(&["--template", TEMPLATE, "master1"]);
    assert!(!again.status.success() && both(&again).contains("there is a machine master1 already"), "{}", both(&again));
    let given = site.deploy(&["master1"]);
    assert!(given.status.success() && both(&given).contains("master1: payload given"), "{}", both(&given));
    let erased = site.deploy(&["--erase", "master1", "worker1"]);
    assert!(erased.status.success(), "{}", both(&erased));
    for node in ["master1", "worker1"] {
        assert!(site.guestinfo(node).values().all(String::is_empty), "{node}: {:?}", site.guestinfo(node).keys());
    }
    let all = site.deploy(&["--template", TEMPLATE, "--no-power-on", "master2", "master3", "worker2"]);
    assert!(all.status.success(), "{}", both(&all));
    assert_eq!(site.power("worker2"), "poweredOff");
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn machines_of_every_profile_are_made() {
    for profile in ["single", "single-vip", "ha3", "ha5", "external-lb", "external-etcd"] {
        for (payload, key) in [("ignition", "guestinfo.ignition.config.data"), ("cloud-init", "guestinfo.userdata")] {
            let option = format!("delivery.payload={payload}");
            let site = Site::of(profile, &format!("{profile}-{payload}"), &["--set", &option]);
            let made = site.deploy(&["--template", TEMPLATE]);
            assert!(made.status.success(), "{profile}: {}", both(&made));
            for node in fs::read_dir(site.folder.join("out/nodes")).unwrap() {
                let node = node.unwrap().file_name().into_string().unwrap();
                let value = fs::read_to_string(site.folder.join(format!("out/vmware/{node}/{key}"))).unwrap();
                assert_eq!(site.guestinfo(&node)[key], value, "{profile}: {node}");
                assert_eq!(site.power(&node), "poweredOn", "{profile}: {node}");
            }
        }
    }
}

fn write_appliance(folder: &Path) {
    fs::write(folder.join("node.ovf"), OVF).unwrap();
    fs::write(folder.join("disk.vmdk"), [0; 512]).unwrap();
    succeed(Command::new("tar").args(["-cf", "node.ova", "node.ovf", "disk.vmdk"]).current_dir(folder));
}

/// An identity of age with its comments, as a site keeps it.
fn write_identity(folder: &Path) -> String {
    succeed(Command::new(find("age-keygen")).args(["-o", "site.key"]).current_dir(folder));
    fs::read_to_string(folder.join("site.key")).unwrap()
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn machines_get_the_key_of_sealed_payloads_and_lose_it_with_them() {
    let site = Site::start("key", &[]);
    let identity = write_identity(&site.folder);
    let made = site.deploy(&["--template", TEMPLATE, "--key", "site.key", "master1", "worker1"]);
    assert!(made.status.success(), "{}", both(&made));
    for node in ["master1", "worker1"] {
        assert_eq!(site.guestinfo(node)["guestinfo.kfimg.key"], identity, "{node}");
    }
    let erased = site.deploy(&["--erase", "master1"]);
    assert!(erased.status.success(), "{}", both(&erased));
    assert!(site.guestinfo("master1").values().all(String::is_empty));
    let given = site.deploy(&["--key", "site.key", "master1"]);
    assert!(given.status.success() && site.guestinfo("master1")["guestinfo.kfimg.key"] == identity, "{}", both(&given));
    let plain = site.deploy(&["worker1"]);
    assert!(plain.status.success(), "{}", both(&plain));
    assert_eq!(site.guestinfo("worker1")["guestinfo.kfimg.key"], identity, "nobody asked for another one");
    for output in [made, erased, given, plain] {
        assert!(!both(&output).contains("AGE-SECRET-KEY"), "the key is shown");
    }
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn an_appliance_is_imported_with_the_key_as_a_property() {
    let site = Site::start("import-key", &["--set", "delivery.guestinfo.transport=ovf-properties"]);
    write_appliance(&site.folder);
    let identity = write_identity(&site.folder);
    let made = site.deploy(&["--ova", "node.ova", "--key", "site.key", "master2"]);
    assert!(made.status.success() && !both(&made).contains("AGE-SECRET-KEY"), "{}", both(&made));
    let machine = site.machine("master2");
    let properties = machine["config"]["vAppConfig"]["property"].as_array().unwrap();
    let value = |key: &str| properties.iter().find(|property| property["id"] == key).unwrap()["value"].clone();
    assert_eq!(value("guestinfo.kfimg.key"), identity.lines().last().unwrap());
    assert_eq!(value("guestinfo.ignition.config.data.encoding"), "gzip+base64");
    let specification = fs::read_to_string(site.folder.join("out/vmware/master2/import.json")).unwrap();
    assert!(!specification.contains("AGE-SECRET-KEY"), "the output is as it was");

    fs::write(site.folder.join("words.txt"), "correct horse battery staple\n").unwrap();
    let refused = site.deploy(&["--ova", "node.ova", "--key", "words.txt", "worker1"]);
    assert!(!refused.status.success() && both(&refused).contains("an identity can be given"), "{}", both(&refused));
    assert!(!both(&refused).contains("horse"), "{}", both(&refused));
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn an_appliance_is_imported_with_the_payload_as_properties() {
    let site = Site::start("import", &["--set", "delivery.guestinfo.transport=ovf-properties"]);
    write_appliance(&site.folder);
    let made = site.deploy(&["--ova", "node.ova", "master2", "worker1"]);
    assert!(made.status.success(), "{}", both(&made));
    let specification = fs::read(site.folder.join("out/vmware/master2/import.json")).unwrap();
    let specification: Value = serde_json::from_slice(&specification).unwrap();
    let machine = site.machine("master2");
    let properties = machine["config"]["vAppConfig"]["property"].as_array().unwrap();
    for wanted in specification["PropertyMapping"].as_array().unwrap() {
        let found = properties.iter().find(|property| property["id"] == wanted["Key"]).unwrap();
        assert_eq!(found["value"], wanted["Value"], "{}", wanted["Key"]);
    }
    assert_eq!(site.power("master2"), "poweredOn");
    let refused = site.deploy(&["master2"]);
    assert!(!refused.status.success() && both(&refused).contains("say --ova"), "{}", both(&refused));
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn the_script_says_what_is_wrong_before_it_makes_anything() {
    let site = Site::start("errors", &[]);
    let cases: [(&[&str], &str); 8] = [
        (&["--template", TEMPLATE, "master9"], "the cluster has no machine master9"),
        (&["master1"], "there is no machine master1 yet"),
        (&["--template", TEMPLATE, "--ova", "x.ova"], "either --template or --ova"),
        (&["--template", TEMPLATE, "--erase", "worker1"], "leave out --template, --ova and --key"),
        (&["--key", "site.key", "--erase", "worker1"], "leave out --template, --ova and --key"),
        (&["--key", "none.key", "worker1"], "there is no file none.key"),
        (&["--colour"], "unknown option --colour"),
        (&["--template", "none", "worker1"], "none"),
    ];
    for (words, expected) in cases {
        let said = site.deploy(words);
        assert!(!said.status.success() && both(&said).contains(expected), "{words:?}: {}", both(&said));
    }
    let in_network = |network: &str| {
        let mut deploy = site.command("out/vmware/deploy.sh");
        run(deploy.args(["--template", TEMPLATE, "--no-power-on", "master1"]).env("GOVC_NETWORK", network))
    };
    let said = in_network("");
    assert!(!said.status.success() && both(&said).contains("say in GOVC_NETWORK"), "{}", both(&said));
    assert!(both(&site.deploy(&["master1"])).contains("there is no machine master1 yet"));
    let said = in_network("none");
    assert!(!said.status.success() && both(&said).contains("master1 may be half made"), "{}", both(&said));
    succeed(site.command(site.bin.join("govc")).args(["vm.destroy", "master1"]));
    // One is there, one not: neither is touched.
    assert!(site.deploy(&["--template", TEMPLATE, "--no-power-on", "worker1"]).status.success());
    let said = site.deploy(&["--template", TEMPLATE, "master1", "worker1"]);
    assert!(!said.status.success() && both(&said).contains("there is a machine worker1 already"), "{}", both(&said));
    assert!(both(&site.deploy(&["master1"])).contains("there is no machine master1 yet"));
    let without =
        run(Command::new("/bin/sh").arg("out/vmware/deploy.sh").current_dir(&site.folder).env("PATH", "/usr/bin:/bin"));
    assert!(!without.status.success() && both(&without).contains("govc is missing"), "{}", both(&without));
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn the_commands_of_the_document_run_in_their_order() {
    let site = Site::start("document", &[]);
    // The chapter of a whole boot is walked through in qemu-tests.
    let text = without_chapter(&read("vmware.md"), "From an empty folder to a control plane");
    let path = format!("{}:{}", site.bin.display(), std::env::var("PATH").unwrap());
    let own = Path::new(env!("CARGO_BIN_EXE_kfimg")).parent().unwrap().display();
    let commands: Vec<_> = fenced::of(&text, "console").iter().flat_map(Fenced::commands).collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for (command, _) in commands {
        let mut shell = site.command("/bin/sh");
        let said = run(shell.args(["-euc", &command]).env("PATH", format!("{own}:{path}")));
        assert!(said.status.success(), "$ {command}\n{}", both(&said));
    }
    assert_eq!(site.guestinfo("master1")["guestinfo.ignition.config.data.encoding"], "gzip+base64");
    assert!(site.guestinfo("worker1").values().all(String::is_empty), "erased");
}

#[test]
#[ignore = "needs govc and the simulator, which `make interop` builds"]
fn the_appliance_of_kfimg_build_takes_the_payload_as_properties() {
    let site = Site::start("built", &["--set", "delivery.guestinfo.transport=ovf-properties"]);
    fake::bundle(&site.folder.join("bundle"), Architecture::Amd64);
    FakeBase::new(Architecture::Amd64).stub(Architecture::Amd64).write(&site.folder.join("base.tar"));
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    let line = "build --base base.tar --bundle bundle --output ova --disk-size 512MiB --slot-size 64MiB --esp-size 64MiB -o images";
    succeed(kfimg.args(line.split(' ')).current_dir(&site.folder));
    let made = site.deploy(&["--ova", "images/appliance.ova", "master1"]);
    assert!(made.status.success(), "{}", both(&made));
    let machine = site.machine("master1");
    let properties = machine["config"]["vAppConfig"]["property"].as_array().unwrap();
    let value = |key: &str| properties.iter().find(|property| property["id"] == key).unwrap()["value"].clone();
    let payload = fs::read_to_string(site.folder.join("out/vmware/master1/import.json")).unwrap();
    let payload: Value = serde_json::from_str(&payload).unwrap();
    for wanted in payload["PropertyMapping"].as_array().unwrap() {
        assert_eq!(value(wanted["Key"].as_str().unwrap()), wanted["Value"], "{}", wanted["Key"]);
    }
    assert_eq!(value("guestinfo.ignition.config.data.encoding"), "gzip+base64");
    assert_eq!(site.power("master1"), "poweredOn");
}
