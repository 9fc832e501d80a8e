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
