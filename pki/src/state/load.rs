//! Reads and checks everything that `state.json` lists.
//!
//! It judges no dates: an expired certificate of a node that is no longer asked for is no fault.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rcgen::PublicKeyData;

use crate::credentials::Credential;
use crate::error::Error;
use crate::key::{KeyKind, PrivateKey, canonical_pem, fingerprint, is_encryption_key};
use crate::pem;
use crate::secret::Secret;
use crate::state::holder_file::{self, Section};
use crate::state::{EncryptionKeyPair, Keys, ServiceAccountKey};
use crate::store::{Folder, Index, Listed, NODES, PKI, authority_path, holder_path, key_path};
use crate::table::{Ca, Leaf};
use crate::x509::Certificate;
use crate::x509::authority::{Authority, Fault};

/// Every key and certificate that the index lists.
pub(super) fn keys(folder: &Folder, index: &Index) -> Result<Keys, Error> {
    folder.check_folder(PKI)?;
    let mut keys = Keys {
        authorities: authorities(folder, index)?,
        service_account: index
            .service_account_keys
            .iter()
            .map(|listed| service_account(folder, listed))
            .collect::<Result<_, _>>()?,
        encryption: index.encryption_keys.iter().map(|listed| encryption(folder, listed)).collect::<Result<_, _>>()?,
        ..Keys::default()
    };
    keys.administrator = leaves(folder, None, &index.administrator, &keys.authorities)?;
    if !index.nodes.is_empty() {
        folder.check_folder(NODES)?;
    }
    let listed: Vec<_> = index.nodes.iter().collect();
    let read = |(node, list): &(&String, &BTreeMap<Leaf, String>)| {
        Ok(((*node).clone(), leaves(folder, Some(node), list, &keys.authorities)?))
    };
    // Collected before the first error is taken, so that the same fault is named on any number of cores.
    let nodes: Vec<Result<_, Error>> = listed.par_iter().map(read).collect();
    keys.nodes = nodes.into_iter().collect::<Result<_, _>>()?;
    Ok(keys)
}

fn authorities(folder: &Folder, index: &Index) -> Result<BTreeMap<Ca, Authority>, Error> {
    let restore = |(ca, listed): (&Ca, &String)| {
        let (chain_path, key_path) = (authority_path(*ca, "crt"), authority_path(*ca, "key"));
        let chain = folder.read(&chain_path)?;
        if fingerprint(chain.as_bytes()) != *listed {
            return Err(Error::damaged(&folder.path(&chain_path), "it is not the file that state.json lists"));
        }
        let key = Secret::new(folder.read(&key_path)?);
        check_canonical(&key).map_err(|reason| Error::damaged(&folder.path(&key_path), reason))?;
        let authority = Authority::restore(*ca, &chain, key).map_err(|fault| match fault {
            Fault::Chain(reason) => Error::damaged(&folder.path(&chain_path), reason),
            Fault::Key(reason) => Error::damaged(&folder.path(&key_path), reason),
        })?;
        Ok((*ca, authority))
    };
    index.authorities.iter().map(restore).collect()
}

fn service_account(folder: &Folder, listed: &Listed) -> Result<ServiceAccountKey, Error> {
    let path = key_path(&listed.name);
    let text = Secret::new(folder.read(&path)?);
    let damaged = |reason| Error::damaged(&folder.path(&path), reason);
    check_canonical(&text).map_err(damaged)?;
    let key = [KeyKind::P256, KeyKind::Rsa(0)].into_iter().find_map(|kind| PrivateKey::read(text.expose(), kind).ok());
    let key = key.ok_or_else(|| damaged("it holds no readable private key".to_owned()))?;
    if key.public_fingerprint() != listed.sha256 {
        return Err(damaged("it is not the key that state.json lists".to_owned()));
    }
    Ok(ServiceAccountKey::new(listed.name.clone(), &key))
}

fn encryption(folder: &Folder, listed: &Listed) -> Result<EncryptionKeyPair, Error> {
    let path = key_path(&listed.name);
    let text = Secret::new(folder.read(&path)?);
    let key = text.expose().strip_suffix('\n').unwrap_or_default();
    if !is_encryption_key(key) || fingerprint(key.as_bytes()) != listed.sha256 {
        return Err(Error::damaged(&folder.path(&path), "it is not the key that state.json lists"));
    }
    Ok(EncryptionKeyPair { name: listed.name.clone(), base64: Secret::new(key.to_owned()) })
}

fn leaves(
    folder: &Folder,
    node: Option<&str>,
    list: &BTreeMap<Leaf, String>,
    authorities: &BTreeMap<Ca, Authority>,
) -> Result<BTreeMap<Leaf, Credential>, Error> {
    let path = holder_path(node);
    let text = Secret::new(folder.read(&path)?);
    let damaged = |reason| Error::damaged(&folder.path(&path), reason);
    let sections = holder_file::sections(text.expose()).map_err(damaged)?;
    if !sections.iter().map(|section| section.name).eq(list.keys().map(|leaf| leaf.file_stem())) {
        return Err(damaged("it does not hold the certificates that state.json lists".to_owned()));
    }
    let read = |(section, (leaf, listed)): (&Section<'_>, (&Leaf, &String))| {
        let credential = credential(section, listed, &authorities[&leaf.profile().ca]);
        credential.map(|held| (*leaf, held)).map_err(|reason| damaged(format!("{}: {reason}", section.name)))
    };
    sections.iter().zip(list).map(read).collect()
}

fn credential(section: &Section<'_>, listed: &str, authority: &Authority) -> Result<Credential, String> {
    let certificate = certificate(section.certificate, listed, authority)?;
    let key = Secret::new(section.key.to_owned());
    check_key(&key, &certificate)?;
    Ok(Credential::new(certificate, section.certificate.to_owned(), key))
}

fn certificate(text: &str, listed: &str, authority: &Authority) -> Result<Certificate, String> {
    let blocks = pem::read_certificates(text.as_bytes()).map_err(|_| "it is not readable PEM".to_owned())?;
    let first = blocks.first().ok_or_else(|| "it holds no certificate".to_owned())?;
    if fingerprint(first) != listed {
        return Err("it is not the certificate that state.json lists".to_owned());
    }
    if text != pem::certificate(first) + &authority.intermediates_pem() {
        return Err("it does not hold exactly the certificates that kfimg wrote".to_owned());
    }
    let certificate = Certificate::read(first)?;
    // Its fingerprint is the one of the certificate that this authority signed: state.json was written with it. Checking
    // two thousand signatures again would take longer than all the rest of a render.
    certificate.check_names_issuer(authority.issuing())?;
    Ok(certificate)
}

fn check_key(text: &Secret, certificate: &Certificate) -> Result<(), String> {
    check_canonical(text)?;
    let key = PrivateKey::read(text.expose(), certificate.key_kind)?;
    let matches = key.der_bytes() == certificate.public_key;
    matches.then_some(()).ok_or_else(|| "it is not the key of the certificate".to_owned())
}

fn check_canonical(text: &Secret) -> Result<(), String> {
    let same = canonical_pem(text.expose())?.expose() == text.expose();
    same.then_some(()).ok_or_else(|| "it does not hold exactly the key that kfimg wrote".to_owned())
}
