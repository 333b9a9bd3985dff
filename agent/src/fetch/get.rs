//! One HTTP request without a client certificate, for a file whose size is known.

use crate::http;
use crate::root::Root;
use std::io::Read;
use std::time::Duration;

/// Bound of one request.
const TIME: Duration = Duration::from_secs(120);

/// The file, or why it did not come. What stands behind a `?` may be a secret of the site.
pub(super) fn get(root: &Root, url: &str, size: u64) -> Result<Vec<u8>, String> {
    let mut answer = http::anonymous(root, TIME).get(url).call().map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    answer.body_mut().as_reader().take(size + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    match content.len() as u64 {
        length if length == size => Ok(content),
        length if length > size => Err(format!("it gives more than the {size} bytes that were rendered")),
        length => Err(format!("it gives {length} of {size} bytes")),
    }
}
