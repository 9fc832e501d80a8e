//! The way of one message up to its answer: where it hangs, what the model reads, whether there is room, and the record
//! of its start. `writing` takes it from there.

use redoubt_engine::{CacheScope, Prompt, Sampling, Turn};
use redoubt_store::chats::{self, Chat, Scope};
use redoubt_store::messages::{self, Message, Role, Status};
use redoubt_store::usage::Account;

use super::answer::{Answer, Ended, Usage};
use super::prompt::{branch, turns};
use super::title::Title;
use super::writing::Reservation;
use super::{Chats, Error, OpenChat, Running};
use crate::access::{self, Admission, Ask, Member, Permission, Rights, Verdict};
use crate::durable::Teller;
use crate::random;
use crate::records;

/// The longest question, in bytes; what fits into a context is far less.
pub(super) const MAX_QUESTION_BYTES: usize = 256 << 10;
/// How long a chat gets: it is read as a whole whenever it is opened, asked in or exported.
const MAX_MESSAGES: usize = 2_000;
const MAX_CHAT_BYTES: usize = 8 << 20;

/// Where a new question hangs in the tree of messages.
pub enum Parent {
    /// Below the end of the branch that is shown.
    Head,
    /// At the top: a new first question.
    Root,
    /// Below this answer; editing a question is asking again below its parent.
    Message(String),
}

pub struct NewQuestion {
    pub content: String,
    pub parent: Parent,
    pub model: Option<String>,
    pub sampling: Sampling,
}

/// Everything known before the first word is written.
pub(super) struct Plan {
    pub(super) chat: Chat,
    /// The question, if it is new.
    pub(super) new_question: Option<Message>,
    pub(super) answer: Message,
    pub(super) title: Option<String>,
    pub(super) turns: Vec<Turn>,
    pub(super) sampling: Sampling,
    pub(super) dropped_turns: u32,
    /// Tokens of the prompt as it will be read.
    pub(super) prompt_tokens: u32,
}

impl Chats {
    /// Asks a question and starts its answer.
    pub async fn send(&self, member: &Member, chat_id: &str, new: NewQuestion) -> Result<Answer, Error> {
        self.check_model(member, new.model.as_deref())?;
        check_question(&new.content)?;
        let open = self.load(member, chat_id).await?;
        check_room(&open, &new.content)?;
        let parent = resolve_parent(&open, &new.parent)?;
        let now = self.clock.now_us();
        let question = Message {
            parent: parent.clone(),
            content: new.content,
            status: Status::Done,
            ..self.new_message(&open.chat, Role::User, now)?
        };
        let turns = turns(&branch(&open.messages, parent.as_deref()), Some(&question.content));
        let title = open.chat.title.is_empty().then(|| Title::from_question(&question.content).into());
        let answer = self.new_answer(&open.chat, &question.id, now)?;
        let chat = open.chat;
        let plan = Plan {
            chat,
            new_question: Some(question),
            answer,
            title,
            turns,
            sampling: new.sampling,
            dropped_turns: 0,
            prompt_tokens: 0,
        };
        self.start(member, plan).await
    }

    /// Starts another answer to a question. `message_id` names the question or one of its answers.
    pub async fn regenerate(
        &self,
        member: &Member,
        chat_id: &str,
        message_id: &str,
        sampling: Sampling,
    ) -> Result<Answer, Error> {
        self.check_model(member, None)?;
        let open = self.load(member, chat_id).await?;
        check_room(&open, "")?;
        let named = open.messages.iter().find(|message| message.id == message_id);
        let question = match named.ok_or(Error::NoSuchMessage)? {
            message if message.role == Role::User => message,
            answer => {
                let question =
                    open.messages.iter().find(|message| Some(&message.id) == answer.parent.as_ref());
                question.ok_or(Error::NoSuchMessage)?
            }
        };
        let turns = turns(&branch(&open.messages, Some(&question.id)), None);
        let answer = self.new_answer(&open.chat, &question.id, self.clock.now_us())?;
        let plan = Plan {
            chat: open.chat,
            new_question: None,
            answer,
            title: None,
            turns,
            sampling,
            dropped_turns: 0,
            prompt_tokens: 0,
        };
        self.start(member, plan).await
    }

    /// An answer to follow from its beginning, running or long ended. Reading one that has ended is opening its chat, and
    /// recorded before it is shown.
    pub async fn attach(&self, member: &Member, chat_id: &str, answer_id: &str) -> Result<Answer, Error> {
        let open = self.load(member, chat_id).await?;
        let found = open.messages.iter().find(|message| message.id == answer_id);
        found.filter(|message| message.role == Role::Assistant).ok_or(Error::NoSuchMessage)?;
        let running = self.running().get(chat_id).map(|running| running.answer.clone());
        if let Some(answer) = running.filter(|answer| answer.answer_id == answer_id) {
            return Ok(answer);
        }
        let (scope, member) = (member.scope(), member.clone());
        let (chat_id, answer_id) = (chat_id.to_owned(), answer_id.to_owned());
        self.store
            .write(move |tx| {
                member.confirm(tx)?;
                let chat = chats::find(tx, &scope, &chat_id)?.ok_or(Error::NoSuchChat)?;
                let message = messages::find(tx, &chat.owner, &chat.id, &answer_id)?;
                let message = message.ok_or(Error::NoSuchMessage)?;
                tx.audit(records::chat_opened(&member, &chat))?;
                Ok(finished(message))
            })
            .await
    }

    fn new_answer(&self, chat: &Chat, question_id: &str, now: i64) -> Result<Message, Error> {
        Ok(Message {
            parent: Some(question_id.to_owned()),
            model: Some(self.model.id.clone()),
            ..self.new_message(chat, Role::Assistant, now)?
        })
    }

    fn new_message(&self, chat: &Chat, role: Role, now: i64) -> Result<Message, Error> {
        Ok(Message {
            id: random::id(self.random.as_ref())?,
            chat_id: chat.id.clone(),
            parent: None,
            role,
            content: String::new(),
            status: Status::Streaming,
            finish_reason: None,
            model: None,
            prompt_tokens: None,
            completion_tokens: None,
            cached_tokens: None,
            dropped_turns: None,
            elapsed_ms: None,
            created_at: now,
        })
    }

    async fn start(&self, member: &Member, mut plan: Plan) -> Result<Answer, Error> {
        plan.sampling.validate().map_err(refusal)?;
        check_sampling(&member.rights, &plan.sampling, &self.model.sampling())?;
        let engine = self.engines.present().ok_or(Error::Busy { retry_after_seconds: 2 })?;
        plan.turns = self.model.with_system(&member.workspace.system_prompt, std::mem::take(&mut plan.turns));
        let prompt = Prompt::Chat(plan.turns.clone());
        let measure = engine.measure(prompt, plan.sampling.max_tokens).await.map_err(refusal)?;
        (plan.dropped_turns, plan.prompt_tokens) = (measure.dropped_turns, measure.prompt_tokens);
        let question_id = plan.answer.parent.clone().unwrap_or_default();
        let answer = Answer::new(question_id, plan.answer.id.clone(), plan.dropped_turns, plan.title.clone());
        let reserved = self.reserve(member, &plan.chat.id, &answer)?;
        let (tell, told) = Teller::new();
        // Whoever asks may hang up from here on; what is written for them has its end all the same.
        tokio::spawn(self.clone().write(engine, member.clone(), plan, reserved, tell));
        told.await.unwrap_or_else(|_| Err(not_recorded()))?;
        Ok(answer)
    }

    /// One answer at a time in a chat; the place is free again when the reservation is dropped.
    fn reserve(&self, member: &Member, chat_id: &str, answer: &Answer) -> Result<Reservation, Error> {
        let mut running = self.running();
        if running.contains_key(chat_id) {
            return Err(Error::StillAnswering);
        }
        running.insert(chat_id.to_owned(), Running { chat_id: chat_id.to_owned(), answer: answer.clone() });
        let run = self.access.runs().enter(member.standing().using(&self.model.id));
        let (chats, chat_id, answer) = (self.clone(), chat_id.to_owned(), answer.clone());
        Ok(Reservation { chats, chat_id, answer, run, admission: None })
    }

    /// Step 1 of the way: the message and its records, one transaction, on disk before the engine hears of it. A quota
    /// that is used up is found in the same one.
    pub(super) async fn write_start(&self, member: &Member, plan: &Plan) -> Result<Admission, Error> {
        let (member, chat, title) = (member.clone(), plan.chat.clone(), plan.title.clone());
        let (question, answer) = (plan.new_question.clone(), plan.answer.clone());
        let model = records::model(&self.model);
        let now = self.clock.now_us();
        let (ask, underway) = (self.ask(&member, plan), self.access.underway().clone());
        let verdict = self
            .store
            .write_settled(move |tx| {
                let scope = chat.scope();
                member.standing().using(&model.id).confirm(tx)?;
                chats::find(tx, &scope, &chat.id)?.ok_or(Error::NoSuchChat)?;
                let admission = match underway.admit(tx, ask)? {
                    Verdict::Admitted(admission) => admission,
                    refused @ Verdict::Refused { .. } => return Ok(refused),
                };
                if let Some(question) = &question {
                    let seq = tx.audit(records::message_created(&member, &chat, question))?;
                    messages::insert(tx, &chat.owner, question, seq)?;
                }
                let seq = tx.audit(records::inference_started(&member, &chat, &answer, &model))?;
                messages::insert(tx, &chat.owner, &answer, seq)?;
                if let Some(title) = &title {
                    chats::rename(tx, &scope, &chat.id, title, now)?;
                }
                chats::set_head(tx, &scope, &chat.id, &answer.id, now)?;
                Ok::<_, Error>(Verdict::Admitted(admission))
            })
            .await?;
        Ok(verdict.admitted()?)
    }

    fn ask(&self, member: &Member, plan: &Plan) -> Ask {
        let object = records::chat_object(&plan.chat);
        let model = records::model(&self.model);
        Ask {
            account: account(&plan.chat, &self.model.id),
            quotas: member.rights.quotas,
            prompt_tokens: plan.prompt_tokens.into(),
            further_tokens: plan.sampling.max_tokens.into(),
            refusal: records::rights::request_refused(member.actor(), &member.via, object, model),
        }
    }
}

/// Whose use of which model an answer in this chat is.
pub(super) fn account(chat: &Chat, model: &str) -> Account {
    let Scope { owner, workspace } = chat.scope();
    Account { user_id: owner, workspace, model: model.to_owned() }
}

/// Without the permission answers are sampled as the model's manifest says; how long they get, and where they stop, is
/// anybody's to say.
pub(crate) fn check_sampling(
    rights: &Rights,
    asked: &Sampling,
    default: &Sampling,
) -> Result<(), access::Error> {
    let as_default = Sampling { max_tokens: default.max_tokens, stop: default.stop.clone(), ..asked.clone() };
    if rights.may(Permission::ModelParameters) || as_default == *default {
        return Ok(());
    }
    Err(access::Error::Missing(Permission::ModelParameters))
}

/// Compartments never share a block of the cache: a system prompt is common within a workspace, all else is one person's.
pub(crate) fn cache_scope(model: &str, scope: &Scope) -> CacheScope {
    let Scope { owner, workspace } = scope;
    CacheScope { shared: format!("{model}/{workspace}"), private: format!("{owner}/{workspace}") }
}

/// Of what the store did not take in time. A start that it takes late is ended at once.
pub(crate) fn not_recorded() -> Error {
    redoubt_store::Error::Unavailable("it was not recorded in time").into()
}

/// The engine's refusals as the chat's own.
pub(crate) fn refusal(error: redoubt_engine::Error) -> Error {
    match error {
        redoubt_engine::Error::ContextExceeded { tokens, context } => {
            Error::ContextExceeded { tokens, context }
        }
        redoubt_engine::Error::Busy { retry_after_s } => {
            Error::Busy { retry_after_seconds: u64::from(retry_after_s) }
        }
        redoubt_engine::Error::Quota { retry_after_s } => {
            Error::Quota { retry_after_seconds: u64::from(retry_after_s) }
        }
        redoubt_engine::Error::Invalid { field, why } => Error::Invalid { field, why },
        other => {
            tracing::warn!(error = %other, "the engine refused a prompt");
            Error::Busy { retry_after_seconds: 2 }
        }
    }
}

fn check_question(content: &str) -> Result<(), Error> {
    let why = if content.trim().is_empty() {
        "a question cannot be empty".to_owned()
    } else if content.len() > MAX_QUESTION_BYTES {
        format!("a question has at most {} KiB", MAX_QUESTION_BYTES >> 10)
    } else {
        return Ok(());
    };
    Err(Error::Invalid { field: "content".to_owned(), why })
}

/// Whether a question and its answer have room in the chat; of the answer's length nothing is known yet.
fn check_room(open: &OpenChat, question: &str) -> Result<(), Error> {
    let bytes: usize = open.messages.iter().map(|message| message.content.len()).sum();
    if open.messages.len() + 2 <= MAX_MESSAGES && bytes + question.len() <= MAX_CHAT_BYTES {
        return Ok(());
    }
    let why = format!(
        "this chat is full: a chat has at most {MAX_MESSAGES} messages and {} MiB of text. Begin a new chat",
        MAX_CHAT_BYTES >> 20
    );
    Err(Error::Invalid { field: "chat".to_owned(), why })
}

/// The id of the answer below which a question goes; `None` is the top.
fn resolve_parent(open: &OpenChat, parent: &Parent) -> Result<Option<String>, Error> {
    let find = |id: &str| open.messages.iter().find(|message| message.id == id);
    match parent {
        Parent::Root => Ok(None),
        Parent::Message(id) => match find(id).ok_or(Error::NoSuchMessage)? {
            message if message.role == Role::Assistant => Ok(Some(message.id.clone())),
            _ => Err(Error::NotThere("a question goes below an answer, or to the top")),
        },
        Parent::Head => match open.chat.head.as_deref().and_then(find) {
            Some(head) if head.role == Role::User => Ok(head.parent.clone()),
            Some(head) => Ok(Some(head.id.clone())),
            None => Ok(None),
        },
    }
}

fn finished(message: Message) -> Answer {
    let status = match message.status {
        // Nobody writes it any more.
        Status::Streaming => Status::Failed,
        status => status,
    };
    let finish_reason = match (status, message.finish_reason.as_deref()) {
        (Status::Stopped, _) => "cancelled",
        (Status::Failed, _) => "error",
        (_, Some("length")) => "length",
        _ => "stop",
    };
    let ended = Ended {
        status,
        finish_reason,
        usage: Usage {
            prompt_tokens: message.prompt_tokens.unwrap_or_default(),
            completion_tokens: message.completion_tokens.unwrap_or_default(),
            cached_tokens: message.cached_tokens.unwrap_or_default(),
        },
        elapsed_ms: message.elapsed_ms.unwrap_or_default(),
        error: None,
    };
    Answer::finished(message.parent.unwrap_or_default(), message.id, message.content, ended)
}
