//! The cluster's authority: certificates of the API server and of those who ask it.

use data_encoding::BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::net::IpAddr;
use std::path::Path;

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "kubernetes");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes what an API server needs into a folder.
    pub fn write(&self, folder: &Path, address: IpAddr) {
        let mut parameters = CertificateParams::new(vec![address.to_string(), "127.0.0.1".to_owned()]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        let accounts = KeyPair::generate().unwrap();
        for (file, text) in [
            ("ca.crt", self.0.pem()),
            ("apiserver.crt", certificate.pem()),
            ("apiserver.key", key.serialize_pem()),
            ("sa.key", accounts.serialize_pem()),
            ("sa.pub", accounts.public_key_pem()),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
    }

    /// A kubeconfig of the shape of `admin.conf`.
    pub fn kubeconfig(&self, node: &str, server: &str) -> String {
        let mut parameters = CertificateParams::default();
        let user = format!("kfimg-addons:{node}");
        parameters.distinguished_name.push(DnType::CommonName, user.as_str());
        parameters.distinguished_name.push(DnType::OrganizationName, "system:masters");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        let [authority, certificate, key] =
            [self.0.pem(), certificate.pem(), key.serialize_pem()].map(|pem| BASE64.encode(pem.as_bytes()));
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: ha3\n  cluster:\n    certificate-authority-data: {authority}\n    \
             server: {server}\ncontexts:\n- name: c\n  context:\n    cluster: ha3\n    user: {user}\ncurrent-context: c\n\
             users:\n- name: {user}\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        )
    }
}
