//! Who reports: a token of the node's own in the address that its agent reports to.
//!
//! It stands in the plan, which is not sealed: a node tells that it waits for its key. Whoever has it can report as this node,
//! and nothing else.

use super::NodeContent;

/// The parameter that carries it.
const PARAMETER: &str = "token";

impl NodeContent {
    /// The same content, whose reports carry this token. A node that reports nowhere stays as it is.
    #[must_use]
    pub fn report_as(mut self, token: &str) -> Self {
        if let Some(url) = self.plan.report_url.as_mut().filter(|url| takes_report_token(url)) {
            let separator = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{separator}{PARAMETER}={token}"));
        }
        self
    }
}

/// Whether nodes add tokens of their own to this address: the description may have put one there for all.
#[must_use]
pub fn takes_report_token(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    !query.split('&').any(|part| part.split('=').next() == Some(PARAMETER))
}

#[cfg(test)]
mod tests {
    use super::takes_report_token;

    #[test]
    fn an_address_with_a_token_keeps_it() {
        for (url, takes) in [
            ("http://192.0.2.1:8080/report", true),
            ("http://192.0.2.1:8080/report?site=1", true),
            ("http://192.0.2.1:8080/report?tokens=1", true),
            ("http://192.0.2.1:8080/report?token=x", false),
            ("http://192.0.2.1:8080/report?site=1&token=x", false),
        ] {
            assert_eq!(takes_report_token(url), takes, "{url}");
        }
    }
}
