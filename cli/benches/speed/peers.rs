//! What kfimg is held against: the same bytes written, the same keys drawn, the same certificates issued by another program.

use crate::measure::run;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Writes as many bytes, in one file a node, and syncs.
pub(crate) fn write(payloads: &[Vec<u8>], target: &Path) -> Duration {
    let _ = fs::remove_dir_all(target);
    fs::create_dir(target).expect("the scratch folder can be written to");
    let begun = Instant::now();
    for (index, payload) in payloads.iter().enumerate() {
        fs::write(target.join(index.to_string()), payload).expect("the scratch folder can be written to");
    }
    run(Command::new("sync").arg("-f").arg(target));
    begun.elapsed()
}

/// Draws keys of RSA with 2048 bits on all cores, by the library that kfimg draws them by.
pub(crate) fn draw_rsa(count: usize) -> Duration {
    let begun = Instant::now();
    (0..count).into_par_iter().for_each(|_| drop(KeyPair::generate(KeySize::Rsa2048).expect("a key can be drawn")));
    begun.elapsed()
}

/// The openssl command line: a key, a request and a certificate for each of a worker's two certificates.
pub(crate) fn openssl(folder: &Path, nodes: u32) -> Duration {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).expect("the scratch folder can be written to");
    let openssl = |arguments: &str| {
        let said = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output();
        assert!(said.expect("openssl is installed").status.success(), "openssl {arguments}");
    };
    openssl("ecparam -name prime256v1 -genkey -noout -out ca.key");
    openssl("req -x509 -new -key ca.key -subj /CN=kubernetes -days 3650 -out ca.crt");
    let begun = Instant::now();
    for _ in 0..nodes * 2 {
        openssl("ecparam -name prime256v1 -genkey -noout -out leaf.key");
        openssl("req -new -key leaf.key -subj /O=system:nodes/CN=system:node:worker -out leaf.csr");
        openssl("x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 1095 -out leaf.crt");
    }
    begun.elapsed()
}
