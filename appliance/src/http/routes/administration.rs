//! The routes of an admin's work, which the console takes, too.

use actix_web::http::Method;
use actix_web::web;

use super::{Access, Route};
use crate::directory::Report;
use crate::http::handlers::{admin, chats, keys};

pub(super) fn all() -> Vec<Route> {
    [people(), directory(), rights(), groups(), workspaces()].concat()
}

fn rights() -> Vec<Route> {
    use Access::Admin;
    vec![
        Route::new(Method::GET, "/api/v1/admin/people/{id}/explain", Admin, "Why somebody may what", || {
            web::route().to(admin::access::explain)
        })
        .returns::<admin::access::ExplanationView>(200),
        Route::new(Method::GET, "/api/v1/admin/people/{id}/keys", Admin, "Somebody's keys", || {
            web::route().to(admin::access::keys)
        })
        .returns::<keys::KeyPage>(200),
        Route::new(
            Method::DELETE,
            "/api/v1/admin/people/{id}/keys/{key}",
            Admin,
            "Revoke somebody's key",
            || web::route().to(admin::access::revoke_key),
        ),
        Route::new(Method::GET, "/api/v1/admin/models", Admin, "The models and who may use them", || {
            web::route().to(admin::models::list)
        })
        .returns::<admin::models::AdminModelPage>(200),
        Route::new(Method::GET, "/api/v1/admin/usage", Admin, "Use by person, model or workspace", || {
            web::route().to(admin::usage::show)
        })
        .query::<admin::usage::TotalsQuery>()
        .returns::<admin::usage::Totals>(200),
        Route::new(Method::GET, "/api/v1/admin/alerts", Admin, "Alerts, newest first", || {
            web::route().to(admin::alerts::list)
        })
        .query::<chats::PageQuery>()
        .returns::<admin::alerts::AlertPage>(200),
        Route::new(
            Method::POST,
            "/api/v1/admin/alerts/{id}/acknowledge",
            Admin,
            "Say that an alert was seen",
            || web::route().to(admin::alerts::acknowledge),
        ),
        Route::new(Method::GET, "/api/v1/admin/system", Admin, "How the appliance is", || {
            web::route().to(admin::system::show)
        })
        .returns::<admin::system::System>(200),
        Route::new(Method::GET, "/api/v1/admin/audit", Admin, "How the audit log is sealed", || {
            web::route().to(admin::audit::show)
        })
        .returns::<admin::audit::Sealing>(200),
    ]
}

fn groups() -> Vec<Route> {
    use Access::Admin;
    let (all, one) = ("/api/v1/admin/groups", "/api/v1/admin/groups/{id}");
    let member = "/api/v1/admin/groups/{id}/members/{user}";
    vec![
        Route::new(Method::GET, all, Admin, "The groups", || web::route().to(admin::groups::list))
            .returns::<admin::groups::GroupPage>(200),
        Route::new(Method::POST, all, Admin, "Make a group", || web::route().to(admin::groups::create))
            .takes::<admin::groups::NewGroup>()
            .returns::<admin::groups::GroupView>(201),
        Route::new(Method::GET, one, Admin, "A group", || web::route().to(admin::groups::show))
            .returns::<admin::groups::GroupView>(200),
        Route::new(Method::PATCH, one, Admin, "Change what a group carries", || {
            web::route().to(admin::groups::update)
        })
        .takes::<admin::groups::GroupChanges>()
        .returns::<admin::groups::GroupView>(200),
        Route::new(Method::DELETE, one, Admin, "Delete a group", || web::route().to(admin::groups::delete)),
        Route::new(Method::GET, "/api/v1/admin/groups/{id}/members", Admin, "Who is in a group", || {
            web::route().to(admin::groups::members)
        })
        .query::<chats::PageQuery>()
        .returns::<admin::groups::GroupMemberPage>(200),
        Route::new(Method::PUT, member, Admin, "Put somebody into a group", || {
            web::route().to(admin::groups::add_member)
        }),
        Route::new(Method::DELETE, member, Admin, "Take somebody out of a group", || {
            web::route().to(admin::groups::remove_member)
        }),
    ]
}

fn workspaces() -> Vec<Route> {
    use Access::Admin;
    let (all, one) = ("/api/v1/admin/workspaces", "/api/v1/admin/workspaces/{id}");
    vec![
        Route::new(Method::GET, all, Admin, "The workspaces", || web::route().to(admin::workspaces::list))
            .returns::<admin::workspaces::AdminWorkspacePage>(200),
        Route::new(Method::POST, all, Admin, "Make a workspace", || {
            web::route().to(admin::workspaces::create)
        })
        .takes::<admin::workspaces::NewWorkspace>()
        .returns::<admin::workspaces::AdminWorkspace>(201),
        Route::new(Method::GET, one, Admin, "A workspace", || web::route().to(admin::workspaces::show))
            .returns::<admin::workspaces::AdminWorkspace>(200),
        Route::new(Method::PATCH, one, Admin, "Change a workspace", || {
            web::route().to(admin::workspaces::update)
        })
        .takes::<admin::workspaces::WorkspaceChanges>()
        .returns::<admin::workspaces::AdminWorkspace>(200),
        Route::new(Method::DELETE, one, Admin, "Delete a workspace without chats", || {
            web::route().to(admin::workspaces::delete)
        }),
    ]
}

/// Who there is, and in which sessions. What changes rights asks for a proof.
fn people() -> Vec<Route> {
    use Access::Admin;
    use admin::{people, sessions};
    let on_person = "/api/v1/admin/people/{id}";
    let of_person = "/api/v1/admin/people/{id}/sessions";
    vec![
        Route::new(Method::GET, "/api/v1/admin/people", Admin, "People, by name", || {
            web::route().to(people::list)
        })
        .query::<people::PeopleQuery>()
        .returns::<people::PersonPage>(200),
        Route::new(Method::POST, "/api/v1/admin/people", Admin, "Make a local account", || {
            web::route().to(people::create)
        })
        .takes::<people::NewPersonBody>()
        .returns::<people::CreatedPerson>(201),
        Route::new(Method::GET, on_person, Admin, "A person", || web::route().to(people::show))
            .returns::<people::Person>(200),
        Route::new(Method::PATCH, on_person, Admin, "Change role, state or name to show", || {
            web::route().to(people::update)
        })
        .takes::<people::PersonChanges>()
        .returns::<people::Person>(200),
        Route::new(
            Method::POST,
            "/api/v1/admin/people/{id}/password",
            Admin,
            "A new password for a local person",
            || web::route().to(people::replace_password),
        )
        .returns::<people::NewPassword>(200),
        Route::new(
            Method::POST,
            "/api/v1/admin/people/{id}/totp-reset",
            Admin,
            "Take back the authenticator",
            || web::route().to(people::reset_totp),
        ),
        Route::new(Method::POST, "/api/v1/admin/people/{id}/unlock", Admin, "Forget the failures", || {
            web::route().to(people::unlock)
        }),
        Route::new(Method::GET, of_person, Admin, "A person's sessions", || {
            web::route().to(people::sessions)
        })
        .returns::<sessions::PersonSessionPage>(200),
        Route::new(Method::DELETE, of_person, Admin, "End a person's sessions", || {
            web::route().to(people::end_sessions)
        }),
        Route::new(Method::GET, "/api/v1/admin/sessions", Admin, "Everybody's sessions", || {
            web::route().to(sessions::list)
        })
        .returns::<sessions::PersonSessionPage>(200),
        Route::new(Method::DELETE, "/api/v1/admin/sessions/{id}", Admin, "End a session", || {
            web::route().to(sessions::delete)
        }),
    ]
}

/// The directory, and what its groups mean here.
fn directory() -> Vec<Route> {
    use Access::Admin;
    use admin::{directory, mappings};
    let all = "/api/v1/admin/mappings";
    vec![
        Route::new(Method::GET, "/api/v1/admin/directory", Admin, "The directory and how it is", || {
            web::route().to(directory::show)
        })
        .returns::<directory::DirectoryView>(200),
        Route::new(
            Method::POST,
            "/api/v1/admin/directory/test",
            Admin,
            "Try every step of a sign-in",
            || web::route().to(directory::test),
        )
        .takes::<directory::Asked>()
        .returns::<Report>(200),
        Route::new(Method::GET, all, Admin, "What the directory's groups mean here", || {
            web::route().to(mappings::list)
        })
        .returns::<mappings::MappingPage>(200),
        Route::new(Method::POST, all, Admin, "Map a group of the directory", || {
            web::route().to(mappings::create)
        })
        .takes::<mappings::NewMappingBody>()
        .returns::<mappings::Mapping>(201),
        Route::new(Method::DELETE, "/api/v1/admin/mappings/{id}", Admin, "Delete a mapping", || {
            web::route().to(mappings::delete)
        }),
        Route::new(
            Method::POST,
            "/api/v1/admin/mappings/dry-run",
            Admin,
            "What the mappings come to",
            || web::route().to(mappings::dry_run),
        )
        .takes::<directory::Asked>()
        .returns::<mappings::DryRunView>(200),
    ]
}
