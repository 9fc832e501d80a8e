//! Every route of the appliance with the role that it needs: the one list that registers the handlers,
//! describes the API and is walked by the tests with every wrong role.

mod administration;
mod custody;

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::{middleware, web};
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use super::boundary;
use super::handlers::{
    appliance, audit, chats, completions, embeddings, export, exports, health, keys, lock, me, messages,
    metrics, prompts, search, session, sessions, usage,
};

use crate::space::Demand;

/// Who may use a route. The handler's argument type enforces it; this says it to readers, to the API's
/// description and to the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// Whoever passed the first step of signing in.
    Pending,
    /// Whoever has a session, be it locked or not.
    Holder,
    /// Whoever is signed in.
    Anyone,
    Analyst,
    Admin,
    Auditor,
    /// A program with an API key.
    ApiKey,
}

type NamedSchema = (String, RefOr<Schema>);

/// What a route answers when it succeeds.
#[derive(Clone)]
pub enum Answer {
    Nothing,
    Json(Box<NamedSchema>),
    /// Server-sent events.
    Events,
    /// A file of this media type.
    File(&'static str),
}

/// One method of one path.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// What it takes of the disk.
    pub demand: Demand,
    pub summary: &'static str,
    pub status: u16,
    pub request: Option<NamedSchema>,
    pub parameters: Vec<Parameter>,
    pub answer: Answer,
    /// Schemas that the others refer to.
    pub schemas: Vec<NamedSchema>,
    handler: fn() -> actix_web::Route,
}

impl Route {
    fn new(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: fn() -> actix_web::Route,
    ) -> Self {
        let (request, answer) = (None, Answer::Nothing);
        let (parameters, schemas) = (Vec::new(), Vec::new());
        let demand = match access {
            Access::Analyst | Access::ApiKey if method != Method::DELETE => Demand::Record,
            _ => Demand::Essential,
        };
        let status = 204;
        Self { method, path, access, demand, summary, status, request, parameters, answer, schemas, handler }
    }

    /// Goes on while the disk is full: it writes nothing, or leads to what frees space.
    fn even_when_full(mut self) -> Self {
        self.demand = Demand::Essential;
        self
    }

    /// Is refused before the disk is full.
    fn writes_texts(mut self) -> Self {
        self.demand = Demand::Text;
        self
    }

    fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(self.schema::<T>());
        self
    }

    fn query<T: IntoParams>(mut self) -> Self {
        self.parameters = T::into_params(|| Some(utoipa::openapi::path::ParameterIn::Query));
        self
    }

    fn returns<T: ToSchema>(mut self, status: u16) -> Self {
        (self.answer, self.status) = (Answer::Json(Box::new(self.schema::<T>())), status);
        self
    }

    fn streams(mut self) -> Self {
        (self.answer, self.status) = (Answer::Events, 200);
        self
    }

    fn file(mut self, media_type: &'static str) -> Self {
        (self.answer, self.status) = (Answer::File(media_type), 200);
        self
    }

    fn schema<T: ToSchema>(&mut self) -> NamedSchema {
        T::schemas(&mut self.schemas);
        (T::name().into_owned(), T::schema())
    }
}

/// Adds every route to an application: one resource a path, so that a wrong method is told from a wrong address.
pub(super) fn register(config: &mut web::ServiceConfig) {
    let mut resources = BTreeMap::new();
    for route in all() {
        let resource = resources.remove(route.path).unwrap_or_else(|| web::resource(route.path));
        let demand = route.demand;
        let mut handler = (route.handler)().method(route.method);
        if demand != Demand::Essential {
            let spare = move |request, next| boundary::spare_the_disk(demand, request, next);
            handler = handler.wrap(middleware::from_fn(spare));
        }
        resources.insert(route.path, resource.route(handler));
    }
    resources.into_values().for_each(|resource| {
        config.service(resource);
    });
}

/// The whole list.
pub fn all() -> Vec<Route> {
    [
        sign_in(),
        own_session(),
        chatting(),
        answering(),
        own_things(),
        auditing(),
        administration::all(),
        custody::all(),
        programs(),
        operations(),
    ]
    .concat()
}

fn sign_in() -> Vec<Route> {
    use Access::{Holder, Pending, Public};
    vec![
        Route::new(Method::GET, "/api/v1/appliance", Public, "What the sign-in page shows", || {
            web::route().to(appliance::show)
        })
        .returns::<appliance::Appliance>(200),
        Route::new(Method::POST, "/api/v1/session", Public, "Sign in, first step: name and password", || {
            web::route().to(session::create)
        })
        .takes::<session::Credentials>()
        .returns::<session::NextStep>(200),
        Route::new(
            Method::POST,
            "/api/v1/session/certificate",
            Public,
            "Sign in, first step: the certificate that the connection showed",
            || web::route().to(session::create_with_certificate),
        )
        .takes::<session::WithCertificate>()
        .returns::<session::NextStep>(200),
        Route::new(Method::POST, "/api/v1/session/totp", Pending, "Sign in, second step: a code", || {
            web::route().to(session::complete)
        })
        .takes::<session::SecondFactor>()
        .returns::<session::SignedInView>(200),
        Route::new(Method::DELETE, "/api/v1/session", Holder, "Sign out", || {
            web::route().to(session::delete)
        }),
        Route::new(Method::POST, "/api/v1/session/unlock", Holder, "Open the locked session again", || {
            web::route().to(lock::unlock)
        })
        .takes::<lock::Unlocking>(),
    ]
}

fn own_session() -> Vec<Route> {
    use Access::Anyone;
    vec![
        Route::new(Method::POST, "/api/v1/session/lock", Anyone, "Lock the present session", || {
            web::route().to(lock::lock)
        }),
        Route::new(Method::POST, "/api/v1/session/proof", Anyone, "Give password and code again", || {
            web::route().to(lock::prove)
        })
        .takes::<lock::Proving>(),
        Route::new(
            Method::POST,
            "/api/v1/me/recovery-codes",
            Anyone,
            "New recovery codes; asks for a proof",
            || web::route().to(lock::issue_recovery_codes),
        )
        .returns::<lock::RecoveryCodes>(200),
        Route::new(Method::GET, "/api/v1/me", Anyone, "Who is signed in", || web::route().to(sessions::me))
            .returns::<sessions::Me>(200),
        Route::new(Method::GET, "/api/v1/sessions", Anyone, "One's own sessions", || {
            web::route().to(sessions::list)
        })
        .returns::<sessions::SessionPage>(200),
        Route::new(Method::DELETE, "/api/v1/sessions/{id}", Anyone, "End one of one's sessions", || {
            web::route().to(sessions::delete)
        }),
    ]
}

fn chatting() -> Vec<Route> {
    use Access::Analyst;
    let on_chat = "/api/v1/chats/{id}";
    vec![
        Route::new(Method::GET, "/api/v1/models", Analyst, "The models that answer", || {
            web::route().to(appliance::models)
        })
        .returns::<appliance::ModelPage>(200)
        .even_when_full(),
        Route::new(Method::GET, "/api/v1/chats", Analyst, "One's chats, newest first", || {
            web::route().to(chats::list)
        })
        .query::<chats::PageQuery>()
        .returns::<chats::ChatPage>(200)
        .even_when_full(),
        Route::new(Method::POST, "/api/v1/chats", Analyst, "Start a chat", || web::route().to(chats::create))
            .takes::<chats::NewChat>()
            .returns::<chats::ChatView>(201)
            .writes_texts(),
        Route::new(Method::GET, on_chat, Analyst, "Open a chat", || web::route().to(chats::show))
            .returns::<chats::ChatView>(200),
        Route::new(Method::PATCH, on_chat, Analyst, "Rename a chat or switch its branch", || {
            web::route().to(chats::update)
        })
        .takes::<chats::ChatChanges>()
        .returns::<chats::ChatView>(200),
        Route::new(Method::DELETE, on_chat, Analyst, "Delete a chat", || web::route().to(chats::delete)),
        Route::new(
            Method::GET,
            "/api/v1/chats/{id}/export",
            Analyst,
            "The chat as a file; asks for a proof",
            || web::route().to(export::show),
        )
        .query::<export::ExportQuery>()
        .file("text/markdown"),
    ]
}

fn answering() -> Vec<Route> {
    use Access::Analyst;
    vec![
        Route::new(Method::POST, "/api/v1/chats/{id}/messages", Analyst, "Ask; streams the answer", || {
            web::route().to(messages::create)
        })
        .takes::<messages::NewMessage>()
        .streams()
        .writes_texts(),
        Route::new(
            Method::POST,
            "/api/v1/chats/{id}/messages/{mid}/regenerate",
            Analyst,
            "Answer again; streams the answer",
            || web::route().to(messages::regenerate),
        )
        .takes::<messages::Regeneration>()
        .streams()
        .writes_texts(),
        Route::new(
            Method::GET,
            "/api/v1/chats/{id}/messages/{mid}/events",
            Analyst,
            "Follow an answer from its beginning",
            || web::route().to(messages::events),
        )
        .streams()
        .even_when_full(),
        Route::new(Method::POST, "/api/v1/chats/{id}/stop", Analyst, "Stop the running answer", || {
            web::route().to(messages::stop)
        })
        .even_when_full(),
    ]
}

/// What an analyst has around their chats.
fn own_things() -> Vec<Route> {
    use Access::Analyst;
    vec![
        Route::new(Method::POST, "/api/v1/session/workspace", Analyst, "Choose a workspace", || {
            web::route().to(me::choose_workspace)
        })
        .takes::<me::WorkspaceChoice>()
        .even_when_full(),
        Route::new(Method::GET, "/api/v1/search", Analyst, "Search one's chats", || {
            web::route().to(search::show)
        })
        .query::<search::SearchQuery>()
        .returns::<search::Hits>(200),
        Route::new(Method::GET, "/api/v1/keys", Analyst, "One's keys for programs", || {
            web::route().to(keys::list)
        })
        .returns::<keys::KeyPage>(200)
        .even_when_full(),
        Route::new(Method::POST, "/api/v1/keys", Analyst, "Make a key; shows it once", || {
            web::route().to(keys::create)
        })
        .takes::<keys::NewKeyBody>()
        .returns::<keys::CreatedKey>(201),
        Route::new(Method::DELETE, "/api/v1/keys/{id}", Analyst, "Revoke a key", || {
            web::route().to(keys::delete)
        }),
        Route::new(Method::GET, "/api/v1/prompts", Analyst, "The workspace's kept prompts", || {
            web::route().to(prompts::list)
        })
        .query::<chats::PageQuery>()
        .returns::<prompts::PromptPage>(200)
        .even_when_full(),
        Route::new(Method::POST, "/api/v1/prompts", Analyst, "Keep a prompt", || {
            web::route().to(prompts::create)
        })
        .takes::<prompts::NewPrompt>()
        .returns::<prompts::PromptView>(201)
        .writes_texts(),
        Route::new(Method::PATCH, "/api/v1/prompts/{id}", Analyst, "Change one's prompt", || {
            web::route().to(prompts::update)
        })
        .takes::<prompts::PromptChanges>()
        .returns::<prompts::PromptView>(200),
        Route::new(Method::DELETE, "/api/v1/prompts/{id}", Analyst, "Delete one's prompt", || {
            web::route().to(prompts::delete)
        }),
        Route::new(Method::GET, "/api/v1/usage", Analyst, "One's own use by day and model", || {
            web::route().to(usage::show)
        })
        .query::<usage::UsageQuery>()
        .returns::<usage::OwnUsage>(200)
        .even_when_full(),
    ]
}

fn auditing() -> Vec<Route> {
    use Access::Auditor;
    vec![
        Route::new(Method::GET, "/api/v1/audit/records", Auditor, "Records, newest first", || {
            web::route().to(audit::list)
        })
        .query::<audit::RecordQuery>()
        .returns::<audit::RecordPage>(200),
        Route::new(
            Method::GET,
            "/api/v1/audit/records/{seq}",
            Auditor,
            "One record with the proof that it is in the log",
            || web::route().to(audit::record::show),
        )
        .returns::<audit::record::WholeRecord>(200),
        Route::new(Method::GET, "/api/v1/audit/events", Auditor, "What can be recorded, in words", || {
            web::route().to(audit::events::list)
        })
        .returns::<audit::events::EventList>(200),
        Route::new(
            Method::GET,
            "/api/v1/audit/checkpoints",
            Auditor,
            "Signed roots of the log, newest first",
            || web::route().to(audit::checkpoints::list),
        )
        .query::<chats::PageQuery>()
        .returns::<audit::checkpoints::CheckpointPage>(200),
        Route::new(
            Method::GET,
            "/api/v1/audit/checkpoints/{size}",
            Auditor,
            "One checkpoint with its QR code",
            || web::route().to(audit::checkpoints::show),
        )
        .returns::<audit::checkpoints::CheckpointToKeep>(200),
        Route::new(Method::GET, "/api/v1/audit/exports", Auditor, "Exports so far, newest first", || {
            web::route().to(exports::list)
        })
        .query::<chats::PageQuery>()
        .returns::<exports::ExportPage>(200),
        Route::new(
            Method::POST,
            "/api/v1/audit/exports",
            Auditor,
            "Export records as a signed bundle; asks for a proof",
            || web::route().to(exports::create),
        )
        .takes::<exports::ExportOrder>()
        .file("application/x-tar"),
    ]
}

fn programs() -> Vec<Route> {
    use Access::ApiKey;
    vec![
        Route::new(Method::GET, "/v1/models", ApiKey, "OpenAI: models", || {
            web::route().to(completions::models)
        })
        .returns::<serde_json::Value>(200)
        .even_when_full(),
        Route::new(Method::POST, "/v1/chat/completions", ApiKey, "OpenAI: chat completion", || {
            web::route().to(completions::create)
        })
        .takes::<serde_json::Value>()
        .returns::<serde_json::Value>(200)
        .writes_texts(),
        Route::new(Method::POST, "/v1/embeddings", ApiKey, "OpenAI: embeddings", || {
            web::route().to(embeddings::create)
        })
        .takes::<serde_json::Value>()
        .returns::<serde_json::Value>(200)
        .writes_texts(),
    ]
}

fn operations() -> Vec<Route> {
    use Access::Public;
    vec![
        Route::new(Method::GET, "/healthz", Public, "The process answers", || web::route().to(health::live))
            .file("text/plain"),
        Route::new(Method::GET, "/readyz", Public, "Store and engine are ready", || {
            web::route().to(health::ready)
        })
        .file("text/plain"),
        Route::new(Method::GET, "/metrics", Public, "Counters, for the addresses that may see them", || {
            web::route().to(metrics::show)
        })
        .file("text/plain"),
        Route::new(Method::GET, "/api/v1/openapi.json", Public, "This API's description", || {
            web::route().to(appliance::openapi)
        })
        .file("application/json"),
    ]
}
