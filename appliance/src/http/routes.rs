//! Every route of the appliance with the role that it needs and the records that it leaves: the one list that registers the
//! handlers, describes the API, and is walked by the tests with every wrong role and, for the records, with the right one.

mod administration;
mod auditing;
mod custody;
mod entry;
mod programs;
mod trace;
mod work;

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::{middleware, web};
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

pub use trace::Trace;

use super::boundary;
use crate::space::Demand;
use trace::Untraced;

/// Who may use a route. The handler's argument type enforces it; this says it to readers, to the API's
/// description and to the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// Whoever passed the first step of signing in.
    Pending,
    /// Whoever has a session, be it locked or not.
    Holder,
    /// Whoever is signed in.
    Anyone,
    Analyst,
    Admin,
    Auditor,
    /// Root on the machine itself, by `control.sock`.
    Console,
    /// A program with an API key.
    ApiKey,
}

type NamedSchema = (String, RefOr<Schema>);

/// What a route answers when it succeeds.
#[derive(Clone)]
pub enum Answer {
    Nothing,
    Json(Box<NamedSchema>),
    /// Server-sent events.
    Events,
    /// A file of this media type.
    File(&'static str),
}

/// One method of one path.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub trace: Trace,
    /// What it takes of the disk.
    pub demand: Demand,
    pub summary: &'static str,
    pub status: u16,
    pub request: Option<NamedSchema>,
    pub parameters: Vec<Parameter>,
    pub answer: Answer,
    /// Schemas that the others refer to.
    pub schemas: Vec<NamedSchema>,
    handler: fn() -> actix_web::Route,
}

impl Route {
    fn on(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: fn() -> actix_web::Route,
    ) -> Untraced {
        let (request, answer) = (None, Answer::Nothing);
        let (parameters, schemas) = (Vec::new(), Vec::new());
        let demand = match access {
            Access::Analyst | Access::ApiKey if method != Method::DELETE => Demand::Record,
            _ => Demand::Essential,
        };
        // Whoever wants the route out of `Untraced` says another trace.
        let (status, trace) = (204, Trace::Common);
        Untraced(Self {
            method,
            path,
            access,
            trace,
            demand,
            summary,
            status,
            request,
            parameters,
            answer,
            schemas,
            handler,
        })
    }

    /// Goes on while the disk is full: it writes nothing, or leads to what frees space.
    fn even_when_full(mut self) -> Self {
        self.demand = Demand::Essential;
        self
    }

    /// Is refused before the disk is full.
    fn writes_texts(mut self) -> Self {
        self.demand = Demand::Text;
        self
    }

    fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(self.schema::<T>());
        self
    }

    fn query<T: IntoParams>(mut self) -> Self {
        self.parameters = T::into_params(|| Some(utoipa::openapi::path::ParameterIn::Query));
        self
    }

    fn returns<T: ToSchema>(mut self, status: u16) -> Self {
        (self.answer, self.status) = (Answer::Json(Box::new(self.schema::<T>())), status);
        self
    }

    fn streams(mut self) -> Self {
        (self.answer, self.status) = (Answer::Events, 200);
        self
    }

    fn file(mut self, media_type: &'static str) -> Self {
        (self.answer, self.status) = (Answer::File(media_type), 200);
        self
    }

    fn schema<T: ToSchema>(&mut self) -> NamedSchema {
        T::schemas(&mut self.schemas);
        (T::name().into_owned(), T::schema())
    }
}

/// Adds every route to an application: one resource a path, so that a wrong method is told from a wrong address.
pub(super) fn register(config: &mut web::ServiceConfig) {
    let mut resources = BTreeMap::new();
    for route in all() {
        let resource = resources.remove(route.path).unwrap_or_else(|| web::resource(route.path));
        let demand = route.demand;
        let mut handler = (route.handler)().method(route.method);
        if demand != Demand::Essential {
            let spare = move |request, next| boundary::spare_the_disk(demand, request, next);
            handler = handler.wrap(middleware::from_fn(spare));
        }
        resources.insert(route.path, resource.route(handler));
    }
    resources.into_values().for_each(|resource| {
        config.service(resource);
    });
}

/// The whole list.
pub fn all() -> Vec<Route> {
    [entry::all(), work::all(), programs::all(), administration::all(), auditing::all(), custody::all()]
        .concat()
}
