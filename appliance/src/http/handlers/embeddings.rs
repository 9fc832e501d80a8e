//! OpenAI's `/v1/embeddings`: texts in, vectors out, as lists of numbers or in base64.

use actix_web::web::{Data, Json};
use data_encoding::BASE64;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::http::body::Body;
use crate::http::error::{Code, Error};
use crate::identity::{ApiCaller, KeyScope};

/// The fields that are honoured; others are ignored, as OpenAI's clients expect.
#[derive(Deserialize)]
pub(crate) struct EmbeddingRequest {
    model: String,
    input: Input,
    #[serde(default)]
    encoding_format: Encoding,
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Other(IgnoredAny),
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

#[derive(Serialize)]
pub(crate) struct EmbeddingList {
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    /// The numbers as little-endian f32, one after the other.
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u32,
    total_tokens: u32,
}

/// `POST /v1/embeddings`
pub(crate) async fn create(
    caller: ApiCaller,
    app: Data<App>,
    body: Body<EmbeddingRequest>,
) -> Result<Json<EmbeddingList>, Error> {
    let EmbeddingRequest { model, input, encoding_format, dimensions } = body.0;
    caller.require(KeyScope::Embeddings)?;
    check_model(&app, &caller, &model)?;
    let inputs = match input {
        Input::Text(text) => vec![text],
        Input::Texts(texts) => texts,
        Input::Other(_) => {
            let why = "A text or a list of texts; lists of token ids are not taken, send the text.";
            return Err(Error::invalid("input", why));
        }
    };
    if let Some(asked) = dimensions {
        let own = app.embeddings.dimensions().ok_or_else(|| Error::new(Code::Busy).retry_after(2))?;
        if asked != own {
            let why = format!("This model's vectors have {own} dimensions and cannot be had with others.");
            return Err(Error::invalid("dimensions", why));
        }
    }
    let made = app.embeddings.make(caller, inputs).await?;
    let vector = |numbers: &[f32]| match encoding_format {
        Encoding::Float => Vector::Numbers(numbers.to_vec()),
        Encoding::Base64 => {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            Vector::Base64(BASE64.encode(&bytes))
        }
    };
    let embedding = |(index, numbers): (usize, &[f32])| Embedding {
        object: "embedding",
        index,
        embedding: vector(numbers),
    };
    Ok(Json(EmbeddingList {
        object: "list",
        data: made.rows().enumerate().map(embedding).collect(),
        model,
        usage: Usage { prompt_tokens: made.prompt_tokens, total_tokens: made.prompt_tokens },
    }))
}

fn check_model(app: &App, caller: &ApiCaller, asked: &str) -> Result<(), Error> {
    let title = match app.embeddings.model() {
        Some(model) if model.id == asked && caller.rights.may_use(asked) => return Ok(()),
        None => "This appliance has no model for embeddings.".to_owned(),
        Some(_) if asked == app.chats.model().id && caller.rights.may_use(asked) => {
            format!("The model {asked:?} answers and makes no embeddings.")
        }
        Some(_) => format!("The model {asked:?} does not exist."),
    };
    Err(Error { field: Some("model".to_owned()), ..Error::not_found().title(title) })
}
