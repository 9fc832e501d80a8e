//! The Open Cybersecurity Schema Framework, version 1.3.0: classes 3001, 3002, 3003 and 6003.

use super::{PRODUCT, leaf, milliseconds};
use crate::canonical::Members;
use crate::draft::Value;
use crate::{Fields, Outcome, Record};

const SCHEMA: &str = "1.3.0";
/// Activity "Other"; `activity_name` says which.
const OTHER: u16 = 99;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    AccountChange = 3001,
    Authentication = 3002,
    AuthorizeSession = 3003,
    ApiActivity = 6003,
}

/// The record as one line of OCSF: canonical JSON.
pub fn ocsf(record: &Record) -> String {
    let fields = record.fields();
    let class = Class::of(fields);
    let activity = class.activity(&fields.act);
    let mut line = String::with_capacity(record.bytes().len() * 3);
    let mut event = Members::open(&mut line);
    event.integer("activity_id", activity);
    event.optional("activity_name", (activity == OTHER).then_some(fields.act.as_str()));
    if class != Class::AuthorizeSession {
        let mut actor = event.object("actor");
        write_session(&mut actor, fields);
        write_actor(actor.object("user"), fields);
        actor.close();
    }
    if class == Class::ApiActivity {
        write_api(event.object("api"), fields);
    }
    event.integer("category_uid", class as u16 / 1_000);
    event.integer("class_uid", class as u16);
    if class == Class::AuthorizeSession {
        write_workspace(&mut event, fields);
    }
    write_metadata(event.object("metadata"), record);
    if class == Class::ApiActivity {
        write_resources(&mut event, fields);
    }
    if class == Class::Authentication {
        let mut service = event.object("service");
        service.string("name", PRODUCT);
        service.close();
    }
    if class == Class::AuthorizeSession {
        write_session(&mut event, fields);
    }
    event.integer("severity_id", severity(fields.outcome));
    write_source(&mut event, class, fields);
    let (status, status_id) = if fields.outcome == Outcome::Ok { ("Success", 1) } else { ("Failure", 2) };
    event.string("status", status);
    event.optional("status_detail", fields.reason.as_deref());
    event.integer("status_id", status_id);
    event.integer("time", milliseconds(record));
    event.integer("type_uid", u32::from(class as u16) * 100 + u32::from(activity));
    write_unmapped(event.object("unmapped"), class, fields);
    if class != Class::ApiActivity {
        write_subject(event.object("user"), fields);
    }
    event.close();
    line
}

impl Class {
    fn of(fields: &Fields) -> Self {
        match (fields.cat.as_str(), fields.act.as_str()) {
            ("auth", _) => Self::Authentication,
            // Keys and mappings are made and taken, too, but are no accounts.
            ("account", act) if !act.starts_with("apikey.") && !act.starts_with("mapping.") => {
                Self::AccountChange
            }
            (_, "session.workspace") => Self::AuthorizeSession,
            _ => Self::ApiActivity,
        }
    }

    fn activity(self, act: &str) -> u16 {
        match (self, act) {
            (Self::AccountChange, "user.create") => 1,
            (Self::AccountChange, "user.enable") => 2,
            (Self::AccountChange, "user.password") => 3,
            (Self::AccountChange, "user.disable") => 5,
            (Self::AccountChange, "totp.enrol") => 10,
            (Self::AccountChange, "totp.reset") => 11,
            (
                Self::Authentication,
                "login.password"
                | "login.certificate"
                | "login.totp"
                | "login.recovery_code"
                | "session.unlock",
            ) => 1,
            (Self::Authentication, "logout" | "session.expired" | "session.revoked") => 2,
            (Self::AuthorizeSession, _) => 2,
            (Self::ApiActivity, _) => match act.rsplit('.').next() {
                Some("create" | "start" | "issue") => 1,
                Some("open" | "read" | "search" | "export" | "explained") => 2,
                Some("update" | "end" | "member") => 3,
                Some("delete" | "revoke") => 4,
                _ => OTHER,
            },
            _ => OTHER,
        }
    }
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => 1,
        Outcome::Deny => 2,
        Outcome::Error => 3,
    }
}

fn write_session(members: &mut Members<'_>, fields: &Fields) {
    if let Some(session) = &fields.actor.sess {
        let mut object = members.object("session");
        object.string("uid", session);
        object.close();
    }
}

/// Who did it. The schema wants a user to have a name or an id.
fn write_actor(mut user: Members<'_>, fields: &Fields) {
    let actor = &fields.actor;
    if actor.name.is_none() && actor.uid.is_none() {
        user.string("name", actor.roles.first().map_or("unknown", String::as_str));
        user.integer("type_id", 0);
    }
    user.optional("name", actor.name.as_deref());
    user.optional("uid", actor.uid.as_deref());
    user.close();
}

/// Whom it was done to: themselves, unless the object says otherwise.
fn write_subject(mut user: Members<'_>, fields: &Fields) {
    let subject = fields.obj.as_ref().and_then(|object| {
        if object.kind == "user" { Some(object.id.as_str()) } else { object.owner.as_deref() }
    });
    if subject.is_none() || subject == fields.actor.uid.as_deref() {
        return write_actor(user, fields);
    }
    user.optional("uid", subject);
    user.close();
}

fn write_api(mut api: Members<'_>, fields: &Fields) {
    api.string("operation", &fields.act);
    if let Some(id) = &fields.req {
        let mut request = api.object("request");
        request.string("uid", id);
        request.close();
    }
    api.close();
}

fn write_workspace(event: &mut Members<'_>, fields: &Fields) {
    if let Some(Value::Str(workspace)) = fields.d.get("workspace") {
        let mut group = event.object("group");
        group.string("type", "workspace");
        group.string("uid", workspace);
        group.close();
    }
}

fn write_metadata(mut metadata: Members<'_>, record: &Record) {
    let fields = record.fields();
    metadata.string("event_code", &fields.act);
    metadata.string("log_name", &fields.origin);
    let mut product = metadata.object("product");
    product.string("name", PRODUCT);
    product.string("vendor_name", PRODUCT);
    product.string("version", &fields.sw);
    product.close();
    metadata.integer("sequence", fields.seq);
    metadata.string("uid", &leaf(record));
    metadata.string("version", SCHEMA);
    metadata.close();
}

fn write_resources(event: &mut Members<'_>, fields: &Fields) {
    let Some(object) = &fields.obj else { return };
    let list = event.name("resources");
    list.push('[');
    let mut resource = Members::open(&mut *list);
    if let Some(id) = &object.owner {
        let mut owner = resource.object("owner");
        owner.string("uid", id);
        owner.close();
    }
    resource.string("type", &object.kind);
    resource.string("uid", &object.id);
    resource.close();
    list.push(']');
}

/// Class 6003 must have a source: what came from nowhere else came from the appliance.
fn write_source(event: &mut Members<'_>, class: Class, fields: &Fields) {
    if let Some(source) = &fields.src {
        let mut endpoint = event.object("src_endpoint");
        endpoint.string("ip", &source.ip);
        endpoint.integer("port", source.port);
        endpoint.close();
    } else if class == Class::ApiActivity {
        let mut endpoint = event.object("src_endpoint");
        endpoint.string("uid", &fields.origin);
        endpoint.close();
    }
}

fn write_unmapped(mut rest: Members<'_>, class: Class, fields: &Fields) {
    rest.string("boot", &fields.boot);
    rest.string("cat", &fields.cat);
    rest.data("d", &fields.d);
    if let Some(model) = &fields.model {
        model.write(rest.object("model"));
    }
    rest.integer("mono", fields.mono);
    // Class 6003 has places for both.
    if class != Class::ApiActivity
        && let Some(object) = &fields.obj
    {
        object.write(rest.object("obj"));
    }
    rest.string("outcome", fields.outcome.as_str());
    rest.optional("req", fields.req.as_deref().filter(|_| class != Class::ApiActivity));
    rest.strings("roles", &fields.actor.roles);
    if let Some(source) = &fields.src {
        rest.optional("tls", source.tls.as_deref());
        rest.optional("ua_sha", source.ua_sha.as_deref());
    }
    rest.close();
}
