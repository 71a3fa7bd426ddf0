//! Files that are whole or not there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

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

/// Writes a file beside its place and then renames it, so that whoever reads sees the old content
/// or the new, never half of it. Makes the directory.
///
/// # Errors
/// Where the directory or the file cannot be written.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(FileError::on("make", folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.part", std::process::id()));
    let write = || {
        let mut file = fs::File::create(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| {
        // What is left of it is of no use; the reason to say is the first one.
        fs::remove_file(&beside).ok();
        FileError { action: "write", path: path.to_path_buf(), source }
    })
}
