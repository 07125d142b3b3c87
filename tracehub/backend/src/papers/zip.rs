//! What is in a zip, by the directory at its end, which is read no further than an office file's goes.
//!
//! Libraries look for a directory until they find one that they can read, wherever in the file it is and however long: what is to
//! be bounded is then whatever a stranger wrote. Here it is the one that the end of the file names, or none.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::content::{MOST_DIRECTORY, MOST_ENTRIES, Wrong};

const RECORD: usize = 22;
const LOCATOR: usize = 20;
const ENTRY: usize = 46;

/// A file in it.
pub struct Entry {
    pub name: Vec<u8>,
    pub is_locked: bool,
    /// In bytes, as the directory has it.
    pub unpacked: u64,
}

/// What is in it; none when it is no zip.
///
/// # Errors
/// When it has more of a directory than any office file.
pub fn entries(mut file: &File) -> Result<Option<Vec<Entry>>, Wrong> {
    let size = file.seek(SeekFrom::End(0))?;
    let from = size.saturating_sub((LOCATOR + RECORD) as u64 + u64::from(u16::MAX));
    let tail = read(file, from, size - from)?;
    // It ends where the file does, with a comment. Two that do are two files in one, of which programs show one or the other.
    let is_record = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(b"PK\x05\x06") && RECORD + usize::from(u16_at(record, 20)) == record.len()
    };
    let mut records = (0..(tail.len() + 1).saturating_sub(RECORD)).filter(is_record);
    let (Some(at), None) = (records.next(), records.next()) else { return Ok(None) };
    let (record, end) = (&tail[at..], from + at as u64);
    let (count, start) = (u16_at(record, 10), u64::from(u32_at(record, 16)));
    let is_zip64 = at >= LOCATOR && tail[at - LOCATOR..].starts_with(b"PK\x06\x07");
    let Some(length) = end.checked_sub(start) else { return Ok(None) };
    if is_zip64 || count > MOST_ENTRIES || length > MOST_DIRECTORY {
        return Err(Wrong::Unsafe(
            "/problems/huge-file",
            "the file holds more parts than an office file has: it is not kept",
        ));
    }
    Ok(parse(&read(file, start, length)?, count))
}

/// All of a directory, without a byte left.
fn parse(mut directory: &[u8], count: u16) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry = directory.get(..ENTRY).filter(|entry| entry.starts_with(b"PK\x01\x02"))?;
        let name = usize::from(u16_at(entry, 28));
        let more = usize::from(u16_at(entry, 30)) + usize::from(u16_at(entry, 32));
        entries.push(Entry {
            name: directory.get(ENTRY..ENTRY + name)?.to_vec(),
            is_locked: u16_at(entry, 8) & 1 == 1,
            unpacked: u64::from(u32_at(entry, 24)),
        });
        directory = directory.get(ENTRY + name + more..)?;
    }
    directory.is_empty().then_some(entries)
}

fn read(mut file: &File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
