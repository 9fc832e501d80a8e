//! The routes of what is kept and what goes: an admin's retention, archives and requests to purge; an auditor's holds and
//! decisions.

use actix_web::http::Method;
use actix_web::web;
use redoubt_audit::catalogue as event;

use super::{Access, Route};
use crate::http::handlers::admin::retention;
use crate::http::handlers::{backups, chats, holds, imports, purges, slots};
use crate::models::import::Imported;

pub(super) fn all() -> Vec<Route> {
    [keeping(), operating(), opening(), auditing()].concat()
}

fn keeping() -> Vec<Route> {
    use Access::Admin;
    let purges = "/api/v1/admin/purges";
    vec![
        Route::on(Method::GET, "/api/v1/admin/retention/preview", Admin, "Which chats would go", || {
            web::route().to(retention::preview)
        })
        .shows_common()
        .returns::<retention::RetentionPreview>(200),
        Route::on(
            Method::POST,
            "/api/v1/admin/retention/run",
            Admin,
            "Let chats go whose time is over",
            || web::route().to(retention::run),
        )
        .records(&[event::RETENTION_RUN, event::CHAT_ARCHIVE, event::CHAT_DELETE])
        .returns::<retention::RetentionRun>(200),
        Route::on(Method::GET, "/api/v1/admin/archives", Admin, "Archived chats", || {
            web::route().to(retention::archives)
        })
        .shows_common()
        .query::<chats::PageQuery>()
        .returns::<retention::ArchivePage>(200),
        Route::on(
            Method::POST,
            "/api/v1/admin/archives/{id}/restore",
            Admin,
            "Put an archived chat back for its owner",
            || web::route().to(retention::restore),
        )
        .records(&[event::CHAT_RESTORE]),
        Route::on(Method::GET, purges, Admin, "Purges, newest first", || web::route().to(purges::list))
            .shows_common()
            .query::<chats::PageQuery>()
            .returns::<purges::PurgePage>(200),
        Route::on(Method::POST, purges, Admin, "Ask for a chat to be erased", || {
            web::route().to(purges::ask)
        })
        .records(&[event::PURGE_ASK])
        .takes::<purges::NewPurge>()
        .returns::<purges::PurgeView>(201),
    ]
}

/// What the machine's operator does, and nobody over the network.
fn operating() -> Vec<Route> {
    use Access::Console;
    vec![
        Route::on(Method::POST, "/api/v1/console/backups", Console, "A whole copy, encrypted", || {
            web::route().to(backups::create)
        })
        .records(&[event::BACKUP_CREATE])
        .file("application/x-tar"),
        Route::on(
            Method::POST,
            "/api/v1/console/models",
            Console,
            "A model was brought in: for the record",
            || web::route().to(imports::record),
        )
        .records(&[event::MODEL_IMPORT])
        .takes::<Imported>(),
    ]
}

/// What opens the store.
fn opening() -> Vec<Route> {
    use Access::Console;
    let all = "/api/v1/console/slots";
    vec![
        Route::on(Method::GET, all, Console, "Key slots", || web::route().to(slots::list))
            .shows_common()
            .returns::<slots::SlotList>(200),
        Route::on(Method::POST, all, Console, "Another way of opening the store", || {
            web::route().to(slots::add)
        })
        .records(&[event::SLOT_ADD])
        .takes::<slots::NewSlot>()
        .returns::<slots::SlotView>(201),
        Route::on(
            Method::POST,
            "/api/v1/console/slots/test",
            Console,
            "Does this open the store? Nothing changes",
            || web::route().to(slots::test),
        )
        .records(&[event::SLOT_TEST])
        .takes::<slots::Given>()
        .returns::<slots::SlotView>(200),
        Route::on(Method::DELETE, "/api/v1/console/slots/{id}", Console, "One way less", || {
            web::route().to(slots::remove)
        })
        .records(&[event::SLOT_REMOVE]),
        Route::on(
            Method::POST,
            "/api/v1/console/slots/{id}/secret",
            Console,
            "Another secret in place of this one",
            || web::route().to(slots::replace),
        )
        .records(&[event::SLOT_REPLACE])
        .takes::<slots::Given>()
        .returns::<slots::SlotView>(200),
    ]
}

fn auditing() -> Vec<Route> {
    use Access::Auditor;
    let holds = "/api/v1/audit/holds";
    vec![
        Route::on(Method::GET, holds, Auditor, "Legal holds, newest first", || web::route().to(holds::list))
            .records(&[event::AUDIT_READ])
            .query::<chats::PageQuery>()
            .returns::<holds::HoldPage>(200),
        Route::on(Method::POST, holds, Auditor, "Place a legal hold; asks for a proof", || {
            web::route().to(holds::create)
        })
        .records(&[event::HOLD_PLACE])
        .takes::<holds::NewHold>()
        .returns::<holds::HoldView>(201),
        Route::on(
            Method::DELETE,
            "/api/v1/audit/holds/{id}",
            Auditor,
            "Lift a legal hold; asks for a proof",
            || web::route().to(holds::delete),
        )
        .records(&[event::HOLD_LIFT]),
        Route::on(Method::GET, "/api/v1/audit/purges", Auditor, "Purges, newest first", || {
            web::route().to(purges::cases)
        })
        .records(&[event::AUDIT_READ])
        .query::<chats::PageQuery>()
        .returns::<purges::PurgeCasePage>(200),
        Route::on(
            Method::POST,
            "/api/v1/audit/purges/{id}/approval",
            Auditor,
            "Agree to a purge or refuse it; asks for a proof",
            || web::route().to(purges::decide),
        )
        .records(&[event::PURGE_APPROVE, event::PURGE_REFUSE, event::CHAT_DELETE])
        .takes::<purges::Approval>()
        .returns::<purges::PurgeCase>(200),
        Route::on(
            Method::GET,
            "/api/v1/audit/purges/{id}/statement",
            Auditor,
            "The statement of a purge that is done",
            || web::route().to(purges::statement),
        )
        .records(&[event::PURGE_STATEMENT])
        .file("text/plain"),
    ]
}
