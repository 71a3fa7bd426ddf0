//! Files that are whole or not there.

use std::path::{Path, PathBuf};

use muster_files::{Readers, replace};

/// A file or directory that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// `read`, `write` or the like.
    pub action: &'static str,
    /// Which.
    pub path: PathBuf,
    /// What the operating system says.
    #[source]
    pub source: std::io::Error,
}

impl FileError {
    /// For `map_err`.
    pub(crate) fn on<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self { action, path: path.to_path_buf(), source }
    }
}

/// Writes a file, so that whoever reads sees the old content or the new, never half of it. Makes
/// the directory.
///
/// # Errors
/// Where the directory or the file cannot be written.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), FileError> {
    replace(path, content, Readers::Everyone).map_err(FileError::on("write", path))
}
