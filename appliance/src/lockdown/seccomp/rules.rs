//! Conditions on the arguments of a system call. A filter sees registers, never what they point to.

use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

type Result<T> = std::result::Result<T, BackendError>;

/// Argument `index`, counted from 0, is one of `values` (32 bits).
pub(super) fn one_of(index: u8, values: &[i32]) -> Result<Vec<SeccompRule>> {
    values.iter().map(|value| SeccompRule::new(vec![equals(index, *value)?])).collect()
}

/// Of argument `index`, the bits under `mask` are exactly `value`.
pub(super) fn bits(index: u8, mask: i32, value: i32) -> Result<Vec<SeccompRule>> {
    Ok(vec![SeccompRule::new(vec![masked(index, mask, value)?])?])
}

/// The first two arguments are one of these pairs of a level and a name, as for setsockopt(2).
pub(super) fn level_and_name(level: i32, names: &[i32]) -> Result<Vec<SeccompRule>> {
    names.iter().map(|name| SeccompRule::new(vec![equals(1, level)?, equals(2, *name)?])).collect()
}

/// All of these hold together.
pub(super) fn all(conditions: Vec<SeccompCondition>) -> Result<Vec<SeccompRule>> {
    Ok(vec![SeccompRule::new(conditions)?])
}

pub(super) fn equals(index: u8, value: i32) -> Result<SeccompCondition> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, word(value))
}

pub(super) fn masked(index: u8, mask: i32, value: i32) -> Result<SeccompCondition> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(word(mask)), word(value))
}

/// Argument `index` is a null pointer (or a zero of 64 bits).
pub(super) fn null(index: u8) -> Result<SeccompCondition> {
    SeccompCondition::new(index, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

/// The 32 bits of a C int in the low half of a register.
fn word(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}
