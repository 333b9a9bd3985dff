//! The page: one document that holds its own style and its own program, and may load and run nothing else.
//!
//! Source: Content Security Policy Level 3; the page's own texts are allowed by their hashes.

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const PROGRAM: &str = include_str!("page.js");

/// The page and the policy that it is served under.
#[derive(Debug)]
pub(crate) struct Page {
    /// HTML.
    pub(crate) text: String,
    /// `Content-Security-Policy`.
    pub(crate) policy: String,
}

impl Page {
    /// Puts it together.
    pub(crate) fn new() -> Self {
        let hash = |text: &str| BASE64.encode(&Sha256::digest(text));
        let text = PAGE.replace("/*STYLE*/", STYLE).replace("/*PROGRAM*/", PROGRAM);
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(PROGRAM)
        );
        Self { text, policy }
    }
}
