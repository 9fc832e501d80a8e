//! One request on its way from its order to its end.

use super::cache::{Cache, Found, Held, Owner};
use super::prefixes::Key;
use crate::context::Fitted;
use crate::model::cache::BLOCK;
use crate::protocol::FromWorker;
use crate::sampler::{Chosen, Sampler, StopFilter};
use crate::tokenizer::{Tokenizer, Utf8Stream};
use crate::{CacheScope, End, Error, Event, Finish, Sampling};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// An answer runs at least for so many tokens or so long before it gives way to another party.
const LEAST_TOKENS: u32 = 64;
const LEAST_TIME: Duration = Duration::from_secs(1);

/// A request's name and the flag that ends it. Lives as long as the request does.
pub(crate) struct Ticket {
    id: u64,
    party: Arc<str>,
    priority: i32,
    asked: Instant,
    cancelled: AtomicBool,
}

impl Ticket {
    pub(crate) fn new(id: u64, party: &str, priority: i32, asked: Instant) -> Arc<Ticket> {
        Arc::new(Ticket { id, party: party.into(), priority, asked, cancelled: AtomicBool::new(false) })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whose request it is.
    pub(crate) fn party(&self) -> &Arc<str> {
        &self.party
    }

    /// Takes effect before the next step.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// What the scheduler is told to do.
pub(crate) enum Task {
    Answer(Order),
    /// Drop what one person's prompts have left in the cache.
    Forget {
        id: u64,
        scope: CacheScope,
    },
}

/// What is to be answered.
pub(crate) struct Order {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) prompt: Fitted,
    pub(crate) sampling: Sampling,
    pub(crate) owner: Owner,
}

/// A request, waiting or running.
pub(super) struct Sequence {
    ticket: Arc<Ticket>,
    pub(super) owner: Owner,
    /// The prompt and the answer so far.
    pub(super) tokens: Vec<u32>,
    prompt: usize,
    dropped_turns: u32,
    /// How many tokens have their keys and values in the cache.
    pub(super) computed: usize,
    pub(super) held: Held,
    /// How many had them once: more than `computed` after it gave way.
    reached: usize,
    /// Tokens of the prompt that were already there, as far as its owner may know.
    cached: usize,
    /// The place in the queue that was told last.
    pub(super) position: usize,
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
    /// When it got its present place, and what it had written then.
    placed: Option<(Instant, u32)>,
}

impl Sequence {
    pub(super) fn new(order: Order) -> Sequence {
        let Order { ticket, prompt, sampling, owner } = order;
        Sequence {
            ticket,
            owner,
            prompt: prompt.tokens.len(),
            tokens: prompt.tokens,
            dropped_turns: prompt.dropped_turns,
            computed: 0,
            held: Held::default(),
            reached: 0,
            cached: 0,
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
            placed: None,
        }
    }

    pub(super) fn party(&self) -> &Arc<str> {
        self.ticket.party()
    }

    pub(super) fn priority(&self) -> i32 {
        self.ticket.priority
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.ticket.is_cancelled()
    }

    /// Whether only the newest token is missing from the cache.
    pub(super) fn is_writing(&self) -> bool {
        self.tokens.len() - self.computed == 1
    }

    /// Whether it stands at the end of a block and so may go on with what others have computed.
    pub(super) fn at_block_end(&self) -> bool {
        self.computed.is_multiple_of(BLOCK)
    }

    /// Blocks that its tokens so far and the next one still need.
    pub(super) fn missing_blocks(&self) -> usize {
        self.held.missing(self.tokens.len() + 1)
    }

    /// What its present block will be found by once it is full, if its tokens will fill it and leave one over.
    pub(super) fn held_key(&self) -> Option<Key> {
        self.held.next_key(&self.owner, &self.tokens[..self.tokens.len().saturating_sub(1)])
    }

    /// Looks for its further tokens in the cache.
    pub(super) fn adopt(&mut self, cache: &mut Cache) {
        let Found { computed, told } = cache.adopt(&mut self.held, &self.owner, &self.tokens, self.reached);
        self.computed = self.computed.max(computed);
        self.reached = self.reached.max(computed);
        self.cached += told;
    }

    /// Looks for a beginning of its next block as well. Before its first step.
    ///
    /// # Errors
    /// As [`Cache::grow`].
    pub(super) fn adopt_beginning(&mut self, cache: &mut Cache) -> Result<(), Error> {
        let alike = cache.adopt_beginning(&mut self.held, &self.owner, &self.tokens)?;
        self.computed += alike;
        self.cached += self.computed.saturating_sub(self.reached).min(alike);
        self.reached = self.reached.max(self.computed);
        Ok(())
    }

    /// So many more tokens are in the cache.
    pub(super) fn advance(&mut self, rows: usize, cache: &mut Cache) {
        self.computed += rows;
        self.reached = self.reached.max(self.computed);
        cache.keep(&mut self.held, &self.owner, &self.tokens, self.computed);
    }

    /// Leaves its blocks to others. It can go on later.
    pub(super) fn release(&mut self, cache: &mut Cache) {
        cache.release(&mut self.held);
        self.computed = 0;
    }

    /// Whether it has had its place for long enough to give it to somebody else.
    pub(super) fn has_had_its_turn(&self) -> bool {
        self.placed.is_some_and(|(since, written)| {
            self.written - written >= LEAST_TOKENS || since.elapsed() >= LEAST_TIME
        })
    }

    /// Whether it is known to have begun.
    pub(super) fn has_started(&self) -> bool {
        self.started.is_some()
    }

    /// How long it has run, pauses included.
    pub(super) fn age(&self) -> Duration {
        self.started.map(|started| started.elapsed()).unwrap_or_default()
    }

    /// It has a place. Told once, even if it had to give way and comes again.
    pub(super) fn start(&mut self, answers: &Sender<FromWorker>) {
        let now = Instant::now();
        self.placed = Some((now, self.written));
        if self.started.is_none() {
            self.started = Some(now);
            let (prompt_tokens, cached_tokens) = (number(self.prompt), number(self.cached));
            let dropped_turns = self.dropped_turns;
            self.tell(Event::Started { prompt_tokens, cached_tokens, dropped_turns }, answers);
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
            prompt_tokens: number(self.prompt),
            completion_tokens: self.written,
            cached_tokens: number(self.cached),
            prefill_ms: ms(started, first),
            decode_ms: ms(first, now),
            queue_ms: ms(self.ticket.asked, started),
            error,
        };
        let id = self.ticket.id;
        // Whoever hears of the end may ask again at once: the ticket is no longer open then.
        drop(self);
        tell(id, Event::End(end), answers);
    }

    pub(super) fn tell(&self, event: Event, answers: &Sender<FromWorker>) {
        tell(self.ticket.id, event, answers);
    }
}

fn tell(id: u64, event: Event, answers: &Sender<FromWorker>) {
    // A closed connection also cancels every ticket.
    let _closed = answers.send(FromWorker::Event { id, event });
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
