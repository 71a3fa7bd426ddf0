//! The engine's write-ahead log: its format and the encoding of entries are the engine's own code
//! on a simulated file; which entries are given back when a height starts is modelled after the
//! engine's log actor (`engine/src/wal.rs` and `wal/thread.rs`).

use std::io;

use malachitebft_app::consensus::Input;
use malachitebft_app::engine::wal::{decode_entry, encode_entry};
use malachitebft_app::wal::log::Log;
use muster_chain::consensus::codec::EngineCodec;
use muster_chain::consensus::context::MusterContext;
use muster_chain::consensus::log::{finish_reset, mend};

use crate::disk::File;

/// An entry, or why it cannot be read.
pub type Entry = io::Result<Input<MusterContext>>;

/// The log of one node while it runs.
#[derive(Debug)]
pub struct EngineLog {
    log: Log<File>,
    height: u64,
}

impl EngineLog {
    /// Opens the log as a node does: what a loss of power left unwritten or unfinished is cut off.
    ///
    /// # Errors
    /// What the disk says, or that the header cannot be read.
    pub fn open(mut file: File) -> io::Result<Self> {
        mend(&mut file)?;
        let mut log = Log::open_with("consensus.wal", file)?;
        finish_reset(&mut log)?;
        Ok(Self { log, height: 0 })
    }

    /// A height starts: the entries of that height which a run before left, or a new log.
    ///
    /// # Errors
    /// What the disk says.
    pub fn start(&mut self, height: u64) -> io::Result<Vec<Entry>> {
        if self.height == height {
            return Ok(Vec::new());
        }
        self.height = height;
        if self.log.sequence() != height {
            self.log.reset(height)?;
            return Ok(Vec::new());
        }
        if self.log.is_empty() {
            return Ok(Vec::new());
        }
        let mut entries = Vec::new();
        let mut damaged = None;
        for (index, bytes) in (0..).zip(self.log.iter()?) {
            match bytes {
                Ok(bytes) => entries.push(decode_entry(&EngineCodec::default(), bytes.as_slice())),
                Err(error) => {
                    entries.push(Err(error));
                    damaged = Some(index);
                    break;
                }
            }
        }
        if let Some(index) = damaged {
            self.log.truncate(index)?;
        }
        Ok(entries)
    }

    /// Appends an entry of the height that runs; of another one it is ignored.
    ///
    /// # Errors
    /// What the disk says.
    pub fn append(&mut self, height: u64, entry: Input<MusterContext>) -> io::Result<()> {
        if self.height != height {
            return Ok(());
        }
        let mut bytes = Vec::new();
        encode_entry(entry, &EngineCodec::default(), &mut bytes)?;
        self.log.append(bytes)
    }

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// What the disk says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.log.flush()
    }
}
