//! Who may do what: groups with their permissions, models and quotas; workspaces; what was used; alerts.
//!
//! `rights` computes what somebody may, `Member` carries it to the handlers, `admission` counts against quotas,
//! `standing` says whether it all still holds and `runs` ends what lost it. The rest is what an admin does; all of it takes `By`, so that the page and the console do the same. Nothing here knows HTTP.

mod admission;
mod alerts;
mod error;
mod explain;
mod groups;
mod member;
mod permission;
mod prompts;
mod rights;
mod runs;
mod standing;
mod usage;
mod workspaces;

use std::sync::Arc;

use redoubt_store::workspaces::Workspace;
use redoubt_store::{Clock, Store, grants};

pub use admission::{Admission, Ask, Underway, Verdict};
pub use alerts::Watch;
pub use error::{Error, Quota};
pub use explain::{Explanation, ModelReason, PermissionReason, QuotaReason, Reason};
pub use groups::{GroupChange, GroupDetail, change_group};
pub(crate) use member::within;
pub use member::{Member, OwnRights};
pub use permission::Permission;
pub use prompts::PromptChange;
pub use rights::Rights;
pub use runs::{Notice, Run, Runs};
pub(crate) use standing::key_lapse;
pub use standing::{Lapse, NotConfirmed, Standing, Way};
pub use usage::MOST_DAYS;
pub use workspaces::{WorkspaceChange, WorkspaceDetail};

use crate::config::{Config, Marking};
use crate::models::Manifest;
use crate::random::Random;

/// The longest name of a group, a workspace, a prompt or a key, in characters.
const MAX_NAME: usize = 80;

/// Rights and what they are about.
#[derive(Clone)]
pub struct Access {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// What the appliance has, whoever may use it.
    models: Arc<[Manifest]>,
    marking: Marking,
    underway: Underway,
    runs: Runs,
    watch: Watch,
}

impl Access {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        models: Vec<Manifest>,
        config: &Config,
    ) -> Self {
        let (underway, watch) = (Underway::default(), Watch::new(config.alerts.clone()));
        let marking = config.marking.clone();
        let runs = Runs::default();
        Self { store, clock, random, models: models.into(), marking, underway, runs, watch }
    }

    /// What is under way at the models.
    pub fn underway(&self) -> &Underway {
        &self.underway
    }

    /// What runs for somebody, and ends with the right to it.
    pub fn runs(&self) -> &Runs {
        &self.runs
    }

    /// Where what the alert rules count is counted.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The marking of a workspace: its own, else the appliance's.
    pub fn marking(&self, workspace: &Workspace) -> Marking {
        own_marking(workspace).unwrap_or_else(|| self.marking.clone())
    }

    /// Every model, with the groups (id and name) that may use it.
    pub async fn models(&self) -> Result<Vec<(Manifest, Vec<(String, String)>)>, Error> {
        let models = self.models.clone();
        self.store
            .read(move |reader| {
                let with_groups =
                    |model: &Manifest| Ok((model.clone(), grants::groups_of(reader, &model.id)?));
                models.iter().map(with_groups).collect()
            })
            .await
    }

    /// Brings a list of models into order; one that there is not is refused.
    fn check_models(&self, models: &mut Vec<String>) -> Result<(), Error> {
        models.sort_unstable();
        models.dedup();
        match models.iter().find(|model| !self.models.iter().any(|known| known.id == **model)) {
            Some(unknown) => Err(Error::invalid("models", format!("there is no model {unknown:?}"))),
            None => Ok(()),
        }
    }
}

/// A workspace's own marking, if it has one.
pub fn own_marking(workspace: &Workspace) -> Option<Marking> {
    let Workspace { marking_text, marking_background, marking_color, .. } = workspace;
    (!marking_text.is_empty()).then(|| Marking {
        text: marking_text.clone(),
        background: marking_background.clone(),
        color: marking_color.clone(),
    })
}

/// A name as it is kept: one line, no space around it.
pub(crate) fn name(typed: String) -> Result<String, Error> {
    let name = typed.trim();
    if !(1..=MAX_NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", format!("one line of 1 to {MAX_NAME} characters")));
    }
    Ok(name.to_owned())
}
