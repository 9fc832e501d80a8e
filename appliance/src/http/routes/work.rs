//! The routes of an analyst's work: chats, answers, and what is around them.

use actix_web::http::Method;
use actix_web::web;
use redoubt_audit::catalogue as event;

use super::{Access, Route};
use crate::http::handlers::{appliance, chats, export, keys, me, messages, prompts, search, usage};

pub(super) fn all() -> Vec<Route> {
    [chatting(), answering(), own_things(), own_keys()].concat()
}

fn chatting() -> Vec<Route> {
    use Access::Analyst;
    let on_chat = "/api/v1/chats/{id}";
    vec![
        Route::on(Method::GET, "/api/v1/models", Analyst, "The models that answer", || {
            web::route().to(appliance::models)
        })
        .shows_common()
        .returns::<appliance::ModelPage>(200)
        .even_when_full(),
        Route::on(Method::GET, "/api/v1/chats", Analyst, "One's chats, newest first", || {
            web::route().to(chats::list)
        })
        .shows_own()
        .query::<chats::PageQuery>()
        .returns::<chats::ChatPage>(200)
        .even_when_full(),
        Route::on(Method::POST, "/api/v1/chats", Analyst, "Start a chat", || web::route().to(chats::create))
            .records(&[event::CHAT_CREATE])
            .takes::<chats::NewChat>()
            .returns::<chats::ChatView>(201)
            .writes_texts(),
        Route::on(Method::GET, on_chat, Analyst, "Open a chat", || web::route().to(chats::show))
            .records(&[event::CHAT_OPEN])
            .returns::<chats::ChatView>(200),
        Route::on(Method::PATCH, on_chat, Analyst, "Rename a chat or switch its branch", || {
            web::route().to(chats::update)
        })
        .records(&[event::CHAT_UPDATE])
        .takes::<chats::ChatChanges>()
        .returns::<chats::ChatView>(200),
        Route::on(Method::DELETE, on_chat, Analyst, "Delete a chat", || web::route().to(chats::delete))
            .records(&[event::CHAT_DELETE]),
        Route::on(
            Method::GET,
            "/api/v1/chats/{id}/export",
            Analyst,
            "The chat as a file; asks for a proof",
            || web::route().to(export::show),
        )
        .records(&[event::CHAT_EXPORT])
        .query::<export::ExportQuery>()
        .file("text/markdown"),
    ]
}

fn answering() -> Vec<Route> {
    use Access::Analyst;
    vec![
        Route::on(Method::POST, "/api/v1/chats/{id}/messages", Analyst, "Ask; streams the answer", || {
            web::route().to(messages::create)
        })
        .records(&[event::MESSAGE_CREATE, event::INFERENCE_START, event::INFERENCE_END])
        .takes::<messages::NewMessage>()
        .streams()
        .writes_texts(),
        Route::on(
            Method::POST,
            "/api/v1/chats/{id}/messages/{mid}/regenerate",
            Analyst,
            "Answer again; streams the answer",
            || web::route().to(messages::regenerate),
        )
        .records(&[event::INFERENCE_START, event::INFERENCE_END])
        .takes::<messages::Regeneration>()
        .streams()
        .writes_texts(),
        Route::on(
            Method::GET,
            "/api/v1/chats/{id}/messages/{mid}/events",
            Analyst,
            "Follow an answer from its beginning",
            || web::route().to(messages::events),
        )
        .records(&[event::CHAT_OPEN])
        .streams()
        .even_when_full(),
        Route::on(Method::POST, "/api/v1/chats/{id}/stop", Analyst, "Stop the running answer", || {
            web::route().to(messages::stop)
        })
        .records(&[event::INFERENCE_END])
        .even_when_full(),
    ]
}

/// What an analyst has around their chats.
fn own_things() -> Vec<Route> {
    use Access::Analyst;
    vec![
        Route::on(Method::POST, "/api/v1/session/workspace", Analyst, "Choose a workspace", || {
            web::route().to(me::choose_workspace)
        })
        .records(&[event::SESSION_WORKSPACE])
        .takes::<me::WorkspaceChoice>()
        .even_when_full(),
        Route::on(Method::GET, "/api/v1/search", Analyst, "Search one's chats", || {
            web::route().to(search::show)
        })
        .records(&[event::CHAT_SEARCH])
        .query::<search::SearchQuery>()
        .returns::<search::Hits>(200),
        Route::on(Method::GET, "/api/v1/prompts", Analyst, "The workspace's kept prompts", || {
            web::route().to(prompts::list)
        })
        .shows_common()
        .query::<chats::PageQuery>()
        .returns::<prompts::PromptPage>(200)
        .even_when_full(),
        Route::on(Method::POST, "/api/v1/prompts", Analyst, "Keep a prompt", || {
            web::route().to(prompts::create)
        })
        .records(&[event::PROMPT_CREATE])
        .takes::<prompts::NewPrompt>()
        .returns::<prompts::PromptView>(201)
        .writes_texts(),
        Route::on(Method::PATCH, "/api/v1/prompts/{id}", Analyst, "Change one's prompt", || {
            web::route().to(prompts::update)
        })
        .records(&[event::PROMPT_UPDATE])
        .takes::<prompts::PromptChanges>()
        .returns::<prompts::PromptView>(200),
        Route::on(Method::DELETE, "/api/v1/prompts/{id}", Analyst, "Delete one's prompt", || {
            web::route().to(prompts::delete)
        })
        .records(&[event::PROMPT_DELETE]),
        Route::on(Method::GET, "/api/v1/usage", Analyst, "One's own use by day and model", || {
            web::route().to(usage::show)
        })
        .shows_own()
        .query::<usage::UsageQuery>()
        .returns::<usage::OwnUsage>(200)
        .even_when_full(),
    ]
}

fn own_keys() -> Vec<Route> {
    use Access::Analyst;
    vec![
        Route::on(Method::GET, "/api/v1/keys", Analyst, "One's keys for programs", || {
            web::route().to(keys::list)
        })
        .shows_own()
        .returns::<keys::KeyPage>(200)
        .even_when_full(),
        Route::on(Method::POST, "/api/v1/keys", Analyst, "Make a key; shows it once", || {
            web::route().to(keys::create)
        })
        .records(&[event::APIKEY_CREATE])
        .takes::<keys::NewKeyBody>()
        .returns::<keys::CreatedKey>(201),
        Route::on(Method::DELETE, "/api/v1/keys/{id}", Analyst, "Revoke a key", || {
            web::route().to(keys::delete)
        })
        .records(&[event::APIKEY_REVOKE]),
    ]
}
