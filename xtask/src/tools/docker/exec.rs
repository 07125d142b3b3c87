//! A program inside a running container, by the engine's socket (Docker Engine API, 'Exec'): starting `docker exec` takes
//! longer than most of these programs do.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::socket::{Answer, Question, Socket, encoded};
use crate::tools::process::{CommandError, Finished};

/// The longest that the engine may take to say that it will, or how it ended.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ended {
    /// None while it runs.
    exit_code: Option<i32>,
}

/// A program that runs.
pub struct Running {
    id: String,
    /// Answered when it ends.
    end: Question,
    socket: Socket,
    name: String,
}

/// Begins it; several may run beside each other. None when the container is not there or does not run. `name` is what errors
/// call it.
///
/// # Errors
///
/// When the engine does not answer; from [`Running::finish`] also when the program takes longer than `limit`. It then goes
/// on in its container, as with `docker exec`.
pub fn begin(
    socket: &Socket,
    name: &str,
    container: &str,
    user: &str,
    words: &[&str],
    timeout: Duration,
) -> Result<Option<Running>, CommandError> {
    let program = json!({ "AttachStdout": true, "AttachStderr": true, "User": user, "Cmd": words });
    let path = format!("/containers/{}/exec", encoded(container));
    let made = socket.post(&path, Some(&program), REQUEST_TIMEOUT)?.called(name).answer()?;
    if is_absence(&made) {
        return Ok(None);
    }
    let Made { id } = made.json(201)?;
    let attached = json!({ "Detach": false, "Tty": false });
    let end = socket.post(&format!("/exec/{id}/start"), Some(&attached), timeout)?.called(name);
    Ok(Some(Running { id, end, socket: socket.clone(), name: name.to_owned() }))
}

impl Running {
    /// Waits for its end, whatever the exit code; none when its container stopped before it had begun.
    pub fn finish(self) -> Result<Option<Finished>, CommandError> {
        let told = self.end.answer()?;
        if is_absence(&told) {
            return Ok(None);
        }
        let output = told.body(200)?;
        let (stdout, stderr) = apart(output)
            .ok_or_else(|| told.refused("its answer ends in the middle of the program's".to_owned()))?;
        let asked = self.socket.get(&format!("/exec/{}/json", self.id), REQUEST_TIMEOUT)?.called(&self.name);
        let ended: Ended = asked.answer()?.json(200)?;
        // An engine that is being stopped ends the answer before the program.
        let code = ended
            .exit_code
            .ok_or_else(|| told.refused("its answer ends before the program does".to_owned()))?;
        // As wait(2) has it: the exit code is the second byte.
        Ok(Some(Finished { status: ExitStatus::from_raw(code << 8), stdout, stderr }))
    }
}

/// There is no such container, or it does not run. One that is paused is another matter.
fn is_absence(answer: &Answer) -> bool {
    answer.status == 404 || (answer.status == 409 && answer.why().contains("is not running"))
}

/// The two streams, as they come in one: the number of the stream, three zeros, the length, so many bytes.
fn apart(mut told: &[u8]) -> Option<(String, String)> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while !told.is_empty() {
        let (head, rest) = told.split_first_chunk::<8>()?;
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let (bytes, rest) = rest.split_at_checked(length.try_into().ok()?)?;
        if head[0] == 2 { &mut stderr } else { &mut stdout }.extend_from_slice(bytes);
        told = rest;
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some((text(stdout), text(stderr)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    use camino::Utf8PathBuf;

    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_given_up_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join("engine")).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let engine = std::thread::spawn(move || {
            let (mut made, _) = listener.accept().unwrap();
            assert!(made.read(&mut [0; 4096]).unwrap() > 0);
            made.write_all(b"HTTP/1.0 201 Created\r\n\r\n{\"Id\":\"e1\"}").unwrap();
            drop(made);
            // Silent, until the other side has had enough.
            listener.accept().unwrap().0.read_to_end(&mut Vec::new()).unwrap();
        });
        let timeout = Duration::from_millis(120);
        let begun = begin(&Socket::at(path), "database.sh dump", "db", "999", &["sh"], timeout).unwrap();
        let error = begun.expect("it was made").finish().unwrap_err();
        assert_eq!(error.to_string(), "`database.sh dump` was ended at its time limit of 120ms");
        engine.join().unwrap();
    }

    #[test]
    fn both_streams_are_read_in_their_order_and_half_a_piece_is_none() {
        let told = b"\x01\0\0\0\0\0\0\x02ab\x02\0\0\0\0\0\0\x01!\x01\0\0\0\0\0\0\x01c";
        assert_eq!(apart(told), Some(("abc".to_owned(), "!".to_owned())));
        assert_eq!(apart(&told[..told.len() - 1]), None);
        assert_eq!(apart(b""), Some((String::new(), String::new())));
    }
}
