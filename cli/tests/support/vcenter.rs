//! govmomi's vCenter simulator, and what it knows of its machines. Who asks it with govc is the caller's business: the lab of
//! `qemu-tests` does, too.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A simulated vCenter. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Vcenter {
    url: String,
    simulator: Child,
}

impl Vcenter {
    /// Starts it by this command, which runs `vcsim` of `qemu-tests/go`.
    pub(crate) fn start(vcsim: &mut Command) -> Self {
        let mut simulator = vcsim.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(simulator.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self { url: url.trim().to_owned(), simulator }
    }

    /// What govc reads in its environment: where the simulator is, and where its machines go.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 6] {
        [
            ("GOVC_URL", self.url.as_str()),
            ("GOVC_INSECURE", "1"),
            ("GOVC_NETWORK", "VM Network"),
            ("GOVC_DATACENTER", "DC0"),
            ("GOVC_DATASTORE", "LocalDS_0"),
            ("GOVC_RESOURCE_POOL", "/DC0/host/DC0_H0/Resources"),
        ]
    }
}

impl Drop for Vcenter {
    fn drop(&mut self) {
        let _ = self.simulator.kill();
        let _ = self.simulator.wait();
    }
}

/// The machine that `govc vm.info -json -e NAME` told of.
pub(crate) fn machine(told: &str) -> Value {
    serde_json::from_str::<Value>(told).unwrap()["virtualMachines"][0].clone()
}

/// guestinfo of such a machine.
pub(crate) fn guestinfo(machine: &Value) -> BTreeMap<String, String> {
    let settings = machine["config"]["extraConfig"].as_array().unwrap();
    let pair = |setting: &Value| {
        let text = |key: &str| setting[key].as_str().map(str::to_owned);
        Some((text("key")?, text("value")?)).filter(|(key, _)| key.starts_with("guestinfo."))
    };
    settings.iter().filter_map(pair).collect()
}
