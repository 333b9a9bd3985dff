use super::*;
use crate::digest::DigestError;

const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What `ParseNormalizedNamed` and `TagNameOnly` of distribution/reference v0.6.0 make of the same texts.
#[test]
fn short_names_become_complete() {
    let table = [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("library/nginx", "docker.io/library/nginx:latest"),
        ("flannel/flannel:v0.28.4", "docker.io/flannel/flannel:v0.28.4"),
        ("registry.k8s.io/pause:3.10.2", "registry.k8s.io/pause:3.10.2"),
        ("registry.k8s.io/coredns/coredns:v1.14.2", "registry.k8s.io/coredns/coredns:v1.14.2"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:a", "localhost:5000/app:a"),
        ("registry:5000/app", "registry:5000/app:latest"),
        ("Reg/app", "Reg/app:latest"),
        ("REG.example.com/app", "REG.example.com/app:latest"),
        ("10.0.0.1:443/a/b/c:x_y.z-1", "10.0.0.1:443/a/b/c:x_y.z-1"),
        ("[2001:db8::1]:5000/app:v1", "[2001:db8::1]:5000/app:v1"),
        ("[::1]/app:v1", "[::1]/app:v1"),
        ("a.b/c---d/e__f/g_h/i.j:T", "a.b/c---d/e__f/g_h/i.j:T"),
        ("xn--mller-kva.example/app:1", "xn--mller-kva.example/app:1"),
    ];
    for (written, complete) in table {
        assert_eq!(written.parse::<Reference>().map(|r| r.to_string()), Ok(complete.to_owned()), "{written}");
    }
}

#[test]
fn a_digest_stands_alone_or_beside_a_tag() {
    let pinned: Reference = format!("registry.k8s.io/pause@{SHA}").parse().unwrap();
    assert_eq!((pinned.tag(), pinned.digest().unwrap().as_str()), (None, SHA));
    assert_eq!(pinned.to_string(), format!("registry.k8s.io/pause@{SHA}"));

    let both: Reference = format!("nginx:1.27@{SHA}").parse().unwrap();
    assert_eq!(both.to_string(), format!("docker.io/library/nginx:1.27@{SHA}"));
    assert_eq!(both.containerd_name(), format!("docker.io/library/nginx@{SHA}"));
    assert_eq!(both.mirrored("reg.local"), format!("reg.local/docker.io/library/nginx:1.27@{SHA}"));
}

#[test]
fn only_latest_without_a_digest_floats() {
    let table = [("nginx", true), ("nginx:latest", true), ("nginx:1", false), ("nginx:latest@", false)];
    for (written, floats) in table {
        let written = if written.ends_with('@') { format!("{written}{SHA}") } else { written.to_owned() };
        assert_eq!(written.parse::<Reference>().unwrap().is_floating(), floats, "{written}");
    }
}

#[test]
fn a_mirror_keeps_each_upstream_apart() {
    let table = [
        ("nginx", "reg.local/docker.io/library/nginx"),
        ("registry.k8s.io/etcd:3.6.8-0", "reg.local/registry.k8s.io/etcd"),
        ("Reg.Example/app", "reg.local/reg.example/app"),
        ("localhost:5000/app", "reg.local/localhost_5000/app"),
        ("localhost/app", "reg.local/localhost/app"),
        ("[2001:db8::1]:5000/app", "reg.local/ipv6_2001-db8-0-0-0-0-0-1_5000/app"),
        ("[::1]/app", "reg.local/ipv6_0-0-0-0-0-0-0-1/app"),
    ];
    for (written, path) in table {
        let reference: Reference = written.parse().unwrap();
        assert_eq!(reference.mirror_path("reg.local"), path, "{written}");
        assert_eq!(reference.mirror_path("reg.local/"), path, "{written}");
        assert!(reference.mirrored("reg.local").parse::<Reference>().is_ok(), "{written}: a mirror takes the name");
    }
    let below_a_path: Reference = "nginx:1".parse().unwrap();
    assert_eq!(below_a_path.mirrored("reg.local:5000/site"), "reg.local:5000/site/docker.io/library/nginx:1");
}

#[test]
fn a_bad_reference_is_named() {
    use ReferenceErrorKind as Kind;
    let long_name = format!("reg.local/{}", "a".repeat(250));
    let long_tag = format!("nginx:{}", "a".repeat(129));
    let identifier = "a".repeat(64);
    let table = [
        ("", Kind::Empty),
        ("nginx 1", Kind::Character(' ')),
        ("nginx\n", Kind::Character('\n')),
        ("nginx:1.27\u{202e}", Kind::Character('\u{202e}')),
        ("https://registry.k8s.io/pause:3.10", Kind::Scheme),
        ("docker://nginx", Kind::Scheme),
        (&identifier, Kind::Identifier),
        ("../../etc/passwd", Kind::Traversal("..".to_owned())),
        ("reg.local/../app", Kind::Traversal("..".to_owned())),
        ("reg.local/./app", Kind::Traversal(".".to_owned())),
        ("reg.local/app/..", Kind::Traversal("..".to_owned())),
        ("reg.local//app", Kind::EmptyPart),
        ("reg.local/app/", Kind::EmptyPart),
        ("reg.local/", Kind::EmptyPart),
        ("/app", Kind::EmptyPart),
        (":1.27", Kind::EmptyPart),
        ("reg.local/App:V1", Kind::Uppercase("app".to_owned())),
        ("Nginx", Kind::Uppercase("nginx".to_owned())),
        ("reg.local/a..b", Kind::Part("a..b".to_owned())),
        ("reg.local/a___b", Kind::Part("a___b".to_owned())),
        ("reg.local/a_-b", Kind::Part("a_-b".to_owned())),
        ("reg.local/-a", Kind::Part("-a".to_owned())),
        ("reg.local/a%2fb", Kind::Part("a%2fb".to_owned())),
        ("reg.local/a\\b", Kind::Part("a\\b".to_owned())),
        ("reg_local:5000/app", Kind::Host("reg_local:5000".to_owned())),
        ("-reg.local/app", Kind::Host("-reg.local".to_owned())),
        ("reg..local/app", Kind::Host("reg..local".to_owned())),
        ("[::g]/app", Kind::Host("[::g]".to_owned())),
        ("[::1/app", Kind::Host("[::1".to_owned())),
        ("user@reg.local/app", Kind::Host("user@reg.local".to_owned())),
        ("reg.local:/app", Kind::Port(String::new())),
        ("reg.local:0/app", Kind::Port("0".to_owned())),
        ("reg.local:65536/app", Kind::Port("65536".to_owned())),
        ("reg.local:+80/app", Kind::Port("+80".to_owned())),
        (&long_name, Kind::NameTooLong(260)),
        ("nginx:", Kind::Tag(String::new())),
        ("nginx:-1", Kind::Tag("-1".to_owned())),
        ("nginx:1:2", Kind::Tag("1:2".to_owned())),
        ("nginx:${VERSION}", Kind::Tag("${VERSION}".to_owned())),
        (&long_tag, Kind::TagTooLong(129)),
        ("nginx@", Kind::Digest(DigestError::NoAlgorithm(String::new()))),
        ("nginx@sha256:abc", Kind::Digest(DigestError::Length { algorithm: "sha256", wanted: 64, found: 3 })),
        ("nginx@md5:abc", Kind::Digest(DigestError::UnknownAlgorithm("md5".to_owned()))),
    ];
    for (written, kind) in table {
        let wanted = ReferenceError { written: written.to_owned(), kind };
        assert_eq!(written.parse::<Reference>(), Err(wanted), "{written}");
    }
}

#[test]
fn a_message_is_short_and_has_no_control_characters() {
    let error = format!("\u{1b}[31m{}", "x".repeat(5000)).parse::<Reference>().unwrap_err().to_string();
    assert!(error.starts_with("image `\\u{1b}[31mxxx"), "{error}");
    assert!(error.len() < 300, "{error}");
}

#[test]
fn a_reference_is_a_text_in_json() {
    let reference: Reference = serde_json::from_str("\"nginx:1\"").unwrap();
    assert_eq!(serde_json::to_string(&reference).unwrap(), "\"docker.io/library/nginx:1\"");
    let error = serde_json::from_str::<Reference>("\"a b\"").unwrap_err().to_string();
    assert!(error.contains("which no image reference may have"), "{error}");
}
