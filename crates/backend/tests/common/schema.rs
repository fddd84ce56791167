//! Holds answers against the OpenAPI document: as much of JSON Schema as the document uses.

use deskbell_backend::http::openapi::document;
use serde_json::Value;

/// Fails when `value` is not what the schema of this name says.
pub(crate) fn assert_fits(name: &str, value: &Value) {
    let document = document();
    let schema = &document["components"]["schemas"][name];
    assert!(schema.is_object() || name == "Any", "no schema {name}");
    let mut faults = Vec::new();
    check(&document, schema, value, name, &mut faults);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Whether `value` is what the schema says.
pub(crate) fn fits(document: &Value, schema: &Value, value: &Value) -> bool {
    let mut faults = Vec::new();
    check(document, schema, value, "", &mut faults);
    faults.is_empty()
}

fn check(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let target = &document["components"]["schemas"][name];
        assert!(target.is_object(), "{place} refers to {name}, which is not there");
        return check(document, target, value, place, faults);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, place, faults);
    }
    for (word, exactly) in [("oneOf", true), ("anyOf", false)] {
        if let Some(variants) = schema[word].as_array() {
            let fitting = variants.iter().filter(|variant| fits(document, variant, value)).count();
            if fitting == 0 || (exactly && fitting > 1) {
                faults.push(format!("{place}: {fitting} variants fit"));
            }
        }
    }
    let right = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some(other) => panic!("{place}: type {other}"),
    };
    if !right {
        faults.push(format!("{place}: not {}", schema["type"]));
        return;
    }
    if let Some(constant) = schema.get("const").filter(|constant| *constant != value) {
        faults.push(format!("{place}: not {constant}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        faults.push(format!("{place}: not one of {}", schema["enum"]));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        if value.get(name).is_none() {
            faults.push(format!("{place}.{name}: missing"));
        }
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            check(document, field, value, &format!("{place}.{name}"), faults);
        }
    }
    if let Some(items) = value.as_array() {
        if schema["maxItems"].as_u64().is_some_and(|max| items.len() as u64 > max) {
            faults.push(format!("{place}: {} items", items.len()));
        }
        for (index, item) in items.iter().enumerate() {
            check(document, &schema["items"], item, &format!("{place}[{index}]"), faults);
        }
    }
}
