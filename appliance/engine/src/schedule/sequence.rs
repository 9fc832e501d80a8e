//! One request on its way from its order to its end.

use crate::context::Fitted;
use crate::model::cache::BLOCK;
use crate::protocol::FromWorker;
use crate::sampler::{Chosen, Sampler, StopFilter};
use crate::tokenizer::{Tokenizer, Utf8Stream};
use crate::{End, Event, Finish, Sampling};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;

/// A request's name and the flag that ends it. Lives as long as the request does.
pub(crate) struct Ticket {
    id: u64,
    asked: Instant,
    cancelled: AtomicBool,
}

impl Ticket {
    pub(crate) fn new(id: u64, asked: Instant) -> Arc<Ticket> {
        Arc::new(Ticket { id, asked, cancelled: AtomicBool::new(false) })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Takes effect before the next step.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// What is to be answered.
pub(crate) struct Order {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) prompt: Fitted,
    pub(crate) sampling: Sampling,
    pub(crate) party: String,
}

/// A request, waiting or running.
pub(super) struct Sequence {
    ticket: Arc<Ticket>,
    pub(super) party: String,
    /// The prompt and the answer so far.
    pub(super) tokens: Vec<u32>,
    prompt: usize,
    dropped_turns: u32,
    /// How many tokens have their keys and values in the cache.
    pub(super) computed: usize,
    pub(super) table: Vec<u32>,
    /// The place in the queue that was told last.
    pub(super) position: u32,
    /// The step that last read a piece of its prompt.
    pub(super) served: u64,
    pub(super) sampler: Sampler,
    limit: usize,
    ignore_eos: bool,
    written: u32,
    text: Utf8Stream,
    stops: StopFilter,
    started: Option<Instant>,
    first_token: Option<Instant>,
}

impl Sequence {
    pub(super) fn new(order: Order) -> Sequence {
        let Order { ticket, prompt, sampling, party } = order;
        Sequence {
            ticket,
            party,
            prompt: prompt.tokens.len(),
            tokens: prompt.tokens,
            dropped_turns: prompt.dropped_turns,
            computed: 0,
            table: Vec::new(),
            position: 0,
            served: 0,
            limit: sampling.max_tokens as usize,
            ignore_eos: sampling.ignore_eos,
            stops: StopFilter::new(sampling.stop.clone()),
            sampler: Sampler::new(sampling),
            written: 0,
            text: Utf8Stream::default(),
            started: None,
            first_token: None,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.ticket.is_cancelled()
    }

    /// Whether only the newest token is missing from the cache.
    pub(super) fn is_writing(&self) -> bool {
        self.tokens.len() - self.computed == 1
    }

    /// Blocks that its tokens so far and the next one still need.
    pub(super) fn missing_blocks(&self) -> usize {
        (self.tokens.len() + 1).div_ceil(BLOCK).saturating_sub(self.table.len())
    }

    /// It has a place. Told once, even if it had to give way and comes again.
    pub(super) fn start(&mut self, answers: &Sender<FromWorker>) {
        if self.started.is_none() {
            self.started = Some(Instant::now());
            let prompt_tokens = u32::try_from(self.prompt).unwrap_or(u32::MAX);
            let dropped_turns = self.dropped_turns;
            self.tell(Event::Started { prompt_tokens, cached_tokens: 0, dropped_turns }, answers);
        }
    }

    /// Takes the next token; gives the reason if it was the last.
    pub(super) fn take(
        &mut self,
        chosen: Chosen,
        tokenizer: &Tokenizer,
        context: usize,
        answers: &Sender<FromWorker>,
    ) -> Option<Finish> {
        let Chosen { id, logprob } = chosen;
        self.first_token.get_or_insert_with(Instant::now);
        if tokenizer.is_end(id) && !self.ignore_eos {
            let text = self.rest();
            if !text.is_empty() {
                self.tell(Event::Token { text, id, logprob }, answers);
            }
            return Some(Finish::Stop);
        }
        self.tokens.push(id);
        self.written += 1;
        let fresh = self.text.push(tokenizer.piece(id));
        let shown = self.stops.push(&fresh);
        let full = self.written as usize >= self.limit || self.tokens.len() >= context;
        let mut text = shown.text;
        if full && !shown.stopped {
            text.push_str(&self.rest());
        }
        self.tell(Event::Token { text, id, logprob }, answers);
        match (shown.stopped, full) {
            (true, _) => Some(Finish::Stop),
            (false, true) => Some(Finish::Length),
            (false, false) => None,
        }
    }

    /// Text that was held back, at the end of the answer.
    fn rest(&mut self) -> String {
        let unfinished = self.text.finish();
        let shown = self.stops.push(&unfinished);
        if shown.stopped { shown.text } else { shown.text + &self.stops.finish() }
    }

    /// The last word.
    pub(super) fn end(self, reason: Finish, error: Option<String>, answers: &Sender<FromWorker>) {
        let now = Instant::now();
        let ms = |from: Instant, to: Instant| u64::try_from((to - from).as_millis()).unwrap_or(u64::MAX);
        let started = self.started.unwrap_or(now);
        let first = self.first_token.unwrap_or(now);
        let end = End {
            reason,
            prompt_tokens: u32::try_from(self.prompt).unwrap_or(u32::MAX),
            completion_tokens: self.written,
            cached_tokens: 0,
            prefill_ms: ms(started, first),
            decode_ms: ms(first, now),
            queue_ms: ms(self.ticket.asked, started),
            error,
        };
        self.tell(Event::End(end), answers);
    }

    pub(super) fn tell(&self, event: Event, answers: &Sender<FromWorker>) {
        // A closed connection also cancels every ticket.
        let _closed = answers.send(FromWorker::Event { id: self.ticket.id, event });
    }
}
