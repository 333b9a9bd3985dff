//! A company's issuer of tokens (OpenID Connect): a key, what it publishes, and tokens of it.
//!
//! Sources: OpenID Connect Discovery 1.0, RFC 7517 to 7519.

use super::program::{find, succeed};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Its name, as `everything.yaml` has it.
const NAME: &str = "login.example.com";

/// An issuer with a key of its own.
pub(crate) struct Issuer {
    key: EcdsaKeyPair,
}

fn encoded(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

impl Issuer {
    /// Draws the key.
    pub(crate) fn new() -> Self {
        Self { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    /// A token for a person of the company, with these claims more, or others.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut all = json!({
            "iss": format!("https://{NAME}"), "aud": "kubernetes", "sub": "4711", "iat": now, "exp": now + 3600,
            "email": "jane@example.com", "email_verified": true, "groups": ["builders"],
        });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let text = format!("{}.{}", encoded(&json!({"alg": "ES256", "kid": "one", "typ": "JWT"})), encoded(&all));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }

    /// A server of nginx that publishes the key at that address, with a certificate of the authority in `files`.
    pub(crate) fn nginx(&self, files: &Path, folder: &Path, address: &str) -> String {
        certificate(files, folder);
        // A point of the curve: a byte that says so, then both coordinates.
        let point = self.key.public_key().as_ref();
        let [x, y] = [1, 33].map(|start| BASE64URL_NOPAD.encode(&point[start..start + 32]));
        let keys = json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", "x": x, "y": y}]});
        let found = json!({
            "issuer": format!("https://{NAME}"), "jwks_uri": format!("https://{NAME}/keys"),
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        let here = folder.display();
        format!(
            "server {{ listen {address}:443 ssl; ssl_certificate {here}/issuer.pem; ssl_certificate_key {here}/issuer.key;\n\
             location = /.well-known/openid-configuration {{ return 200 '{found}'; }}\n\
             location = /keys {{ return 200 '{keys}'; }} }}\n"
        )
    }
}

/// `issuer.pem` and `issuer.key`: a certificate for the name.
fn certificate(files: &Path, folder: &Path) {
    let openssl = |words: &str| succeed(Command::new(find("openssl")).args(words.split(' ')).current_dir(folder));
    openssl("ecparam -name prime256v1 -genkey -noout -out issuer.key");
    openssl(&format!("req -new -key issuer.key -subj /CN={NAME} -out issuer.csr"));
    fs::write(folder.join("issuer.ext"), format!("subjectAltName=DNS:{NAME}\nextendedKeyUsage=serverAuth\n")).unwrap();
    let files = files.display();
    openssl(&format!(
        "x509 -req -in issuer.csr -CA {files}/kubernetes-ca.pem -CAkey {files}/kubernetes-ca-key.pem -set_serial 2 -days 30 \
         -extfile issuer.ext -out issuer.pem"
    ));
}
