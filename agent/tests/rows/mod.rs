//! Examples of all rows.

pub(crate) mod fake;
mod logs;
mod none;
mod snapshot;

/// All of them.
pub(crate) fn examples() -> Vec<fake::Example> {
    let parts = [
        logs::with_a_previous_log(),
        logs::with_our_log(),
        logs::with_strange_data(),
        none::with_none(),
        snapshot::with_a_snapshot(),
    ];
    parts.into_iter().flatten().collect()
}
