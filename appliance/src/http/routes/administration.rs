//! The routes of an admin's work, which the console takes, too.

use actix_web::http::Method;
use actix_web::web;
use redoubt_audit::catalogue as event;

use super::{Access, Route};
use crate::directory::Report;
use crate::http::handlers::{admin, chats, keys};

pub(super) fn all() -> Vec<Route> {
    [people(), sessions(), directory(), rights(), groups(), workspaces()].concat()
}

fn rights() -> Vec<Route> {
    use Access::Admin;
    vec![
        Route::on(Method::GET, "/api/v1/admin/people/{id}/explain", Admin, "Why somebody may what", || {
            web::route().to(admin::access::explain)
        })
        .records(&[event::RIGHTS_EXPLAINED])
        .returns::<admin::access::ExplanationView>(200),
        Route::on(Method::GET, "/api/v1/admin/people/{id}/keys", Admin, "Somebody's keys", || {
            web::route().to(admin::access::keys)
        })
        .records(&[event::PEOPLE_READ])
        .returns::<keys::KeyPage>(200),
        Route::on(
            Method::DELETE,
            "/api/v1/admin/people/{id}/keys/{key}",
            Admin,
            "Revoke somebody's key",
            || web::route().to(admin::access::revoke_key),
        )
        .records(&[event::APIKEY_REVOKE]),
        Route::on(Method::GET, "/api/v1/admin/models", Admin, "The models and who may use them", || {
            web::route().to(admin::models::list)
        })
        .shows_common()
        .returns::<admin::models::AdminModelPage>(200),
        Route::on(Method::GET, "/api/v1/admin/usage", Admin, "Use by person, model or workspace", || {
            web::route().to(admin::usage::show)
        })
        .records(&[event::USAGE_READ])
        .query::<admin::usage::TotalsQuery>()
        .returns::<admin::usage::Totals>(200),
        Route::on(Method::GET, "/api/v1/admin/alerts", Admin, "Alerts, newest first", || {
            web::route().to(admin::alerts::list)
        })
        .shows_common()
        .query::<chats::PageQuery>()
        .returns::<admin::alerts::AlertPage>(200),
        Route::on(
            Method::POST,
            "/api/v1/admin/alerts/{id}/acknowledge",
            Admin,
            "Say that an alert was seen",
            || web::route().to(admin::alerts::acknowledge),
        )
        .records(&[event::ALERT_ACKNOWLEDGED]),
        Route::on(Method::GET, "/api/v1/admin/system", Admin, "How the appliance is", || {
            web::route().to(admin::system::show)
        })
        .shows_common()
        .returns::<admin::system::System>(200),
        Route::on(Method::GET, "/api/v1/admin/audit", Admin, "How the audit log is sealed", || {
            web::route().to(admin::audit::show)
        })
        .shows_common()
        .returns::<admin::audit::Sealing>(200),
    ]
}

fn groups() -> Vec<Route> {
    use Access::Admin;
    let (all, one) = ("/api/v1/admin/groups", "/api/v1/admin/groups/{id}");
    let member = "/api/v1/admin/groups/{id}/members/{user}";
    vec![
        Route::on(Method::GET, all, Admin, "The groups", || web::route().to(admin::groups::list))
            .shows_common()
            .returns::<admin::groups::GroupPage>(200),
        Route::on(Method::POST, all, Admin, "Make a group", || web::route().to(admin::groups::create))
            .records(&[event::GROUP_CREATE])
            .takes::<admin::groups::NewGroup>()
            .returns::<admin::groups::GroupView>(201),
        Route::on(Method::GET, one, Admin, "A group", || web::route().to(admin::groups::show))
            .shows_common()
            .returns::<admin::groups::GroupView>(200),
        Route::on(Method::PATCH, one, Admin, "Change what a group carries", || {
            web::route().to(admin::groups::update)
        })
        .records(&[event::GROUP_UPDATE])
        .takes::<admin::groups::GroupChanges>()
        .returns::<admin::groups::GroupView>(200),
        Route::on(Method::DELETE, one, Admin, "Delete a group", || web::route().to(admin::groups::delete))
            .records(&[event::GROUP_DELETE]),
        Route::on(Method::GET, "/api/v1/admin/groups/{id}/members", Admin, "Who is in a group", || {
            web::route().to(admin::groups::members)
        })
        .records(&[event::PEOPLE_READ])
        .query::<chats::PageQuery>()
        .returns::<admin::groups::GroupMemberPage>(200),
        Route::on(Method::PUT, member, Admin, "Put somebody into a group", || {
            web::route().to(admin::groups::add_member)
        })
        .records(&[event::GROUP_MEMBER]),
        Route::on(Method::DELETE, member, Admin, "Take somebody out of a group", || {
            web::route().to(admin::groups::remove_member)
        })
        .records(&[event::GROUP_MEMBER]),
    ]
}

fn workspaces() -> Vec<Route> {
    use Access::Admin;
    let (all, one) = ("/api/v1/admin/workspaces", "/api/v1/admin/workspaces/{id}");
    vec![
        Route::on(Method::GET, all, Admin, "The workspaces", || web::route().to(admin::workspaces::list))
            .shows_common()
            .returns::<admin::workspaces::AdminWorkspacePage>(200),
        Route::on(Method::POST, all, Admin, "Make a workspace", || {
            web::route().to(admin::workspaces::create)
        })
        .records(&[event::WORKSPACE_CREATE, event::WORKSPACE_UPDATE, event::WORKSPACE_MEMBER])
        .takes::<admin::workspaces::NewWorkspace>()
        .returns::<admin::workspaces::AdminWorkspace>(201),
        Route::on(Method::GET, one, Admin, "A workspace", || web::route().to(admin::workspaces::show))
            .shows_common()
            .returns::<admin::workspaces::AdminWorkspace>(200),
        Route::on(Method::PATCH, one, Admin, "Change a workspace", || {
            web::route().to(admin::workspaces::update)
        })
        .records(&[event::WORKSPACE_UPDATE, event::WORKSPACE_MEMBER])
        .takes::<admin::workspaces::WorkspaceChanges>()
        .returns::<admin::workspaces::AdminWorkspace>(200),
        Route::on(Method::DELETE, one, Admin, "Delete a workspace without chats", || {
            web::route().to(admin::workspaces::delete)
        })
        .records(&[event::WORKSPACE_DELETE]),
    ]
}

/// Who there is. What changes rights asks for a proof.
fn people() -> Vec<Route> {
    use Access::Admin;
    use admin::people;
    let on_person = "/api/v1/admin/people/{id}";
    vec![
        Route::on(Method::GET, "/api/v1/admin/people", Admin, "People, by name", || {
            web::route().to(people::list)
        })
        .records(&[event::PEOPLE_READ])
        .query::<people::PeopleQuery>()
        .returns::<people::PersonPage>(200),
        Route::on(Method::POST, "/api/v1/admin/people", Admin, "Make a local account", || {
            web::route().to(people::create)
        })
        .records(&[event::USER_CREATE])
        .takes::<people::NewPersonBody>()
        .returns::<people::CreatedPerson>(201),
        Route::on(Method::GET, on_person, Admin, "A person", || web::route().to(people::show))
            .records(&[event::PEOPLE_READ])
            .returns::<people::Person>(200),
        Route::on(Method::PATCH, on_person, Admin, "Change role, state or name to show", || {
            web::route().to(people::update)
        })
        .records(&[
            event::USER_ROLE,
            event::USER_DISABLE,
            event::USER_ENABLE,
            event::USER_UPDATE,
            event::SESSION_REVOKED,
        ])
        .takes::<people::PersonChanges>()
        .returns::<people::Person>(200),
        Route::on(
            Method::POST,
            "/api/v1/admin/people/{id}/password",
            Admin,
            "A new password for a local person",
            || web::route().to(people::replace_password),
        )
        .records(&[event::USER_PASSWORD, event::SESSION_REVOKED])
        .returns::<people::NewPassword>(200),
        Route::on(
            Method::POST,
            "/api/v1/admin/people/{id}/totp-reset",
            Admin,
            "Take back the authenticator",
            || web::route().to(people::reset_totp),
        )
        .records(&[event::TOTP_RESET, event::SESSION_REVOKED]),
        Route::on(Method::POST, "/api/v1/admin/people/{id}/unlock", Admin, "Forget the failures", || {
            web::route().to(people::unlock)
        })
        .records(&[event::USER_UNLOCK]),
    ]
}

fn sessions() -> Vec<Route> {
    use Access::Admin;
    use admin::{people, sessions};
    let of_person = "/api/v1/admin/people/{id}/sessions";
    vec![
        Route::on(Method::GET, of_person, Admin, "A person's sessions", || web::route().to(people::sessions))
            .records(&[event::PEOPLE_READ])
            .returns::<sessions::PersonSessionPage>(200),
        Route::on(Method::DELETE, of_person, Admin, "End a person's sessions", || {
            web::route().to(people::end_sessions)
        })
        .records(&[event::SESSION_REVOKED]),
        Route::on(Method::GET, "/api/v1/admin/sessions", Admin, "Everybody's sessions", || {
            web::route().to(sessions::list)
        })
        .records(&[event::PEOPLE_READ])
        .returns::<sessions::PersonSessionPage>(200),
        Route::on(Method::DELETE, "/api/v1/admin/sessions/{id}", Admin, "End a session", || {
            web::route().to(sessions::delete)
        })
        .records(&[event::SESSION_REVOKED]),
    ]
}

/// The directory, and what its groups mean here.
fn directory() -> Vec<Route> {
    use Access::Admin;
    use admin::{directory, mappings};
    let all = "/api/v1/admin/mappings";
    vec![
        Route::on(Method::GET, "/api/v1/admin/directory", Admin, "The directory and how it is", || {
            web::route().to(directory::show)
        })
        .shows_common()
        .returns::<directory::DirectoryView>(200),
        Route::on(Method::POST, "/api/v1/admin/directory/test", Admin, "Try every step of a sign-in", || {
            web::route().to(directory::test)
        })
        .records(&[event::DIRECTORY_TEST])
        .takes::<directory::Asked>()
        .returns::<Report>(200),
        Route::on(Method::GET, all, Admin, "What the directory's groups mean here", || {
            web::route().to(mappings::list)
        })
        .shows_common()
        .returns::<mappings::MappingPage>(200),
        Route::on(Method::POST, all, Admin, "Map a group of the directory", || {
            web::route().to(mappings::create)
        })
        .records(&[event::MAPPING_CREATE])
        .takes::<mappings::NewMappingBody>()
        .returns::<mappings::Mapping>(201),
        Route::on(Method::DELETE, "/api/v1/admin/mappings/{id}", Admin, "Delete a mapping", || {
            web::route().to(mappings::delete)
        })
        .records(&[event::MAPPING_DELETE]),
        Route::on(Method::POST, "/api/v1/admin/mappings/dry-run", Admin, "What the mappings come to", || {
            web::route().to(mappings::dry_run)
        })
        .records(&[event::PEOPLE_READ])
        .takes::<directory::Asked>()
        .returns::<mappings::DryRunView>(200),
    ]
}
