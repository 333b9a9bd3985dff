//! The board over HTTP: for this machine, and for whoever knows the server's password.

use super::{Delivery, nothing};
use kfimg_images::serve::{Admission, SiteAnswer, SiteContent, SiteMethod, SiteRequest};
use std::net::{IpAddr, SocketAddr};

const ROUTE: &str = "board";
const HOW: &str = "The board is shown to this server's own machine, or to whoever knows its password: \
    start kfimg serve with --user and --password-file.\n";

impl Delivery {
    pub(super) fn board_page(&self, request: &SiteRequest) -> SiteAnswer {
        guard(request).unwrap_or_else(|| {
            // What was rendered may be new.
            let _ = self.output();
            SiteAnswer::bytes(200, ROUTE, "text/html; charset=utf-8", self.page.text.clone())
                .with("content-security-policy", self.page.policy.clone())
                .with("referrer-policy", "no-referrer")
                .with("cache-control", "no-store")
        })
    }

    pub(super) fn board_events(&self, request: &SiteRequest) -> SiteAnswer {
        if let Some(refusal) = guard(request) {
            return refusal;
        }
        let _ = self.output();
        if request.method == (SiteMethod::Get { head: true }) {
            return SiteAnswer::bytes(200, ROUTE, "text/event-stream", "");
        }
        match self.board.watch() {
            Some(events) => SiteAnswer::of(200, ROUTE, SiteContent::Events(events)).with("cache-control", "no-store"),
            None => SiteAnswer::text(503, ROUTE, "too many watch the board already\n").with("retry-after", "30"),
        }
    }

    /// All nodes in short, or one in full (`?node=NAME`).
    pub(super) fn board_state(&self, request: &SiteRequest) -> SiteAnswer {
        if let Some(refusal) = guard(request) {
            return refusal;
        }
        let _ = self.output();
        let text = match request.parameter("node") {
            Some(node) => self.board.details(&node),
            None => Some(self.board.summary()),
        };
        let json = |text: String| SiteAnswer::bytes(200, ROUTE, "application/json", text);
        text.map_or_else(|| nothing(404), |text| json(text).with("cache-control", "no-store"))
    }
}

/// The refusal of who may not watch.
fn guard(request: &SiteRequest) -> Option<SiteAnswer> {
    let address = request.client.ip().to_canonical();
    match request.admission {
        Admission::Admitted => None,
        // A page of somebody else's must not reach us by a name of its own that leads here.
        Admission::Unasked if address.is_loopback() && is_own_name(request.host.as_deref()) => None,
        Admission::Unasked => Some(SiteAnswer::text(403, ROUTE, HOW)),
        Admission::Refused => {
            let answer = SiteAnswer::text(401, ROUTE, "name and password are needed\n");
            Some(answer.with("www-authenticate", "Basic realm=\"kfimg\", charset=\"UTF-8\""))
        }
    }
}

/// Whether a client knows us by an address or as `localhost`.
fn is_own_name(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let is_address = host.parse::<IpAddr>().is_ok() || host.parse::<SocketAddr>().is_ok();
    is_address || host == "[::1]" || host.split(':').next() == Some("localhost")
}
