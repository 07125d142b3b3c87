//! Holds requests and answers to a slice of GitHub's own description of its API (`slice.json`: of npm's `@octokit/openapi`, MIT,
//! without prose), and makes answers of it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

/// The description.
pub struct Schema(Value);

impl Schema {
    pub fn read() -> Schema {
        Schema(serde_json::from_str(include_str!("slice.json")).expect("the slice is JSON"))
    }

    /// The operation that a request is, and what stands for the names in its path.
    pub fn operation(&self, method: &str, path: &str) -> Option<(&Value, BTreeMap<String, String>)> {
        let found = |template: &str| {
            let parts: Vec<&str> = template.split('/').collect();
            // A reference has slashes of its own.
            let most = if template.ends_with("{ref}") { parts.len() } else { usize::MAX };
            let given: Vec<&str> = path.splitn(most, '/').collect();
            let mut names = BTreeMap::new();
            let fits = |(part, given): (&&str, &&str)| match part.strip_prefix('{') {
                Some(name) => {
                    names.insert(name.trim_end_matches('}').to_owned(), (*given).to_owned());
                    !given.is_empty()
                }
                None => part == given,
            };
            let all = parts.len() == given.len() && parts.iter().zip(&given).all(fits);
            all.then_some(names)
        };
        let paths = self.0["paths"].as_object()?.iter();
        let mut all: Vec<_> =
            paths.filter_map(|(template, of)| Some((template, of, found(template)?))).collect();
        // `secrets/public-key` is no secret of that name.
        all.sort_by_key(|(template, ..)| template.matches('{').count());
        all.into_iter().find_map(|(_, of, names)| Some((of.get(method.to_lowercase())?, names)))
    }

    /// What is wrong with a request.
    pub fn of_request(&self, operation: &Value, query: &str, body: Option<&Value>) -> Vec<String> {
        let known = operation["parameters"].as_array().into_iter().flatten().map(|it| self.resolved(it));
        let known: Vec<&str> = known.filter_map(|it| it["name"].as_str()).collect();
        let names =
            query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty());
        let mut wrong: Vec<String> =
            names.filter(|name| !known.contains(name)).map(|name| format!("no parameter {name}")).collect();
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        match body {
            Some(_) if schema.is_null() => wrong.push("it takes no body".to_owned()),
            Some(body) => self.check(schema, body, "body", true, &mut wrong),
            None if operation["requestBody"]["required"] == true => wrong.push("it wants a body".to_owned()),
            None => {}
        }
        wrong
    }

    /// What is wrong with an answer.
    pub fn of_answer(&self, operation: &Value, status: u16, body: &Value) -> Vec<String> {
        let Some(response) = operation["responses"].get(status.to_string()) else {
            return vec![format!("no answer {status}")];
        };
        let schema = &self.resolved(response)["content"]["application/json"]["schema"];
        let mut wrong = Vec::new();
        if !schema.is_null() {
            self.check(schema, body, "answer", false, &mut wrong);
        }
        wrong
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.trim_start_matches('#');
                self.resolved(
                    self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} is not in the slice")),
                )
            }
            None => schema,
        }
    }

    /// In a request, what is not described is wrong, too: GitHub passes over it.
    fn check(&self, schema: &Value, value: &Value, at: &str, is_strict: bool, wrong: &mut Vec<String>) {
        let schema = self.resolved(schema);
        if value.is_null() && (schema["nullable"] == true || schema["type"].is_null()) {
            return;
        }
        for kind in ["oneOf", "anyOf"] {
            let Some(ways) = schema[kind].as_array() else { continue };
            let problems = |way: &Value| {
                let mut wrong = Vec::new();
                self.check(way, value, at, is_strict, &mut wrong);
                wrong
            };
            if !ways.iter().any(|way| problems(way).is_empty()) {
                wrong.push(format!("{at} is none of {kind}: {value}"));
            }
        }
        for way in schema["allOf"].as_array().into_iter().flatten() {
            self.check(way, value, at, false, wrong);
        }
        if !self.is_of_type(schema, value) {
            return wrong.push(format!("{at} is no {}: {value}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
            wrong.push(format!("{at} is {value}, and none of {}", schema["enum"]));
        }
        let number = |key: &str| schema[key].as_f64();
        if value.as_f64().is_some_and(|it| {
            number("minimum").is_some_and(|least| it < least)
                || number("maximum").is_some_and(|most| it > most)
        }) {
            wrong.push(format!("{at} is {value}"));
        }
        // The one pattern in the slice is base64's.
        if schema["pattern"].is_string()
            && value.as_str().is_some_and(|text| BASE64_STANDARD.decode(text).is_err())
        {
            wrong.push(format!("{at} is not base64: {value}"));
        }
        for item in value.as_array().into_iter().flatten() {
            self.check(&schema["items"], item, &format!("{at}[]"), is_strict, wrong);
        }
        if let Some(object) = value.as_object() {
            self.members(schema, object, at, is_strict, wrong);
        }
    }

    fn members(
        &self,
        schema: &Value,
        object: &Map<String, Value>,
        at: &str,
        is_strict: bool,
        wrong: &mut Vec<String>,
    ) {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        wrong.extend(
            required.filter(|name| !object.contains_key(*name)).map(|name| format!("{at} has no {name}")),
        );
        let Some(properties) = schema["properties"].as_object() else { return };
        for (name, value) in object {
            match properties.get(name) {
                Some(schema) => self.check(schema, value, &format!("{at}.{name}"), is_strict, wrong),
                None if is_strict || schema["additionalProperties"] == false => {
                    wrong.push(format!("{at} may have no {name}"));
                }
                None => {}
            }
        }
    }

    fn is_of_type(&self, schema: &Value, value: &Value) -> bool {
        match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        }
    }

    /// The least that is a good answer, with these members.
    pub fn example(&self, name: &str, with: Value) -> Value {
        let mut made = self.made(&self.0["components"]["schemas"][name]);
        let (Some(made_object), Value::Object(with)) = (made.as_object_mut(), with) else { return made };
        made_object.extend(with);
        made
    }

    fn made(&self, schema: &Value) -> Value {
        let schema = self.resolved(schema);
        if schema["nullable"] == true {
            return Value::Null;
        }
        if let Some(first) = schema["enum"].get(0).or(None) {
            return first.clone();
        }
        if let Some(way) = schema["oneOf"].get(0).or_else(|| schema["anyOf"].get(0)) {
            return self.made(way);
        }
        match schema["type"].as_str() {
            Some("string") => json!("a"),
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(false),
            Some("array") => json!([]),
            _ => {
                let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                Value::Object(
                    names.map(|name| (name.to_owned(), self.made(&schema["properties"][name]))).collect(),
                )
            }
        }
    }
}
