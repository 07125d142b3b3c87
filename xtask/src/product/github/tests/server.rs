//! GitHub, as far as it is asked: a server on the loopback with a state and a key pair of its own. Each request and each answer
//! is held to GitHub's own description.

pub mod git;
mod state;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};

use super::schema::Schema;
use crate::tools::http::received::Received;

pub use self::state::Plan;
use self::state::State;

/// The server, until the test ends.
pub struct Server {
    pub address: String,
    state: Arc<Mutex<State>>,
}

const TOKEN: &str = "github_pat_trial";

impl Server {
    pub fn start(plan: Plan) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let state = Arc::new(Mutex::new(State::new(plan)));
        let shared = state.clone();
        thread::spawn(move || {
            let schema = Schema::read();
            for stream in listener.incoming().map_while(Result::ok) {
                serve(&stream, &schema, &mut shared.lock().expect("nobody panicked"));
            }
        });
        Server { address, state }
    }

    pub fn api(&self) -> super::Api {
        let mut api = super::Api::new(&self.address, "ada/engine", TOKEN);
        api.pause = std::time::Duration::from_millis(5);
        api
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked")
    }
}

/// One request, one answer.
fn serve(stream: &TcpStream, schema: &Schema, state: &mut State) {
    let Some(received) = Received::from(stream) else { return };
    let (method, target) = received.line.split_once(' ').expect("a request");
    let body: Option<Value> = serde_json::from_str(&received.body).ok();
    for (name, wanted) in
        [("authorization", format!("Bearer {TOKEN}")), ("x-github-api-version", super::VERSION.to_owned())]
    {
        let found = received.header(name);
        if found != Some(wanted.as_str()) {
            state.wrong.push(format!("{name} is {found:?}"));
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    state.log.push((method.to_owned(), path.to_owned()));
    let (status, answer, headers) = answer(schema, state, method, path, query, body);
    let text = if answer.is_null() { String::new() } else { answer.to_string() };
    let mut stream = stream;
    let _ = write!(stream, "HTTP/1.1 {status} OK\r\nContent-Length: {}\r\n{headers}\r\n{text}", text.len());
}

fn answer(
    schema: &Schema,
    state: &mut State,
    method: &str,
    path: &str,
    query: &str,
    body: Option<Value>,
) -> (u16, Value, String) {
    if state.limited.0 > 0 {
        state.limited.0 -= 1;
        let words = json!({ "message": "You have exceeded a secondary rate limit." });
        return (403, words, format!("retry-after: {}\r\n", state.limited.1));
    }
    if state.forbidden.iter().any(|it| format!("{method} {path}").starts_with(it)) {
        return (
            404,
            json!({ "message": "Not Found" }),
            "x-accepted-github-permissions: administration=write\r\n".to_owned(),
        );
    }
    let Some((operation, names)) = schema.operation(method, path) else {
        state.wrong.push(format!("{method} {path} is not in the description"));
        return (500, json!({}), String::new());
    };
    let at = format!("{method} {path}: ");
    let wrong = schema.of_request(operation, query, body.as_ref());
    state.wrong.extend(wrong.into_iter().map(|it| format!("{at}{it}")));
    let (status, answer) = state.answer(schema, method, path, &names, body.unwrap_or(Value::Null));
    // GitHub's description leaves out what it says of a plan.
    if ![403, 404].contains(&status) {
        let wrong = schema.of_answer(operation, status, &answer);
        state.wrong.extend(wrong.into_iter().map(|it| format!("{at}answer {status}: {it}")));
    }
    paged(answer, query, status)
}

/// A part of a list, and whether there is more.
fn paged(mut answer: Value, query: &str, status: u16) -> (u16, Value, String) {
    let number = |name: &str, otherwise: usize| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok()).unwrap_or(otherwise)
    };
    let (page, size): (usize, usize) = (number("page", 1), number("per_page", 30));
    let list = match &mut answer {
        Value::Array(list) => Some(list),
        Value::Object(object) => {
            let lists = ["environments", "branch_policies", "secrets"];
            lists
                .into_iter()
                .find(|name| object.contains_key(*name))
                .and_then(|name| object[name].as_array_mut())
        }
        _ => None,
    };
    let Some(list) = list.filter(|_| status == 200) else { return (status, answer, String::new()) };
    let has_more = list.len() > page * size;
    *list = list.iter().skip((page - 1) * size).take(size).cloned().collect();
    let link = if has_more { "link: <https://api.github.com/x?page=2>; rel=\"next\"\r\n" } else { "" };
    (status, answer, link.to_owned())
}
