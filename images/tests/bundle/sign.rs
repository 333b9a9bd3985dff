//! Signatures that openssl and kfimg accept from one another.

use std::fs;
use std::process::Command;

use kfimg_images::sign::{SIGNATURE_LIMIT, SignError, SigningKey, VerifyingKey};

use crate::support::{Place, run};

fn openssl(place: &Place, arguments: &str) -> String {
    run(Command::new("openssl").args(arguments.split(' ')).current_dir(place.folder.path()))
}

/// One key in both of its forms, and its public half.
fn keys(place: &Place) {
    openssl(place, "ecparam -name prime256v1 -genkey -out sec1.pem");
    openssl(place, "pkcs8 -topk8 -nocrypt -in sec1.pem -out pkcs8.pem");
    openssl(place, "pkey -in sec1.pem -pubout -out public.pem");
}

#[test]
fn openssl_accepts_our_signature_and_we_accept_openssls() {
    let place = Place::new();
    keys(&place);
    let content = place.content();
    let bytes = content.manifest_bytes().unwrap();
    fs::write(place.path("bundle.json"), bytes).unwrap();
    let public = VerifyingKey::from_pem(&fs::read(place.path("public.pem")).unwrap()).unwrap();
    for name in ["sec1.pem", "pkcs8.pem"] {
        let key = SigningKey::from_pem(&fs::read(place.path(name)).unwrap()).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey");
        let signature = key.sign(bytes).unwrap();
        assert!(signature.len() as u64 <= SIGNATURE_LIMIT);
        public.verify(bytes, &signature).unwrap();
        fs::write(place.path("ours.sig"), &signature).unwrap();
        let said = openssl(&place, "dgst -sha256 -verify public.pem -signature ours.sig bundle.json");
        assert!(said.contains("Verified OK"), "{said}");
    }
    openssl(&place, "dgst -sha256 -sign pkcs8.pem -out theirs.sig bundle.json");
    let theirs = fs::read(place.path("theirs.sig")).unwrap();
    public.verify(bytes, &theirs).unwrap();

    let mut changed = bytes.to_vec();
    changed[20] ^= 1;
    let mut cut = theirs.clone();
    cut.pop();
    for (bytes, signature) in [(&changed[..], &theirs[..]), (bytes, &cut[..]), (bytes, &[][..])] {
        assert_eq!(public.verify(bytes, signature), Err(SignError::Signature));
    }
}

#[test]
fn what_is_no_key_of_p256_is_refused_without_being_shown() {
    let place = Place::new();
    keys(&place);
    openssl(&place, "ecparam -name secp384r1 -genkey -noout -out p384.pem");
    openssl(&place, "pkey -in p384.pem -pubout -out p384-public.pem");
    openssl(&place, "genrsa -out rsa.pem 2048");
    openssl(&place, "pkcs8 -topk8 -in sec1.pem -out encrypted.pem -passout pass:x");
    fs::write(place.path("empty.pem"), b"").unwrap();
    fs::write(place.path("broken.pem"), b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    for name in ["p384.pem", "rsa.pem", "encrypted.pem", "empty.pem", "broken.pem", "public.pem"] {
        let error = SigningKey::from_pem(&fs::read(place.path(name)).unwrap()).unwrap_err();
        assert_eq!(error, SignError::PrivateKey, "{name}");
    }
    for name in ["p384-public.pem", "empty.pem", "sec1.pem"] {
        let error = VerifyingKey::from_pem(&fs::read(place.path(name)).unwrap()).unwrap_err();
        assert_eq!(error, SignError::PublicKey, "{name}");
    }
}
