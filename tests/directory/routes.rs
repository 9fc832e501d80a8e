//! What the API can and cannot do to the directory's configuration.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::executable_with;

/// The names of all fields that requests can have, however deep.
fn request_fields(api: &Value) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Value> = Vec::new();
    for operations in api["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            open.push(&operation["requestBody"]);
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            fields.extend(parameters.filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned())));
        }
    }
    while let Some(value) = open.pop() {
        if let Some(name) = value["$ref"].as_str()
            && seen.insert(name.to_owned())
        {
            open.push(api.pointer(name.trim_start_matches('#')).unwrap());
        }
        if let Some(properties) = value["properties"].as_object() {
            fields.extend(properties.keys().cloned());
        }
        match value {
            Value::Object(object) => open.extend(object.values()),
            Value::Array(array) => open.extend(array),
            _ => {}
        }
    }
    fields
}

#[test]
fn cve_2024_5967_ghsa_c25h_c27q_5qpv_no_request_can_name_a_server_an_authority_or_a_bind_password() {
    let output = executable_with(["openapi"]).output().unwrap();
    let fields = request_fields(&serde_json::from_slice(&output.stdout).unwrap());
    assert!(fields.contains("username") && fields.contains("password"), "{fields:?}");
    for field in [
        "servers",
        "server",
        "url",
        "host",
        "address",
        "ca",
        "bind_dn",
        "bind_password",
        "bind_password_file",
    ] {
        assert!(!fields.contains(field), "{field}");
    }
}
