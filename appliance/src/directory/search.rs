//! Finds people: by a name that somebody typed, or by their id.

use ldap3::Scope;

use super::account;
use super::connection::{Abilities, Connection, NO_ATTRIBUTES};
use super::entry::Entry;
use super::filter::{self, Template};
use super::{DirectoryId, Refusal, dn};
use crate::config;
use crate::identity::Username;

/// `[directory] attribute_id` that goes by the kind of server.
const AUTO: &str = "auto";
const ENTRY_UUID: &str = "entryUUID";
const OBJECT_GUID: &str = "objectGUID";
/// As long as a name of ours can be, in characters.
const MAX_NAME: usize = 128;

/// What to search, as configured.
pub(super) struct People {
    base: String,
    filter: Template,
    /// Of the name in a certificate.
    certificate_filter: Template,
    id: String,
    name: String,
    display_name: String,
    groups: String,
}

impl People {
    pub(super) fn new(config: &config::Directory, filter: Template, certificate_filter: Template) -> Self {
        Self {
            base: config.base.clone(),
            filter,
            certificate_filter,
            id: config.attribute_id.clone(),
            name: config.attribute_name.clone(),
            display_name: config.attribute_display_name.clone(),
            groups: config.attribute_groups.clone(),
        }
    }

    /// Whom the name means: exactly one entry, below the base.
    pub(super) async fn by_name(&self, connection: &mut Connection, name: &str) -> Result<Entry, Refusal> {
        self.by_filter(connection, &self.filter, name).await
    }

    /// The same for the name in a certificate; the filter for people must let them in as well.
    pub(super) async fn by_certificate_name(
        &self,
        connection: &mut Connection,
        name: &str,
    ) -> Result<Entry, Refusal> {
        let entry = self.by_filter(connection, &self.certificate_filter, name).await?;
        self.admit(connection, &entry).await?;
        Ok(entry)
    }

    async fn by_filter(
        &self,
        connection: &mut Connection,
        filter: &Template,
        name: &str,
    ) -> Result<Entry, Refusal> {
        if !is_name(name) {
            return Err(Refusal::Unknown);
        }
        let mut attributes = self.attributes();
        attributes.extend(filter.attributes().filter(|named| !self.attributes().contains(named)));
        // One more than there may be.
        let found = connection.search(&self.base, Scope::Subtree, &filter.with(name), &attributes, 2).await?;
        let entry = self.only(found.entries, found.limited)?;
        // Active Directory takes `álice` for `alice`. Failures are counted by the name that was typed, and one person must
        // not have a count for each spelling.
        let is_spelt_so = |attribute: &str| entry.values(attribute).any(|value| is_same_name(value, name));
        if filter.attributes().any(is_spelt_so) { Ok(entry) } else { Err(Refusal::Unknown) }
    }

    /// Whose id this is, if the filter for people still lets them in.
    pub(super) async fn by_id(
        &self,
        connection: &mut Connection,
        id: &DirectoryId,
    ) -> Result<Entry, Refusal> {
        let abilities = connection.abilities().await?;
        let filter = match self.id_attribute(abilities) {
            OBJECT_GUID => filter::equality(OBJECT_GUID, &id.to_object_guid()),
            attribute => filter::equality(attribute, id.as_str().as_bytes()),
        };
        let found = connection.search(&self.base, Scope::Subtree, &filter, &self.attributes(), 2).await?;
        let entry = self.only(found.entries, found.limited)?;
        self.admit(connection, &entry).await?;
        Ok(entry)
    }

    /// Whether the filter for people lets an entry in that was not found by it.
    pub(super) async fn admit(&self, connection: &mut Connection, entry: &Entry) -> Result<(), Refusal> {
        let name = entry.text(&self.name).filter(|name| is_name(name)).ok_or(Refusal::Unknown)?;
        let filter = self.filter.with(name);
        let admitted = connection.search(&entry.dn, Scope::Base, &filter, &[NO_ATTRIBUTES], 1).await?;
        if admitted.entries.is_empty() { Err(Refusal::Unknown) } else { Ok(()) }
    }

    /// The entry of this name, read by whoever is bound.
    pub(super) async fn by_dn(&self, connection: &mut Connection, dn: &str) -> Result<Entry, Refusal> {
        let found = connection.search(dn, Scope::Base, "(objectClass=*)", &self.attributes(), 1).await?;
        self.only(found.entries, found.limited)
    }

    /// Nobody is guessed at, and nobody from elsewhere is let in: an empty name, or one outside the base, would be
    /// bound as something that was not asked for.
    fn only(&self, entries: Vec<Entry>, limited: bool) -> Result<Entry, Refusal> {
        let mut entries = entries.into_iter();
        match (entries.next(), entries.next(), limited) {
            (None, _, _) => Err(Refusal::Unknown),
            (Some(entry), None, false) if dn::is_within(&entry.dn, &self.base) => Ok(entry),
            (Some(_), None, false) => {
                Err(Refusal::Unusable("an entry that is not below the base".to_owned()))
            }
            (Some(_), _, _) => Err(Refusal::Ambiguous),
        }
    }

    fn attributes(&self) -> Vec<&str> {
        let own = [&self.name, &self.display_name, &self.groups, &self.id].map(String::as_str);
        let own = own.into_iter().filter(|name| !name.is_empty() && *name != AUTO);
        [ENTRY_UUID, OBJECT_GUID].into_iter().chain(account::ATTRIBUTES).chain(own).collect()
    }

    fn id_attribute(&self, abilities: Abilities) -> &str {
        match self.id.as_str() {
            AUTO if abilities.is_active_directory => OBJECT_GUID,
            AUTO => ENTRY_UUID,
            name if name.eq_ignore_ascii_case(OBJECT_GUID) => OBJECT_GUID,
            name => name,
        }
    }

    /// What stays the same of an entry. Without it nobody is let in.
    pub(super) fn id(&self, entry: &Entry, abilities: Abilities) -> Result<DirectoryId, Refusal> {
        let attribute = self.id_attribute(abilities);
        let id = if attribute == OBJECT_GUID {
            let bytes = entry.value(attribute).and_then(|bytes| bytes.try_into().ok());
            bytes.map(DirectoryId::from_object_guid)
        } else {
            entry.text(attribute).and_then(DirectoryId::parse)
        };
        id.ok_or_else(|| Refusal::Unusable(format!("the entry has no {attribute} that is a UUID")))
    }

    /// The name that the directory keeps; `typed` where it keeps none that could be a name.
    pub(super) fn name(&self, entry: &Entry, typed: &str) -> String {
        let kept = entry.text(&self.name).filter(|name| is_name(name));
        kept.unwrap_or(typed).to_owned()
    }

    pub(super) fn display_name(&self, entry: &Entry) -> Option<String> {
        let text = entry.text(&self.display_name)?;
        let shown: String = text.chars().filter(|character| !character.is_control()).take(MAX_NAME).collect();
        (!shown.trim().is_empty()).then(|| shown.trim().to_owned())
    }

    /// The groups that the entry itself lists.
    pub(super) fn listed_groups(&self, entry: &Entry) -> Vec<String> {
        let texts = entry.values(&self.groups).filter_map(|value| std::str::from_utf8(value).ok());
        texts.map(str::to_owned).collect()
    }
}

/// Whether both are one name of an account here.
fn is_same_name(kept: &[u8], typed: &str) -> bool {
    let kept = std::str::from_utf8(kept).ok().and_then(Username::parse);
    kept.is_some() && kept == Username::parse(typed)
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}
