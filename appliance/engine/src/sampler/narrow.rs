//! Finds the likeliest few of a whole vocabulary in one pass over its logits.

use super::{Candidate, before};
use crate::kernels::Path;
use crate::model::elementwise::largest;

/// Logits that are looked at together first: most runs hold nothing that is likely enough.
const RUN: usize = 256;

/// Leaves in `into` at least the `wanted` likeliest tokens (all, if there are fewer), in no order, and not many more.
pub(super) fn narrow(logits: &[f32], wanted: usize, into: &mut Vec<Candidate>) {
    let path = Path::best();
    let mut least = f32::NEG_INFINITY;
    into.clear();
    for (run, first) in logits.chunks(RUN).zip((0..).step_by(RUN)) {
        let full = into.len() >= wanted;
        // Among equals the first ones count, and those have been seen.
        if full && largest(path, run) <= least {
            continue;
        }
        let likely = (first..).zip(run).filter(|(_, logit)| !full || **logit > least);
        into.extend(likely.map(|(id, logit)| Candidate { id, logit: *logit }));
        if into.len() > wanted {
            into.select_nth_unstable_by(wanted - 1, before);
            into.truncate(wanted);
            least = into[wanted - 1].logit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_are_those_of_a_full_sort() {
        let logits: Vec<f32> =
            (0..5000).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 20) as f32 / 64.0).collect();
        for wanted in [1, 2, 40, 257, 4999, 5000, 6000] {
            let mut all: Vec<Candidate> =
                (0..).zip(&logits).map(|(id, logit)| Candidate { id, logit: *logit }).collect();
            all.sort_by(before);
            let mut found = Vec::new();
            narrow(&logits, wanted, &mut found);
            found.sort_by(before);
            let ids = |candidates: &[Candidate]| candidates.iter().map(|one| one.id).collect::<Vec<_>>();
            assert_eq!(ids(&found), ids(&all[..wanted.min(all.len())]), "{wanted}");
        }
    }
}
