//! A machine with a sealed payload has no secret until somebody brings the key: it says that it waits, starts nothing, takes no
//! wrong key, and goes on by itself with the right one, whichever way that comes. A stock Debian with cloud-init does the same.

use kfimg_lab::seal::{Seal, new_pair};
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Machine, Result, Topology, scenario};
use std::process::{Command, Stdio};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// The places are looked at every few seconds, and the console is given twenty.
const LOOKED: Duration = Duration::from_secs(90);
const WAITING: &str = "the payload is sealed and its key is not here";
const LABEL: &str = "KFIMG-KEY";
/// Name of the file on the medium, and of systemd's credential.
const KEY: &str = "kfimg.key";
const PASSPHRASE: &str = "correct horse battery staple";
/// Files with a key in them that whoever is not root may read. What an image brings is in no payload.
const READABLE: &str = "find /run /etc /root /tmp /var -xdev -path /var/lib/containerd -prune -o -type f -perm /077 \
                        -exec grep -lE 'PRIVATE KEY|client-key-data|AGE-SECRET-KEY|correct horse' {} +; true";
/// Files with a key of the payload's in them, which may be kept on the disk. What an installed system's own sshd makes is in no payload.
const SECRETS: &str =
    "grep -rlE --exclude='ssh_host_*_key' 'PRIVATE KEY|client-key-data' /etc /root /run/kfimg /tmp /var/log; true";
/// Files with what opens the payload in them.
const OPENERS: &str =
    "grep -rlE 'AGE-SECRET-KEY|correct horse' /etc /root /run/kfimg /tmp /var/lib/kfimg /var/log; true";
/// The text of all files in a seed's archive, as `docs/cloud-init.md` unpacks it.
const UNPACK: &str = r#"sed -n "/<<'END'/,/^ *END\$/{//!p}" "$1" | base64 -di | tar -xzO"#;
/// A person at a terminal, who types when asked. What is not in the foreground there would be stopped when it reads.
const TYPE: &str =
    "(sleep 1; cat) | script -qec 'timeout --foreground 10 systemd-tty-ask-password-agent --query' /dev/null";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn nothing_starts_before_the_key_is_there_and_all_does_when_it_is() {
    let (identity, seal) = new_pair().expect("age-keygen makes a pair of keys: apt-get install age");
    let topology = Topology::new(1, 1);
    scenario::run("sealed_waits_for_its_key", topology.clone().sealed(seal), |cluster| {
        for node in ["master1", "worker1"] {
            let payload = fs_err::read_to_string(cluster.payload(node))?;
            assert!(payload.contains("sealed.age") && !payload.contains("PRIVATE"), "{node}");
        }
        let master = cluster.machine("master1")?;
        comes_by_a_medium(cluster, &master, &identity)?;

        // The hypervisor has the key, and nobody has to come.
        let worker = cluster.machine("worker1")?;
        worker.set_credential(KEY, Some(&identity))?;
        cluster.power_on("worker1")?;
        cluster.wait_ready(2, BOUND)?;
        cluster.wait_pods(BOUND)?;
        worker.set_credential(KEY, None)?;
        for machine in [&master, &worker] {
            keeps_secrets(machine)?;
        }

        // A boot at night needs nobody.
        master.power_cut()?;
        cluster.power_on("master1")?;
        cluster.wait_node("master1", BOUND)?;
        assert!(told(&master).contains("what was kept"), "{}", told(&master));

        cluster.render(topology.sealed(Seal::Passphrase(PASSPHRASE.to_owned())))?;
        worker.power_off()?;
        comes_by_hand(cluster, &worker)?;
        keeps_secrets(&worker)
    });
}

#[test]
#[ignore = "boots machines: make cluster-test"]
fn what_cloud_init_brings_waits_for_its_key_too() {
    let (identity, seal) = new_pair().expect("age-keygen makes a pair of keys: apt-get install age");
    let topology = Topology::new(1, 0).installed(&["master1"]).sealed(seal);
    scenario::run("sealed_by_cloud_init", topology, |cluster| {
        let user_data = cluster.output().join("nodes/master1/user-data");
        let archive = Command::new("sh").args(["-euc", UNPACK, "sh"]).arg(user_data).output()?;
        let carried = String::from_utf8_lossy(&archive.stdout);
        assert!(archive.status.success() && carried.contains("age-encryption.org"), "{carried}");
        assert!(!carried.contains("PRIVATE KEY") && !carried.contains("client-key-data"), "the seed has keys");

        let master = cluster.machine("master1")?;
        comes_by_a_medium(cluster, &master, &identity)?;
        cluster.wait_voters(BOUND)?;
        keeps_secrets(&master)?;
        cluster.write_mark("sealed")?;

        // The root lasts, and so does what was opened: the seed alone opens nothing.
        master.power_cut()?;
        cluster.power_on("master1")?;
        cluster.wait_node("master1", BOUND)?;
        assert!(told(&master).contains("what was kept"), "{}", told(&master));
        assert_eq!(cluster.marks()?, ["sealed"]);
        Ok(())
    });
}

fn comes_by_a_medium(cluster: &Cluster, master: &Machine, identity: &str) -> Result<()> {
    cluster.power_on("master1")?;
    master.wait_told("unseal", WAITING, LOOKED)?;
    has_nothing(master)?;
    let (other, _) = new_pair()?;
    master.plug_medium(LABEL, KEY, &other)?;
    master.wait_told("unseal", "SEALED_WRONG_KEY", LOOKED)?;
    has_nothing(master)?;
    master.plug_medium(LABEL, KEY, identity)?;
    cluster.wait_ready(1, BOUND)?;
    assert!(told(master).contains("medium KFIMG-KEY"), "{}", told(master));
    master.unplug_medium()
}

/// The new payload is another sealed one: what was kept does not open it.
fn comes_by_hand(cluster: &Cluster, worker: &Machine) -> Result<()> {
    cluster.power_on("worker1")?;
    worker.wait_told("unseal", WAITING, LOOKED)?;
    has_nothing(worker)?;
    let look = || {
        if told(worker).contains("typed at the console") {
            return Ok(Look::Found(()));
        }
        type_passphrase(worker)?;
        Ok(Look::NotYet(format!("{:?}", worker.step("unseal"))))
    };
    wait_for("worker1: a passphrase that is typed", LOOKED, look)?;
    cluster.wait_node("worker1", BOUND)
}

fn type_passphrase(worker: &Machine) -> Result<()> {
    let mut typing = worker.command("sh")?;
    let mut typing = typing.args(["-c", TYPE]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(mut keyboard) = typing.stdin.take() {
        std::io::Write::write_all(&mut keyboard, format!("{PASSPHRASE}\n").as_bytes())?;
    }
    typing.wait()?;
    Ok(())
}

/// It waits, without a key of its own and without anything that would need one.
fn has_nothing(machine: &Machine) -> Result<()> {
    assert_eq!(machine.step("unseal").map(|step| step.state).as_deref(), Some("waiting"));
    assert_eq!(machine.exec(&["sh", "-c", SECRETS])?, "", "{} has keys", machine.name());
    for unit in ["kubelet", "containerd", "kfimg-preflight"] {
        assert!(machine.exec(&["systemctl", "is-active", unit]).is_err(), "{unit} runs");
    }
    Ok(())
}

/// It has keys, and they are root's alone; the key that opened them stays nowhere.
fn keeps_secrets(machine: &Machine) -> Result<()> {
    assert!(machine.exec(&["sh", "-c", SECRETS])?.lines().count() > 1, "{} has no keys", machine.name());
    assert_eq!(machine.exec(&["sh", "-c", READABLE])?, "", "{}: others may read it", machine.name());
    let journal = machine.exec(&["journalctl", "--no-pager"])?;
    for secret in ["AGE-SECRET-KEY", "PRIVATE KEY", PASSPHRASE] {
        assert!(!journal.contains(secret), "{}: the journal has {secret}", machine.name());
    }
    assert_eq!(machine.exec(&["sh", "-c", OPENERS])?, "", "{}: the key of the payload stayed", machine.name());
    Ok(())
}

fn told(machine: &Machine) -> String {
    machine.step("unseal").map(|step| step.message).unwrap_or_default()
}
