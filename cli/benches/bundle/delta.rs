//! What is carried when one of eight layers is new, against carrying all.

use std::fs;

use crate::data;
use crate::measure::{Contender, judge, milliseconds, race};
use crate::peers;
use crate::transfer::Work;

/// Measures a delta beside a whole bundle, each from a registry into a tar, by way of a fresh store.
pub(crate) fn run(work: &Work<'_>) {
    let (bench, layer) = (work.bench, work.bench.layer / 2);
    let server = peers::registry(&work.program, &bench.fresh("upstream"));
    let bundle = bench.path("eight");
    for last in [8, 9] {
        data::remove(&bundle);
        data::eight(&bundle, layer, last);
        work.send(&bundle, server.host());
        if last == 8 {
            // What the site got of the first one.
            work.kfimg("receipt", |kfimg| {
                kfimg.args(["--registry", server.host(), "--plain-http", server.host(), "-o", "receipt.json"]);
            });
        }
    }
    data::remove(&bundle);
    let create = |name: &str, more: &[&str]| {
        data::remove(&bench.path(&format!("{name}.store")));
        work.create(server.host(), &bench.fresh(name), more)
    };
    let mut contenders = [
        Contender::new("kfimg, the delta", || create("delta.tar", &["--since", "receipt.json"])),
        Contender::new("kfimg, all of it", || create("whole.tar", &[])),
    ];
    let what = "one of 8 layers is new";
    let medians = race(what, bench.rounds, &mut contenders);
    let size = fs::metadata(bench.path("delta.tar")).expect("it was written").len();
    judge("P8/size", &format!("{what}, the delta's size against that layer's"), "", size as f64 / layer as f64);
    let against = format!("{what}, the delta's time against that of all");
    judge("P8/time", &against, &milliseconds(medians[0]), medians[0] / medians[1]);
    for name in ["delta.tar", "delta.tar.store", "whole.tar", "whole.tar.store", "upstream", "receipt.json"] {
        data::remove(&bench.path(name));
    }
}
