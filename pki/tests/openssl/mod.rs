//! The `openssl` command as a second opinion, and as a maker of authorities that people could bring.

#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs openssl in a folder; gives its output, or its complaint.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output().expect("openssl is installed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr) + &text(&output.stdout)) }
}

/// Runs openssl with arguments separated by spaces; fails the test when it fails.
pub(crate) fn must(folder: &Path, arguments: &str) -> String {
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    run(folder, &arguments).unwrap_or_else(|complaint| panic!("openssl {}: {complaint}", arguments.join(" ")))
}

/// How to make one authority.
#[derive(Clone, Copy)]
pub(crate) struct Recipe<'a> {
    /// File stem and common name.
    pub(crate) name: &'a str,
    /// The stem of its issuer; itself when it is a root.
    pub(crate) issuer: &'a str,
    /// Arguments of `openssl genpkey`.
    pub(crate) key: &'a str,
    /// Its extensions, one a line.
    pub(crate) extensions: &'a str,
    /// First and last moment as `YYYYMMDDHHMMSSZ`.
    pub(crate) window: (&'a str, &'a str),
    /// Subject in openssl's slash form.
    pub(crate) subject: &'a str,
}

/// Extensions of an ordinary CA.
pub(crate) const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
                      subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always";
/// Key arguments.
pub(crate) const P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
/// Key arguments.
pub(crate) const P384: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384";
/// Key arguments.
pub(crate) const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
/// A window around the time of any test.
pub(crate) const LONG: (&str, &str) = ("20200101000000Z", "20600101000000Z");

/// Makes `<name>.crt` and `<name>.key` with `openssl ca`, the only command that takes both dates.
pub(crate) fn make(folder: &Path, recipe: Recipe<'_>) {
    let Recipe { name, issuer, key, extensions, window: (start, end), subject } = recipe;
    must(folder, &format!("genpkey {key} -out {name}.key"));
    let request = ["req", "-new", "-key", &format!("{name}.key"), "-subj", subject, "-out", &format!("{name}.csr")];
    run(folder, &request).unwrap();
    let config = format!(
        "[ca]\ndefault_ca=x\n[x]\ndatabase={name}.index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n\
         policy=p\nunique_subject=no\npreserve=yes\n[p]\n[e]\n{extensions}\n"
    );
    fs::write(folder.join(format!("{name}.cnf")), config).unwrap();
    fs::write(folder.join(format!("{name}.index")), "").unwrap();
    let signer = if issuer == name {
        format!("-selfsign -keyfile {name}.key")
    } else {
        format!("-cert {issuer}.crt -keyfile {issuer}.key")
    };
    must(
        folder,
        &format!(
            "ca -batch -notext -preserveDN -config {name}.cnf -extensions e -startdate {start} -enddate {end} {signer} \
             -in {name}.csr -out {name}.crt"
        ),
    );
}

/// Takes a state apart into `pki/*.crt|key` and `nodes/<node>/*.crt|key`, by nothing but the headings in its files.
pub(crate) fn take_apart(state: &Path) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    for (folder, split) in [("pki", false), ("nodes", true)] {
        fs::create_dir(target.path().join(folder)).unwrap();
        for entry in fs::read_dir(state.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            let stem = entry.file_stem().unwrap().to_str().unwrap();
            if entry.extension().is_some_and(|extension| extension == "pem") {
                let parts = target.path().join(folder).join(if split { stem } else { "" });
                fs::create_dir_all(&parts).unwrap();
                take_file_apart(&fs::read_to_string(&entry).unwrap(), &parts);
            } else {
                fs::copy(&entry, target.path().join(folder).join(entry.file_name().unwrap())).unwrap();
            }
        }
    }
    target
}

fn take_file_apart(text: &str, target: &Path) {
    for section in text.split("# ").skip(1) {
        let (name, body) = section.split_once('\n').unwrap();
        let key = body.find("-----BEGIN PRIVATE KEY").unwrap();
        fs::write(target.join(format!("{name}.crt")), &body[..key]).unwrap();
        fs::write(target.join(format!("{name}.key")), &body[key..]).unwrap();
    }
}
