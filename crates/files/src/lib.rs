//! Files that are whole or not there.
//!
//! What is written stands beside its place first, is brought to disk, and only then takes the
//! place; then the folder is brought to disk too. A crash at any moment leaves the old file or the
//! new one, and whoever reads meanwhile sees one of the two. After a crash a file whose name ends
//! in `.part` may lie beside; it holds nothing that anybody reads.

mod open;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use open::raise_open_files_max;

/// Who may read a file that is written here. Only its owner may ever write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Every user of the machine, as far as the process's mask allows: mode 0644.
    Everyone,
    /// The owner alone: mode 0600, from the first byte on.
    Owner,
}

/// Writes a file in place of the one that may be there. Makes its folder.
///
/// # Errors
/// What the operating system says.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let beside = write_beside(path, bytes, readers)?;
    rename(&beside.0, path)
}

/// Writes a file where none is. Makes its folder.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where something is there, which is left alone; else what the
/// operating system says.
pub fn create(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let beside = write_beside(path, bytes, readers)?;
    // A second name, unlike a renaming, is refused where the name is taken.
    fs::hard_link(&beside.0, path)?;
    drop(beside);
    sync_folder(path)
}

/// Gives a file or folder that is complete another name, for good.
///
/// # Errors
/// What the operating system says.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder(to)
}

/// The name of a file beside its place, which goes away whatever happens.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        // Gone already where it was renamed; else the reason to say is an earlier one.
        fs::remove_file(&self.0).ok();
    }
}

fn write_beside(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<Beside> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder(path))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    beside.push(format!(".{}.{count}.part", std::process::id()));
    let beside = Beside(path.with_file_name(beside));
    // One that a process of the same number left behind, which a crash ended.
    fs::remove_file(&beside.0).ok();
    let mode = match readers {
        Readers::Everyone => 0o644,
        Readers::Owner => 0o600,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside.0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(beside)
}

/// A name is on disk only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_file_is_replaced_and_nothing_lies_beside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made/file");
        for (text, readers, mode) in
            [("one", Readers::Everyone, 0o644), ("other", Readers::Owner, 0o600)]
        {
            replace(&path, text.as_bytes(), readers).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
            let found = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
            assert_eq!(found & !mode, 0, "{found:o} is wider than {mode:o}");
        }
        assert_eq!(names(&folder.path().join("made")), ["file"]);
    }

    #[test]
    fn what_is_there_is_not_created_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        create(&path, b"first", Readers::Owner).expect("written");
        let error = create(&path, b"second", Readers::Owner).expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("read"), b"first");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_failure_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("full");
        fs::create_dir_all(path.join("of")).expect("made");
        replace(&path, b"text", Readers::Everyone).expect_err("a folder is in the way");
        assert_eq!(names(folder.path()), ["full"]);
        replace(Path::new("/"), b"text", Readers::Everyone).expect_err("no name");
    }

    #[test]
    fn a_folder_takes_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).expect("made");
        rename(&from, &to).expect("renamed");
        assert_eq!(names(folder.path()), ["to"]);
    }
}
