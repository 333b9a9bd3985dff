//! A delivery as it is reached through one entrance: what is asked there is answered with what leads back there.

use super::{Delivery, Reporter, guarded};
use crate::board::REPORT_LIMIT;
use crate::entrance::Entrance;
use crate::route::Route;
use kfimg_images::serve::{Reception, Site, SiteAnswer, SiteRequest};
use std::sync::Arc;

#[derive(Debug)]
struct Door {
    delivery: Arc<Delivery>,
    entrance: Entrance,
}

impl Delivery {
    /// What answers at an entrance.
    #[must_use]
    pub fn through(self: &Arc<Self>, entrance: Entrance) -> Arc<dyn Site> {
        Arc::new(Door { delivery: Arc::clone(self), entrance })
    }
}

impl Site for Door {
    /// A report's secret is judged before a byte of it is read. On one behalf come those of one node, or, where one secret is for
    /// all, those from one address.
    fn receive(&self, request: &SiteRequest) -> Reception {
        if Route::of(request) != (None, Route::Report) {
            return Reception::None;
        }
        match self.delivery.reporter(request) {
            Err(unheard) => Reception::Answer(guarded(unheard.answer())),
            Ok(reporter) => {
                let behalf = match reporter {
                    Reporter::Node(node) => node,
                    Reporter::Any => request.client.ip().to_string(),
                };
                Reception::Body { limit: REPORT_LIMIT, behalf }
            }
        }
    }

    /// A ticket is worth a payload.
    fn shown(&self, path: &str) -> Option<String> {
        crate::route::without_ticket(path)
    }

    fn answer(&self, request: &SiteRequest) -> SiteAnswer {
        guarded(self.delivery.respond(request, self.entrance))
    }
}
