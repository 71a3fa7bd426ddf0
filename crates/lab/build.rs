//! A digest of the sources that decide the numbers of each part, so that results of two builds are
//! not mixed unnoticed.

use std::io;
use std::path::{Path, PathBuf};

/// The mechanisms, each with a folder of experiments here and one of mathematics there.
const PARTS: [&str; 4] = ["market", "presence", "reputation", "verification"];

/// What all experiments share; how results are kept and drawn changes no number.
const SHARED: [&str; 3] = ["src/experiment.rs", "src/grid.rs", "src/statistics.rs"];

const MECHANISM: &str = "../mechanism/src";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed={MECHANISM}");
    // What lies beside the parts' folders is of use to all of them.
    let mut shared = SHARED.map(PathBuf::from).to_vec();
    for entry in std::fs::read_dir(MECHANISM)? {
        let path = entry?.path();
        let part = PARTS.iter().any(|part| path.ends_with(part));
        shared.extend((!part).then_some(path));
    }
    for part in PARTS {
        let mut files = Vec::new();
        let own = [Path::new("src").join(part), Path::new(MECHANISM).join(part)];
        for path in own.iter().chain(&shared) {
            collect(path, &mut files)?;
        }
        for file in files.iter().filter(|file| own.iter().any(|folder| file.starts_with(folder))) {
            stays_apart(file, part)?;
        }
        let digest = digest(&mut files)?;
        println!("cargo::rustc-env=MUSTER_LAB_SOURCES_{}={digest}", part.to_uppercase());
    }
    Ok(())
}

/// All files at or under a path.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

/// Fails where a file of one part names another: its numbers would hang on sources that are not in
/// its digest.
fn stays_apart(file: &Path, part: &str) -> io::Result<()> {
    let text = std::fs::read_to_string(file)?;
    let names = |other: &str| {
        ["crate", "muster_mechanism"]
            .iter()
            .any(|root| text.contains(&format!("{root}::{other}::")))
    };
    match PARTS.iter().find(|&&other| other != part && names(other)) {
        Some(other) => {
            let file = file.display();
            Err(io::Error::other(format!("{file} is of {part} and uses {other}: digest both")))
        }
        None => Ok(()),
    }
}

fn digest(files: &mut [PathBuf]) -> io::Result<String> {
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let content = std::fs::read(&*file)?;
        hasher.update(file.to_string_lossy().as_bytes());
        hasher.update(&(content.len() as u64).to_le_bytes());
        hasher.update(&content);
    }
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}
