//! How likely a model finds a text: the measure by which two engines, or two files of one model, are compared.

use crate::Error;
use crate::model::{Model, Session};
use crate::sampler::log_sum_exp;
use serde::Serialize;

/// A text as the model sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Likelihood {
    /// How many tokens were scored: all but the first of each window.
    pub tokens: usize,
    /// Mean negative logarithm (natural) of the probability of a scored token.
    pub nll: f64,
    /// `exp(nll)`.
    pub perplexity: f64,
    /// Every token of the text, in order; the model's beginning of a text first, where its metadata asks for one.
    pub token_ids: Vec<u32>,
    /// For each of `token_ids` the logarithm of its probability; `None` where it was not scored.
    pub logprobs: Vec<Option<f32>>,
}

/// Cuts the tokens of `text` into windows of `context`, the last one as long as it is, and scores each window
/// with nothing before it. Names of special tokens in the text are text. `progress` hears how many windows of how many are
/// done.
///
/// # Errors
/// [`Error::Invalid`] for a text without two tokens in a row or a window that the model cannot hold, [`Error::Model`]
/// where the logits are no numbers.
pub fn likelihood(
    model: &Model,
    text: &str,
    context: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Likelihood, Error> {
    let most = model.info().context as usize;
    if !(2..=most).contains(&context) {
        return Err(Error::invalid("context", format!("{context} is not from 2 to {most}, the model's own")));
    }
    let mut token_ids: Vec<u32> = model.tokenizer().leading().into_iter().collect();
    token_ids.extend(model.tokenizer().encode(text, false)?);
    if token_ids.len() < 2 {
        return Err(Error::invalid("text", "has fewer than two tokens, so there is nothing to score"));
    }
    let mut session = Session::new(model);
    let mut logprobs = Vec::with_capacity(token_ids.len());
    let windows = token_ids.chunks(context);
    let count = windows.len();
    for (done, window) in windows.enumerate() {
        progress(done, count);
        session.clear();
        score(&mut session, window, &mut logprobs)?;
    }
    progress(count, count);
    let tokens = logprobs.iter().flatten().count();
    let nll = -logprobs.iter().flatten().map(|logprob| f64::from(*logprob)).sum::<f64>() / tokens as f64;
    Ok(Likelihood { tokens, nll, perplexity: nll.exp(), token_ids, logprobs })
}

/// Appends an entry for each token of a window: none for the first.
fn score(session: &mut Session<'_>, window: &[u32], to: &mut Vec<Option<f32>>) -> Result<(), Error> {
    let Some((_, targets)) = window.split_first() else { return Ok(()) };
    let mut broken = false;
    to.push(None);
    session.feed_all(&window[..targets.len()], |index, logits| {
        let total = log_sum_exp(logits);
        broken |= total.is_none();
        to.push(total.map(|total| logits[targets[index] as usize] - total));
    })?;
    if broken { Err(Error::Model("the logits are not numbers".to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::tests::{model, tiny};
    use candle_core::quantized::gguf_file::Value;

    const TEXT: &str = "hello world, hello <|im_end|> hello";

    fn of(model: &Model, text: &str, context: usize) -> Likelihood {
        likelihood(model, text, context, &mut |_, _| ()).unwrap()
    }

    #[test]
    fn each_window_stands_alone_and_its_first_token_is_not_scored() {
        let model = tiny();
        let all = of(&model, TEXT, 8);
        assert_eq!(all.token_ids, model.tokenizer().encode(TEXT, false).unwrap());
        assert_eq!(all.logprobs.len(), all.token_ids.len());
        for (window, logprobs) in all.token_ids.chunks(8).zip(all.logprobs.chunks(8)) {
            let alone: Vec<_> = model
                .score(window, 0)
                .unwrap()
                .into_iter()
                .map(|scored| Some(scored.target_logprob))
                .collect();
            assert_eq!(logprobs[0], None);
            assert_eq!(logprobs[1..], alone);
        }
        let scored: Vec<f64> = all.logprobs.iter().flatten().map(|logprob| f64::from(*logprob)).collect();
        assert_eq!(all.tokens, scored.len());
        assert_eq!(all.tokens, all.token_ids.len() - all.token_ids.len().div_ceil(8));
        assert!((all.nll + scored.iter().sum::<f64>() / scored.len() as f64).abs() < 1e-12);
        assert!((all.perplexity.ln() - all.nll).abs() < 1e-12);
    }

    #[test]
    fn a_beginning_of_text_leads_where_the_metadata_asks_for_it() {
        let bos = [("add_bos_token", Value::Bool(true)), ("bos_token_id", Value::U32(7))];
        let metadata = bos.map(|(key, value)| (format!("tokenizer.ggml.{key}"), value)).into();
        let model = model(&crate::fixture::Tiny { metadata, ..Default::default() });
        let with = of(&model, TEXT, 256);
        assert_eq!(with.token_ids[0], 7);
        assert_eq!(with.token_ids[1..], of(&tiny(), TEXT, 256).token_ids);
        assert_eq!(with.tokens, with.token_ids.len() - 1);
    }

    #[test]
    fn what_cannot_be_scored_is_refused_by_name() {
        let refused =
            |text, context| likelihood(&tiny(), text, context, &mut |_, _| ()).unwrap_err().to_string();
        assert!(refused("", 8).starts_with("text: "));
        assert!(refused("a", 8).starts_with("text: "));
        assert!(refused(TEXT, 1).starts_with("context: 1 "));
        assert!(refused(TEXT, 257).starts_with("context: 257 "));
    }
}
