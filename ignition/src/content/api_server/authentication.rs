//! Who is who: an `AuthenticationConfiguration` with the description's issuers of tokens. Without a login only the health
//! pages answer: probes and load balancers ask them.
//!
//! Source: `k8s.io/apiserver/pkg/apis/apiserver/v1`; `anonymous.conditions` is KEP-4633, stable since Kubernetes 1.34.

use super::CONFIG_VERSION;
use kfimg_profiles::cluster::{Authentication, JwtIssuer};
use serde::Serialize;
use serde_json::Value;

/// Pages that answer without a login.
const OPEN_PATHS: [&str; 3] = ["/livez", "/readyz", "/healthz"];

/// `AuthenticationConfiguration` of `apiserver.config.k8s.io/v1`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration<'a> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jwt: Vec<Authenticator<'a>>,
    anonymous: Anonymous,
}

/// An issuer, by the description's own words or verbatim by the user.
#[derive(Serialize)]
#[serde(untagged)]
enum Authenticator<'a> {
    Described(Jwt<'a>),
    Verbatim(&'a Value),
}

#[derive(Serialize)]
struct Anonymous {
    enabled: bool,
    conditions: [Condition; 3],
}

#[derive(Serialize)]
struct Condition {
    path: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Jwt<'a> {
    issuer: Issuer<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claim_validation_rules: Vec<ClaimValidationRule<'a>>,
    claim_mappings: ClaimMappings<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Issuer<'a> {
    url: &'a str,
    audiences: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimValidationRule<'a> {
    claim: &'a str,
    required_value: &'a str,
}

#[derive(Serialize)]
struct ClaimMappings<'a> {
    username: PrefixedClaim<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<PrefixedClaim<'a>>,
}

#[derive(Serialize)]
struct PrefixedClaim<'a> {
    claim: &'a str,
    prefix: &'a str,
}

/// The issuers of the description, then the user's own.
pub(super) fn configuration(settings: &Authentication) -> Configuration<'_> {
    let described = settings.jwt.iter().map(|issuer| Authenticator::Described(jwt(issuer)));
    Configuration {
        api_version: CONFIG_VERSION,
        kind: "AuthenticationConfiguration",
        jwt: described.chain(settings.user_jwt.iter().map(Authenticator::Verbatim)).collect(),
        anonymous: Anonymous { enabled: true, conditions: OPEN_PATHS.map(|path| Condition { path }) },
    }
}

fn jwt(issuer: &JwtIssuer) -> Jwt<'_> {
    Jwt {
        issuer: Issuer {
            url: &issuer.issuer_url,
            audiences: [&issuer.client_id],
            certificate_authority: issuer.certificate_authority.as_ref().map(|file| file.content.as_str()),
        },
        claim_validation_rules: issuer
            .required_claims
            .iter()
            .map(|(claim, required_value)| ClaimValidationRule { claim, required_value })
            .collect(),
        claim_mappings: ClaimMappings {
            username: PrefixedClaim { claim: &issuer.username_claim, prefix: &issuer.username_prefix },
            groups: (issuer.groups_claim.as_ref()).map(|claim| PrefixedClaim { claim, prefix: &issuer.groups_prefix }),
        },
    }
}
