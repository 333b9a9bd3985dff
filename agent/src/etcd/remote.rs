//! A control plane whose etcd is elsewhere: its API server starts once the members have a quorum, and starts anew when they
//! have begun a new incarnation.
//!
//! An API server that does not find etcd ends, and comes back minutes after etcd. And one that outlives a recovery would go
//! on with what it remembers of etcd's former data. Whether members may start is not decided here: this only asks.

use super::gateway::Gateway;
use super::manifest::{install_api, remove_api};
use super::round::answer_of;
use crate::failure::Failure;
use crate::guard::{Answer, Phase};
use crate::http::{Client, Identity};
use crate::notify;
use crate::plan::{Member, Plan};
use crate::program::Context;
use crate::root::Root;
use crate::step::StepLog;
use crate::texts::{self, Text};
use crate::wait::{Backoff, jittered};
use std::thread::sleep;
use std::time::Duration;

/// The API server's own certificate towards etcd.
const AUTHORITY: &str = "/etc/kubernetes/pki/etcd/ca.crt";
const CERTIFICATE: &str = "/etc/kubernetes/pki/apiserver-etcd-client.crt";
const KEY: &str = "/etc/kubernetes/pki/apiserver-etcd-client.key";

/// A member that has not answered within this time is silent in this round.
const TIME: Duration = Duration::from_millis(1500);
/// Pauses between rounds while something is awaited.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Pause between rounds while the API server runs: so long it may go on with an etcd that has begun anew.
const CALM_PAUSE: Duration = Duration::from_secs(5);

/// What one member showed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Heard {
    /// Nothing, or it is of another cluster.
    Silent,
    /// It answers, and takes part in no quorum.
    Alone,
    /// It has joined in this incarnation, and read linearizably.
    Quorum(u32),
}

/// What to do about the API server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// Let it start on etcd of this incarnation.
    Start(u32),
    /// End it: etcd has begun anew.
    End,
    /// Leave it as it is.
    Stay,
    /// Nobody has a quorum.
    Wait,
    /// There is a quorum, of an incarnation before the plan's: its data are given up.
    WaitForNewer(u32),
}

/// `runs`: the incarnation that the API server was started on.
fn decide(planned: u32, runs: Option<u32>, heard: &[Heard]) -> Step {
    let incarnations = heard.iter().filter_map(|heard| match heard {
        Heard::Quorum(incarnation) => Some(*incarnation),
        Heard::Silent | Heard::Alone => None,
    });
    match (runs, incarnations.max()) {
        (None, None) => Step::Wait,
        (None, Some(newest)) if newest < planned => Step::WaitForNewer(newest),
        (None, Some(newest)) => Step::Start(newest),
        (Some(runs), Some(newest)) if newest > runs => Step::End,
        (Some(_), _) => Step::Stay,
    }
}

/// Asks the members.
struct Questions {
    uid: String,
    client: Client,
    members: Vec<(Member, Gateway)>,
}

impl Questions {
    fn new(root: &Root, plan: &Plan) -> Result<Self, Failure> {
        let identity = Identity::read(&root.at(AUTHORITY), &root.at(CERTIFICATE), &root.at(KEY))?;
        let with_gateway = |member: &Member| Ok((member.clone(), Gateway::new(&identity, &member.client_url)?));
        let members: Result<_, crate::http::HttpError> = plan.remote_etcd.iter().map(with_gateway).collect();
        let client = Client::new(&identity, TIME).map_err(Failure::internal)?;
        Ok(Self { uid: plan.cluster.uid.clone(), client, members: members.map_err(Failure::internal)? })
    }

    /// All members at once, in their order.
    fn ask(&self) -> Vec<Heard> {
        std::thread::scope(|scope| {
            let asked: Vec<_> = self.members.iter().map(|member| scope.spawn(|| self.hear(member))).collect();
            asked.into_iter().map(|thread| thread.join().unwrap_or(Heard::Silent)).collect()
        })
    }

    fn hear(&self, (member, gateway): &(Member, Gateway)) -> Heard {
        let Ok(answer) = answer_of(&self.client, &member.guard_url, None) else { return Heard::Silent };
        if answer.uid != self.uid {
            return Heard::Silent;
        }
        if has_joined(&answer) && gateway.members().is_ok() { Heard::Quorum(answer.incarnation) } else { Heard::Alone }
    }

    /// Names of those who showed this.
    fn names(&self, heard: &[Heard], shown: Heard) -> String {
        let these = self.members.iter().zip(heard).filter(|(_, heard)| **heard == shown);
        these.map(|((member, _), _)| member.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn waiting(&self, heard: &[Heard]) -> Text {
        match (self.names(heard, Heard::Silent), self.names(heard, Heard::Alone)) {
            (silent, alone) if silent.is_empty() => texts::etcd::remote_alone(alone),
            (silent, alone) if alone.is_empty() => texts::etcd::remote_silent(silent),
            (silent, alone) => texts::etcd::remote_both(silent, alone),
        }
    }
}

/// In the incarnation that it answers for.
fn has_joined(answer: &Answer) -> bool {
    let marker = answer.marker.as_ref();
    marker.is_some_and(|marker| {
        marker.uid == answer.uid && marker.incarnation == answer.incarnation && marker.phase == Phase::Joined
    })
}

/// Runs until the program is ended.
///
/// # Errors
/// The certificates can't be used.
pub(super) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let Context { root, plan } = context;
    let questions = Questions::new(root, plan)?;
    notify::ready();
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut runs = None;
    loop {
        let heard = questions.ask();
        let step = decide(plan.cluster.incarnation, runs, &heard);
        match step {
            Step::Start(incarnation) => {
                install_api(root, plan)?;
                runs = Some(incarnation);
                backoff.reset();
                notify::status("etcd answers");
                log.done(&texts::etcd::remote_done());
            }
            Step::End => {
                log.running(&texts::etcd::remote_newer());
                remove_api(root, plan)?;
                runs = None;
            }
            Step::Stay => {}
            Step::Wait => tell(log, &questions.waiting(&heard)),
            Step::WaitForNewer(incarnation) => {
                let planned = plan.cluster.incarnation;
                tell(log, &texts::etcd::remote_older(planned, incarnation));
            }
        }
        sleep(if matches!(step, Step::Wait | Step::WaitForNewer(_)) { backoff.next() } else { jittered(CALM_PAUSE) });
    }
}

fn tell(log: &mut StepLog, text: &Text) {
    notify::status(text.as_str());
    log.waiting(text);
}

#[cfg(test)]
mod tests {
    use super::{Heard, Step, decide};

    #[test]
    fn the_api_server_starts_on_a_quorum_of_its_own_time_and_anew_after_a_recovery() {
        use Heard::{Alone, Quorum, Silent};
        let cases: [(u32, Option<u32>, &[Heard], Step); 10] = [
            (1, None, &[], Step::Wait),
            (1, None, &[Silent, Alone, Alone], Step::Wait),
            (1, None, &[Silent, Quorum(1), Silent], Step::Start(1)),
            // The members were booted after this machine's payload was rendered anew; they are right.
            (1, None, &[Quorum(2), Quorum(2), Silent], Step::Start(2)),
            // Those who have not booted with the new payload yet: what they know is given up.
            (2, None, &[Quorum(1), Quorum(1), Alone], Step::WaitForNewer(1)),
            (2, None, &[Quorum(1), Quorum(2), Silent], Step::Start(2)),
            (1, Some(1), &[Quorum(1), Silent, Silent], Step::Stay),
            // Without etcd it is not ready, and well again when etcd is.
            (1, Some(1), &[Silent, Silent, Silent], Step::Stay),
            (1, Some(1), &[Alone, Alone, Quorum(2)], Step::End),
            (2, Some(2), &[Quorum(1), Silent, Silent], Step::Stay),
        ];
        for (planned, runs, heard, expected) in cases {
            assert_eq!(decide(planned, runs, heard), expected, "{planned} {runs:?} {heard:?}");
        }
    }
}
