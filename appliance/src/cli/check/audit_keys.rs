//! The keys that sign the audit log: for how many days are there some?

use super::{Code, Outcome};
use crate::audit::root::FEW;

const ADVICE: &str =
    "stop the appliance and run `redoubt audit certify-epochs`, with the root's private key that `init` gave";

/// `left`: how many keys wait for their day; `None` if nobody could look.
pub(super) fn check(left: Option<u64>) -> Outcome {
    let Some(left) = left else {
        return Outcome::skipped("in the store, which was not opened; admins see them on the page System");
    };
    let mut outcome = Outcome::new();
    match left {
        0 => outcome.fail(Code::Failure, "no key is left that could sign the audit log tomorrow", ADVICE),
        left if left < FEW => {
            outcome.warn(format!("keys for {left} more days of the audit log"), ADVICE);
        }
        left => outcome.find(format!("keys for {left} more days of the audit log")),
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn few_keys_are_a_warning_and_none_a_failure() {
        let status = |left| check(left).status();
        let found = [None, Some(0), Some(1), Some(FEW - 1), Some(FEW)].map(status);
        assert_eq!(found, [Status::Skipped, Status::Failed, Status::Warning, Status::Warning, Status::Ok]);
    }
}
