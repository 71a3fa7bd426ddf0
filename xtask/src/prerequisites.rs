//! What must be installed before anything can be built, said in words when it is missing.

use std::process::{Command, Stdio};

use anyhow::bail;

/// A program that must be there, in a version that is new enough.
#[derive(Clone, Copy)]
pub struct Prerequisite {
    program: &'static str,
    version_min: (u32, u32),
    purpose: &'static str,
    remedy: &'static str,
}

/// The Rust compiler.
pub const RUST: Prerequisite = Prerequisite {
    program: "rustc",
    version_min: (1, 95),
    purpose: "compile muster",
    remedy: "install it from https://rustup.rs, or run `rustup update`",
};

/// A C compiler: the cryptography and the memory allocator have parts in C.
pub const C_COMPILER: Prerequisite = Prerequisite {
    program: "cc",
    version_min: (0, 0),
    purpose: "link, and compile the cryptography (ring) and the allocator (mimalloc)",
    remedy: "install a C compiler (Debian: `apt-get install build-essential`)",
};

/// A C++ compiler: libFuzzer is written in it.
pub const CPP_COMPILER: Prerequisite = Prerequisite {
    program: "c++",
    version_min: (0, 0),
    purpose: "compile libFuzzer",
    remedy: "install a C++ compiler (Debian: `apt-get install build-essential`)",
};

/// Node.js, with which npm comes.
pub const NODE: Prerequisite = Prerequisite {
    program: "node",
    version_min: (20, 0),
    purpose: "build the dashboard",
    remedy: "install Node.js 20 or later from https://nodejs.org",
};

/// npm.
pub const NPM: Prerequisite = Prerequisite {
    program: "npm",
    version_min: (8, 0),
    purpose: "fetch the dashboard's packages",
    remedy: "install npm (it comes with Node.js; Debian: `apt-get install npm`)",
};

/// Fails with one line for each program that is missing or too old.
pub fn check(needed: &[Prerequisite]) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    let with_npm = needed.iter().any(|one| one.program == NODE.program);
    for one in needed.iter().chain(with_npm.then_some(&NPM)) {
        if let Some(complaint) = complaint(one) {
            missing.push(complaint);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("something is missing on this machine:\n  {}", missing.join("\n  "));
}

fn complaint(one: &Prerequisite) -> Option<String> {
    let (major, minor) = one.version_min;
    let output = Command::new(one.program).arg("--version").stdin(Stdio::null()).output();
    let Ok(output) = output else {
        return Some(format!(
            "`{}` is not installed; it is needed to {}: {}",
            one.program, one.purpose, one.remedy
        ));
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if one.version_min == (0, 0) {
        return None;
    }
    let found = version(&text);
    if found.is_some_and(|found| found >= one.version_min) {
        return None;
    }
    Some(format!(
        "`{}` is {}, and {major}.{minor} or later is needed to {}: {}",
        one.program,
        found.map_or_else(|| "of an unknown version".into(), |(a, b)| format!("{a}.{b}")),
        one.purpose,
        one.remedy
    ))
}

/// The first `major.minor` in a text.
fn version(text: &str) -> Option<(u32, u32)> {
    text.split(|c: char| c.is_whitespace() || c == 'v').find_map(|word| {
        let mut parts = word.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some((major, minor))
    })
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        for (text, expected) in [
            ("rustc 1.95.0 (59807616e 2026-04-14)", Some((1, 95))),
            ("v20.20.2", Some((20, 20))),
            ("10.8.1\n", Some((10, 8))),
            ("no version", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }
}
