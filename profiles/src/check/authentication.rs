//! Who is who: issuers of tokens and the token webhook.

use std::collections::BTreeMap;

use super::{Subject, at, syntax};
use crate::description::JwtIssuer;
use crate::document::Path;
use crate::problem::Report;

/// Prefix of names that belong to Kubernetes itself.
const SYSTEM_PREFIX: &str = "system:";

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let authentication = &subject.description.api_server.authentication;
    let path = at("apiServer.authentication.jwt");
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut urls: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, issuer) in authentication.jwt.iter().enumerate() {
        let setting = path.index(index);
        one(&setting, issuer, report);
        if let Some(first) = names.insert(&issuer.name, index).filter(|_| !issuer.name.is_empty()) {
            report
                .error(
                    "duplicate-name",
                    setting.key("name"),
                    format!("the issuer name `{}` is given twice", issuer.name),
                )
                .note(path.index(first).key("name"), "first given here")
                .help("give each issuer its own name");
        }
        if let Some(first) = urls.insert(&issuer.issuer_url, index).filter(|_| !issuer.issuer_url.is_empty()) {
            report
                .error(
                    "duplicate-issuer",
                    setting.key("issuerURL"),
                    format!("the issuer `{}` is given twice", issuer.issuer_url),
                )
                .note(path.index(first).key("issuerURL"), "first given here")
                .help("keep one of them");
        }
    }
    if let Some(version) = authentication.webhook.as_ref().and_then(|webhook| webhook.version.as_ref())
        && !matches!(version.as_str(), "v1" | "v1beta1")
    {
        report
            .error(
                "invalid-webhook-version",
                at("apiServer.authentication.webhook.version"),
                format!("there is no version `{version}` of TokenReview"),
            )
            .help("write `v1` or `v1beta1`");
    }
}

fn one(path: &Path, issuer: &JwtIssuer, report: &mut Report) {
    for (key, text, help) in [
        ("name", &issuer.name, "write a name for the issuer, such as `company`"),
        ("issuerURL", &issuer.issuer_url, "write its URL, such as https://login.example.com"),
        ("clientID", &issuer.client_id, "write the client id that tokens are made for"),
    ] {
        if text.is_empty() {
            report.error("missing-setting", path.key(key), format!("an issuer of tokens has no `{key}`")).help(help);
        }
    }
    url(path, &issuer.issuer_url, report);
    if issuer.username_prefix.as_ref().is_some_and(|prefix| prefix.starts_with(SYSTEM_PREFIX)) {
        report
            .error(
                "system-prefix",
                path.key("usernamePrefix"),
                "names that begin with `system:` belong to Kubernetes itself",
            )
            .help("write another prefix, such as `company:`");
    }
    if issuer.groups_prefix.as_ref().is_some_and(|prefix| prefix.starts_with(SYSTEM_PREFIX)) {
        report
            .error(
                "system-prefix",
                path.key("groupsPrefix"),
                "groups that begin with `system:` belong to Kubernetes itself",
            )
            .help("write another prefix, such as `company:`");
    }
    if issuer.groups_prefix.is_some() && issuer.groups_claim.is_none() {
        report
            .error("missing-setting", path.key("groupsClaim"), "`groupsPrefix` has no effect without `groupsClaim`")
            .help("write `groupsClaim: groups`, or remove `groupsPrefix`");
    }
    for (key, claim) in [("usernameClaim", &issuer.username_claim), ("groupsClaim", &issuer.groups_claim)] {
        if claim.as_ref().is_some_and(String::is_empty) {
            report
                .error("invalid-claim", path.key(key), "the name of a claim is empty")
                .help("write its name, or leave it out");
        }
    }
    for (claim, value) in &issuer.required_claims {
        if claim.is_empty() || value.is_empty() {
            report
                .error(
                    "invalid-claim",
                    path.key("requiredClaims").key(claim),
                    "a required claim has a name and a value",
                )
                .help("write both, or remove the line");
        }
    }
}

/// Source: `validateURL` of `k8s.io/apiserver/pkg/apis/apiserver/validation`.
fn url(path: &Path, url: &str, report: &mut Report) {
    if url.is_empty() {
        return;
    }
    let setting = path.key("issuerURL");
    let Some(rest) = url.strip_prefix("https://") else {
        report
            .error("invalid-url", setting, format!("the issuer's URL `{url}` does not begin with https://"))
            .help("write its https:// address, exactly as its tokens name it under `iss`");
        return;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, port)| if port.parse::<u16>().is_ok() { host } else { authority });
    if rest.contains(['?', '#', '@'])
        || rest.chars().any(|c| c.is_whitespace() || c.is_control())
        || syntax::host(host).is_some()
    {
        report
            .error("invalid-url", setting, format!("`{url}` is no URL of an issuer"))
            .help("write scheme, host and path only: no user, no `?`, no `#`");
    }
}
