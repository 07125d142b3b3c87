//! What a file is, by its content: what it is called and what its sender says of it are not believed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::zip;

/// What may be kept: PDF, pictures, office files without macros, texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentType {
    /// By which browsers know it.
    pub mime: &'static str,
    /// The ends of names that say the same, the usual one first.
    pub extensions: &'static [&'static str],
    how: How,
}

/// How it is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By its first bytes.
    Magic,
    /// By a file that is in it.
    Zip(&'static str),
    /// By what its first file says, as OpenDocument has it.
    OpenDocument,
    /// It is a text, and nothing else.
    Text,
    /// The same, in whatever encoding a spreadsheet writes it on its machine: nothing in it says which.
    Table,
}

#[rustfmt::skip]
const TYPES: [ContentType; 15] = [
    of("application/pdf", &["pdf"], How::Magic),
    of("image/jpeg", &["jpg", "jpeg", "jfif"], How::Magic),
    of("image/png", &["png"], How::Magic),
    of("image/webp", &["webp"], How::Magic),
    of("image/heif", &["heic", "heif"], How::Magic),
    of("image/tiff", &["tif", "tiff"], How::Magic),
    of("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"], How::Zip("word/document.xml")),
    of("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"], How::Zip("xl/workbook.xml")),
    of("application/vnd.oasis.opendocument.text", &["odt"], How::OpenDocument),
    of("application/vnd.oasis.opendocument.spreadsheet", &["ods"], How::OpenDocument),
    of("text/csv", &["csv"], How::Table),
    of("application/json", &["json"], How::Text),
    of("application/geo+json", &["geojson"], How::Text),
    of("application/xml", &["xml"], How::Text),
    of("text/plain", &["txt"], How::Text),
];

/// What browsers call some of them as well.
const ALSO: [(&str, &str); 5] = [
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/heic", "image/heif"),
    ("text/xml", "application/xml"),
    ("application/vnd.ms-excel", "text/csv"),
];

/// So much of a file says what its magic is.
pub const HEAD: usize = 4096;
/// More is no paper, but something to choke on.
const MOST_UNPACKED: u64 = 512 * 1024 * 1024;
pub(super) const MOST_ENTRIES: u16 = 4096;
pub(super) const MOST_DIRECTORY: u64 = 1024 * 1024;
/// How the container begins in which office programs lock a file, and in which they wrote all of theirs until 2007.
const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
/// More than any phone or scanner makes.
const MOST_PIXELS: u64 = 250_000_000;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It is something, and not that.
    #[error("the file is not what it says it is ({said}): please check that it opens, and send it again")]
    Other {
        /// What its name or its sender says.
        said: &'static str,
    },
    /// Nothing that is kept here.
    #[error(
        "this kind of file is not taken: papers are PDF, JPEG, PNG, WebP, HEIC, TIFF, DOCX, XLSX, ODT, ODS, CSV, XML, JSON or plain text"
    )]
    Unknown,
    /// It is what it says, and nobody could open it safely: the type of the problem, and its words.
    #[error("{1}")]
    Unsafe(&'static str, &'static str),
    /// The disk's fault.
    #[error(transparent)]
    Read(#[from] io::Error),
}

const fn of(mime: &'static str, extensions: &'static [&'static str], how: How) -> ContentType {
    ContentType { mime, extensions, how }
}

/// What a file is said to be: by its sender, or else by the end of its name. Both must say the same: programs open a file by
/// the end of its name, whatever it was taken for here.
///
/// # Errors
/// When it is said to be nothing that is kept here, or two things.
pub fn said(mime: Option<&str>, name: &str) -> Result<&'static ContentType, Wrong> {
    let mime = mime.and_then(|mime| mime.split(';').next()).unwrap_or_default().trim().to_lowercase();
    let mime = ALSO.iter().find(|(also, _)| *also == mime).map_or(mime.as_str(), |(_, usual)| usual);
    let by_name = ending(name).map(|end| TYPES.iter().find(|of| of.extensions.contains(&end.as_str())));
    let by_mime = TYPES.iter().find(|of| of.mime == mime);
    match (by_mime, by_name) {
        // `.geojson` is JSON, and much is plain text.
        (Some(said), Some(Some(named))) if said == named || said.is_text() && named.is_text() => Ok(named),
        (Some(said), None) => Ok(said),
        // What browsers say that know nothing of it.
        (None, Some(Some(named))) if mime.is_empty() || mime == "application/octet-stream" => Ok(named),
        _ => Err(Wrong::Unknown),
    }
}

/// The end of a name by which a program would know the file: that of `No. 12` and of `1.2026` is none.
fn ending(name: &str) -> Option<String> {
    let (_, end) = name.rsplit_once('.')?;
    let is_one = end.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && end.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_one.then(|| end.to_lowercase())
}

impl ContentType {
    /// The name with the usual end, when it has none.
    pub fn named(&self, name: String) -> String {
        match ending(&name) {
            Some(_) => name,
            None => format!("{}.{}", name.trim_end_matches(['.', ' ']), self.extensions[0]),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.how, How::Text | How::Table)
    }

    /// Whether a file that begins so can be one.
    ///
    /// # Errors
    /// When it is none.
    pub fn begins(&self, head: &[u8]) -> Result<(), Wrong> {
        let is_zip = head.starts_with(b"PK\x03\x04");
        let is_one = match self.how {
            How::Magic => infer::get(head).is_some_and(|found| usual(found.mime_type()) == self.mime),
            How::Zip(_) | How::OpenDocument if head.starts_with(OLE) => {
                return Err(Wrong::Unsafe(
                    "/problems/locked-file",
                    "the file is locked with a password, or as office programs wrote theirs until 2007: please save it anew, without a password",
                ));
            }
            How::Zip(_) => is_zip,
            // Its first file, which is not compressed, comes after a header of 30 bytes.
            How::OpenDocument => {
                let first = ["mimetype", self.mime, "PK"].concat();
                is_zip && head.get(30..).is_some_and(|first_file| first_file.starts_with(first.as_bytes()))
            }
            How::Text => is_text(head),
            How::Table => is_printed(head),
        };
        if is_one { Ok(()) } else { Err(Wrong::Other { said: self.mime }) }
    }

    /// Whether a whole file is one, and one that may be passed on.
    ///
    /// # Errors
    /// When it is none, or nobody could open it safely.
    pub fn check(&self, mut file: &File) -> Result<(), Wrong> {
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(HEAD as u64).read_to_end(&mut head)?;
        self.begins(&head)?;
        file.seek(SeekFrom::Start(0))?;
        match self.how {
            How::Magic if self.mime.starts_with("image/") => pixels(file),
            How::Magic => Ok(()),
            How::Zip(part) => self.check_zip(file, part),
            How::OpenDocument => self.check_zip(file, "content.xml"),
            How::Text => self.if_it(all_text(file)?),
            How::Table => self.if_it(all_printed(file)?),
        }
    }

    fn if_it(&self, is_one: bool) -> Result<(), Wrong> {
        if is_one { Ok(()) } else { Err(Wrong::Other { said: self.mime }) }
    }

    fn check_zip(&self, file: &File, part: &str) -> Result<(), Wrong> {
        let (mut unpacked, mut has_part) = (0_u64, false);
        for entry in zip::entries(file)?.ok_or(Wrong::Other { said: self.mime })? {
            if entry.is_locked {
                return Err(Wrong::Unsafe(
                    "/problems/locked-file",
                    "the file is locked with a password: please send one that opens without",
                ));
            }
            unpacked = unpacked.saturating_add(entry.unpacked);
            has_part |= entry.name == part.as_bytes();
        }
        if unpacked > MOST_UNPACKED {
            return Err(Wrong::Unsafe(
                "/problems/huge-file",
                "the file would unpack to more than 512 MiB: it is not kept",
            ));
        }
        self.if_it(has_part)
    }
}

fn usual(mime: &str) -> &str {
    ALSO.iter().find(|(also, _)| *also == mime).map_or(mime, |(_, usual)| usual)
}

fn pixels(file: &File) -> Result<(), Wrong> {
    let size = imagesize::reader_size(BufReader::new(file)).map_err(|_| {
        Wrong::Unsafe("/problems/torn-picture", "the picture says nowhere how big it is: it is not whole")
    })?;
    let pixels = (size.width as u64).saturating_mul(size.height as u64);
    if pixels > MOST_PIXELS {
        return Err(Wrong::Unsafe(
            "/problems/huge-picture",
            "the picture has more than 250 million pixels: please send a smaller one",
        ));
    }
    Ok(())
}

/// Whether bytes are UTF-8 without what no text holds. What is cut at the end may go on.
fn is_text(bytes: &[u8]) -> bool {
    let is_whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_whole && is_printed(bytes)
}

/// Whether bytes are without what no text holds, in whichever encoding that has ASCII in it.
fn is_printed(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| *byte < 0x20 && !b"\t\n\r\x0C".contains(byte))
}

fn all_printed(mut file: &File) -> io::Result<bool> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(true),
            read if !is_printed(&buffer[..read]) => return Ok(false),
            _ => {}
        }
    }
}

fn all_text(mut file: &File) -> io::Result<bool> {
    let (mut buffer, mut kept) = (vec![0; 64 * 1024], 0);
    loop {
        let read = file.read(&mut buffer[kept..])?;
        let there = &buffer[..kept + read];
        if read == 0 {
            return Ok(kept == 0);
        }
        if !is_text(there) {
            return Ok(false);
        }
        let whole = std::str::from_utf8(there).map_or_else(|error| error.valid_up_to(), str::len);
        let rest = there.len() - whole;
        buffer.copy_within(whole..whole + rest, 0);
        kept = rest;
    }
}

#[cfg(test)]
mod tests;
