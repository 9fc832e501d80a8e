//! Which turns of a chat fit into the context, and the tokens of the prompt that comes of it.
//!
//! The oldest turns leave first, a question together with its answers; system turns stay.

use crate::model::Model;
use crate::template::Guard;
use crate::{Error, Prompt, Role, Turn};

/// A prompt that fits.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) tokens: Vec<u32>,
    pub(crate) dropped_turns: u32,
}

/// Tokens of `prompt`, leaving room for an answer of `max_tokens` (of a quarter of the context, if that is less).
pub(crate) fn fit(model: &Model, prompt: &Prompt, max_tokens: u32) -> Result<Fitted, Error> {
    let context = model.info().context;
    let room = (context - max_tokens.min(context / 4).max(1)) as usize;
    match prompt {
        Prompt::Text(text) => {
            refuse_endless(model, text.len(), room)?;
            let mut tokens: Vec<u32> = model.tokenizer().leading().into_iter().collect();
            tokens.extend(model.tokenizer().encode(text, false)?);
            if tokens.is_empty() {
                return Err(Error::invalid("prompt", "is empty"));
            }
            check(model, tokens, room, 0)
        }
        Prompt::Chat(turns) => fit_chat(model, turns, room),
    }
}

/// How many of the first tokens of a prompt, once it is fitted, are of its system turns and its template alone.
///
/// They are those that it shares with a prompt of the same system turns and a first turn that begins with another
/// character, one that occurs in none of the others: so nothing that a person wrote is among them, whatever the
/// template does. Where there is no such character, or the template does not take such turns, there are none.
pub(crate) fn common_tokens(model: &Model, prompt: &Prompt, fitted: &Fitted) -> usize {
    let Prompt::Chat(turns) = prompt else { return 0 };
    let said = |turn: &&Turn| turn.role != Role::System;
    let Some(first) = turns.iter().filter(said).nth(fitted.dropped_turns as usize) else { return 0 };
    let unused = |mark: &char| !turns.iter().filter(said).any(|turn| turn.content.contains(*mark));
    let Some(mark) = ('!'..='~').chain('\u{1}'..='\u{8}').find(unused) else { return 0 };
    let system = turns.iter().take_while(|turn| turn.role == Role::System).cloned();
    let other: Vec<Turn> = system.chain([Turn { role: first.role, content: mark.to_string() }]).collect();
    let Ok(other) = encode_chat(model, &other) else { return 0 };
    fitted.tokens.iter().zip(&other).take_while(|(token, other)| token == other).count()
}

fn fit_chat(model: &Model, turns: &[Turn], room: usize) -> Result<Fitted, Error> {
    let Some(last) = turns.iter().rposition(|turn| turn.role != Role::System) else {
        return Err(Error::invalid("messages", "have no question"));
    };
    // What can never leave is looked at first, before much work goes into it.
    let kept = turns.iter().enumerate().filter(|(index, turn)| *index >= last || turn.role == Role::System);
    refuse_endless(model, kept.map(|(_, turn)| turn.content.len()).sum(), room)?;
    let mut start = first_guess(model, turns, last, room)?;
    loop {
        let (kept, dropped) = without_oldest(turns, start);
        let tokens = encode_chat(model, &kept)?;
        let next = next_question(turns, start, last);
        if tokens.len() <= room || next == start {
            return check(model, tokens, room, dropped);
        }
        start = next;
    }
}

/// Tokens of a whole chat, contents kept from becoming special tokens.
fn encode_chat(model: &Model, turns: &[Turn]) -> Result<Vec<u32>, Error> {
    let tokenizer = model.tokenizer();
    let template = model
        .template()
        .ok_or_else(|| Error::Template("this model has none, so it cannot chat".to_owned()))?;
    let guard = Guard::new(turns)?;
    let contents = turns.iter().map(|turn| guard.protect(&turn.content, tokenizer.control_texts()));
    let text = template.render_contents(turns, contents)?;
    let mut tokens = tokenizer.encode_guarded(&text, guard.mark())?;
    if let Some(bos) = tokenizer.leading()
        && tokens.first() != Some(&bos)
    {
        tokens.insert(0, bos);
    }
    Ok(tokens)
}

/// The first turn to try with: contents alone, from the newest on, must fit into `room`.
fn first_guess(model: &Model, turns: &[Turn], last: usize, room: usize) -> Result<usize, Error> {
    let system: usize =
        turns.iter().filter(|turn| turn.role == Role::System).map(|turn| turn.content.len()).sum();
    let mut room = room.saturating_sub(model.tokenizer().least_tokens(system));
    let mut start = last;
    for (index, turn) in turns[..last].iter().enumerate().rev() {
        if turn.role == Role::System {
            continue;
        }
        let bytes = turn.content.len();
        let least = model.tokenizer().least_tokens(bytes);
        let tokens = if least > room { least } else { model.tokenizer().encode(&turn.content, false)?.len() };
        let Some(rest) = room.checked_sub(tokens) else { break };
        room = rest;
        start = index;
    }
    // A question is not separated from its answers: an answer alone is no beginning.
    Ok(if start == 0 || turns[start].role == Role::User { start } else { next_question(turns, start, last) })
}

/// The next turn of a person after `start`; `last` if there is none before it.
fn next_question(turns: &[Turn], start: usize, last: usize) -> usize {
    let after = (start + 1).min(last);
    (after..last).find(|index| turns[*index].role == Role::User).unwrap_or(last)
}

/// The turns from `start` on and all system turns; and how many are missing.
fn without_oldest(turns: &[Turn], start: usize) -> (Vec<Turn>, u32) {
    let stays = |(index, turn): &(usize, &Turn)| *index >= start || turn.role == Role::System;
    let kept: Vec<Turn> = turns.iter().enumerate().filter(stays).map(|(_, turn)| turn.clone()).collect();
    let dropped = u32::try_from(turns.len() - kept.len()).unwrap_or(u32::MAX);
    (kept, dropped)
}

/// Text so long that it cannot fit is refused before it is worked on.
fn refuse_endless(model: &Model, bytes: usize, room: usize) -> Result<(), Error> {
    let least = model.tokenizer().least_tokens(bytes);
    if least > room { Err(exceeded(model, least)) } else { Ok(()) }
}

fn check(model: &Model, tokens: Vec<u32>, room: usize, dropped_turns: u32) -> Result<Fitted, Error> {
    if tokens.len() > room {
        Err(exceeded(model, tokens.len()))
    } else {
        Ok(Fitted { tokens, dropped_turns })
    }
}

fn exceeded(model: &Model, tokens: usize) -> Error {
    Error::ContextExceeded { tokens: tokens.try_into().unwrap_or(u32::MAX), context: model.info().context }
}

#[cfg(test)]
#[cfg(feature = "fixture")]
mod tests {
    use super::*;
    use crate::fixture::Tiny;
    use crate::model::Options;
    use std::io::Seek;

    const TRIMMING: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content | trim | upper }}{% endfor %}";
    /// As some templates put the newest question before all others.
    const HOISTING: &str = "({{ messages[-1].content }}){% for m in messages %}{{ m.content }}{% endfor %}";
    const REFUSING: &str = "{% if messages | length < 3 %}{{ raise_exception('too short') }}{% endif %}\
                            {% for m in messages %}{{ m.content }}{% endfor %}";

    fn model(template: Option<&str>) -> Model {
        let mut file = tempfile::tempfile().unwrap();
        let tiny = Tiny { context: 2048, ..Tiny::default() };
        let template = template.map(str::to_owned).or(tiny.template.clone());
        Tiny { template, ..tiny }.write(&file).unwrap();
        file.rewind().unwrap();
        Model::load(&file, &Options { threads: 1, ..Options::default() }).unwrap()
    }

    fn turns(contents: &[(Role, &str)]) -> Prompt {
        let turn = |(role, content): &(Role, &str)| Turn { role: *role, content: (*content).to_owned() };
        Prompt::Chat(contents.iter().map(turn).collect())
    }

    /// The text of what is common.
    fn common(model: &Model, prompt: &Prompt) -> String {
        let fitted = fit(model, prompt, 8).unwrap();
        let common = common_tokens(model, prompt, &fitted);
        let names = model.tokenizer().control_texts().collect::<Vec<_>>();
        let text = |id: &u32| match model.tokenizer().piece(*id) {
            [] => names[(*id - 260) as usize].to_owned(),
            bytes => String::from_utf8_lossy(bytes).into_owned(),
        };
        fitted.tokens[..common].iter().map(text).collect()
    }

    #[test]
    fn what_is_common_ends_where_a_person_begins_to_speak() {
        let all: String = ('\u{1}'..='\u{7f}').collect();
        let model = model(None);
        let frame = "<|im_start|>system\nhell!<|im_end|>\n<|im_start|>user\n";
        for said in ["hello", "!hello", "", "  x", "\n", "<|im_end|>", "größer", "hell!<|im_end|>\n"] {
            let prompt = turns(&[(Role::System, "hell!"), (Role::User, said)]);
            assert_eq!(common(&model, &prompt), frame, "{said:?}");
        }
        let prompt = turns(&[(Role::System, "hell!"), (Role::User, &all)]);
        assert_eq!(common(&model, &prompt), "", "no character is left to tell by");
        assert_eq!(common(&model, &turns(&[(Role::User, "hello")])), "<|im_start|>user\n");
        let text = Prompt::Text("hello".to_owned());
        assert_eq!(common_tokens(&model, &text, &fit(&model, &text, 8).unwrap()), 0);
    }

    #[test]
    fn whatever_a_template_does_what_is_common_does_not_depend_on_what_was_said() {
        for (template, expected) in [(TRIMMING, "[system]S[user]"), (HOISTING, "("), (REFUSING, "")] {
            let model = model(Some(template));
            for said in ["abc", " abc", "abd", "", "x!"] {
                let chat =
                    [(Role::System, "s"), (Role::User, said), (Role::Assistant, "abc"), (Role::User, said)];
                assert_eq!(common(&model, &turns(&chat)), expected, "{template} {said:?}");
            }
        }
    }

    #[test]
    fn turns_that_leave_and_system_turns_that_come_late_make_nothing_common_that_was_said() {
        let model = model(None);
        let long = "a question of some length ".repeat(30);
        let chat: Vec<(Role, &str)> = [(Role::System, "s")]
            .into_iter()
            .chain((0..6).flat_map(|_| [(Role::User, long.as_str()), (Role::Assistant, "b")]))
            .chain([(Role::System, "late"), (Role::User, "c")])
            .collect();
        let prompt = turns(&chat);
        assert!(fit(&model, &prompt, 8).unwrap().dropped_turns > 0);
        assert_eq!(common(&model, &prompt), "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\n");
    }
}
