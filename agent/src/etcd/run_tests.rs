//! What a member does that can't be asked by others.

use super::{GUARD_PORT, listen};
use crate::etcd::member::Member;
use crate::fake::{Authority, Machine};
use crate::plan::Plan;
use crate::step::Step;
use crate::wait::Deadline;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_port_that_stays_taken_is_named_by_a_code_after_a_while_and_the_step_ends() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut plan = Plan::fake();
    plan.etcd.as_mut().unwrap().members[0].guard_url = format!("https://{address}");
    let machine = Machine::new(plan);
    let member = Member::of(&machine.context, machine.context.plan.etcd.as_ref().unwrap()).unwrap();
    let mut log = machine.begin(Step::Etcd);
    let authority = Authority::new("etcd");
    let identity = authority.identity(&authority);
    let mut wait = |time| listen(&member, &identity, &Arc::default(), Deadline::after(time), &mut log);
    let failure = wait(Duration::from_millis(300)).unwrap_err();
    assert_eq!((failure.code, failure.exit_code()), (&GUARD_PORT, ExitCode::from(4)));
    assert!(failure.message.contains(&address.to_string()), "{failure}");
    let text = machine.told(Step::Etcd);
    assert!(text.contains("waiting to answer the other members: listening on"), "{text}");
    drop(taken);
    wait(Duration::from_secs(20)).unwrap();
}
