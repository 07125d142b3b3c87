//! Papers that are brought at once, in parts, and all of them taken home in one pack.

use std::io::Read as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::memory::{Memory, megabytes};
use crate::terminal::{Activity, millis, seconds};

/// How many are brought at once.
const PAPERS: u8 = 8;
/// Each of so many bytes.
const SIZE: usize = 20_000_000;
/// In parts of so many, the most that one may have.
const PART: usize = 512 * 1024;

/// A new shipment, for the papers; its id.
pub fn shipment(url: &str, token: &str) -> Result<String> {
    let new = json!({ "reference": "Papers", "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" });
    let asked = ureq::post(format!("{url}/api/shipments")).header("authorization", format!("Bearer {token}"));
    let mut answer = asked.header("content-type", "application/json").send(new.to_string())?;
    let made: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
    Ok(made["id"].as_str().context("a new shipment has no id")?.to_owned())
}

/// Brings them, takes them home, and says what that took.
pub fn measure(url: &str, token: &str, shipment: &str, memory: &Memory) -> Result<String> {
    let began = Instant::now();
    let (brought, ()) = Activity::of("bring papers", |_| memory.growth(|| bring_all(url, token, shipment)))?;
    let took = began.elapsed();
    let (packed, first) =
        Activity::of("take the pack", |_| memory.growth(|| take_pack(url, token, shipment)))?;
    Ok(format!(
        "\n{PAPERS} papers of {} MB, brought at once in parts: {}, and {} MB of memory more at most. All of them in one pack: \
         its first byte after {} ms, {} MB of memory more.\n",
        megabytes(SIZE as u64),
        seconds(took),
        megabytes(brought),
        millis(first),
        megabytes(packed),
    ))
}

fn bring_all(url: &str, token: &str, shipment: &str) -> Result<()> {
    thread::scope(|scope| {
        let bring = |number| scope.spawn(move || bring(url, token, shipment, number));
        let all: Vec<_> = (0..PAPERS).map(bring).collect();
        all.into_iter().try_for_each(|paper| paper.join().expect("no panic"))
    })
}

/// One paper, which no other is like.
fn bring(url: &str, token: &str, shipment: &str, number: u8) -> Result<()> {
    let authorization = format!("Bearer {token}");
    // In base64: other, and a.pdf.
    let begun = ureq::post(format!("{url}/api/shipments/{shipment}/papers"))
        .header("authorization", &authorization)
        .header("tus-resumable", "1.0.0")
        .header("upload-length", SIZE.to_string())
        .header("upload-metadata", "kind b3RoZXI=,filename YS5wZGY=")
        .send_empty()
        .context("beginning a paper")?;
    let path = begun.headers().get("location").context("a paper that was begun has no address")?.to_str()?;
    let start = b"%PDF-1.7\n".iter().copied().chain([number]);
    let file: Vec<u8> = start.chain((0_u32..).map(|n| (n % 251) as u8)).take(SIZE).collect();
    for (at, part) in file.chunks(PART).enumerate() {
        ureq::patch(format!("{url}{path}"))
            .header("authorization", &authorization)
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", (at * PART).to_string())
            .header("content-type", "application/offset+octet-stream")
            .send(part)
            .with_context(|| format!("bringing part {at} of a paper"))?;
    }
    Ok(())
}

/// How long its first byte took. All of it is read.
fn take_pack(url: &str, token: &str, shipment: &str) -> Result<Duration> {
    let began = Instant::now();
    let asked = ureq::get(format!("{url}/api/shipments/{shipment}/pack"));
    let mut answer = asked.header("authorization", format!("Bearer {token}")).call().context("the pack")?;
    let mut reader = answer.body_mut().as_reader();
    let mut bytes = vec![0; 1 << 16];
    reader.read_exact(&mut bytes[..1])?;
    let first = began.elapsed();
    while reader.read(&mut bytes)? > 0 {}
    Ok(first)
}
