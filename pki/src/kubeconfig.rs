//! Kubeconfig files (`k8s.io/client-go/tools/clientcmd/api/v1`, `Config`), one cluster and one user each.
//!
//! It does not choose servers, users or paths.

use data_encoding::BASE64;
use serde::Serialize;

use crate::credentials::Credential;
use crate::error::Error;
use crate::secret::Secret;

/// A kubeconfig with one context.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    cluster: String,
    server: String,
    tls_server_name: Option<String>,
    user: String,
    authority: Source,
    client: Client,
}

/// A certificate as a file on the node, or inside the kubeconfig.
#[derive(Clone, Debug)]
enum Source {
    File(String),
    Embedded(String),
}

#[derive(Clone, Debug)]
enum Client {
    Files { certificate: String, key: String },
    Embedded { certificate: String, key: Secret },
}

impl Kubeconfig {
    /// One that holds everything itself. `server` is a URL, `ca_pem` verifies it.
    pub fn embedded(cluster: &str, server: &str, user: &str, ca_pem: &str, credential: &Credential) -> Self {
        Self {
            cluster: cluster.to_owned(),
            server: server.to_owned(),
            tls_server_name: None,
            user: user.to_owned(),
            authority: Source::Embedded(ca_pem.to_owned()),
            client: Client::Embedded {
                certificate: credential.certificate_pem().to_owned(),
                key: credential.key_pem().clone(),
            },
        }
    }

    /// One that names files of the machine it lies on. It holds no secret itself.
    pub fn with_files(cluster: &str, server: &str, user: &str, ca: &str, certificate: &str, key: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            server: server.to_owned(),
            tls_server_name: None,
            user: user.to_owned(),
            authority: Source::File(ca.to_owned()),
            client: Client::Files { certificate: certificate.to_owned(), key: key.to_owned() },
        }
    }

    /// The name that the server's certificate must carry, where it is not the one in the URL.
    pub fn tls_server_name(mut self, name: &str) -> Self {
        self.tls_server_name = Some(name.to_owned());
        self
    }

    /// The file's text: block YAML that ends with a newline.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if the serializer fails, which is a fault of kfimg.
    pub fn to_yaml(&self) -> Result<Secret, Error> {
        let context = format!("{}@{}", self.user, self.cluster);
        let config = Config {
            api_version: "v1",
            kind: "Config",
            clusters: [Named { name: &self.cluster, value: Cluster { cluster: self.cluster_fields() } }],
            contexts: [Named {
                name: &context,
                value: Context { context: ContextFields { cluster: &self.cluster, user: &self.user } },
            }],
            current_context: &context,
            users: [Named { name: &self.user, value: User { user: self.user_fields() } }],
        };
        // Base64 on one line, as everybody else writes it.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let mut text = serde_saphyr::to_string_with_options(&config, options)
            .map_err(|error| Error::crypto("writing a kubeconfig", error))?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(Secret::new(text))
    }

    fn cluster_fields(&self) -> ClusterFields<'_> {
        let (certificate_authority, certificate_authority_data) = match &self.authority {
            Source::File(path) => (Some(path.as_str()), None),
            Source::Embedded(pem) => (None, Some(BASE64.encode(pem.as_bytes()))),
        };
        ClusterFields {
            certificate_authority,
            certificate_authority_data,
            server: &self.server,
            tls_server_name: self.tls_server_name.as_deref(),
        }
    }

    fn user_fields(&self) -> UserFields<'_> {
        match &self.client {
            Client::Files { certificate, key } => {
                UserFields { client_certificate: Some(certificate), client_key: Some(key), ..UserFields::default() }
            }
            Client::Embedded { certificate, key } => UserFields {
                client_certificate_data: Some(BASE64.encode(certificate.as_bytes())),
                client_key_data: Some(BASE64.encode(key.expose().as_bytes())),
                ..UserFields::default()
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    api_version: &'static str,
    kind: &'static str,
    clusters: [Named<'a, Cluster<'a>>; 1],
    contexts: [Named<'a, Context<'a>>; 1],
    #[serde(rename = "current-context")]
    current_context: &'a str,
    users: [Named<'a, User<'a>>; 1],
}

#[derive(Serialize)]
struct Named<'a, T> {
    name: &'a str,
    #[serde(flatten)]
    value: T,
}

#[derive(Serialize)]
struct Cluster<'a> {
    cluster: ClusterFields<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<String>,
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<&'a str>,
}

#[derive(Serialize)]
struct Context<'a> {
    context: ContextFields<'a>,
}

#[derive(Serialize)]
struct ContextFields<'a> {
    cluster: &'a str,
    user: &'a str,
}

#[derive(Serialize)]
struct User<'a> {
    user: UserFields<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct UserFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key_data: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::Kubeconfig;

    #[test]
    fn a_kubeconfig_with_files_reads_as_people_write_it() {
        let config = Kubeconfig::with_files(
            "demo",
            "https://127.0.0.1:6443",
            "system:node:worker-1",
            "/etc/kubernetes/pki/ca.crt",
            "/var/lib/kubelet/pki/client.crt",
            "/var/lib/kubelet/pki/client.key",
        );
        let expected = "\
apiVersion: v1
kind: Config
clusters:
- name: demo
  cluster:
    certificate-authority: /etc/kubernetes/pki/ca.crt
    server: https://127.0.0.1:6443
contexts:
- name: system:node:worker-1@demo
  context:
    cluster: demo
    user: system:node:worker-1
current-context: system:node:worker-1@demo
users:
- name: system:node:worker-1
  user:
    client-certificate: /var/lib/kubelet/pki/client.crt
    client-key: /var/lib/kubelet/pki/client.key
";
        assert_eq!(config.to_yaml().unwrap().expose().replace('"', ""), expected);
    }
}
