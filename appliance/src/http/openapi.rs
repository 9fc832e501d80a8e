//! The API's description, built from the list of routes; the page's own client is typed from it.

use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{
    ComponentsBuilder, Content, HttpMethod, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, PathItem,
    Ref, RefOr, Required, ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::error::Problem;
use super::routes::{Access, Answer, Route, Trace, all};

/// The document that `/api/v1/openapi.json` serves. `/v1` is OpenAI's API and is described there.
pub fn document() -> OpenApi {
    let routes: Vec<Route> = all().into_iter().filter(|route| !route.path.starts_with("/v1/")).collect();
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new();
    let mut shared = Vec::new();
    Problem::schemas(&mut shared);
    shared.push((Problem::name().into_owned(), Problem::schema()));
    for route in routes {
        paths = paths.path(route.path, PathItem::new(method(&route), operation(&route)));
        shared.extend(route.schemas);
        shared.extend(route.request);
        if let Answer::Json(schema) = route.answer {
            shared.push(*schema);
        }
    }
    for (name, schema) in shared {
        components = components.schema(name, schema);
    }
    let info = InfoBuilder::new().title("Redoubt").version("1").description(Some(
        "The API of the appliance's own web interface. Sign in by cookie; every write is application/json \
         from the same origin; unknown fields are refused; errors are application/problem+json.",
    ));
    OpenApiBuilder::new().info(info.build()).paths(paths).components(Some(components.build())).build()
}

fn method(route: &Route) -> HttpMethod {
    match route.method.as_str() {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(route: &Route) -> Operation {
    let mut operation = OperationBuilder::new()
        .summary(Some(route.summary))
        .description(Some(format!("{} {}", access(route.access), trace(route.trace))))
        .parameters(Some(path_parameters(route.path)))
        .response(route.status.to_string(), success(route))
        .response("default", problem());
    for parameter in &route.parameters {
        operation = operation.parameter(parameter.clone());
    }
    if let Some((name, _)) = &route.request {
        let content = Content::new(Some(Ref::from_schema_name(name)));
        let body =
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    operation.build()
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Public => "For everybody.",
        Access::Pending => "For whoever passed the first step of signing in.",
        Access::Holder => "For whoever has a session, locked or not.",
        Access::Anyone => "For whoever is signed in.",
        Access::Analyst => "For analysts.",
        Access::Admin => "For admins.",
        Access::Auditor => "For auditors.",
        Access::Console => "For root on the machine itself.",
        Access::ApiKey => "For programs with an API key.",
    }
}

fn trace(trace: Trace) -> String {
    match trace {
        Trace::Records(events) => {
            let names: Vec<&str> = events.iter().map(|event| event.act()).collect();
            format!("Recorded as {}.", names.join(", "))
        }
        Trace::Own => "Not recorded: it shows one's own.".to_owned(),
        Trace::Common => "Not recorded: it shows nobody's.".to_owned(),
    }
}

fn path_parameters(path: &str) -> Vec<Parameter> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(text()))
                .build()
        })
        .collect()
}

fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).build().into()
}

fn success(route: &Route) -> utoipa::openapi::Response {
    let response = ResponseBuilder::new().description(route.summary);
    match &route.answer {
        Answer::Nothing => response,
        Answer::Json(schema) => {
            response.content("application/json", Content::new(Some(Ref::from_schema_name(&schema.0))))
        }
        Answer::Events => response.content("text/event-stream", Content::new(Some(text()))),
        Answer::File(media_type) => response.content(*media_type, Content::new(Some(text()))),
    }
    .build()
}

fn problem() -> utoipa::openapi::Response {
    ResponseBuilder::new()
        .description("What went wrong")
        .content("application/problem+json", Content::new(Some(Ref::from_schema_name("Problem"))))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_description_is_the_present_one() {
        let committed = include_str!("../../../webui/openapi.json");
        let present = document().to_pretty_json().unwrap();
        assert!(
            committed.trim_end() == present,
            "webui/openapi.json is old: `redoubt openapi > webui/openapi.json`, then `npm run api` in webui"
        );
    }
}
