//! The routes of an auditor's work on the log.

use actix_web::http::Method;
use actix_web::web;
use redoubt_audit::catalogue as event;

use super::{Access, Route};
use crate::http::handlers::{audit, chats, exports};

pub(super) fn all() -> Vec<Route> {
    use Access::Auditor;
    vec![
        Route::on(Method::GET, "/api/v1/audit/records", Auditor, "Records, newest first", || {
            web::route().to(audit::list)
        })
        .records(&[event::AUDIT_READ])
        .query::<audit::RecordQuery>()
        .returns::<audit::RecordPage>(200),
        Route::on(
            Method::GET,
            "/api/v1/audit/records/{seq}",
            Auditor,
            "One record with the proof that it is in the log",
            || web::route().to(audit::record::show),
        )
        .records(&[event::AUDIT_READ])
        .returns::<audit::record::WholeRecord>(200),
        Route::on(Method::GET, "/api/v1/audit/events", Auditor, "What can be recorded, in words", || {
            web::route().to(audit::events::list)
        })
        .shows_common()
        .returns::<audit::events::EventList>(200),
        Route::on(
            Method::GET,
            "/api/v1/audit/checkpoints",
            Auditor,
            "Signed roots of the log, newest first",
            || web::route().to(audit::checkpoints::list),
        )
        .records(&[event::AUDIT_READ])
        .query::<chats::PageQuery>()
        .returns::<audit::checkpoints::CheckpointPage>(200),
        Route::on(
            Method::GET,
            "/api/v1/audit/checkpoints/{size}",
            Auditor,
            "One checkpoint with its QR code",
            || web::route().to(audit::checkpoints::show),
        )
        .records(&[event::AUDIT_READ])
        .returns::<audit::checkpoints::CheckpointToKeep>(200),
        Route::on(Method::GET, "/api/v1/audit/exports", Auditor, "Exports so far, newest first", || {
            web::route().to(exports::list)
        })
        .records(&[event::AUDIT_READ])
        .query::<chats::PageQuery>()
        .returns::<exports::ExportPage>(200),
        Route::on(
            Method::POST,
            "/api/v1/audit/exports",
            Auditor,
            "Export records as a signed bundle; asks for a proof",
            || web::route().to(exports::create),
        )
        .records(&[event::AUDIT_EXPORT])
        .takes::<exports::ExportOrder>()
        .file("application/x-tar"),
    ]
}
