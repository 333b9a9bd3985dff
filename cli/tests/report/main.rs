//! `report.html` and `build.html`: whole by itself, escaped, the same for the same input, without secrets. An HTML validator and Chromium read it in
//! `make interop`.

#![allow(clippy::unwrap_used)]

mod browser;
mod pages;
#[path = "../support/mod.rs"]
mod support;
mod validator;

use data_encoding::BASE64;
use pages::{KFIMG, build_page, hostile, many, profile_page, render};
use sha2::{Digest, Sha256};
use std::fs;
use std::process::Command;
use support::program::{both, empty_folder, run, succeed};

/// Every tag of a page: its name, whether it ends an element, and its attributes.
fn tags(page: &str) -> Vec<(&str, bool, &str)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let end = tag.find('>').unwrap();
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        let is_end = tag.starts_with('/');
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        found.push((name, is_end, &tag[name.len().min(tag.len())..]));
        // What follows is not markup.
        rest = match name {
            "style" | "script" if !is_end => &after[after.find(&format!("</{name}>")).unwrap()..],
            _ => after,
        };
    }
    found
}

/// The text of the only element of this name.
fn text_of<'a>(page: &'a str, element: &str) -> &'a str {
    let (start, end) = (format!("<{element}>"), format!("</{element}>"));
    assert_eq!((page.matches(&start).count(), page.matches(&end).count()), (1, 1), "{element}");
    &page[page.find(&start).unwrap() + start.len()..page.find(&end).unwrap()]
}

/// Nothing of a page leads out of it.
fn needs_nothing(page: &str) {
    for (name, _, attributes) in tags(page) {
        assert!(!matches!(name, "link" | "img" | "iframe" | "object" | "base" | "form" | "use" | "image"), "{name}");
        for reference in ["src=\"", "href=\"", "srcset=\"", "action=\"", "data=\""] {
            let value = attributes.split_once(reference).map_or("#", |(_, value)| value);
            assert!(value.starts_with('#'), "{name}{attributes}");
        }
    }
}

#[test]
fn a_page_needs_nothing_but_itself_and_its_policy_forbids_more() {
    let (_, page) = hostile("alone");
    needs_nothing(&page);
    let (style, script) = (text_of(&page, "style"), text_of(&page, "script"));
    for (text, words) in
        [(style, &["@import", "url("][..]), (script, &["fetch", "import", "XMLHttp", "innerHTML", "://"])]
    {
        words.iter().for_each(|word| assert!(!text.contains(word), "{word}"));
    }
    let digest = |text: &str| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)));
    let policy = format!("default-src 'none'; style-src {}; script-src {};", digest(style), digest(script))
        .replace('\'', "&#39;");
    assert!(page.contains(&policy), "{policy}");
    let head = page.find("Content-Security-Policy").unwrap();
    assert!(head < page.find("<style>").unwrap(), "the policy stands before what it judges");
}

#[test]
fn what_people_wrote_is_text_and_every_element_ends() {
    let (_, page) = hostile("escaped");
    for part in [
        "serial &lt;script&gt;alert(1)&lt;x&gt;&quot;&#39;&amp;amp;",
        "&lt;/td&gt;&lt;b onload=&#39;x&#39;&gt;",
        "&lt;img src=x onerror=y&gt;.yaml",
    ] {
        assert!(page.contains(part), "{part}");
    }
    const VOID: [&str; 3] = ["!DOCTYPE", "meta", "input"];
    let mut open: Vec<&str> = Vec::new();
    for (name, is_end, attributes) in tags(&page) {
        if is_end {
            assert_eq!(open.pop(), Some(name));
        } else if !VOID.contains(&name) && !attributes.ends_with('/') {
            open.push(name);
        }
        assert!(!attributes.contains(" on"), "{name}{attributes}");
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_page_shows_every_node_image_and_certificate() {
    let (folder, page) = hostile("whole");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("out/manifest.json")).unwrap()).unwrap();
    for (name, node) in manifest["nodes"].as_object().unwrap() {
        assert!(page.contains(name.as_str()), "{name}");
        assert!(node["generation"] == 1);
        let value = folder.join("out/vmware").join(name).join("guestinfo.ignition.config.data");
        let size = fs::metadata(value).unwrap().len().div_ceil(1024);
        assert!(page.contains(&format!("{size} KiB of 64 KiB")), "{name}: {size}");
    }
    for image in fs::read_to_string(folder.join("out/images.txt")).unwrap().lines() {
        let tagless = image.split('@').next().unwrap();
        let repository = tagless.rsplit_once(':').map_or(tagless, |(repository, _)| repository);
        assert!(page.contains(repository), "{image}");
    }
    for part in [
        "192.168.49.150:6443",
        "VRRP 140",
        "gpu=yes:NoSchedule",
        "zone=a",
        "/etc/kubernetes/pki/apiserver.key",
        "2027-06-28",
        "65 pass",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let shown = succeed(Command::new(KFIMG).args(["pki", "show", "--state", "hostile.state"]).current_dir(&folder));
    let day = shown.lines().find(|line| line.contains("kube-apiserver ")).unwrap();
    let day = day.split_whitespace().find(|word| word.matches('-').count() == 2 && word.starts_with('2')).unwrap();
    assert!(page.contains(day), "{day}");
}

#[test]
fn no_secret_is_in_a_page_that_everybody_may_read() {
    let (folder, page) = hostile("secrets");
    let mut words = vec!["qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2".to_owned()];
    let listing = succeed(Command::new("find").args(["hostile.state", "-type", "f"]).current_dir(&folder));
    for file in listing.lines().filter(|file| file.ends_with(".key") || file.ends_with(".pem")) {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        words.extend(text.lines().filter(|line| line.len() > 40 && !line.starts_with(['-', '#'])).map(str::to_owned));
    }
    assert!(words.len() > 100);
    words.iter().for_each(|word| assert!(!page.contains(word.as_str()), "{word}"));
}

#[test]
fn hundreds_of_workers_are_a_few_groups_and_the_same_input_is_the_same_page() {
    let (folder, page) = many("many");
    for part in
        ["worker1 … worker180", "worker181 … worker297", "297 workers", "kubelet-client × 300", "All 180 machines"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("class=\"square\"").count(), 297);
    assert_eq!(page.matches("<article").count(), 5);
    assert!(page.len() < 300_000, "{}", page.len());
    let again = fs::read_to_string(folder.join("out/report.html")).unwrap();
    succeed(Command::new("cp").args(["-r", "out", "before"]).current_dir(&folder));
    assert_eq!(page, again);
    let arguments = ["render", "--quiet", "--profile", "ha3", "--registry", "reg.local", "--inventory", "nodes.csv"];
    let sets = [
        "networking.nodeSubnet=10.20.0.0/16",
        "networking.podSubnet=10.128.0.0/14",
        "controlPlaneEndpoint.address=10.20.0.10",
    ];
    let mut command = Command::new(KFIMG);
    command.args(arguments).args(["--set", "nodeDefaults.network.gateway=10.20.255.254"]).current_dir(&folder);
    sets.iter().for_each(|set| {
        command.args(["--set", set]);
    });
    succeed(&mut command);
    assert_eq!(page, fs::read_to_string(folder.join("out/report.html")).unwrap());
}

#[test]
fn a_label_of_its_own_for_every_worker_makes_no_article_of_its_own() {
    let folder = empty_folder("report/labels");
    let mut inventory = "name,role,address,mac,uuid,serial,labels\n".to_owned();
    for number in 1..=3 {
        inventory += &format!("master{number},control-plane,192.168.49.15{number},,,,\n");
    }
    for number in 1..=40 {
        inventory += &format!("worker{number},worker,192.168.49.{},,,,asset=a{number}\n", 160 + number);
    }
    fs::write(folder.join("nodes.csv"), inventory).unwrap();
    let page = render(&folder, &["--inventory", "nodes.csv"]);
    assert_eq!(page.matches("<article").count(), 4);
    assert!(page.contains("worker1 … worker40"));
    for number in 1..=40 {
        assert!(page.contains(&format!("<td class=\"own\">Labels: asset=a{number}</td>")), "{number}");
    }
    assert!(page.contains("over what the first node of each kind gets (master1 … master3, worker1)"));
}

#[test]
fn every_topology_is_drawn_with_what_it_has() {
    const VIP: &str = "virtual address, held by keepalived";
    const FOREIGN: &str = "class=\"endpoint foreign\"";
    for (profile, has, has_not) in [
        ("single", &["the control plane itself", "etcd: 1 member"][..], &[VIP, FOREIGN, ">keepalived<"][..]),
        ("single-vip", &[VIP, "etcd: 1 member", ">keepalived<"], &[FOREIGN]),
        ("ha5", &[VIP, "etcd: 5 members, goes on without 2"], &[FOREIGN]),
        (
            "external-lb",
            &[FOREIGN, "a load balancer that somebody else runs", "etcd: 3 members"],
            &[VIP, ">keepalived<"],
        ),
        ("external-etcd", &[VIP, "etcd: 3 members", "class=\"machine etcd\"", "3 etcd nodes"], &["\"chip member\""]),
    ] {
        let page = profile_page(profile, "topologies");
        let drawing = &page[page.find("class=\"topology\"").unwrap()..page.find("</figure>").unwrap()];
        let shown = |part: &str| drawing.contains(part);
        for part in has {
            assert!(shown(part) || page.contains(part), "{profile} lacks {part}");
        }
        for part in has_not {
            assert!(!shown(part), "{profile} has {part}");
        }
        assert!(shown(">registry<") && shown(">reg.local<"), "{profile}");
    }
}

#[test]
fn a_version_without_corrections_is_told_by_render_and_by_the_page() {
    let folder = empty_folder("report/support");
    let mut command = Command::new(KFIMG);
    command.args(["render", "--profile", "single", "--registry", "reg.local"]).current_dir(&folder);
    let said = both(&run(command.args(["--set", "kubernetesVersion=v1.34.4"])));
    let warned = "warning: the Kubernetes project's support of 1.34 ended on 2026-10-27";
    assert!(said.contains(warned) && said.contains("kubernetesVersion: v1.35.4"), "{said}");
    let page = fs::read_to_string(folder.join("out/report.html")).unwrap();
    assert!(
        page.contains("<div data-ends=\"1793145599\" data-soon=\"60\"><dt>First end</dt>"),
        "the page's script marks it"
    );
    assert!(page.contains("2026-10-27: the Kubernetes project&#39;s support of 1.34"));
    let plan = fs::read_to_string(folder.join("out/nodes/master1/ignition.json")).unwrap();
    assert!(plan.contains("supportEnd%22") && plan.contains("1793145599"), "the node is told");
}

#[test]
fn sealed_payloads_are_said_to_be_sealed() {
    let folder = empty_folder("report/sealed");
    fs::write(folder.join("words"), "six words that nobody would ever guess\n").unwrap();
    assert!(render(&folder, &["--seal", "passphrase:words"]).contains("sealed with a passphrase"));
    assert!(render(&folder, &[]).contains("plain: who reads a payload is that node"));
}

#[test]
fn the_page_of_a_build_is_whole_by_itself_and_what_a_base_says_is_text() {
    let (folder, page) = build_page("build");
    needs_nothing(&page);
    let style = text_of(&page, "style");
    assert!(!style.contains("@import") && !style.contains("url("));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{}'; script-src 'none';", BASE64.encode(&Sha256::digest(style)));
    assert!(page.contains(&policy.replace('\'', "&#39;")), "{policy}");
    for part in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<td>&lt;img src=x onerror=y&gt;</td>",
        "Fake &lt;b onload=&#39;x&#39;&gt;&amp;amp; 12",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(tags(&page).iter().all(|(name, _, attributes)| *name != "script" && !attributes.contains(" on")));
    // What programs read there, people read here.
    let record: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("out/build.json")).unwrap()).unwrap();
    let digests = |name: &str| {
        let rows = record[name].as_array().unwrap().iter();
        rows.map(|row| row["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let outputs = record["outputs"].as_object().unwrap().iter();
    let files = outputs.map(|(name, row)| format!("<td>{name}</td>@{}", row["digest"].as_str().unwrap()));
    let base = record["base"]["digest"].as_str().unwrap().to_owned();
    let all = digests("parts").into_iter().chain(digests("preloaded")).chain([base]).chain(files);
    for one in all.collect::<Vec<_>>().iter().flat_map(|one| one.split('@')) {
        assert!(page.contains(one), "{one}");
    }
    let drawn = page.matches("<g class=\"tile ").count();
    assert_eq!(drawn, record["sizes"].as_object().unwrap().len());
}
