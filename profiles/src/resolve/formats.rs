//! The formats of files that a description names: PEM, passwords, kubeconfigs, configuration of the API server.
//!
//! Certificates are not examined here; crate `pki` does that.

use std::collections::BTreeSet;

use serde_json::Value;

use super::files::Files;
use crate::cluster::{InputFile, SecretFile};
use crate::description::values::FilePath;
use crate::document::{self, Node, Path, Sources, manifest};
use crate::problem::Report;

/// What a configuration file of the API server must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    kind: &'static str,
    api_versions: &'static [&'static str],
}

/// Source: `k8s.io/apiserver/pkg/apis/apiserver/v1`, `AdmissionConfiguration`.
pub(super) const ADMISSION: Format =
    Format { kind: "AdmissionConfiguration", api_versions: &["apiserver.config.k8s.io/v1"] };
/// Source: `k8s.io/apiserver/pkg/apis/audit/v1`, `Policy`.
pub(super) const AUDIT_POLICY: Format = Format { kind: "Policy", api_versions: &["audit.k8s.io/v1"] };
/// Source: `k8s.io/apiserver/pkg/apis/apiserver/v1`, `AuthenticationConfiguration`.
const AUTHENTICATION: Format = Format {
    kind: "AuthenticationConfiguration",
    api_versions: &["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1"],
};

/// Paths that everybody may ask, so that probes and load balancers work; all else needs a name.
const ANONYMOUS_PATHS: [&str; 3] = ["/livez", "/readyz", "/healthz"];

/// Keys of a kubeconfig that name files of the machine.
const KUBECONFIG_FILES: [&str; 4] = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/// An IPv6 address without the brackets that belong to URLs.
pub(crate) fn bare_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

impl Files<'_, '_> {
    /// A PEM file with certificates and no key.
    pub(super) fn authorities(&mut self, setting: &Path, file: Option<&FilePath>) -> Option<Option<InputFile>> {
        let Some(file) = file else { return Some(None) };
        let read = self.text(setting, file)?;
        if read.content.contains("PRIVATE KEY-----") {
            let message = format!("`{}` holds a private key", file.0);
            self.report.error("unexpected-key", setting, message).help("name a file with certificates only");
            return None;
        }
        if !read.content.contains("-----BEGIN CERTIFICATE-----") {
            let message = format!("`{}` holds no PEM certificate", file.0);
            self.report
                .error("not-pem", setting, message)
                .help("convert it with `openssl x509 -inform der -in FILE -out FILE.pem`");
            return None;
        }
        Some(Some(read))
    }

    /// A PEM file with a private key that is not encrypted.
    pub(super) fn private_key(&mut self, setting: &Path, file: &FilePath) -> Option<SecretFile> {
        let key = self.secret(setting, file)?;
        let text = key.expose();
        let is_encrypted = text.contains("ENCRYPTED");
        if is_encrypted || !text.contains("PRIVATE KEY-----") {
            let (message, help) = if is_encrypted {
                (
                    format!("the private key in `{}` is encrypted", file.0),
                    "decrypt it with `openssl pkey -in FILE -out NEW`",
                )
            } else {
                (format!("`{}` holds no PEM private key", file.0), "name a file with `-----BEGIN PRIVATE KEY-----`")
            };
            self.report.error(if is_encrypted { "encrypted-key" } else { "not-pem" }, setting, message).help(help);
            return None;
        }
        Some(key)
    }

    /// A file with one line: a password.
    pub(super) fn password(&mut self, setting: &Path, file: &FilePath) -> Option<SecretFile> {
        let read = self.secret(setting, file)?;
        let password = read.expose().trim_end_matches(['\r', '\n']);
        if password.is_empty() || password.contains('\n') {
            let message = format!("`{}` does not hold one line with a password", file.0);
            self.report.error("not-a-password", setting, message).help("write the password and nothing else into it");
            return None;
        }
        Some(SecretFile::new(read.path.clone(), password.to_owned()))
    }

    /// A kubeconfig. Its contents may be secret, so problems name only the setting.
    pub(super) fn kubeconfig(&mut self, setting: &Path, file: &FilePath) -> Option<SecretFile> {
        let read = self.secret(setting, file)?;
        let config = parse_quietly(read.expose()).filter(|config| config["kind"] == "Config");
        let Some(config) = config else {
            let message = format!("`{}` is no kubeconfig", file.0);
            self.report
                .error("wrong-format", setting, message)
                .help("name a YAML file with `apiVersion: v1`, `kind: Config`, `clusters`, `users` and `contexts`");
            return None;
        };
        let mut named = BTreeSet::new();
        collect_keys(&config, &KUBECONFIG_FILES, &mut named);
        for key in named {
            let message = format!("`{}` names a file under `{key}`, which is not on the node", file.0);
            self.report
                .warning("kubeconfig-names-file", setting, message)
                .help(format!("put its contents into the kubeconfig (`{key}-data`), or mount it by `extraVolumes`"));
        }
        Some(read)
    }

    /// One object of a format.
    pub(super) fn object(&mut self, setting: &Path, file: Option<&FilePath>, format: Format) -> Option<Option<Value>> {
        let Some(file) = file else { return Some(None) };
        let (value, node) = self.one_object(setting, file, format)?;
        let before = self.report.counts().0;
        match format.kind {
            "AdmissionConfiguration" => self.check_admission(&node),
            "Policy" => self.check_audit_policy(&value, &node),
            _ => {}
        }
        (self.report.counts().0 == before).then_some(Some(value))
    }

    fn one_object(&mut self, setting: &Path, file: &FilePath, format: Format) -> Option<(Value, Node)> {
        let source = self.source(setting, file)?;
        let mut documents = manifest(self.sources, source, self.report)?;
        if documents.len() != 1 {
            let message = format!("`{}` holds {} documents", file.0, documents.len());
            self.report.error("wrong-format", setting, message).help(format!("write one `{}` into it", format.kind));
            return None;
        }
        let (value, node) = documents.remove(0);
        let is_version = format.api_versions.iter().any(|version| value["apiVersion"] == *version);
        if value["kind"] != format.kind || !is_version {
            let versions = format.api_versions.join("` or `");
            let at = node
                .get(if value["kind"] == format.kind { "apiVersion" } else { "kind" })
                .map_or(node.at, |node| node.at);
            self.report
                .error_at("wrong-format", at, format!("this file must hold a `{}`", format.kind))
                .about(setting)
                .note(setting, "named here")
                .help(format!("write `apiVersion: {versions}` and `kind: {}`", format.kind));
            return None;
        }
        Some((value, node))
    }

    fn check_admission(&mut self, node: &Node) {
        for plugin in node.get("plugins").map(Node::items).unwrap_or_default() {
            let Some(path) = plugin.entry("path") else { continue };
            if path.value.text().is_some_and(|path| !path.is_empty()) {
                self.report
                    .error_at(
                        "admission-config-path",
                        path.key_at,
                        "a plug-in's `path` names a file that is not on the nodes",
                    )
                    .help("write the plug-in's settings under `configuration` instead");
            }
        }
    }

    fn check_audit_policy(&mut self, value: &Value, node: &Node) {
        if value["rules"].as_array().is_none_or(Vec::is_empty) {
            let at = node.entry("rules").map_or(node.at, |entry| entry.key_at);
            self.report
                .error_at(
                    "wrong-format",
                    at,
                    "an audit policy without rules logs nothing, and the API server refuses it",
                )
                .help("write at least `rules: [{level: Metadata}]`");
        }
    }

    /// The `jwt` entries of the user's own authentication configuration.
    pub(super) fn user_jwt(&mut self, setting: &Path, file: Option<&FilePath>, issuers: &[&str]) -> Option<Vec<Value>> {
        let Some(file) = file else { return Some(Vec::new()) };
        let (value, node) = self.one_object(setting, file, AUTHENTICATION)?;
        let before = self.report.counts().0;
        for entry in node.entries() {
            match entry.key.as_str() {
                "apiVersion" | "kind" => {}
                "anonymous" => self.check_anonymous(&entry.value),
                "jwt" => self.check_user_issuers(&entry.value, issuers),
                other => {
                    self.report
                        .error_at(
                            "wrong-format",
                            entry.key_at,
                            format!("`{other}` is no key of an AuthenticationConfiguration"),
                        )
                        .help("only `jwt` and `anonymous` are merged");
                }
            }
        }
        let jwt = value["jwt"].as_array().cloned().unwrap_or_default();
        (self.report.counts().0 == before).then_some(jwt)
    }

    fn check_anonymous(&mut self, node: &Node) {
        let value = document::to_json(node);
        if value["enabled"] != true {
            self.report
                .warning_at(
                    "anonymous-ignored",
                    node.at,
                    "this `anonymous` is not used: probes ask /livez, /readyz and /healthz without a name",
                )
                .help("remove it");
            return;
        }
        let conditions = node.get("conditions");
        let paths =
            conditions.map(Node::items).unwrap_or_default().iter().filter_map(|condition| condition.get("path"));
        let wider = paths.clone().find(|path| !path.text().is_some_and(|path| ANONYMOUS_PATHS.contains(&path)));
        let at = match (wider, paths.clone().next()) {
            (Some(wider), _) => wider.at,
            (None, None) => node.entry("enabled").map_or(node.at, |entry| entry.key_at),
            (None, Some(_)) => return,
        };
        self.report
            .error_at(
                "anonymous-conflict",
                at,
                "this lets people without a name ask more than kfimg's own setting does",
            )
            .help(
                "remove `anonymous`: kfimg allows it for /livez, /readyz and /healthz, for probes and load balancers",
            );
    }

    fn check_user_issuers(&mut self, node: &Node, issuers: &[&str]) {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for entry in node.items() {
            let Some(url) = entry.get("issuer").and_then(|issuer| issuer.get("url")) else {
                self.report
                    .error_at("wrong-format", entry.at, "an entry of `jwt` has no `issuer.url`")
                    .help("write the issuer's URL, which begins with https://");
                continue;
            };
            let text = url.text().unwrap_or_default();
            if issuers.contains(&text) || !seen.insert(text.to_owned()) {
                self.report
                    .error_at("duplicate-issuer", url.at, format!("the issuer `{text}` is given twice"))
                    .help("keep it here or under `apiServer.authentication.jwt`");
            }
        }
    }
}

/// A YAML text as JSON, without a word about what is wrong with it.
fn parse_quietly(text: &str) -> Option<Value> {
    let mut sources = Sources::new();
    let source = sources.add("", "", std::path::Path::new(""), text);
    let documents = manifest(&sources, source, &mut Report::new())?;
    documents.into_iter().next().map(|(value, _)| value)
}

/// Which of `keys` occur anywhere in a value.
fn collect_keys(value: &Value, keys: &[&'static str], found: &mut BTreeSet<&'static str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys, found)),
        Value::Object(entries) => {
            found.extend(keys.iter().filter(|key| entries.contains_key(**key)));
            entries.values().for_each(|value| collect_keys(value, keys, found));
        }
        _ => {}
    }
}
