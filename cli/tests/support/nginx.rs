//! An nginx of one process, which is ended as one, and writes nowhere but in its folder.

use std::path::Path;

/// Its configuration, with this in `http`.
pub(crate) fn configuration(folder: &Path, http: &str) -> String {
    let here = folder.display();
    let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {here}/{of};"));
    format!(
        "master_process off; daemon off; pid {here}/pid; error_log {here}/error.log;\nevents {{}}\nhttp {{ {}\n{http} }}\n",
        places.join(" ")
    )
}
