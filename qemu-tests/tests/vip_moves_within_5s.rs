//! The holder of the virtual address loses power: the API answers through the address again within 5 s, and one machine
//! alone holds it.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Result, Topology, scenario};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(5);
/// Two that announce themselves have agreed by then.
const SETTLED: Duration = Duration::from_secs(10);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn the_api_answers_through_the_virtual_address_5_s_after_its_holder_lost_power() {
    scenario::run("vip_moves_within_5s", Topology::new(3, 1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, Duration::from_secs(240))?;
        cluster.wait_voters(Duration::from_secs(60))?;
        for _ in 0..3 {
            fail_over(cluster)?;
        }
        Ok(())
    });
}

fn fail_over(cluster: &Cluster) -> Result<()> {
    let holder = cluster.wait_one_holder(SETTLED)?;
    let start = Instant::now();
    cluster.machine(&holder)?.power_cut()?;
    let read = || cluster.kubectl(&["get", "namespace", "default", "--request-timeout=1s"]);
    let bound = Duration::from_secs(30);
    wait_for("the API through the virtual address", bound, || {
        let answer = if cluster.endpoint_answers() { read() } else { Err(Error::Off("the endpoint".to_owned())) };
        Ok(answer.map_or_else(|error| Look::NotYet(error.to_string()), |_| Look::Found(())))
    })?;
    let silent = start.elapsed();
    let next = cluster.wait_one_holder(SETTLED)?;
    println!("{holder} -> {next} in {:.1} s", silent.as_secs_f32());
    assert!(silent <= LIMIT, "the API was silent for {silent:?}");
    assert_ne!(next, holder);
    cluster.write_mark(&format!("after-{}", start.elapsed().as_millis()))?;
    // The next one finds all API servers at work again: a Node stays Ready for a while when its machine is off.
    cluster.power_on(&holder)?;
    cluster.wait_node(&holder, Duration::from_secs(120))?;
    cluster.wait_voters(Duration::from_secs(60)).map(drop)
}
