//! Collects the project's own documents and sources, the text that a market learns from by default.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The text is cut here; more would only make the program larger.
const BYTES_MAX: usize = 4 << 20;

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let root = manifest.parent().and_then(Path::parent).ok_or(io::ErrorKind::NotFound)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    for folder in ["docs", "crates"] {
        let folder = root.join(folder);
        if folder.is_dir() {
            collect(&folder, &mut files)?;
        }
    }
    files.sort();
    let mut text = String::new();
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        // A file that is no text, or is just being written by an editor, is left out.
        if let Ok(content) = fs::read_to_string(path) {
            if text.len() + content.len() > BYTES_MAX {
                break;
            }
            text.push_str(&content);
            text.push('\n');
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("muster.txt"), text)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            collect(&path, files)?;
        } else if matches!(extension, Some("md" | "rs" | "proto")) {
            files.push(path);
        }
    }
    Ok(())
}
