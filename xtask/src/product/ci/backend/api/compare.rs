//! What a client of one OpenAPI document would miss in another.

use serde_json::Value;

/// Who makes a value: the client, whose old ones must still be taken; or the API, whose new ones must still be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Client,
    Api,
}

/// Each break, as a sentence.
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, seen: Vec::new(), breaks: Vec::new() };
    for (path, methods) in entries(&old["paths"]) {
        for (method, operation) in entries(methods).filter(|(method, _)| METHODS.contains(method)) {
            let at = format!("{} {path}", method.to_uppercase());
            match &new["paths"][path][method] {
                Value::Null => comparison.breaks.push(format!("{at} is gone")),
                now => comparison.operation(&at, operation, now),
            }
        }
    }
    comparison.breaks.sort();
    comparison.breaks.dedup();
    comparison.breaks
}

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Pairs of named schemas that are being compared, or were: they may hold themselves.
    seen: Vec<(String, String, Maker)>,
    breaks: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn operation(&mut self, at: &str, old: &'a Value, new: &'a Value) {
        self.parameters(at, old, new);
        self.request(at, &old["requestBody"], &new["requestBody"]);
        for (status, answer) in entries(&old["responses"]).filter(|(status, _)| status.starts_with('2')) {
            let at = format!("{at} answers {status}");
            match &new["responses"][status] {
                Value::Null => self.breaks.push(format!("{at} no more")),
                now => self.contents(&at, &answer["content"], &now["content"], Maker::Api),
            }
        }
    }

    fn parameters(&mut self, at: &str, old: &'a Value, new: &'a Value) {
        let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for parameter in items(&old["parameters"]) {
            let at = format!("{at}: the parameter {}", text(&parameter["name"]));
            match items(&new["parameters"]).find(|other| same(other, parameter)) {
                None => self.breaks.push(format!("{at} is ignored now")),
                Some(now) => self.schema(&at, &parameter["schema"], &now["schema"], Maker::Client),
            }
        }
        for parameter in items(&new["parameters"]).filter(|parameter| parameter["required"] == true) {
            let before = items(&old["parameters"]).find(|other| same(other, parameter));
            if before.is_none_or(|before| before["required"] != true) {
                self.breaks
                    .push(format!("{at}: the parameter {} must be sent now", text(&parameter["name"])));
            }
        }
    }

    fn request(&mut self, at: &str, old: &'a Value, new: &'a Value) {
        if new["required"] == true && old["required"] != true {
            self.breaks.push(format!("{at}: a body must be sent now"));
        }
        if !old.is_null() {
            self.contents(&format!("{at} takes"), &old["content"], &new["content"], Maker::Client);
        }
    }

    fn contents(&mut self, at: &str, old: &'a Value, new: &'a Value, maker: Maker) {
        for (kind, content) in entries(old) {
            match &new[kind] {
                Value::Null => self.breaks.push(format!("{at} no {kind} any more")),
                now => self.schema(at, &content["schema"], &now["schema"], maker),
            }
        }
    }

    fn schema(&mut self, at: &str, old: &'a Value, new: &'a Value, maker: Maker) {
        let (name, now) = (text(&old["$ref"]), text(&new["$ref"]));
        if !name.is_empty() && !now.is_empty() {
            let pair = (name.to_owned(), now.to_owned(), maker);
            if self.seen.contains(&pair) {
                return;
            }
            self.seen.push(pair);
        }
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        if COMBINED.iter().any(|key| old[key] != new[key]) {
            self.breaks.push(format!("{at} is combined of other parts now, which only a person can judge"));
            return;
        }
        self.kinds(at, old, new, maker);
        self.properties(at, old, new, maker);
        if !old["items"].is_null() {
            self.schema(&format!("{at}, each item,"), &old["items"], &new["items"], maker);
        }
    }

    fn kinds(&mut self, at: &str, old: &Value, new: &Value, maker: Maker) {
        let (before, now) = (words(&old["type"]), words(&new["type"]));
        let (all, known) = if maker == Maker::Client { (&before, &now) } else { (&now, &before) };
        // Without a type, anything may come.
        if !known.is_empty() && (all.is_empty() || all.iter().any(|kind| !known.contains(kind))) {
            let or =
                |kinds: &[&str]| if kinds.is_empty() { "anything".to_owned() } else { kinds.join(" or ") };
            self.breaks.push(format!("{at} is {} now, and was {}", or(&now), or(&before)));
        }
        if old["format"] != new["format"] && !(maker == Maker::Client && new["format"].is_null()) {
            self.breaks.push(format!("{at} has the form {} now, and had {}", new["format"], old["format"]));
        }
        // A new word of the API's own is how a list grows; pages must expect it.
        if maker == Maker::Client {
            let (before, now) = (words(&old["enum"]), words(&new["enum"]));
            let refused: Vec<&str> =
                before.iter().filter(|word| !now.is_empty() && !now.contains(word)).copied().collect();
            if !refused.is_empty() || (before.is_empty() && !now.is_empty()) {
                self.breaks.push(format!("{at} takes only {} now", now.join(", ")));
            }
        }
    }

    fn properties(&mut self, at: &str, old: &'a Value, new: &'a Value, maker: Maker) {
        for (name, property) in entries(&old["properties"]) {
            let at = format!("{at} .{name}");
            match (&new["properties"][name], maker) {
                (Value::Null, Maker::Api) => self.breaks.push(format!("{at} is gone")),
                (Value::Null, Maker::Client) => self.breaks.push(format!("{at} is ignored now")),
                (now, _) => self.schema(&at, property, now, maker),
            }
        }
        let (before, now) = (words(&old["required"]), words(&new["required"]));
        let missing = |all: &[&str], known: &[&str]| -> Vec<String> {
            all.iter().filter(|name| !known.contains(name)).map(|name| (*name).to_owned()).collect()
        };
        match maker {
            Maker::Client => {
                let names = missing(&now, &before).into_iter();
                self.breaks.extend(names.map(|name| format!("{at} .{name} must be sent now")));
            }
            Maker::Api => {
                let names = missing(&before, &now).into_iter();
                let still_there = names.filter(|name| !new["properties"][name].is_null());
                self.breaks.extend(still_there.map(|name| format!("{at} .{name} may be missing now")));
            }
        }
    }
}

const COMBINED: [&str; 3] = ["oneOf", "anyOf", "not"];

/// What a name in the document stands for; of something put together of one part, that part.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        return document.pointer(pointer).map_or(&Value::Null, |found| resolve(document, found));
    }
    match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([one]) => resolve(document, one),
        _ => schema,
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// One word or several.
fn words(value: &Value) -> Vec<&str> {
    value.as_str().into_iter().chain(items(value).filter_map(Value::as_str)).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The repository's own document, with one place changed.
    fn changed(pointer: &str, value: Value) -> Vec<String> {
        let old = document();
        let mut new = document();
        *new.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        breaks(&old, &new)
    }

    fn document() -> Value {
        json!({
            "paths": {
                "/things": {
                    "get": {
                        "parameters": [{ "name": "limit", "in": "query", "required": false, "schema": { "type": "integer" } }],
                        "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Page" } } } } }
                    },
                    "post": {
                        "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/New" } } } },
                        "responses": { "201": {}, "422": {} }
                    }
                }
            },
            "components": { "schemas": {
                "Page": { "type": "object", "required": ["items"], "properties": {
                    "items": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } },
                    "next": { "$ref": "#/components/schemas/Page" }
                } },
                "Thing": { "type": "object", "required": ["id"], "properties": {
                    "id": { "type": "string", "format": "uuid" }, "kind": { "type": "string", "enum": ["a", "b"] }
                } },
                "New": { "type": "object", "required": ["name"], "properties": {
                    "name": { "type": "string" }, "kind": { "type": "string", "enum": ["a", "b"] }
                } }
            } }
        })
    }

    #[test]
    fn what_grows_breaks_nothing() {
        assert_eq!(breaks(&document(), &document()), Vec::<String>::new());
        let grown = json!({ "id": { "type": "string", "format": "uuid" },
            "kind": { "type": "string", "enum": ["a", "b", "c"] }, "more": { "type": "string" } });
        assert_eq!(changed("/components/schemas/Thing/properties", grown), Vec::<String>::new());
        let optional = json!([
            { "name": "limit", "in": "query", "schema": { "type": ["integer", "string"] } },
            { "name": "after", "in": "query", "required": false }
        ]);
        assert_eq!(changed("/paths/~1things/get/parameters", optional), Vec::<String>::new());
    }

    #[test]
    fn what_the_page_asks_for_must_be_there() {
        assert_eq!(changed("/paths/~1things/get", Value::Null), ["GET /things is gone"]);
        assert_eq!(
            changed("/paths/~1things/get/parameters", json!([])),
            ["GET /things: the parameter limit is ignored now"]
        );
        assert_eq!(
            changed("/paths/~1things/post/responses", json!({ "200": {} })),
            ["POST /things answers 201 no more"]
        );
    }

    #[test]
    fn what_the_page_reads_must_be_as_it_was() {
        let thing = "/components/schemas/Thing";
        let item = "GET /things answers 200 .items, each item,";
        assert_eq!(changed(&format!("{thing}/properties/id"), Value::Null), [format!("{item} .id is gone")]);
        assert_eq!(
            changed(&format!("{thing}/required"), json!([])),
            [format!("{item} .id may be missing now")]
        );
        assert_eq!(
            changed(&format!("{thing}/properties/id/type"), json!(["string", "null"])),
            [format!("{item} .id is string or null now, and was string")]
        );
        let said = changed(&format!("{thing}/properties/id/format"), json!("ulid")).join("");
        assert!(said.contains("has the form \"ulid\" now"), "{said}");
    }

    #[test]
    fn what_the_page_sends_must_be_taken() {
        let new = "/components/schemas/New";
        assert_eq!(
            changed(&format!("{new}/required"), json!(["name", "kind"])),
            ["POST /things takes .kind must be sent now"]
        );
        assert_eq!(
            changed(&format!("{new}/properties/kind/enum"), json!(["a"])),
            ["POST /things takes .kind takes only a now"]
        );
        assert_eq!(
            changed(&format!("{new}/properties/name"), Value::Null),
            ["POST /things takes .name is ignored now"]
        );
        let required =
            json!([{ "name": "limit", "in": "query", "required": true, "schema": { "type": "integer" } }]);
        assert_eq!(
            changed("/paths/~1things/get/parameters", required),
            ["GET /things: the parameter limit must be sent now"]
        );
    }

    #[test]
    fn what_can_not_be_judged_is_left_to_a_person() {
        let said = changed("/components/schemas/Thing", json!({ "oneOf": [{ "type": "string" }] })).join("");
        assert!(said.contains("only a person can judge"), "{said}");
    }
}
