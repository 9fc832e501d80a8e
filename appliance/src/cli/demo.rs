//! `redoubt demo`: a complete appliance with made-up people, on this machine only.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::prepare::{self, Person, Sheet};
use super::serve;
use super::setup::ChildFailed;
use super::voice::say;
use crate::identity::{TotpSecret, qr};
use crate::processes::Pids;

const MODEL: &str = ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder for everything it remembers; made at the first start
    #[arg(long, value_name = "DIR", default_value = ".demo")]
    data: PathBuf,
    /// The model file; a manifest must know it. A model for embeddings is loaded, too, if it lies beside it
    #[arg(long, value_name = "FILE", default_value = MODEL)]
    model: PathBuf,
    /// The port on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 8443)]
    port: u16,
    /// Analysts to make at the first start, besides an admin, an auditor and a newcomer
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    people: u32,
    /// Print one line of JSON when ready, instead of a page for people
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let data_dir = std::path::absolute(&arguments.data)?;
    let model = std::path::absolute(&arguments.model)?;
    if !arguments.json {
        say("Preparing the store, the people and the model …");
    }
    prepare_in_child(&data_dir, &model, arguments.people)?;
    let sheet = prepare::read_sheet(&data_dir)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port))
        .with_context(|| format!("port {} on 127.0.0.1 (--port names another)", arguments.port))?;
    let address = listener.local_addr()?;
    let config = prepare::config(&data_dir, &model, address.to_string());
    let models = crate::models::open_all(&config.models, &prepare::model_cache(&data_dir))?;
    if !arguments.json {
        say("Starting the processes and loading the models …");
    }
    let model_id = models.chat.manifest.id.clone();
    let embedding_id = models.embedding.as_ref().map(|model| model.manifest.id.clone());
    serve::supervise(config, listener, models, |pids, details| {
        let url = format!("https://{address}");
        if arguments.json {
            say(&line(&url, &model_id, embedding_id.as_deref(), &sheet, pids, &details).to_string());
        } else {
            welcome(&url, &model_id, embedding_id.as_deref(), &sheet, &data_dir);
        }
    })
}

/// The keys are made in a process of their own, so that the supervisor never holds one.
fn prepare_in_child(data_dir: &Path, model: &Path, people: u32) -> anyhow::Result<()> {
    let status = Command::new("/proc/self/exe")
        .arg("@prepare")
        .args([data_dir, model])
        .arg(people.to_string())
        .status()
        .context("starting the set-up")?;
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(ChildFailed { code }.into())
}

fn line(
    url: &str,
    model: &str,
    embedding: Option<&str>,
    sheet: &Sheet,
    pids: &Pids,
    details: &Value,
) -> Value {
    let people: Vec<Value> = sheet
        .people
        .iter()
        .map(|person| {
            let Person { username, password, totp_secret, role } = person;
            json!({"username": username, "password": password, "totp_secret": totp_secret, "role": role})
        })
        .collect();
    json!({
        "url": url,
        "ca": details["ca"],
        "model": model,
        "embedding": embedding,
        "api_key": sheet.api_key,
        "pids": {"supervisor": pids.supervisor, "front": pids.front, "engine": pids.engine},
        "trust": sheet.trust,
        "people": people,
    })
}

fn welcome(url: &str, model: &str, embedding: Option<&str>, sheet: &Sheet, data_dir: &Path) {
    say(&format!("\nRedoubt is ready at {url}\n"));
    say(&format!("  {:<12} {:<9} {:<25} {}", "user name", "role", "password", "authenticator secret"));
    for person in &sheet.people {
        let secret = person.totp_secret.as_deref().unwrap_or("(enrols at the first sign-in)");
        say(&format!("  {:<12} {:<9} {:<25} {secret}", person.username, person.role, person.password));
    }
    if let Some(code) = first_code(sheet) {
        say(&format!("\nFor an authenticator app, {}:\n\n{}", code.0, code.1));
    }
    say("Without an authenticator:  oathtool --totp -b SECRET");
    say(&format!("The API key for programs:  {}", sheet.api_key));
    say(&format!("Model:                     {model}"));
    if let Some(embedding) = embedding {
        say(&format!("Model for embeddings:      {embedding}"));
    }
    say(&format!("The certificate to trust:  {}", crate::http::tls::ca_path(data_dir).display()));
    say("\nCtrl+C ends it; the people and chats stay for the next start.");
}

/// The first person's name and their QR code.
fn first_code(sheet: &Sheet) -> Option<(String, String)> {
    let person = sheet.people.iter().find(|person| person.totp_secret.is_some())?;
    let secret = data_encoding::BASE32_NOPAD.decode(person.totp_secret.as_ref()?.as_bytes()).ok()?;
    let otpauth = TotpSecret::from_bytes(secret.into()).otpauth(&person.username).ok()?;
    Some((person.username.clone(), qr::terminal(&otpauth).ok()?))
}
