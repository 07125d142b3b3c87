use std::io::Write;

use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;

use super::*;

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR";

fn checked(name: &str, bytes: &[u8]) -> Result<(), Wrong> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    said(None, name)?.check(&file)
}

fn zip(names: &[&str]) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    for name in names {
        zip.start_file(*name, options).unwrap();
        zip.write_all(b"<xml/>").unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn open_document(mime: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    for (name, content) in [("mimetype", mime), ("content.xml", "<xml/>")] {
        zip.start_file(name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    [PNG, &width.to_be_bytes(), &height.to_be_bytes(), b"\x08\x02\0\0\0\0\0\0\0"].concat()
}

#[test]
fn what_a_file_says_of_itself_is_found_by_its_sender_first() {
    let mime = |sent, name| said(sent, name).map(|of| of.mime).ok();
    assert_eq!(mime(None, "Scan 1.PDF"), Some("application/pdf"));
    assert_eq!(mime(Some("application/octet-stream"), "a.pdf"), Some("application/pdf"));
    assert_eq!(mime(Some("image/jpeg"), "IMG 4.JPEG"), Some("image/jpeg"));
    assert_eq!(mime(Some("text/plain; charset=utf-8"), "plots.geojson"), Some("application/geo+json"));
    for (sent, name) in [(None, "a.exe"), (None, "a"), (Some("text/html"), "a.pdf"), (None, "macros.xlsm")] {
        assert_eq!(mime(sent, name), None, "{name}");
    }
}

/// By which programs open it, and systems run it.
#[test]
fn a_name_never_ends_as_something_else_than_the_file_is() {
    for name in ["invoice.hta", "a.BAT", "a.ps1", "a.js", "a.html", "a.svg", "a.pdf"] {
        assert!(matches!(said(Some("text/plain"), name), Err(Wrong::Unknown)), "{name}");
    }
    for name in ["a.exe", "a.pdf", "a.txt", "a.jpg.exe"] {
        assert!(matches!(said(Some("image/jpeg"), name), Err(Wrong::Unknown)), "{name}");
    }
    let shown = |mime, name: &str| said(Some(mime), name).map(|of| of.named(name.to_owned())).unwrap();
    for (mime, name, kept) in [
        ("image/jpeg", "a.jfif", "a.jfif"),
        ("image/jpeg", "Scan 1.2.2026", "Scan 1.2.2026.jpg"),
        ("text/plain", "invoice.hta. ", "invoice.hta.txt"),
        ("text/plain", "paper", "paper.txt"),
    ] {
        assert_eq!(shown(mime, name), kept);
    }
}

#[test]
fn a_file_is_what_its_content_is() {
    for (name, bytes) in [
        ("a.pdf", b"%PDF-1.7\n".to_vec()),
        ("a.png", png(640, 480)),
        ("a.docx", zip(&["[Content_Types].xml", "word/document.xml"])),
        ("a.ods", open_document("application/vnd.oasis.opendocument.spreadsheet")),
        ("a.csv", "Größe;1\r\n".repeat(10_000).into_bytes()),
        ("a.csv", b"Gr\xF6\xDFe;1\r\n".repeat(10_000)),
    ] {
        checked(name, &bytes).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    }
    for (name, bytes) in [
        ("a.pdf", b"MZ\x90\0 a program".to_vec()),
        ("a.pdf", png(640, 480)),
        ("a.jpg", b"%PDF-1.7\n".to_vec()),
        ("a.xlsx", zip(&["word/document.xml"])),
        ("a.docx", b"PK\x03\x04 torn".to_vec()),
        ("a.odt", open_document("application/vnd.oasis.opendocument.spreadsheet")),
        ("a.odt", zip(&["content.xml"])),
        ("a.csv", b"a;b\0".to_vec()),
        ("a.txt", [b"long ".repeat(20_000), vec![0xFF]].concat()),
        ("a.txt", vec![b'a', 0xC3]),
    ] {
        assert!(matches!(checked(name, &bytes), Err(Wrong::Other { .. })), "{name}");
    }
    assert!(said(Some(DOCX), "x").is_ok());
}

#[test]
fn what_nobody_could_open_safely_is_refused() {
    let names: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut locked = zip(&["word/document.xml"]);
    // The bit in both of its headers that says so.
    let directory = locked.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    (locked[6], locked[directory + 8]) = (1, 1);
    let mut bomb = zip(&["word/document.xml"]);
    let directory = bomb.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    bomb[directory + 24..directory + 28].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
    // Its record says that the directory is small: where it begins says how long it is.
    let long: Vec<String> = (0..20).map(|n| format!("{n}{}", "x".repeat(60_000))).collect();
    let mut liar = zip(&long.iter().map(String::as_str).collect::<Vec<_>>());
    let record = liar.len() - 22;
    liar[record + 12..record + 16].copy_from_slice(&100_u32.to_le_bytes());
    let mut zip64 = zip(&["word/document.xml"]);
    let record = zip64.len() - 22;
    zip64.splice(record..record, [b"PK\x06\x07".as_slice(), &[0; 16]].concat());
    for (name, bytes) in [
        ("a.png", png(50_000, 50_000)),
        ("a.docx", zip(&names)),
        ("a.docx", locked),
        ("a.docx", bomb),
        ("a.docx", liar),
        ("a.docx", zip64),
        ("a.docx", [OLE, &[0; 600]].concat()),
    ] {
        let wrong = checked(name, &bytes).unwrap_err();
        assert!(matches!(wrong, Wrong::Unsafe(..)), "{name}: {wrong}");
    }
}
