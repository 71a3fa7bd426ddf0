//! Chromium, from the system's package manager where that is allowed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::bail;

use crate::process;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Finds Chromium, or installs it; says in words what to do when it can do neither.
pub fn find_or_install() -> anyhow::Result<PathBuf> {
    if let Some(path) = find() {
        return Ok(path);
    }
    let apt = Command::new("apt-get").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !apt || !nix::unistd::geteuid().is_root() {
        bail!(
            "Chromium is not installed, and only root can install it with apt-get: install the \
             package `chromium`, or set CHROMIUM to its path, or run with --without-browser"
        );
    }
    process::say("installing Chromium with apt-get");
    let lines: [&[&str]; 2] = [
        &["update", "-qq"],
        &["install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
    ];
    for arguments in lines {
        process::run(
            Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(Stdio::null()),
            "install Chromium; install it by hand, or run with --without-browser",
        )?;
    }
    match find() {
        Some(path) => Ok(path),
        None => bail!("apt-get installed the package `chromium`, but no such program is found"),
    }
}

fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        return path.is_file().then_some(path);
    }
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}
