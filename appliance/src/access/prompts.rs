//! Prompts that people keep: their own to change, shown to everybody in the workspace.

use redoubt_store::prompts::{self, Prompt};
use redoubt_store::{Page, Reader};

use super::{Access, Error, Member, name};
use crate::random;
use crate::records::rights as records;

/// The longest text, in bytes.
const MAX_CONTENT: usize = 32 << 10;
/// The most that one person keeps in one workspace.
const MAX_EACH: u64 = 500;

/// What is to become different; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct PromptChange {
    pub name: Option<String>,
    pub content: Option<String>,
}

impl PromptChange {
    fn checked(self) -> Result<Self, Error> {
        let content = self.content.as_deref();
        if content.is_some_and(|content| content.trim().is_empty() || content.len() > MAX_CONTENT) {
            return Err(Error::invalid(
                "content",
                format!("a prompt has 1 byte to {} KiB", MAX_CONTENT >> 10),
            ));
        }
        Ok(Self { name: self.name.map(name).transpose()?, content: self.content })
    }
}

impl Access {
    /// Everybody's prompts in the workspace, by name.
    pub async fn prompts(
        &self,
        member: &Member,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Page<Prompt>, Error> {
        let workspace = member.workspace.id.clone();
        self.store.read(move |reader| Ok(prompts::list(reader, &workspace, limit, cursor.as_deref())?)).await
    }

    pub async fn create_prompt(&self, member: &Member, change: PromptChange) -> Result<Prompt, Error> {
        let change = change.checked()?;
        let missing = |field| Error::invalid(field, "a prompt has a name and a text");
        let (id, member) = (random::id(self.random.as_ref())?, member.clone());
        let (name, content) =
            (change.name.ok_or_else(|| missing("name"))?, change.content.ok_or_else(|| missing("content"))?);
        self.store
            .write(move |tx| {
                member.confirm(tx)?;
                let (workspace_id, owner) = (member.workspace.id.clone(), member.id().to_owned());
                if prompts::count_of(tx, &workspace_id, &owner)? >= MAX_EACH {
                    return Err(Error::Conflict("nobody keeps more than 500 prompts in a workspace"));
                }
                let now = tx.now_us();
                let prompt =
                    Prompt { id, workspace_id, owner, name, content, created_at: now, updated_at: now };
                prompts::insert(tx, &prompt)?;
                tx.audit(records::prompt_created(&member, &prompt))?;
                Ok(prompt)
            })
            .await
    }

    /// Somebody else's prompt cannot be changed, and is as missing as one of another workspace.
    pub async fn change_prompt(
        &self,
        member: &Member,
        id: &str,
        change: PromptChange,
    ) -> Result<Prompt, Error> {
        let change = change.checked()?;
        let (id, member) = (id.to_owned(), member.clone());
        self.store
            .write(move |tx| {
                member.confirm(tx)?;
                let mut prompt = own(tx, &member, &id)?;
                prompt.name = change.name.unwrap_or(prompt.name);
                prompt.content = change.content.unwrap_or(prompt.content);
                prompt.updated_at = tx.now_us();
                prompts::update(tx, &prompt)?;
                tx.audit(records::prompt_changed(&member, &prompt))?;
                Ok(prompt)
            })
            .await
    }

    pub async fn delete_prompt(&self, member: &Member, id: &str) -> Result<(), Error> {
        let (id, member) = (id.to_owned(), member.clone());
        self.store
            .write(move |tx| {
                member.confirm(tx)?;
                let prompt = own(tx, &member, &id)?;
                prompts::delete(tx, &prompt.workspace_id, &prompt.owner, &prompt.id)?;
                tx.audit(records::prompt_deleted(&member, &prompt))?;
                Ok(())
            })
            .await
    }
}

fn own(reader: &Reader, member: &Member, id: &str) -> Result<Prompt, Error> {
    let found = prompts::find(reader, &member.workspace.id, id)?;
    found.filter(|prompt| prompt.owner == member.id()).ok_or(Error::NoSuch("prompt"))
}
