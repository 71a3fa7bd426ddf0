//! The dashboard in `web/`: packages fetched and page built, each only when its inputs changed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::process;

/// Whether this checkout has a dashboard.
pub fn exists() -> bool {
    crate::place::root().join("web/package-lock.json").exists()
}

/// Fetches packages and builds the page, unless both are there for these very inputs. Whether it
/// was built for the first time: the compiler of the node has to be told, for it does not look
/// for what was not there.
pub fn build() -> anyhow::Result<bool> {
    if !exists() {
        process::say("no dashboard: web/package-lock.json is not in this checkout");
        return Ok(false);
    }
    packages()?;
    let web = crate::place::root().join("web");
    let inputs = fingerprint(&web, &["node_modules", "dist", "test-results", "playwright-report"])?;
    let stamp = web.join("node_modules/.muster-dashboard");
    let fresh = fs::read_to_string(&stamp).is_ok_and(|built| built == inputs);
    if fresh && web.join("dist/index.html").exists() {
        return Ok(false);
    }
    let first = !web.join("dist/index.html").exists();
    process::say("building the dashboard");
    process::run(&mut process::npm(&["run", "--silent", "build"]), "build the dashboard")?;
    fs::write(&stamp, inputs).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(first)
}

/// Tells the node's build that the page is there now.
pub fn announce(command: &mut Command, first: bool) {
    if first {
        command.env("MUSTER_DASHBOARD", "new");
    }
}

/// Fetches the npm packages that the lock file names, unless they are there.
pub fn packages() -> anyhow::Result<()> {
    let web = crate::place::root().join("web");
    let lock = fs::read(web.join("package-lock.json")).context("web/package-lock.json")?;
    let wanted = digest(&[("package-lock.json".into(), lock)]);
    let stamp = web.join("node_modules/.muster-packages");
    if fs::read_to_string(&stamp).is_ok_and(|fetched| fetched == wanted) {
        return Ok(());
    }
    process::say("fetching the dashboard's packages (npm ci)");
    process::run(
        process::npm(&["ci", "--no-audit", "--no-fund"])
            // Browsers come from the system's package manager, never from npm.
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"),
        "fetch the dashboard's packages",
    )?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// A digest of all files under a folder, names and contents, but for some folders.
fn fingerprint(folder: &Path, but: &[&str]) -> anyhow::Result<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("{}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !but.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else {
                let bytes = fs::read(&path).with_context(|| format!("{}", path.display()))?;
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    Ok(digest(&files))
}

/// Good enough to notice a change; nothing depends on its security.
fn digest(files: &[(PathBuf, Vec<u8>)]) -> String {
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
