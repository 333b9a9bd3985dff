//! etcd's static pod: its manifest in the kubelet's folder, and whether etcd runs.
//!
//! Which flags, and when, is the guard's decision. The template comes from the payload and has none of them.

use super::fence::{Fence, fenced};
use super::flags::InitialFlags;
use super::process;
use crate::command::{self, CommandError};
use crate::files;
use crate::plan;
use crate::root::Root;
use crate::wait::Deadline;
use rustix::process::Signal;
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// The container whose command gets the flags.
const CONTAINER: &str = "etcd";
/// Where a pod says whether its containers start again.
const RESTART_POLICY: &str = "/spec/restartPolicy";
/// They don't.
const NEVER: &str = "Never";
/// Where the kubelet keeps the logs of pods, and what the names of etcd's begin with.
const POD_LOGS: &str = "/var/log/pods";
const POD: &str = "kube-system_etcd-";
/// A pause between two looks at a process that is to end.
const LOOK: Duration = Duration::from_millis(200);
/// How long nothing may have been seen of etcd before it counts as ended: a kubelet that has just read the manifest may
/// still be about to start it.
const SETTLED: Duration = Duration::from_secs(4);

/// How long the kubelet has to end etcd. One that has not read from the API server since it started ends no pod whose manifest is
/// gone, and starts no other one of that name (`deletePod` and `allowPodStart` of `pkg/kubelet`): on a control plane it reads there
/// when etcd has a quorum, and not before.
const PATIENCE: Duration = Duration::from_secs(30);
/// The kubelet's unit, and how long it may take to start.
const KUBELET: &str = "kubelet.service";
const KUBELET_START: Duration = Duration::from_secs(60);

/// What is wrong with a manifest, or keeps etcd from ending.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    /// The template is not what a payload contains.
    #[error("{path}: {reason}; boot a payload that `kfimg render` wrote")]
    Template {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Reading or writing failed; the path is in the message.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The kubelet does not end etcd, and can't be started anew.
    #[error("starting the kubelet anew, which does not end etcd: {0}")]
    Kubelet(#[from] CommandError),
    /// etcd goes on although its manifest is gone.
    #[error("etcd has not ended {0} s after its manifest was removed; look at the kubelet's log")]
    StillRuns(u64),
}

/// The manifest with these flags, as JSON, which the kubelet reads as YAML. With flags that are good for one start only
/// the kubelet must not start the container again (`restartPolicy: Never`): a container that was founded or forced and
/// then restarts with an emptied folder would do it a second time. What died comes back by a new decision.
///
/// # Errors
/// A text: the template has no container `etcd` with a command, or is not JSON.
pub(crate) fn compose(template_json: &[u8], flags: &InitialFlags) -> Result<Vec<u8>, String> {
    let mut pod: Value = serde_json::from_slice(template_json).map_err(|error| error.to_string())?;
    let containers = pod.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
    let etcd = containers.into_iter().flatten().find(|container| container["name"] == CONTAINER);
    let command = etcd.and_then(|container| container.get_mut("command")).and_then(Value::as_array_mut);
    let command = command.ok_or("there is no container `etcd` with a command")?;
    command.extend(flags.arguments().into_iter().map(Value::String));
    if flags.once() {
        pod["spec"]["restartPolicy"] = Value::from(NEVER);
    }
    fenced(&mut pod, &flags.id());
    serde_json::to_vec_pretty(&pod).map_err(|error| error.to_string())
}

/// etcd's manifest on this node.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    template: PathBuf,
    installed: PathBuf,
    process: process::Etcd,
    fence: Fence,
    pod_logs: PathBuf,
    patience: Duration,
    /// Whether the kubelet is this machine's; that of a test is the test itself.
    has_kubelet: bool,
}

impl Manifest {
    /// The one that the plan names.
    pub(crate) fn of(root: &Root, plan: &plan::Plan, etcd: &plan::Etcd) -> Self {
        Self {
            fence: Fence::of(root, plan),
            pod_logs: root.at(POD_LOGS),
            template: root.at(&etcd.manifest.source),
            installed: root.at(&etcd.manifest.destination),
            process: process::Etcd::of(root, etcd),
            patience: PATIENCE,
            has_kubelet: root.is_machine(),
        }
    }

    /// Writes the manifest with these flags where the kubelet finds it. One that is there with the same words stays.
    pub(crate) fn install(&self, flags: &InitialFlags) -> Result<(), ManifestError> {
        let template = fs_err::read(&self.template)?;
        let wrong = |reason| ManifestError::Template { path: self.template.clone(), reason };
        let text = compose(&template, flags).map_err(wrong)?;
        self.fence.open(&flags.id())?;
        if fs_err::read(&self.installed).is_ok_and(|old| old == text) {
            return Ok(());
        }
        Ok(files::replace(&self.installed, &text)?)
    }

    /// Takes the keys and the manifest away; the kubelet then ends etcd, and what it is about to start ends by itself.
    pub(crate) fn remove(&self) -> Result<(), ManifestError> {
        self.fence.close()?;
        Ok(files::remove(&self.installed)?)
    }

    /// Whether a container of etcd was started since the manifest was written: its log is made with it
    /// (`/var/log/pods/kube-system_etcd-<node>_<uid>/etcd/<attempt>.log`).
    pub(crate) fn was_started(&self) -> bool {
        let written = |path: &Path| fs_err::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let Some(installed) = written(&self.installed) else { return false };
        let pods = entries(&self.pod_logs)
            .filter(|pod| pod.file_name().is_some_and(|name| name.to_string_lossy().starts_with(POD)));
        let mut logs = pods.flat_map(|pod| entries(&pod.join(CONTAINER)));
        logs.any(|log| written(&log).is_some_and(|moment| moment >= installed))
    }

    /// Whether the kubelet is told to run etcd.
    pub(crate) fn is_installed(&self) -> bool {
        self.installed.exists()
    }

    /// Whether the manifest that is there lets etcd start once only, so that the kubelet won't bring it back. What can't
    /// be read is taken for one that does.
    pub(crate) fn starts_once(&self) -> bool {
        let pod: Option<Value> = fs_err::read(&self.installed).ok().and_then(|text| serde_json::from_slice(&text).ok());
        pod.is_none_or(|pod| pod.pointer(RESTART_POLICY).and_then(Value::as_str) == Some(NEVER))
    }

    /// Whether etcd runs, or the kubelet may start it at any moment: what the guard's table calls running. In doubt it
    /// does.
    pub(crate) fn is_running(&self) -> bool {
        self.is_installed() || self.process.is_alive()
    }

    /// Whether a process of etcd has the data open or is about to.
    pub(crate) fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Removes the manifest and waits until etcd has really ended. One that the kubelet does not end is ended here.
    pub(crate) fn stop_and_wait(&self, bound: Duration) -> Result<(), ManifestError> {
        if !self.is_running() {
            return Ok(());
        }
        self.remove()?;
        let deadline = Deadline::after(bound);
        let (mut quiet, mut patience) = (Deadline::after(SETTLED), Deadline::after(self.patience));
        let mut signals = [Signal::TERM, Signal::KILL].into_iter();
        while !quiet.over() {
            if deadline.over() {
                return Err(ManifestError::StillRuns(bound.as_secs()));
            }
            sleep(LOOK);
            if !self.process.is_alive() {
                continue;
            }
            quiet = Deadline::after(SETTLED);
            if patience.over()
                && let Some(signal) = signals.next()
            {
                self.end(signal)?;
                patience = Deadline::after(self.patience);
            }
        }
        Ok(())
    }

    /// Ends etcd without the kubelet, which starts anew before, and then knows of no etcd that it should start again.
    fn end(&self, signal: Signal) -> Result<(), ManifestError> {
        if signal == Signal::TERM && self.has_kubelet {
            let mut systemctl = Command::new("systemctl");
            command::output(systemctl.args(["restart", KUBELET]), KUBELET_START, 0)?;
        }
        self.process.send(signal);
        Ok(())
    }
}

/// Installs the manifests of the API server and of what offers it to others, where the plan has them. A kubelet never sees half of one.
pub(crate) fn install_api(root: &Root, plan: &plan::Plan) -> io::Result<()> {
    for manifest in plan.api_manifests() {
        let text = fs_err::read(root.at(&manifest.source))?;
        let target = root.at(&manifest.destination);
        if fs_err::read(&target).is_ok_and(|old| old == text) {
            continue;
        }
        files::replace(&target, &text)?;
    }
    Ok(())
}

/// Takes these manifests away; the kubelet then ends their pods.
pub(crate) fn remove_api(root: &Root, plan: &plan::Plan) -> io::Result<()> {
    plan.api_manifests().try_for_each(|manifest| files::remove(&root.at(&manifest.destination)))
}

/// What is in a folder; nothing where it can't be read.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::{InitialFlags, Manifest, ManifestError, compose, install_api, process, remove_api};
    use crate::plan::Plan;
    use crate::root::Root;
    use serde_json::{Value, json};
    use std::fs;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};
    use tempfile::TempDir;

    const URL: &str = "https://192.0.2.11:2380";

    fn template() -> Vec<u8> {
        let other = json!({"name": "other", "command": ["sleep"]});
        let etcd = json!({"name": "etcd", "command": ["etcd", "--name=master1"]});
        json!({"kind": "Pod", "spec": {"containers": [other, etcd]}}).to_string().into_bytes()
    }

    fn node() -> (TempDir, Manifest, Plan) {
        let folder = TempDir::new().unwrap();
        let root = Root::new(folder.path());
        let mut plan = Plan::fake();
        plan.etcd.as_mut().unwrap().data_dir = folder.path().join("data").to_str().unwrap().to_owned();
        let etcd = plan.etcd.as_ref().unwrap();
        for path in ["/etc/kfimg/manifests", "/etc/kubernetes/manifests", &etcd.data_dir] {
            fs::create_dir_all(root.at(path)).unwrap();
        }
        fs::create_dir_all(&etcd.data_dir).unwrap();
        fs::write(root.at(&etcd.manifest.source), template()).unwrap();
        // Its processes are this machine's.
        let process = process::Etcd::of(&Root::new("/"), etcd);
        let manifest = Manifest { process, ..Manifest::of(&root, &plan, etcd) };
        (folder, manifest, plan)
    }

    /// A process that looks like etcd with this folder, and ends by itself.
    fn pretend(plan: &Plan, seconds: &str) -> Child {
        let data_dir = &plan.etcd.as_ref().unwrap().data_dir;
        let script = format!("sleep {seconds}; true");
        Command::new("/bin/sh")
            .arg0("etcd")
            .args(["-c", &script, "etcd"])
            .arg(format!("--data-dir={data_dir}"))
            .spawn()
            .unwrap()
    }

    #[test]
    fn each_mode_has_its_flags_and_only_one_may_be_started_again() {
        let two =
            vec![("master1".to_owned(), URL.to_owned()), ("master2".to_owned(), "https://192.0.2.12:2380".to_owned())];
        let both = "--initial-cluster=master1=https://192.0.2.11:2380,master2=https://192.0.2.12:2380";
        let alone = "--initial-cluster=master1=https://192.0.2.11:2380";
        let (new, existing) = ("--initial-cluster-state=new", "--initial-cluster-state=existing");
        let cases: [(InitialFlags, &[&str], bool); 4] = [
            (InitialFlags::found(two.clone(), "t".to_owned(), URL), &[both, new, "--initial-cluster-token=t"], true),
            (InitialFlags::join(two, URL), &[both, existing], true),
            (InitialFlags::self_only("master1", URL), &[alone, existing], false),
            (InitialFlags::force_new("master1", URL), &[alone, existing, "--force-new-cluster"], true),
        ];
        for (flags, expected, once) in cases {
            let pod: Value = serde_json::from_slice(&compose(&template(), &flags).unwrap()).unwrap();
            let mut command = vec!["etcd", "--name=master1", "--initial-advertise-peer-urls=https://192.0.2.11:2380"];
            command.extend(expected);
            assert_eq!(pod["spec"]["containers"][1]["command"], json!(command));
            assert_eq!(pod["spec"]["containers"][0]["command"], json!(["sleep"]));
            assert_eq!(pod["spec"]["restartPolicy"] == "Never", once);
        }
        for text in ["", "[]", "{}", r#"{"spec":{"containers":[{"name":"etcd"}]}}"#, r#"{"spec":{"containers":{}}}"#] {
            assert!(compose(text.as_bytes(), &InitialFlags::self_only("a", "b")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_manifest_appears_whole_and_goes_again() {
        let (folder, manifest, mut plan) = node();
        assert!(!manifest.is_installed() && !manifest.is_running());
        manifest.install(&InitialFlags::force_new("master1", URL)).unwrap();
        assert!(manifest.is_running() && manifest.starts_once() && !manifest.is_alive());
        manifest.install(&InitialFlags::self_only("master1", URL)).unwrap();
        assert!(manifest.is_installed() && !manifest.starts_once());
        let root = Root::new(folder.path());
        let written =
            |root: &Root| fs::metadata(root.at("/etc/kubernetes/manifests/etcd.yaml")).unwrap().modified().unwrap();
        let before = written(&root);
        manifest.install(&InitialFlags::self_only("master1", URL)).unwrap();
        assert_eq!(written(&root), before, "the same words are not written again: the kubelet would look");
        let names: Vec<_> =
            fs::read_dir(root.at("/etc/kubernetes/manifests")).unwrap().map(|name| name.unwrap().file_name()).collect();
        assert_eq!(names, ["etcd.yaml"]);
        manifest.remove().unwrap();
        manifest.remove().unwrap();
        assert!(!manifest.is_installed());

        let pods = ["kube-apiserver.yaml", "keepalived.yaml"];
        install_api(&root, &plan).unwrap_err();
        for pod in pods {
            fs::write(root.at(format!("/etc/kfimg/manifests/{pod}")), pod).unwrap();
        }
        install_api(&root, &plan).unwrap();
        for pod in pods {
            assert_eq!(fs::read_to_string(root.at(format!("/etc/kubernetes/manifests/{pod}"))).unwrap(), pod);
        }
        remove_api(&root, &plan).unwrap();
        remove_api(&root, &plan).unwrap();
        for pod in pods {
            assert!(!root.at(format!("/etc/kubernetes/manifests/{pod}")).exists(), "{pod}");
        }
        (plan.api_server_manifest, plan.keepalived_manifest) = (None, None);
        install_api(&root, &plan).unwrap();
        remove_api(&root, &plan).unwrap();
    }

    #[test]
    fn etcd_has_ended_when_its_process_has() {
        let (_folder, manifest, plan) = node();
        let mut ours = pretend(&plan, "2");
        let mut elsewhere = plan.clone();
        elsewhere.etcd.as_mut().unwrap().data_dir.push_str("-of-somebody-else");
        let mut other = pretend(&elsewhere, "20");
        manifest.install(&InitialFlags::self_only("master1", URL)).unwrap();
        assert!(manifest.is_alive());
        let began = Instant::now();
        let early = manifest.stop_and_wait(Duration::from_secs(1));
        assert!(matches!(early, Err(ManifestError::StillRuns(1))) && !manifest.is_installed());
        assert!(manifest.is_running(), "the process counts, not the manifest");
        // Nobody reaps the process in a test but the test itself.
        std::thread::spawn(move || ours.wait());
        manifest.stop_and_wait(Duration::from_secs(30)).unwrap();
        assert!(began.elapsed() >= Duration::from_secs(2) && !manifest.is_running());
        manifest.stop_and_wait(Duration::ZERO).unwrap();
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn etcd_that_the_kubelet_does_not_end_is_ended_and_nobody_elses() {
        let (_folder, manifest, plan) = node();
        let manifest = Manifest { patience: Duration::from_secs(1), ..manifest };
        let mut ours = pretend(&plan, "60");
        let mut elsewhere = plan.clone();
        elsewhere.etcd.as_mut().unwrap().data_dir.push_str("-of-somebody-else");
        let mut other = pretend(&elsewhere, "60");
        manifest.install(&InitialFlags::self_only("master1", URL)).unwrap();
        let reaped = std::thread::spawn(move || ours.wait());
        manifest.stop_and_wait(Duration::from_secs(30)).unwrap();
        let ended = reaped.join().unwrap().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(15));
        assert!(!manifest.is_running() && other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
