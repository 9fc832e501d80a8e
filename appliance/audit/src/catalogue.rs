//! Every event that can be recorded, in one place.
//!
//! **Invariant:** a record starts from one of these constants, so none has a name that is not listed here.
//! Names are never reused with another meaning; new ones may be added without a new format version.

/// An event of the catalogue: its category and its name, the fields `cat` and `act`; and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    cat: &'static str,
    act: &'static str,
    meaning: &'static str,
}

impl Event {
    pub fn cat(self) -> &'static str {
        self.cat
    }

    pub fn act(self) -> &'static str {
        self.act
    }

    /// What happened, in a sentence, and what the record's object and `d` hold. Names of fields are in backquotes.
    pub fn meaning(self) -> &'static str {
        self.meaning.trim_ascii_start()
    }
}

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $name:ident = $cat:literal $act:literal;)+) => {
        $(
            $(#[doc = $doc])+
            pub const $name: Event = Event { cat: $cat, act: $act, meaning: concat!($($doc),+) };
        )+

        /// The whole catalogue.
        pub const ALL: &[Event] = &[$($name),+];
    };
}

events! {
    /// The appliance was set up: keys, store and first admin exist.
    SYSTEM_INIT = "system" "system.init";
    /// The appliance began to serve. `d`: the lockdown's level, and the model for embeddings if there is one.
    SYSTEM_BOOT = "system" "system.boot";
    /// The appliance stopped serving in an orderly way.
    SYSTEM_STOP = "system" "system.stop";
    /// The wall clock moved by more than 2 s against the monotonic one. `d.step_us`: by how much.
    SYSTEM_CLOCK_STEP = "system" "system.clock_step";
    /// The configuration in force differs from that of the last start, or there was none. `d.sha256`: of its canonical JSON.
    SYSTEM_CONFIG = "system" "system.config";
    /// The engine's process ended and was started again.
    SYSTEM_ENGINE_RESTART = "system" "system.engine_restart";
    /// A newer version of the appliance goes on with the store. `d.from`, unless no version was noted yet; `d.to`.
    SYSTEM_UPGRADE = "system" "system.upgrade";
    /// An older version goes on with the store, as somebody decided. `d.from`, `d.to`.
    SYSTEM_DOWNGRADE = "system" "system.downgrade";
    /// The appliance goes on from a copy of its data that was made before an upgrade. `d.from`: the version that was left;
    /// `d.lost`: the last checkpoint of the data that was left; `d.present`: that of the copy.
    SYSTEM_ROLLBACK = "system" "system.rollback";
    /// A whole copy, encrypted as it is kept, was handed out. The log's end in it is this record and its checkpoint.
    BACKUP_CREATE = "system" "backup.create";
    /// The appliance goes on from a backup. `d.made`: when that was made; `d.records`: how many it had; `d.sessions`: how
    /// many were ended.
    BACKUP_RESTORE = "system" "backup.restore";
    /// A model was brought in from a medium. Object: the model. `d.sha256`, `d.size`, `d.licence`; `d.voucher`: who said that it
    /// is the one meant (`version`, `sum`, or the fingerprint of the key that signed its manifest).
    MODEL_IMPORT = "system" "model.import";
    /// A key slot was added: another way of opening the store. Object: the slot. `d.kind`: of what. Outcome `error`: it was not,
    /// after all.
    SLOT_ADD = "system" "slot.add";
    /// A key slot was removed. As `slot.add`.
    SLOT_REMOVE = "system" "slot.remove";
    /// A key slot got another secret. As `slot.add`; the object is the new slot.
    SLOT_REPLACE = "system" "slot.replace";
    /// Somebody tried whether a key opens the store. `d.kind`; object: the slot that it opened.
    SLOT_TEST = "system" "slot.test";
    /// Somebody at the console opened the store for a start. Object: the slot; `d.kind`; `d.failures`: what was tried before.
    STORE_UNLOCK = "system" "store.unlock";
    /// The store is encrypted under another data key from here on. `d.slots`: how many open it; `d.archives`: how many were
    /// sealed anew.
    DATA_KEY_ROTATE = "system" "data_key.rotate";
    /// An action whose end was lost with the process was closed. Object: what was left open.
    RECOVERY = "system" "recovery";
    /// Space for the log reached a threshold. `d.percent`: which; 100: the disk was full, and the reserve was given up.
    STORAGE_THRESHOLD = "system" "storage.threshold";
    /// The store's pages were looked at, because the last process did not end in order. `d.problems`: how many were found;
    /// `d.whole`: whether there was time for all of them.
    STORE_INTEGRITY = "system" "store.integrity";
    /// A caged process was started and tried every way out. `d.process`: which; `d.blocked`, `d.open`: the ways;
    /// `d.missing`: layers that the kernel does not give. Outcome `error`: it is locked in less than fully.
    EGRESS_SELFTEST = "egress" "egress.selftest";

    /// A name and a password were tried.
    LOGIN_PASSWORD = "auth" "login.password";
    /// A certificate was shown in place of name and password. `d.certificate_sha256`, and `d.serial` of one that counts.
    LOGIN_CERTIFICATE = "auth" "login.certificate";
    /// A one-time code was tried.
    LOGIN_TOTP = "auth" "login.totp";
    /// A recovery code was tried.
    LOGIN_RECOVERY_CODE = "auth" "login.recovery_code";
    /// Too many failures: the account or the code is locked. `d.until`.
    LOGIN_LOCKOUT = "auth" "login.lockout";
    /// A person signed in while having a session from another address. `d.sessions`.
    LOGIN_CONCURRENT = "auth" "login.concurrent";
    /// One source was refused for the number of its `attempts` to sign in within a minute, or of its open `connections`:
    /// `reason` says which. `d.limit`: how many it may have; `d.ip` for connections.
    LOGIN_RATE_LIMIT = "auth" "login.rate_limit";
    /// A person signed out.
    LOGOUT = "auth" "logout";
    /// A session ended by its idle or its absolute limit. `reason` says which.
    SESSION_EXPIRED = "auth" "session.expired";
    /// A session was ended by its owner from another one, by an admin, or for what `reason` says.
    SESSION_REVOKED = "auth" "session.revoked";
    /// A session was locked. `reason`: by the `person`, or for being `idle`.
    SESSION_LOCK = "auth" "session.lock";
    /// A locked session was to be opened again. `d.factor`: by what; `d.sess`: its new name in `actor.sess`.
    SESSION_UNLOCK = "auth" "session.unlock";
    /// Password and code were given again in a session. `d.sess`: its new name in `actor.sess`.
    SESSION_PROOF = "auth" "session.proof";

    /// A person enrolled a device for one-time codes.
    TOTP_ENROL = "account" "totp.enrol";
    /// The device of a person was taken back; the next sign-in enrols again.
    TOTP_RESET = "account" "totp.reset";
    /// New recovery codes were issued; the old ones are void. `d.count`.
    RECOVERY_CODES_ISSUE = "account" "recovery_codes.issue";
    /// An account was made. Object: the user. `d.role`.
    USER_CREATE = "account" "user.create";
    /// The role of an account was changed. `d.from`, `d.to`.
    USER_ROLE = "account" "user.role";
    /// The password of an account was set.
    USER_PASSWORD = "account" "user.password";
    /// An account was disabled.
    USER_DISABLE = "account" "user.disable";
    /// A disabled account was enabled again.
    USER_ENABLE = "account" "user.enable";
    /// The display name of an account was set by an admin. Object: the user.
    USER_UPDATE = "account" "user.update";
    /// The name of an account followed the directory's. `d.from`, `d.to`.
    USER_RENAME = "account" "user.rename";
    /// The failures of a name were forgotten by an admin. Object: the user.
    USER_UNLOCK = "account" "user.unlock";
    /// The directory no longer lets a person in (`reason`: why), or lets them in again.
    USER_DIRECTORY = "account" "user.directory";
    /// Groups of a person followed the directory's. `d.added`, `d.removed`: ids of groups.
    USER_GROUPS = "account" "user.groups";
    /// A directory group was mapped to a role or a group. Object: the mapping. `d.group`, and `d.role` or `d.to`.
    MAPPING_CREATE = "account" "mapping.create";
    /// A mapping was deleted. As `mapping.create`.
    MAPPING_DELETE = "account" "mapping.delete";
    /// The directory has not answered for longer than is tolerated: its people's sessions end.
    DIRECTORY_AWAY = "system" "directory.away";
    /// The directory answers again after that.
    DIRECTORY_BACK = "system" "directory.back";
    /// An admin had the directory tested.
    DIRECTORY_TEST = "system" "directory.test";
    /// Accounts or sessions of others were read. `d.shown`: how many.
    PEOPLE_READ = "access" "people.read";
    /// A key for programs was made. Object: the key.
    APIKEY_CREATE = "account" "apikey.create";
    /// A key for programs was revoked. Object: the key.
    APIKEY_REVOKE = "account" "apikey.revoke";
    /// An unknown, expired or revoked key for programs was presented.
    APIKEY_REFUSED = "auth" "apikey.refused";

    /// A group was made. Object: the group.
    GROUP_CREATE = "rights" "group.create";
    /// A group was changed. `d.fields`: what; `d.permissions` (`export=deny`), `d.models`, `d.quotas`: as they are now.
    GROUP_UPDATE = "rights" "group.update";
    /// A group was deleted with its members' rights. Object: the group. `d.members`: how many it had.
    GROUP_DELETE = "rights" "group.delete";
    /// Somebody joined or left a group. Object: the group. `d.user`, `d.change` (`added`, `removed`), `d.source`.
    GROUP_MEMBER = "rights" "group.member";
    /// A workspace was made. Object: the workspace.
    WORKSPACE_CREATE = "rights" "workspace.create";
    /// A workspace was changed. `d.fields`: what; `d.models`: those that it is kept to now. `d.retention_days`,
    /// `d.retention_action`: what becomes of its chats when; absent where they stay.
    WORKSPACE_UPDATE = "rights" "workspace.update";
    /// A workspace without chats was deleted with its prompts. Object: the workspace.
    WORKSPACE_DELETE = "rights" "workspace.delete";
    /// Who is in a workspace was changed. `d.added`, `d.removed`: `user:<id>` and `group:<id>`.
    WORKSPACE_MEMBER = "rights" "workspace.member";
    /// A session was bound to a workspace. Object: the session. `d.workspace`.
    SESSION_WORKSPACE = "rights" "session.workspace";
    /// Where somebody's rights come from was looked up. Object: the user.
    RIGHTS_EXPLAINED = "rights" "rights.explained";
    /// Use of the appliance by person, model or workspace was looked up. `d.by`, `d.days`.
    USAGE_READ = "rights" "usage.read";

    /// A rule of `[alerts]` found more than its threshold. Object: the alert. `d.rule`, `d.count`, `d.threshold`.
    ALERT_RAISED = "system" "alert.raised";
    /// An admin acknowledged an alert. Object: the alert.
    ALERT_ACKNOWLEDGED = "system" "alert.acknowledged";

    /// A chat was made. Object: the chat.
    CHAT_CREATE = "data" "chat.create";
    /// A chat was opened. Object: the chat.
    CHAT_OPEN = "data" "chat.open";
    /// A chat was renamed or another branch became its head. `d.fields`: which, never their text.
    CHAT_UPDATE = "data" "chat.update";
    /// A chat was deleted with its messages and its part of the search index. `d.messages`: how many. `reason`: by the
    /// `retention` of its workspace or by a `purge`; else its owner did it.
    CHAT_DELETE = "data" "chat.delete";
    /// A chat went from the tables into a sealed file. `reason`: `retention`. `d.file`, `d.sha256`, `d.messages`.
    CHAT_ARCHIVE = "data" "chat.archive";
    /// An archived chat was put back, unread. `d.file`, `d.sha256`, `d.messages`.
    CHAT_RESTORE = "data" "chat.restore";
    /// A chat was exported. `d.format`.
    CHAT_EXPORT = "data" "chat.export";
    /// Somebody searched their own chats. `d.hits`: how many were shown; never the query.
    CHAT_SEARCH = "data" "chat.search";
    /// A message was written. Object: the message. `d.chat`: its chat.
    MESSAGE_CREATE = "data" "message.create";

    /// A legal hold was placed. Object: the hold. `d.kind` (`person`, `workspace`, `chat`), `d.target`: what is held.
    HOLD_PLACE = "custody" "hold.place";
    /// A legal hold was lifted. As `hold.place`.
    HOLD_LIFT = "custody" "hold.lift";
    /// Chats whose time was over went. Object: the workspace. `d.deleted`, `d.archived`, `d.held`: how many; `d.failed`: of
    /// how many no archive could be written.
    RETENTION_RUN = "custody" "retention.run";
    /// An admin asked for a chat to be erased after a spill. Object: the chat. `d.purge`: the request.
    PURGE_ASK = "custody" "purge.ask";
    /// An auditor agreed: its rows are gone with this record. Object: the chat. `d.purge`.
    PURGE_APPROVE = "custody" "purge.approve";
    /// An auditor did not agree. Object: the chat. `d.purge`.
    PURGE_REFUSE = "custody" "purge.refuse";
    /// Nothing of the chat is left in the store, its write-ahead log, the archives and the engine's cache. Object: the
    /// chat. `d.purge`.
    PURGE_DONE = "custody" "purge.done";
    /// The statement of a purge was handed out. Object: the chat. `d.purge`.
    PURGE_STATEMENT = "custody" "purge.statement";

    /// A prompt was kept for asking again. Object: the prompt. `d.workspace`.
    PROMPT_CREATE = "data" "prompt.create";
    /// A kept prompt was changed. Object: the prompt.
    PROMPT_UPDATE = "data" "prompt.update";
    /// A kept prompt was deleted. Object: the prompt.
    PROMPT_DELETE = "data" "prompt.delete";

    /// The engine was asked for an answer or for embeddings. Object: the message that will hold it (`d.chat`: its
    /// chat), or a program's request (`d.apikey`; `d.inputs`: how many texts). Refused for a quota: `reason` says which,
    /// the object is the chat or the key.
    INFERENCE_START = "model" "inference.start";
    /// That ended. `reason`: how, or which right to it was lost; `d`: tokens and times.
    INFERENCE_END = "model" "inference.end";

    /// A request was refused for want of a session or of a right. `d.route`.
    AUTHORISATION_REFUSED = "access" "authorisation.refused";
    /// Further refusals of one source, counted instead of recorded singly. `d.count`, `d.from`, `d.to`.
    REFUSALS_SUMMARY = "access" "refusals.summary";

    /// An auditor looked. `d.what` (`records`, one `record`, `checkpoints`, `exports`, `purges`, `holds`), `d.shown`: how
    /// many; `d.seq`: of one record.
    AUDIT_READ = "audit" "audit.read";
    /// Records were exported as a bundle. `d`: range, nonce, number.
    AUDIT_EXPORT = "audit" "audit.export";
    /// The log up to here has a signed root. `d`: size, root, epoch, and the digest of who may do what.
    CHECKPOINT = "audit" "checkpoint";
    /// The install root certified keys for epochs to come. `d`: first and last epoch, until when, the root's fingerprint.
    KEY_CERTIFY = "audit" "key.certify";
    /// An epoch ended and its private key was destroyed. `d`: its number, the next one's, and that one's public key.
    KEY_ROTATE = "audit" "key.rotate";
    /// A restore that took the log back was acknowledged. `d`: both checkpoints.
    LOG_RESTORED = "audit" "log.restored";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_is_explained_in_sentences() {
        for event in ALL {
            let meaning = event.meaning();
            assert!(
                meaning.starts_with(|c: char| c.is_ascii_uppercase()) && meaning.ends_with('.'),
                "{meaning}"
            );
            assert!(!meaning.contains("  ") && meaning.matches('`').count() % 2 == 0, "{meaning}");
        }
    }

    #[test]
    fn names_are_unique_and_in_the_format_s_alphabet() {
        let names: BTreeSet<&str> = ALL.iter().map(|event| event.act()).collect();
        assert_eq!(names.len(), ALL.len());
        for event in ALL {
            for text in [event.cat(), event.act()] {
                assert!(text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.')), "{text}");
            }
        }
    }
}
