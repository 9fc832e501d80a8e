//! OpenAI's API for programs: `/v1/models` and `/v1/chat/completions`, so that existing tools work unchanged.
//!
//! Unlike a chat's answer, a completion belongs to its request: when the client goes, it ends.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream;
use redoubt_engine::{End, Event, Finish, Prompt, Request, Role, Sampling, Turn};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::chat;
use crate::completions::{Completion, Running};
use crate::http::body::Body;
use crate::http::error::{Code, Error};
use crate::http::sse;
use crate::identity::{ApiCaller, KeyScope};
use crate::models::Manifest;

/// The fields that are honoured; others are ignored, as OpenAI's clients expect.
#[derive(Deserialize)]
pub(crate) struct CompletionRequest {
    model: String,
    messages: Vec<ChatMessage>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<u32>,
    min_p: Option<f32>,
    repeat_penalty: Option<f32>,
    seed: Option<i64>,
    stop: Option<Stop>,
    n: Option<u32>,
    #[serde(default)]
    ignore_eos: bool,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct ChatMessage {
    role: String,
    content: Option<Content>,
}

/// A text, or OpenAI's list of parts, of which text is the only kind that this model reads.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

/// `GET /v1/models`
pub(crate) async fn models(caller: ApiCaller, app: Data<App>) -> Json<Value> {
    let models = [Some(app.chats.model()), app.embeddings.model()];
    let view =
        |model: &Manifest| json!({"id": model.id, "object": "model", "created": 0, "owned_by": "redoubt"});
    let data: Vec<Value> =
        models.into_iter().flatten().filter(|model| caller.rights.may_use(&model.id)).map(view).collect();
    Json(json!({"object": "list", "data": data}))
}

/// `POST /v1/chat/completions`
pub(crate) async fn create(
    caller: ApiCaller,
    app: Data<App>,
    request: HttpRequest,
    body: Body<CompletionRequest>,
) -> Result<HttpResponse, Error> {
    let body = body.0;
    caller.require(KeyScope::Chat)?;
    // A model that was not granted is as missing as one that there is not.
    if body.model != app.chats.model().id || !caller.rights.may_use(&body.model) {
        let title = format!("The model {:?} does not exist.", body.model);
        return Err(Error { field: Some("model".to_owned()), ..Error::not_found().title(title) });
    }
    if body.n.is_some_and(|n| n != 1) {
        return Err(Error::invalid("n", "One choice a request; ask again for another."));
    }
    let (streams, usage) =
        (body.stream, body.stream_options.as_ref().is_some_and(|options| options.include_usage));
    let manifest = app.chats.model();
    let prompt = Prompt::Chat(manifest.with_system(&caller.workspace.system_prompt, turns(&body.messages)?));
    let sampling = sampling(body, manifest.sampling());
    sampling.validate().map_err(chat::refusal)?;
    chat::check_sampling(&caller.rights, &sampling, &manifest.sampling())?;
    let cache_scope = chat::cache_scope(&app.chats.model().id, &caller.scope());
    let (party, priority) = (caller.user.id.clone(), caller.rights.priority());
    let ask = Request { prompt, sampling, cache_scope, party, priority };
    let running = app.completions.start(caller, ask).await?;
    if streams { Ok(stream(&request, running, usage)) } else { whole(running).await }
}

fn turns(messages: &[ChatMessage]) -> Result<Vec<Turn>, Error> {
    if messages.is_empty() {
        return Err(Error::invalid("messages", "There is no message."));
    }
    messages.iter().map(turn).collect()
}

fn turn(message: &ChatMessage) -> Result<Turn, Error> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => return Err(Error::invalid("messages", format!("There is no role {other:?}."))),
    };
    let content = match &message.content {
        None => String::new(),
        Some(Content::Text(text)) => text.clone(),
        Some(Content::Parts(parts)) => {
            let text = |part: &Part| part.text.clone().filter(|_| part.r#type == "text");
            let texts: Option<Vec<String>> = parts.iter().map(text).collect();
            texts.ok_or_else(|| Error::invalid("messages", "This model reads only text."))?.concat()
        }
    };
    Ok(Turn { role, content })
}

fn sampling(body: CompletionRequest, default: Sampling) -> Sampling {
    Sampling {
        temperature: body.temperature.unwrap_or(default.temperature),
        top_k: body.top_k.unwrap_or(default.top_k),
        top_p: body.top_p.unwrap_or(default.top_p),
        min_p: body.min_p.unwrap_or(default.min_p),
        repeat_penalty: body.repeat_penalty.unwrap_or(default.repeat_penalty),
        seed: body.seed.map(i64::cast_unsigned),
        max_tokens: body.max_completion_tokens.or(body.max_tokens).unwrap_or(default.max_tokens),
        stop: match body.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Many(stops)) => stops,
        },
        ignore_eos: body.ignore_eos,
    }
}

async fn whole(mut running: Running) -> Result<HttpResponse, Error> {
    let mut text = String::new();
    while let Some(event) = running.next().await {
        match event? {
            Event::Token { text: token, .. } => text.push_str(&token),
            Event::End(end) => {
                if end.reason == Finish::Error {
                    break;
                }
                let message = json!({"role": "assistant", "content": text});
                let choice =
                    json!({"index": 0, "message": message, "finish_reason": finish_reason(end.reason)});
                let mut answer = envelope(&running.completion, "chat.completion", json!([choice]));
                answer["usage"] = usage(&end);
                return Ok(HttpResponse::Ok().json(answer));
            }
            Event::Queued { .. } | Event::Started { .. } => {}
        }
    }
    Err(engine_failed())
}

fn engine_failed() -> Error {
    Error::new(Code::Busy).title("The model stopped in the middle of the answer.").retry_after(2)
}

fn finish_reason(reason: Finish) -> &'static str {
    match reason {
        Finish::Length => "length",
        Finish::Stop | Finish::Cancelled | Finish::Error => "stop",
    }
}

fn usage(end: &End) -> Value {
    json!({
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.completion_tokens,
        "total_tokens": end.prompt_tokens + end.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": end.cached_tokens},
    })
}

fn envelope(completion: &Completion, object: &str, choices: Value) -> Value {
    json!({
        "id": format!("chatcmpl-{}", completion.id),
        "object": object,
        "created": completion.created_s,
        "model": completion.model,
        "choices": choices,
    })
}

/// A streamed completion: the first chunk names the role, then one chunk a token.
struct Feed {
    running: Running,
    include_usage: bool,
    waiting: Vec<Bytes>,
    over: bool,
}

fn stream(request: &HttpRequest, running: Running, include_usage: bool) -> HttpResponse {
    let first = chunk(&running.completion, json!({"role": "assistant", "content": ""}), None);
    let feed = Feed { running, include_usage, waiting: vec![first], over: false };
    sse::response(request, stream::unfold(feed, |mut feed| async move { Some((feed.next().await?, feed)) }))
}

fn chunk(completion: &Completion, delta: Value, finish_reason: Option<&str>) -> Bytes {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
    sse::data(&envelope(completion, "chat.completion.chunk", json!([choice])).to_string())
}

impl Feed {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if !self.waiting.is_empty() {
                return Some(self.waiting.remove(0));
            }
            if self.over {
                return None;
            }
            match self.running.next().await {
                Some(Ok(Event::Token { text, .. })) => {
                    return Some(chunk(&self.running.completion, json!({"content": text}), None));
                }
                Some(Ok(Event::End(end))) => self.end(&end),
                Some(Ok(Event::Queued { .. } | Event::Started { .. })) => {}
                Some(Err(error)) => self.fail(&error.into()),
                None => self.fail(&engine_failed()),
            }
        }
    }

    fn end(&mut self, end: &End) {
        if end.reason == Finish::Error {
            return self.fail(&engine_failed());
        }
        let completion = &self.running.completion;
        self.waiting.push(chunk(completion, json!({}), Some(finish_reason(end.reason))));
        if self.include_usage {
            let mut last = envelope(completion, "chat.completion.chunk", json!([]));
            last["usage"] = usage(end);
            self.waiting.push(sse::data(&last.to_string()));
        }
        self.waiting.push(sse::data("[DONE]"));
        self.over = true;
    }

    fn fail(&mut self, error: &Error) {
        self.waiting.push(sse::data(&error.openai().to_string()));
        self.over = true;
    }
}
