//! Bytes that nobody can compress, the same in every run.

/// So many of them.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(1_u64), next).map(|state| state.to_be_bytes()[0]).take(length).collect()
}
