//! iPXE scripts: one that finds out which machine it runs on, and one for each machine.
//!
//! Sources: iPXE's documentation of scripts, settings (`netX/mac:hexhyp`, `uuid`, `serial:uristring`) and of `chain`.

use super::DeliveryFile;
use kfimg_profiles::cluster::{Cluster, Delivery, Node};
use kfimg_profiles::description::PayloadFormat;
use std::fmt::Write;

/// What iPXE asks when the description names no boot server: the one that it was itself loaded from.
const NEXT_SERVER: &str = "http://${next-server}";

/// `pxe/boot.ipxe`, and for each machine one script under every name by which it can be found.
pub fn boot_scripts(cluster: &Cluster) -> Vec<DeliveryFile> {
    let mut files = vec![DeliveryFile { path: "pxe/boot.ipxe".to_owned(), content: chooser(cluster) }];
    for node in &cluster.nodes {
        let script = machine(cluster, node);
        files
            .extend(names(node).map(|name| DeliveryFile { path: format!("pxe/{name}.ipxe"), content: script.clone() }));
    }
    files
}

/// Machines that no script can tell from others: whoever boots them is asked which one it is.
pub fn unnamed_machines(cluster: &Cluster) -> impl Iterator<Item = &Node> {
    cluster.nodes.iter().filter(|node| cards(node).next().is_none() && node.uuid.is_none() && node.serial.is_none())
}

/// Names of a machine's script without extension.
fn names(node: &Node) -> impl Iterator<Item = String> {
    let cards = cards(node).map(|mac| format!("mac-{}", mac.replace(':', "-")));
    let uuid = node.uuid.iter().map(|uuid| format!("uuid-{uuid}"));
    let serial = node.serial.iter().map(|serial| format!("serial-{serial}"));
    let by_hand = std::iter::once(format!("node-{}", node.name));
    cards.chain(uuid).chain(serial).chain(by_hand)
}

/// Ethernet addresses of the machine: any of its cards may be the one that boots.
pub fn cards(node: &Node) -> impl Iterator<Item = String> {
    let bond = node.network.bond.as_ref().map(|bond| bond.macs.as_slice()).unwrap_or_default();
    let own = node.mac.iter().filter(|mac| !bond.contains(mac));
    own.chain(bond).map(ToString::to_string)
}

fn base(delivery: &Delivery) -> &str {
    delivery.boot_server.as_deref().unwrap_or(NEXT_SERVER)
}

fn chooser(cluster: &Cluster) -> String {
    let unnamed: Vec<&Node> = unnamed_machines(cluster).collect();
    let mut script = format!(
        "#!ipxe\n\
         # Boots the machines of the cluster {}: each is known by its Ethernet address, its UUID or its serial number.\n\
         isset ${{boot-server}} || set boot-server {}\n\
         isset ${{ip}} || dhcp || goto again\n\
         :choose\n\
         chain --autofree ${{boot-server}}/pxe/mac-${{netX/mac:hexhyp}}.ipxe ||\n\
         isset ${{uuid}} && chain --autofree ${{boot-server}}/pxe/uuid-${{uuid}}.ipxe ||\n\
         isset ${{serial}} && chain --autofree ${{boot-server}}/pxe/serial-${{serial:uristring}}.ipxe ||\n",
        cluster.name,
        base(&cluster.delivery)
    );
    if !unnamed.is_empty() {
        menu(&unnamed, &mut script);
    }
    script.push_str(
        ":again\n\
         echo No machine of the inventory has the Ethernet address ${netX/mac}, the UUID ${uuid} or the serial number ${serial}.\n\
         echo Trying again in 30 seconds.\n\
         sleep 30\n\
         isset ${ip} || dhcp ||\n\
         goto choose\n",
    );
    script
}

/// Asks a person, who may also wait for an inventory that knows the machine.
fn menu(nodes: &[&Node], script: &mut String) {
    script.push_str("menu Which machine is this? (${netX/mac}, ${uuid}, ${serial})\n");
    for node in nodes {
        let addresses: Vec<String> = node.ips().map(|ip| ip.to_string()).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(script, "item {0} {0}  {1}", node.name, addresses.join(", "));
    }
    script.push_str(
        "item --gap\n\
         item again  none of them: look again\n\
         choose --default again --timeout 60000 node || goto again\n\
         iseq ${node} again && goto again ||\n\
         chain --autofree ${boot-server}/pxe/node-${node}.ipxe ||\n",
    );
}

fn machine(cluster: &Cluster, node: &Node) -> String {
    let delivery = &cluster.delivery;
    let disks: Vec<(String, &String)> =
        delivery.initrd.iter().enumerate().map(|(index, path)| (format!("initrd{index}"), path)).collect();
    let mut script = format!(
        "#!ipxe\n# {} of the cluster {}\nisset ${{boot-server}} || set boot-server {}\n",
        node.name,
        cluster.name,
        base(delivery)
    );
    let mut arguments: Vec<String> = disks.iter().map(|(name, _)| format!("initrd={name}")).collect();
    arguments.extend(payload_arguments(delivery.payload, &node.name));
    arguments.push("ip=dhcp".to_owned());
    arguments.extend(delivery.kernel_arguments.iter().cloned());
    let _ = writeln!(script, "kernel ${{boot-server}}/{} {}", delivery.kernel, arguments.join(" "));
    for (name, path) in disks {
        let _ = writeln!(script, "initrd --name {name} ${{boot-server}}/{path}");
    }
    script.push_str("boot\n");
    script
}

/// Arguments by which the operating system finds its payload.
fn payload_arguments(format: PayloadFormat, node: &str) -> Vec<String> {
    let folder = format!("${{boot-server}}/nodes/{node}");
    match format {
        PayloadFormat::Ignition => vec![
            "ignition.firstboot=1".to_owned(),
            "ignition.platform.id=metal".to_owned(),
            format!("ignition.config.url={folder}/ignition.json"),
        ],
        // `nocloud-net` is what cloud-init 22.4 and later ones all read.
        PayloadFormat::CloudInit => vec![format!("ds=nocloud-net;s={folder}/")],
    }
}
