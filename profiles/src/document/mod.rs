//! A YAML tree that knows where each value was written, and the way from it to Rust types.
//!
//! [`parse`] reads text into [`Node`]s within fixed bounds, [`decode()`] turns a node into a type and collects every problem,
//! [`manifest`] turns documents into JSON as the Kubernetes tools do. What a setting means is not known here.

mod access;
mod build;
mod decode;
mod deserializer;
mod failure;
mod manifest;
mod node;
mod parse;
mod path;
mod scalar;
mod source;
mod suggest;
mod syntax;

pub use decode::{DECODE_PROBLEM_LIMIT, decode, decode_with_list};
pub use manifest::{manifest, to_json};
pub use node::{Entry, Node, Value};
pub(crate) use parse::parse_one_from;
pub use parse::{MAX_DEPTH, MAX_INPUT_BYTES, MAX_NODES, parse, parse_one};
pub use path::{Path, PathError, Segment};
pub use source::{Location, Source, SourceId, Sources};
pub use suggest::did_you_mean;

#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod parse_tests;
