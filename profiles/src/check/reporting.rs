//! Where nodes report.

use super::{Subject, at, syntax};
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(url) = &subject.description.report.url else { return };
    if !syntax::is_http_url(url) {
        report.error("invalid-url", at("report.url"), "this is no URL that nodes can report to").help(
            "write http:// or https://, host, port and path, without a user: http://boot.example.com:8080/report",
        );
    }
}
