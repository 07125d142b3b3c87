//! Where the files of papers lie: a folder that every release of an environment sees.
//!
//! What is on its way lies in `incoming`, a file an upload, which grows from part to part. What is whole lies in a folder of
//! its organisation's, under the hash of its content, and is never changed. Nothing that a user writes is part of a path.

pub mod content;
mod zip;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The hash of a file's content.
pub type Hash = [u8; 32];

/// What is kept free for everybody else who writes to the same disk, the database first of all.
const SPARE: u64 = 512 * 1024 * 1024;

/// The folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    spare: u64,
}

/// A file that grows. Nobody else writes to it while this is held, not even another release.
#[derive(Debug)]
pub struct Incoming {
    /// Open at its end.
    pub file: File,
    /// How much of it is there.
    pub offset: u64,
}

impl Store {
    /// The one in this folder, which is made when there is none.
    ///
    /// # Errors
    /// When it can't be written to.
    pub fn open_folder(folder: PathBuf) -> io::Result<Self> {
        let incoming = folder.join("incoming");
        fs::create_dir_all(&incoming)?;
        rustix::fs::access(&incoming, rustix::fs::Access::WRITE_OK)?;
        Ok(Self { folder, spare: SPARE })
    }

    /// Leaves so many bytes of the disk to others.
    pub fn sparing(self, spare: u64) -> Self {
        Self { spare, ..self }
    }

    fn incoming(&self, upload: Uuid) -> PathBuf {
        self.folder.join("incoming").join(upload.to_string())
    }

    /// The file of this content.
    pub fn path(&self, organisation: Uuid, hash: &Hash) -> PathBuf {
        self.folder.join(organisation.to_string()).join(hex::encode(hash))
    }

    /// Whether so much more finds a place, and leaves enough for others.
    pub fn has_room_for(&self, size: u64) -> io::Result<bool> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize) >= size.saturating_add(self.spare))
    }

    /// How much of an upload is there.
    pub fn offset(&self, upload: Uuid) -> io::Result<u64> {
        match fs::metadata(self.incoming(upload)) {
            Ok(file) => Ok(file.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Opens an upload's file for what comes next, also for the very first; none while somebody else has it.
    pub fn open(&self, upload: Uuid) -> io::Result<Option<Incoming>> {
        lock(OpenOptions::new().create(true).append(true).open(self.incoming(upload))?)
    }

    /// Opens an upload's file for what was to be done with it; none when there is none, or while somebody else has it.
    pub fn open_again(&self, upload: Uuid) -> io::Result<Option<Incoming>> {
        match OpenOptions::new().append(true).open(self.incoming(upload)) {
            Ok(file) => lock(file),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an upload has brought.
    pub fn arrived(&self, upload: Uuid) -> io::Result<File> {
        File::open(self.incoming(upload))
    }

    /// Gives what an upload has brought its place for good. It is found under its old name as well until that is
    /// [forgotten](Self::forget), so that nothing is lost when the database does not take it. Whoever has the database wait
    /// has written it to the disk before. A file that has this name already, and not this content, is replaced: its disk has
    /// damaged it, and what comes is whole.
    pub fn keep(&self, upload: Uuid, organisation: Uuid, hash: &Hash) -> io::Result<()> {
        let (incoming, path) = (self.incoming(upload), self.path(organisation, hash));
        let folder = path.parent().expect("it is in a folder");
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            File::open(&self.folder)?.sync_all()?;
        }
        match fs::hard_link(&incoming, &path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if self::hash(&File::open(&path)?).ok().as_ref() != Some(hash) {
                    // In the other folder, where what a killed one leaves is swept up.
                    let whole = incoming.with_extension("whole");
                    gone(fs::remove_file(&whole))?;
                    fs::hard_link(&incoming, &whole)?;
                    fs::rename(&whole, &path)?;
                    // Where the two were one file already, that has done nothing.
                    gone(fs::remove_file(&whole))?;
                }
            }
            Err(error) => return Err(error),
        }
        // A mark may have outlived a file that was removed, or have come while this one was away.
        self.needed(organisation, hash)?;
        File::open(folder)?.sync_all()
    }

    /// Removes what an upload has brought.
    pub fn forget(&self, upload: Uuid) -> io::Result<()> {
        gone(fs::remove_file(self.incoming(upload)))
    }

    /// Removes a file of this content that no paper has, once that was said for so long, by the time of a mark beside it.
    /// Whether it did.
    pub fn remove_unneeded(&self, organisation: Uuid, hash: &Hash, late: Duration) -> io::Result<bool> {
        let (path, mark) = (self.path(organisation, hash), self.mark(organisation, hash));
        let since = match fs::metadata(&mark) {
            Ok(mark) => mark.modified()?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                File::create_new(&mark)?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if !is_before(since, late) {
            return Ok(false);
        }
        // The file first: a mark that is left is of nothing.
        gone(fs::remove_file(path))?;
        gone(fs::remove_file(mark))?;
        Ok(true)
    }

    /// A paper has this content after all.
    pub fn needed(&self, organisation: Uuid, hash: &Hash) -> io::Result<()> {
        gone(fs::remove_file(self.mark(organisation, hash)))
    }

    /// An empty file, as old as the knowledge that no paper has this content.
    fn mark(&self, organisation: Uuid, hash: &Hash) -> PathBuf {
        self.path(organisation, hash).with_extension("unneeded")
    }

    /// Of which content an organisation has files that are older than this.
    pub fn older_than(&self, organisation: Uuid, age: Duration) -> io::Result<Vec<Hash>> {
        let files = match fs::read_dir(self.folder.join(organisation.to_string())) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let mut old = Vec::new();
        for file in files {
            let file = file?;
            if is_older_than(&file, age) {
                let name = file.file_name();
                let bytes = name.to_str().and_then(|name| hex::decode(name).ok());
                old.extend(bytes.and_then(|bytes| Hash::try_from(bytes).ok()));
            }
        }
        Ok(old)
    }

    /// Removes what nobody has added to for so long; how many those were.
    pub fn forget_idle(&self, idle: Duration) -> io::Result<u64> {
        let mut forgotten = 0;
        for file in fs::read_dir(self.folder.join("incoming"))? {
            let file = file?;
            if is_older_than(&file, idle) {
                gone(fs::remove_file(file.path()))?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}

/// The hash of a file, which is read in pieces.
pub fn hash(mut file: &File) -> io::Result<Hash> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Sha256::new();
    io::copy(&mut BufReader::with_capacity(128 * 1024, file), &mut HashWriter(&mut hasher))?;
    Ok(hasher.finalize().into())
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock(file: File) -> io::Result<Option<Incoming>> {
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let offset = file.metadata()?.len();
    Ok(Some(Incoming { file, offset }))
}

/// Whether nobody has written to a file for so long. One that is gone is nothing.
fn is_older_than(file: &fs::DirEntry, age: Duration) -> bool {
    let changed = file.metadata().and_then(|file| file.modified());
    changed.is_ok_and(|changed| is_before(changed, age))
}

fn is_before(moment: SystemTime, age: Duration) -> bool {
    SystemTime::now().duration_since(moment).is_ok_and(|passed| passed > age)
}

/// That it is not there is what was wanted.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether the disk has no room for more, or nobody may put more there.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_has_arrived_is_found_under_both_names_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_folder(folder.path().into()).unwrap();
        let (upload, organisation) = (Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(store.offset(upload).unwrap(), 0);
        let mut incoming = store.open(upload).unwrap().unwrap();
        assert!(store.open(upload).unwrap().is_none(), "another one writes to it");
        incoming.file.write_all(b"a paper").unwrap();
        drop(incoming);
        assert_eq!(store.open(upload).unwrap().unwrap().offset, 7);
        let hash = hash(&store.arrived(upload).unwrap()).unwrap();
        assert_eq!(hex::encode(hash)[..8], hex::encode(Sha256::digest(b"a paper"))[..8]);
        for _ in 0..2 {
            store.keep(upload, organisation, &hash).unwrap();
        }
        assert_eq!(store.offset(upload).unwrap(), 7);
        store.forget(upload).unwrap();
        store.forget(upload).unwrap();
        assert_eq!(fs::read(store.path(organisation, &hash)).unwrap(), b"a paper");
    }

    #[test]
    fn a_damaged_file_is_replaced_by_the_same_paper_brought_again_and_no_mark_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_folder(folder.path().into()).unwrap();
        let (upload, organisation) = (Uuid::now_v7(), Uuid::now_v7());
        store.open(upload).unwrap().unwrap().file.write_all(b"a paper").unwrap();
        let hash = hash(&store.arrived(upload).unwrap()).unwrap();
        let path = store.path(organisation, &hash);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // The file went, and its mark did not.
        assert!(!store.remove_unneeded(organisation, &hash, Duration::MAX).unwrap());
        for damaged in [None, Some("a pap"), Some("a qaper")] {
            if let Some(damaged) = damaged {
                // As a new file: the upload's own has two names.
                fs::remove_file(&path).unwrap();
                fs::write(&path, damaged).unwrap();
            }
            store.keep(upload, organisation, &hash).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"a paper");
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_no_paper_has_is_removed_late_and_that_begins_anew_when_one_has_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_folder(folder.path().into()).unwrap();
        let (upload, organisation, hash) = (Uuid::now_v7(), Uuid::now_v7(), Hash::default());
        store.open(upload).unwrap().unwrap().file.write_all(b"a paper").unwrap();
        store.keep(upload, organisation, &hash).unwrap();
        let late = Duration::from_secs(30 * 24 * 60 * 60);
        let remove = || store.remove_unneeded(organisation, &hash, late).unwrap();
        let pass = |time: Duration| {
            let mark = File::open(store.mark(organisation, &hash)).unwrap();
            mark.set_modified(SystemTime::now() - time).unwrap();
        };
        assert!(!remove(), "it is seen for the first time");
        pass(late - Duration::from_secs(60));
        assert!(!remove() && store.path(organisation, &hash).exists());
        pass(late + Duration::from_secs(60));
        store.keep(upload, organisation, &hash).unwrap();
        assert!(!remove(), "it was brought again meanwhile");
        pass(late + Duration::from_secs(60));
        assert!(remove() && !store.path(organisation, &hash).exists());
        let left = fs::read_dir(folder.path().join(organisation.to_string())).unwrap().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn what_nobody_adds_to_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_folder(folder.path().into()).unwrap();
        drop(store.open(Uuid::now_v7()).unwrap());
        assert_eq!(store.forget_idle(Duration::from_secs(3600)).unwrap(), 0);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(store.forget_idle(Duration::ZERO).unwrap(), 1);
    }
}
