//! A program inside a running container, by the engine's socket (Docker Engine API, 'Exec'): starting `docker exec` takes
//! longer than most of these programs run.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::socket::{REQUEST_TIMEOUT, Request, Response, Socket, percent_encoded};
use crate::tools::process::{CommandError, Finished};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreatedExec {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExecState {
    /// None while the program runs.
    exit_code: Option<i32>,
}

/// A program that was started.
pub struct Running {
    id: String,
    /// Answered with the program's output when it ends.
    output: Request,
    socket: Socket,
    name: String,
}

/// Starts a program; several may run beside each other. None when there is no such container, or it does not run. `name` is
/// what errors call the program.
///
/// # Errors
///
/// When the engine does not answer; from [`Running::finish`] also when the program takes longer than `timeout`. It then goes
/// on in its container, as with `docker exec`.
pub fn start(
    socket: &Socket,
    name: &str,
    container: &str,
    user: &str,
    words: &[&str],
    timeout: Duration,
) -> Result<Option<Running>, CommandError> {
    let program = json!({ "AttachStdout": true, "AttachStderr": true, "User": user, "Cmd": words });
    let path = format!("/containers/{}/exec", percent_encoded(container));
    let created = socket.post(&path, Some(&program), REQUEST_TIMEOUT)?.called(name).response()?;
    if is_not_running(&created) {
        return Ok(None);
    }
    let CreatedExec { id } = created.json(201)?;
    let attached = json!({ "Detach": false, "Tty": false });
    let output = socket.post(&format!("/exec/{id}/start"), Some(&attached), timeout)?.called(name);
    Ok(Some(Running { id, output, socket: socket.clone(), name: name.to_owned() }))
}

impl Running {
    /// Waits for its end, whatever the exit code; none when its container stopped before the program had started.
    pub fn finish(self) -> Result<Option<Finished>, CommandError> {
        let output = self.output.response()?;
        if is_not_running(&output) {
            return Ok(None);
        }
        let error = |message: &str| output.error(message.to_owned());
        let streams = split_streams(output.body(200)?);
        let (stdout, stderr) =
            streams.ok_or_else(|| error("its answer ends in the middle of the program's output"))?;
        let request =
            self.socket.get(&format!("/exec/{}/json", self.id), REQUEST_TIMEOUT)?.called(&self.name);
        let state: ExecState = request.response()?.json(200)?;
        // An engine that is being stopped ends its response before the program.
        let code = state.exit_code.ok_or_else(|| error("its answer ends before the program does"))?;
        // As wait(2) has it: the exit code is the second byte.
        Ok(Some(Finished { status: ExitStatus::from_raw(code << 8), stdout, stderr }))
    }
}

/// Whether there is no such container, or it does not run. A paused one is answered with the same status.
fn is_not_running(response: &Response) -> bool {
    response.status == 404 || (response.status == 409 && response.message().contains("is not running"))
}

/// Standard output and standard error, which the engine sends in one stream of frames: the number of the stream, three
/// zeros, the length in four bytes, as many bytes. None when the last frame is not whole.
pub(super) fn split_streams(mut frames: &[u8]) -> Option<(String, String)> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while !frames.is_empty() {
        let (head, rest) = frames.split_first_chunk::<8>()?;
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let (bytes, rest) = rest.split_at_checked(length.try_into().ok()?)?;
        if head[0] == 2 { &mut stderr } else { &mut stdout }.extend_from_slice(bytes);
        frames = rest;
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
        let started = start(&Socket::at(path), "database.sh dump", "db", "999", &["sh"], timeout).unwrap();
        let error = started.expect("it runs").finish().unwrap_err();
        assert_eq!(error.to_string(), "`database.sh dump` was stopped at its timeout of 120ms");
        engine.join().unwrap();
    }

    #[test]
    fn both_streams_are_read_in_their_order_and_half_a_frame_is_none() {
        let frames = b"\x01\0\0\0\0\0\0\x02ab\x02\0\0\0\0\0\0\x01!\x01\0\0\0\0\0\0\x01c";
        assert_eq!(split_streams(frames), Some(("abc".to_owned(), "!".to_owned())));
        assert_eq!(split_streams(&frames[..frames.len() - 1]), None);
        assert_eq!(split_streams(b""), Some((String::new(), String::new())));
    }
}
