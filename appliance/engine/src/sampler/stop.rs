//! Ends an answer at a stop string, and holds back text that might become one.

/// The stop strings of one answer and the text that waits for a decision.
pub(crate) struct StopFilter {
    stops: Vec<String>,
    held: String,
}

/// What may be shown now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    /// A stop string came; `text` ends before it.
    pub(crate) stopped: bool,
}

impl StopFilter {
    pub(crate) fn new(stops: Vec<String>) -> StopFilter {
        StopFilter { stops, held: String::new() }
    }

    /// Adds text of the answer.
    pub(crate) fn push(&mut self, text: &str) -> Shown {
        if self.stops.is_empty() {
            return Shown { text: text.to_owned(), stopped: false };
        }
        self.held.push_str(text);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Shown { text: std::mem::take(&mut self.held), stopped: true };
        }
        let waiting = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - waiting);
        Shown { text: std::mem::replace(&mut self.held, rest), stopped: false }
    }

    /// The text that was held back and, as the answer is over, is no stop string.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` that is a beginning of `stop`, in bytes.
fn overlap(text: &str, stop: &str) -> usize {
    let lengths = stop.char_indices().map(|(at, _)| at).skip(1);
    lengths.filter(|length| text.ends_with(&stop[..*length])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(stops: &[&str]) -> StopFilter {
        StopFilter::new(stops.iter().map(|stop| (*stop).to_owned()).collect())
    }

    fn shown(text: &str, stopped: bool) -> Shown {
        Shown { text: text.to_owned(), stopped }
    }

    #[test]
    fn a_stop_string_across_tokens_ends_the_answer_before_it() {
        let mut filter = filter(&["\nUser:", "###"]);
        assert_eq!(filter.push("Hi.\nUs"), shown("Hi.", false));
        assert_eq!(filter.push("er: x"), shown("", true));
    }

    #[test]
    fn what_turns_out_otherwise_is_shown() {
        let mut filter = filter(&["abc"]);
        assert_eq!(filter.push("xab"), shown("x", false));
        assert_eq!(filter.push("ab"), shown("ab", false));
        assert_eq!(filter.finish(), "ab");
        assert_eq!(filter.finish(), "");
    }

    #[test]
    fn the_earliest_of_several_wins() {
        assert_eq!(filter(&["c", "bc"]).push("abcd"), shown("a", true));
    }

    proptest! {
        #[test]
        fn any_cuts_show_the_text_before_the_first_stop(
            text in "[ab]{0,20}", stop in "[ab]{1,4}", cuts in prop::collection::vec(0..20_usize, 3),
        ) {
            let mut filter = filter(&[&stop]);
            let mut all = String::new();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let stopped = cuts.windows(2).any(|cut| {
                let shown = filter.push(&text[cut[0]..cut[1]]);
                all.push_str(&shown.text);
                shown.stopped
            });
            all.push_str(&filter.finish());
            prop_assert_eq!(stopped, text.contains(&stop));
            prop_assert_eq!(all.as_str(), text.split(&stop).next().unwrap());
        }
    }
}
