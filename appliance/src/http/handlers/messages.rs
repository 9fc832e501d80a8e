//! Questions and answers: ask, answer again, follow, stop.

use std::time::Duration;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream;
use redoubt_engine::Sampling;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::chats::{StatusView, UsageView};
use crate::access::{Lapse, Member, Notice, Run};
use crate::app::App;
use crate::chat::{Answer, Ended, Failure, NewQuestion, Parent, Place, Step, Watcher};
use crate::http::body::Body;
use crate::http::error::{Code, Error, Problem};
use crate::http::sse;

const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a reader who lost the right to an answer waits for its end.
const END_COMES_WITHIN: Duration = Duration::from_millis(400);
/// The longest answer unless the caller says otherwise, in tokens.
const DEFAULT_MAX_TOKENS: u32 = 1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage {
    content: String,
    /// Absent: after the branch that is shown. `null`: a new first question. Else the answer that it follows.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    parent: Option<Option<String>>,
    #[schema(nullable = false)]
    model: Option<String>,
    #[schema(nullable = false)]
    params: Option<Params>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Regeneration {
    #[schema(nullable = false)]
    params: Option<Params>,
}

/// How the answer is sampled; what is absent has the model's default.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    temperature: Option<f32>,
    top_k: Option<u32>,
    top_p: Option<f32>,
    min_p: Option<f32>,
    repeat_penalty: Option<f32>,
    seed: Option<u64>,
    max_tokens: Option<u32>,
    stop: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Start<'a> {
    question: &'a str,
    answer: &'a str,
    dropped_turns: u32,
    title: Option<&'a str>,
}

#[derive(Serialize)]
struct Queued {
    position: u32,
    wait_s: u32,
}

#[derive(Serialize)]
struct Token {
    text: String,
}

#[derive(Serialize)]
struct Failed {
    problem: Problem,
}

#[derive(Serialize)]
struct End {
    status: StatusView,
    finish_reason: &'static str,
    usage: UsageView,
    elapsed_ms: u64,
}

/// A field that is there, be it `null`: `Some(None)`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Params {
    /// What is absent is as in `default`.
    fn over(self, default: Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_k: self.top_k.unwrap_or(default.top_k),
            top_p: self.top_p.unwrap_or(default.top_p),
            min_p: self.min_p.unwrap_or(default.min_p),
            repeat_penalty: self.repeat_penalty.unwrap_or(default.repeat_penalty),
            seed: self.seed.or(default.seed),
            max_tokens: self.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
            stop: self.stop.unwrap_or_default(),
            ..default
        }
    }
}

/// `POST /api/v1/chats/{id}/messages`
pub(crate) async fn create(
    member: Member,
    app: Data<App>,
    id: Path<String>,
    request: HttpRequest,
    body: Body<NewMessage>,
) -> Result<HttpResponse, Error> {
    let NewMessage { content, parent, model, params } = body.0;
    let parent = match parent {
        None => Parent::Head,
        Some(None) => Parent::Root,
        Some(Some(answer)) => Parent::Message(answer),
    };
    let question = NewQuestion {
        content,
        parent,
        model,
        sampling: params.unwrap_or_default().over(app.chats.model().sampling()),
    };
    let answer = app.chats.send(&member, &id, question).await?;
    Ok(stream(&request, &app, &member, &answer))
}

/// `POST /api/v1/chats/{id}/messages/{mid}/regenerate`
pub(crate) async fn regenerate(
    member: Member,
    app: Data<App>,
    ids: Path<(String, String)>,
    request: HttpRequest,
    body: Body<Regeneration>,
) -> Result<HttpResponse, Error> {
    let sampling = body.0.params.unwrap_or_default().over(app.chats.model().sampling());
    let answer = app.chats.regenerate(&member, &ids.0, &ids.1, sampling).await?;
    Ok(stream(&request, &app, &member, &answer))
}

/// `GET /api/v1/chats/{id}/messages/{mid}/events`
pub(crate) async fn events(
    member: Member,
    app: Data<App>,
    ids: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let answer = app.chats.attach(&member, &ids.0, &ids.1).await?;
    Ok(stream(&request, &app, &member, &answer))
}

/// `POST /api/v1/chats/{id}/stop`
pub(crate) async fn stop(member: Member, app: Data<App>, id: Path<String>) -> Result<HttpResponse, Error> {
    app.chats.stop(&member, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What a reader of the stream still has to be told.
struct Feed {
    watcher: Watcher,
    start: Option<Bytes>,
    end: Option<Bytes>,
    request_id: String,
    /// The reader's own right to it, which may end before the answer does.
    notice: Notice,
    is_over: bool,
    _run: Run,
}

fn stream(request: &HttpRequest, app: &App, member: &Member, answer: &Answer) -> HttpResponse {
    let start = Start {
        question: &answer.question_id,
        answer: &answer.answer_id,
        dropped_turns: answer.dropped_turns,
        title: answer.title.as_deref(),
    };
    // What is read needs no model: one that is lost ends the answer, and that is read.
    let run = app.access.runs().enter(member.standing());
    let feed = Feed {
        watcher: answer.watch(),
        start: Some(sse::event("start", &start)),
        end: None,
        request_id: member.via.request.clone(),
        notice: run.notice(),
        is_over: false,
        _run: run,
    };
    sse::response(request, stream::unfold(feed, |mut feed| async move { Some((feed.next().await?, feed)) }))
}

impl Feed {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(waiting) = self.start.take().or_else(|| self.end.take()) {
            return Some(waiting);
        }
        if self.is_over {
            return None;
        }
        let step = tokio::select! {
            biased;
            lapse = self.notice.lapsed() => return Some(self.cut(lapse).await),
            step = tokio::time::timeout(KEEP_ALIVE, self.watcher.next()) => step,
        };
        match step {
            Err(_) => Some(sse::keep_alive()),
            Ok(None) => None,
            Ok(Some(Step::Queued(Place { position, wait_s }))) => {
                Some(sse::event("queue", &Queued { position, wait_s }))
            }
            Ok(Some(Step::Text(text))) => Some(sse::event("token", &Token { text })),
            Ok(Some(Step::Ended(ended))) => Some(self.end(&ended)),
        }
    }

    /// The reader lost the right to read on: no further word, but that the answer was stopped, if it was and that is known
    /// soon; else why there is no more.
    async fn cut(&mut self, lapse: Lapse) -> Bytes {
        self.is_over = true;
        let end = async {
            loop {
                match self.watcher.next().await {
                    Some(Step::Ended(ended)) => return Some(ended),
                    Some(Step::Text(_) | Step::Queued(_)) => {}
                    None => return None,
                }
            }
        };
        match tokio::time::timeout(END_COMES_WITHIN, end).await {
            Ok(Some(ended)) => self.end(&ended),
            _ => sse::event("error", &Failed { problem: Error::from(lapse).problem(&self.request_id) }),
        }
    }

    /// A failed answer says why before it ends.
    fn end(&mut self, ended: &Ended) -> Bytes {
        let end = End {
            status: ended.status.into(),
            finish_reason: ended.finish_reason,
            usage: ended.usage.into(),
            elapsed_ms: ended.elapsed_ms,
        };
        let end = sse::event("end", &end);
        let Some(failure) = ended.error else { return end };
        self.end = Some(end);
        let problem = problem_of(failure).problem(&self.request_id);
        sse::event("error", &Failed { problem })
    }
}

fn problem_of(failure: Failure) -> Error {
    match failure {
        Failure::Engine => Error::new(Code::Busy)
            .title("The model stopped in the middle of the answer. Ask again.")
            .retry_after(2),
        Failure::Unrecorded => Error::new(Code::AuditUnavailable)
            .title("The answer could not be recorded yet. It is kept and stored as soon as possible."),
    }
}
