//! `report.html`: one page for people who would rather look than read.
//!
//! [`Report`] is what the page shows, made of a cluster and what its render gave ([`build`]); each section is a file that writes
//! its part of the model through [`kfimg_builder::html::Html`], which escapes whatever is not kfimg's own text. The page needs nothing but
//! itself: styles, drawings and the few lines of script lie in it, and its own policy forbids everything else. It holds no
//! secret, reads no clock, and is the same for the same input; what depends on today is marked by its script when it is opened.

mod build;
mod certificates;
mod cis;
mod ends;
mod images;
mod kinds;
mod model;
mod nodes;
mod overview;
mod page;
mod sizes;
mod topology;

pub(crate) use build::{Inputs, Sample};
pub(crate) use kinds::samples;
pub(crate) use model::Report;
pub(crate) use sizes::Limits;
