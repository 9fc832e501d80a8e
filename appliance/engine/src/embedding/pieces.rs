//! Which inputs are computed together: those of like length, few at a time.

use std::cmp::Reverse;

/// Tokens that one group has at most, padding included. One input may have more; it is a group of its own.
///
/// So many rows are enough for matrix products at full speed.
pub(super) const GROUP_TOKENS: usize = 256;

/// Groups of inputs by their index, given the number of tokens of each; the longest ones first.
pub(super) fn group(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|index| Reverse(lengths[*index]));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut widest = 0;
    for index in order {
        match groups.last_mut() {
            Some(group) if (group.len() + 1) * widest <= GROUP_TOKENS => group.push(index),
            _ => {
                widest = lengths[index];
                groups.push(vec![index]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_lengths_go_together_and_no_group_is_too_large() {
        let lengths = [3, 256, 4, 100, 300, 3, 100];
        let groups = group(&lengths);
        assert_eq!(groups, [vec![4], vec![1], vec![3, 6], vec![2, 0, 5]]);
        assert_eq!(group(&[8; 64]).len(), 2);
        assert!(group(&[]).is_empty());
    }
}
