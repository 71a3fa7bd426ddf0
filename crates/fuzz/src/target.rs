//! A target: a function of bytes from outside, its seeds, and the inputs that are kept for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::memory;

/// Most bytes that one input may make the program hold beyond what it held before.
pub const MEMORY_MAX: usize = 64 << 20;

/// A decoder, or several that belong together.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, one word.
    pub name: &'static str,
    /// What it reads.
    pub about: &'static str,
    /// Longest input that is tried, bytes.
    pub bytes_max: usize,
    /// Reads an input; panics where something is wrong.
    pub(crate) run: fn(&[u8]),
    /// Inputs that are read with success.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// Runs one input.
    ///
    /// # Panics
    /// Where a decoder panics, accepts what is not canonical, or holds more than [`MEMORY_MAX`].
    pub fn check(&self, bytes: &[u8]) {
        let held = memory::most_held(|| (self.run)(bytes));
        assert!(held <= MEMORY_MAX, "{held} bytes were held, at most {MEMORY_MAX} may be");
    }

    /// Its seeds.
    #[must_use]
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }

    /// Writes its seeds into a folder in place of what is there.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_seeds(&self, folder: &Path) -> io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        for (index, seed) in self.seeds().iter().enumerate() {
            fs::write(folder.join(format!("seed-{index:03}")), seed)?;
        }
        Ok(())
    }

    /// The inputs that are kept in the sources, by their paths.
    ///
    /// # Errors
    /// What the system says.
    pub fn kept(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for kind in ["corpus", "regressions"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(self.name);
            if folder.exists() {
                for entry in fs::read_dir(folder)? {
                    paths.push(entry?.path());
                }
            }
        }
        paths.sort();
        Ok(paths)
    }
}
