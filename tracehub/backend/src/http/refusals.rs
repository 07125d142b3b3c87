//! What every operation may be answered instead of what was asked for: written into the API's document in one place, so that
//! none is forgotten.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder, Schema,
};

/// A status, when it is answered, and whether it says in `Retry-After` when to try again.
type Refusal = (&'static str, &'static str, bool);

const BAD_REQUEST: Refusal = ("400", "The request could not be read", false);
const UNAUTHENTICATED: Refusal = ("401", "Nobody is logged in, or not any more", false);
const FORBIDDEN: Refusal = ("403", "The caller's role does not allow it, or another site asks", false);
const NOT_FOUND: Refusal = ("404", "There is nothing here, or it is another organisation's", false);
const TOO_LARGE: Refusal = ("413", "The body is larger than 15 KiB", false);
const NO_LENGTH: Refusal = ("411", "The body came in chunks, and not with its length", false);
const NOT_JSON: Refusal = ("415", "The body is not JSON in UTF-8", false);
const INVALID: Refusal = ("422", "Some fields are not right, or not known", false);
const NOT_SEEN: Refusal = ("428", "If-Match does not say what was seen", false);
const OURS: Refusal = ("500", "Something went wrong here", false);
const UNAVAILABLE: Refusal = ("503", "It can't be answered at this moment", true);

/// Adds to each operation what it may answer by its kind; what an operation says of itself stays.
pub fn document(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            if let Some(security) = &mut operation.security {
                security.push(SecurityRequirement::new("session", [""; 0]));
            }
            for refusal in of(operation) {
                let responses = &mut operation.responses.responses;
                responses.entry(refusal.0.to_owned()).or_insert_with(|| RefOr::T(response(refusal)));
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, head, .. } = item;
    [get, put, post, delete, patch, head].into_iter().flatten()
}

fn of(operation: &Operation) -> Vec<Refusal> {
    let parameters = || {
        operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
    };
    let has = |kind: &ParameterIn| parameters().any(|parameter| parameter.parameter_in == *kind);
    let mut all = vec![OURS, UNAVAILABLE];
    if operation.security.is_some() {
        all.extend([UNAUTHENTICATED, FORBIDDEN]);
    }
    if operation.request_body.is_some() {
        all.extend([FORBIDDEN, BAD_REQUEST, NO_LENGTH, TOO_LARGE, NOT_JSON, INVALID]);
    }
    if parameters().any(|parameter| parameter.name == "if-match") {
        all.extend([BAD_REQUEST, NOT_SEEN]);
    }
    if has(&ParameterIn::Query) {
        all.extend([BAD_REQUEST, INVALID]);
    }
    if has(&ParameterIn::Path) {
        all.push(NOT_FOUND);
    }
    all
}

fn response((_, when, may_be_tried_again): Refusal) -> Response {
    let problem = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(problem)).build();
    let response = ResponseBuilder::new().description(when).content("application/problem+json", content);
    if !may_be_tried_again {
        return response.build();
    }
    let seconds = Schema::Object(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build());
    let header = HeaderBuilder::new()
        .description(Some("In how many seconds it may be tried again"))
        .schema(Some(seconds))
        .build();
    response.header("retry-after", header).build()
}
