//! The places of a drawing: each machine has one of its own.

use super::{Canvas, WIDTH, draw};
use crate::report::model::{Cluster, Endpoint, Group, Node, Report};
use jiff::Timestamp;
use kfimg_profiles::description::{EndpointMode, Role};

fn group(role: Role, names: std::ops::Range<usize>, is_etcd_member: bool) -> Group {
    let node = |number: usize| Node {
        name: format!("machine-{number}"),
        addresses: vec![format!("192.0.2.{number}/24"), "fd00:49::1/64".to_owned()],
        hardware: Vec::new(),
        own: String::new(),
        generation: 1,
        sizes: Vec::new(),
    };
    let (settings, files) = (Vec::new(), Vec::new());
    Group { role, nodes: names.map(node).collect(), is_etcd_member, settings, files }
}

/// So many control planes, members of etcd beside them, and workers in groups.
fn report(planes: usize, apart: usize, workers: &[usize], mode: EndpointMode) -> Report {
    let mut groups: Vec<Group> =
        (0..planes).map(|number| group(Role::ControlPlane, number..number + 1, apart == 0)).collect();
    groups.extend((0..apart).map(|number| group(Role::Etcd, number..number + 1, true)));
    groups.extend(workers.iter().map(|count| group(Role::Worker, 0..*count, false)));
    let text = || "a-name.that-is-long.example.internal".to_owned();
    Report {
        cluster: Cluster {
            name: text(),
            uid: text(),
            kubernetes: text(),
            kfimg: text(),
            generation: 1,
            rendered: Timestamp::default(),
        },
        facts: Vec::new(),
        endpoint: Endpoint { mode, address: text(), note: text() },
        registry: Some(text()),
        groups,
        certificates: Vec::new(),
        ends: Vec::new(),
        images: Vec::new(),
        cis: None,
    }
}

#[test]
fn every_machine_has_a_place_of_its_own_within_the_drawing() {
    let cases = [
        (1, 0, &[][..], EndpointMode::Node),
        (1, 0, &[1], EndpointMode::Node),
        (3, 0, &[2], EndpointMode::Vip),
        (5, 0, &[12], EndpointMode::Vip),
        (7, 0, &[13], EndpointMode::External),
        (1, 3, &[4], EndpointMode::Node),
        (3, 5, &[180, 117], EndpointMode::External),
        (3, 3, &[1000, 1, 50], EndpointMode::Vip),
    ];
    for (planes, apart, workers, mode) in cases {
        let mut canvas = Canvas::default();
        let height = draw(&report(planes, apart, workers, mode), &mut canvas);
        let shapes = canvas.shapes();
        for (class, place) in &shapes {
            let within = place.x >= 0 && place.y >= 0 && place.x + place.width <= WIDTH && place.bottom() <= height;
            assert!(within && place.width > 0 && place.height > 0, "{planes} {apart} {workers:?}: {class} {place:?}");
        }
        let machines: Vec<_> =
            shapes.iter().filter(|(class, _)| class.starts_with("machine") || *class == "square").collect();
        assert_eq!(machines.len(), planes + apart + workers.iter().sum::<usize>());
        for (index, (_, one)) in machines.iter().enumerate() {
            for (_, other) in &machines[..index] {
                let apart = one.x + one.width <= other.x || other.x + other.width <= one.x;
                assert!(apart || one.bottom() <= other.y || other.bottom() <= one.y, "{one:?} {other:?}");
            }
        }
    }
}

/// For who wants to look: `KFIMG_PICTURES=/tmp cargo test -p kfimg-cli every_topology`.
#[test]
fn every_topology_is_a_page() {
    for (name, report) in [
        ("external-lb", report(3, 0, &[5], EndpointMode::External)),
        ("external-etcd", report(3, 3, &[5], EndpointMode::External)),
    ] {
        let page = report.html();
        assert!(page.contains("class=\"topology\""), "{name}");
        if let Some(folder) = std::env::var_os("KFIMG_PICTURES") {
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), page).unwrap();
        }
    }
}
