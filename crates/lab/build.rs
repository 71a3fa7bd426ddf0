//! A digest of the sources that decide the numbers, so that results of two builds are not mixed
//! unnoticed.

use std::path::{Path, PathBuf};

/// The mechanisms and the experiments; how results are kept and drawn changes no number.
const SOURCES: [&str; 7] = [
    "../mechanism/src",
    "src/experiment.rs",
    "src/market",
    "src/presence",
    "src/reputation",
    "src/statistics.rs",
    "src/verification",
];

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for source in SOURCES.map(Path::new).into_iter().filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", source.display());
        collect(source, &mut files)?;
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let content = std::fs::read(&file)?;
        hasher.update(file.to_string_lossy().as_bytes());
        hasher.update(&(content.len() as u64).to_le_bytes());
        hasher.update(&content);
    }
    println!("cargo::rustc-env=MUSTER_LAB_SOURCES={}", &hasher.finalize().to_hex()[..16]);
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
