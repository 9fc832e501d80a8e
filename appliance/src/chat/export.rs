//! A chat as a file: Markdown for people, JSON for programs.

use serde::Serialize;

use super::{OpenChat, prompt::branch};
use crate::clock::rfc3339;
use crate::config::Marking;
use redoubt_store::messages::{Message, Role};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The branch that is shown, as text.
    Markdown,
    /// Every branch, as data.
    Json,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Json => "json",
        }
    }
}

/// A file to hand out.
pub struct Export {
    pub file_name: String,
    pub content_type: &'static str,
    pub body: String,
}

#[derive(Serialize)]
struct ExportedChat<'a> {
    format: &'static str,
    /// The classification of the whole file; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    marking: Option<&'a str>,
    exported_at: String,
    exported_by: &'a str,
    title: &'a str,
    model: &'a str,
    created_at: String,
    head: Option<&'a str>,
    messages: Vec<ExportedMessage<'a>>,
}

#[derive(Serialize)]
struct ExportedMessage<'a> {
    id: &'a str,
    parent: Option<&'a str>,
    role: &'static str,
    status: &'static str,
    created_at: String,
    content: &'a str,
}

/// `marking` is written at the top and at the bottom.
pub(super) fn render(open: &OpenChat, format: Format, marking: &Marking, by: &str, now_us: i64) -> Export {
    let marking = Some(marking.text.as_str()).filter(|text| !text.is_empty());
    let (extension, content_type, body) = match format {
        Format::Markdown => ("md", "text/markdown; charset=utf-8", markdown(open, marking, by, now_us)),
        Format::Json => ("json", "application/json", json(open, marking, by, now_us)),
    };
    Export { file_name: format!("{}.{extension}", file_stem(&open.chat.title)), content_type, body }
}

fn markdown(open: &OpenChat, marking: Option<&str>, by: &str, now_us: i64) -> String {
    let banner = marking.map(|marking| format!("**{marking}**\n")).unwrap_or_default();
    let head = if banner.is_empty() { String::new() } else { format!("{banner}\n") };
    let mut text = format!(
        "{head}# {}\n\nExported {} by {by} · model {}\n",
        open.chat.title.replace('\n', " "),
        rfc3339(now_us),
        open.chat.model,
    );
    for message in branch(&open.messages, open.chat.head.as_deref()) {
        let who = match message.role {
            Role::User => "Question",
            Role::Assistant => "Answer",
        };
        text.push_str(&format!("\n## {who} · {}\n\n{}\n", rfc3339(message.created_at), message.content));
    }
    if !banner.is_empty() {
        text.push_str(&format!("\n{banner}"));
    }
    text
}

fn json(open: &OpenChat, marking: Option<&str>, by: &str, now_us: i64) -> String {
    let exported = ExportedChat {
        format: "redoubt-chat/1",
        marking,
        exported_at: rfc3339(now_us),
        exported_by: by,
        title: &open.chat.title,
        model: &open.chat.model,
        created_at: rfc3339(open.chat.created_at),
        head: open.chat.head.as_deref(),
        messages: open.messages.iter().map(exported_message).collect(),
    };
    serde_json::to_string_pretty(&exported).unwrap_or_default()
}

fn exported_message(message: &Message) -> ExportedMessage<'_> {
    ExportedMessage {
        id: &message.id,
        parent: message.parent.as_deref(),
        role: message.role.as_str(),
        status: message.status.as_str(),
        created_at: rfc3339(message.created_at),
        content: &message.content,
    }
}

/// Letters and digits of the title with hyphens between, so that no file system and no header minds.
fn file_stem(title: &str) -> String {
    let words: Vec<String> = title
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let stem: String = words.join("-").chars().take(60).collect();
    if stem.is_empty() { "chat".to_owned() } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain() {
        assert_eq!(file_stem("What is \"this\"?\r\nX-Evil: 1"), "what-is-this-x-evil-1");
        assert_eq!(file_stem("日本語"), "chat");
    }
}
