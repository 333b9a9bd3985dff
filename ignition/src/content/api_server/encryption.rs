//! Encryption of secrets in etcd: an `EncryptionConfiguration` with the keys of the state folder.
//!
//! The first provider writes, all of them read: whoever changes the provider still reads what the former one wrote.
//! Source: `k8s.io/apiserver/pkg/apis/apiserver/v1`.

use super::CONFIG_VERSION;
use kfimg_pki::credentials::EncryptionKey;
use kfimg_profiles::cluster::Encryption;
use kfimg_profiles::description::EncryptionProvider;
use serde::Serialize;

/// `EncryptionConfiguration` of `apiserver.config.k8s.io/v1`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration<'a> {
    api_version: &'static str,
    kind: &'static str,
    resources: [ResourceConfiguration<'a>; 1],
}

#[derive(Serialize)]
struct ResourceConfiguration<'a> {
    resources: &'a [String],
    providers: [Provider<'a>; 3],
}

/// A provider, under its name.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Provider<'a> {
    Secretbox(Keys<'a>),
    Aescbc(Keys<'a>),
    Identity {},
}

#[derive(Serialize)]
struct Keys<'a> {
    keys: Vec<Key<'a>>,
}

#[derive(Serialize)]
struct Key<'a> {
    name: &'a str,
    secret: &'a str,
}

/// `keys` are newest first: the first one writes.
pub(super) fn configuration<'a>(settings: &'a Encryption, keys: &[EncryptionKey<'a>]) -> Configuration<'a> {
    let keys = || Keys { keys: keys.iter().map(|key| Key { name: key.name, secret: key.base64.expose() }).collect() };
    let (secretbox, aescbc, identity) = (Provider::Secretbox(keys()), Provider::Aescbc(keys()), Provider::Identity {});
    let providers = match settings.provider {
        EncryptionProvider::Secretbox => [secretbox, aescbc, identity],
        EncryptionProvider::Aescbc => [aescbc, secretbox, identity],
        EncryptionProvider::Identity => [identity, secretbox, aescbc],
    };
    Configuration {
        api_version: CONFIG_VERSION,
        kind: "EncryptionConfiguration",
        resources: [ResourceConfiguration { resources: &settings.resources, providers }],
    }
}
