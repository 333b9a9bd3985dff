//! Payloads as values of VMware guestinfo.
//!
//! Sources: Ignition `docs/operator-notes.md` and `internal/providers/vmware`; cloud-init's `DataSourceVMware`.

use super::cloud_init::CloudInit;
use super::gzip::{unzip, zip};
use data_encoding::BASE64;

/// How every large value is encoded.
pub const ENCODING: &str = "gzip+base64";
/// Key of an Ignition configuration.
pub const IGNITION_KEY: &str = "guestinfo.ignition.config.data";
/// Key of cloud-init's user data.
pub const USER_DATA_KEY: &str = "guestinfo.userdata";
/// Key of cloud-init's metadata.
pub const METADATA_KEY: &str = "guestinfo.metadata";

/// One value: its key and its text. The key with `.encoding` behind it has the value [`ENCODING`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Guestinfo {
    /// The whole key.
    pub key: &'static str,
    /// The value: base64 of gzip.
    pub value: String,
}

/// The value of an Ignition configuration.
pub fn guestinfo_ignition(configuration: &[u8]) -> [Guestinfo; 1] {
    [Guestinfo { key: IGNITION_KEY, value: encode(configuration) }]
}

/// The values of cloud-init: the metadata names the machine and its cards.
pub fn guestinfo_cloud_init(files: &CloudInit) -> [Guestinfo; 2] {
    [
        Guestinfo { key: USER_DATA_KEY, value: encode(&files.user_data) },
        Guestinfo { key: METADATA_KEY, value: encode(&files.guestinfo_metadata) },
    ]
}

fn encode(content: &[u8]) -> String {
    BASE64.encode(&zip(content))
}

/// What a value holds; [`None`] when it is not encoded as kfimg encodes it.
pub fn read_guestinfo(value: &[u8]) -> Option<Vec<u8>> {
    unzip(&BASE64.decode(value).ok()?)
}

#[cfg(test)]
mod tests {
    use super::{
        BASE64, CloudInit, METADATA_KEY, USER_DATA_KEY, guestinfo_cloud_init, guestinfo_ignition, read_guestinfo,
    };
    use flate2::read::GzDecoder;
    use std::io::Read;

    fn decode(value: &str) -> String {
        let mut text = String::new();
        GzDecoder::new(&BASE64.decode(value.as_bytes()).unwrap()[..]).read_to_string(&mut text).unwrap();
        assert_eq!(read_guestinfo(value.as_bytes()).unwrap(), text.as_bytes());
        text
    }

    #[test]
    fn what_is_no_value_is_not_read() {
        for value in ["", "!", "aGVsbG8=", "H4sIAAAAAAAA"] {
            assert_eq!(read_guestinfo(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn values_are_what_the_guest_unpacks() {
        let [ignition] = guestinfo_ignition(b"{\"ignition\":{}}");
        assert_eq!(decode(&ignition.value), "{\"ignition\":{}}");
        let text = |text: &str| text.as_bytes().to_vec();
        let files = CloudInit {
            user_data: text("#cloud-config\n"),
            meta_data: text("instance-id: a\n"),
            network_config: text("version: 2\n"),
            guestinfo_metadata: text("instance-id: a\nnetwork: {}\n"),
        };
        let [user, metadata] = guestinfo_cloud_init(&files);
        assert_eq!((decode(&user.value).as_str(), user.key), ("#cloud-config\n", USER_DATA_KEY));
        assert_eq!((decode(&metadata.value).as_str(), metadata.key), ("instance-id: a\nnetwork: {}\n", METADATA_KEY));
    }
}
