//! Snapshots of the state, for whoever joins the chain: files beside the database, made of an
//! immutable state while blocks go on. The newest two are kept, so that whoever began to fetch one
//! can end it.
//!
//! A snapshot is a folder that appears when it is whole: its chunks, one after the other, and an
//! index of them with the header that proves them and the committee's certificate.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use borsh::{BorshDeserialize, BorshSerialize};
use muster_files::Readers;
use muster_ledger::block::Header;
use muster_ledger::crypto::Hash;
use muster_ledger::encoding::encode;
use muster_ledger::snapshot::{CHUNK_BYTES, CHUNK_BYTES_MAX, Line, cut, places};
use muster_ledger::state::State;

use crate::consensus::StoredCertificate;

/// Snapshots that are kept.
const KEPT: usize = 2;
/// The end of the name of a folder that is not whole.
const PART: &str = ".part";

/// What is known of a snapshot beside its chunks.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
struct Index {
    header: Header,
    certificate: StoredCertificate,
    /// Each chunk with the length of what is stored of it, bytes.
    chunks: Vec<(Line, u32)>,
}

/// A whole snapshot on disk.
#[derive(Debug)]
pub struct Snapshot {
    index: Index,
    /// Where each chunk begins.
    starts: Vec<u64>,
    bytes: u64,
    file: File,
}

impl Snapshot {
    /// Reads a folder; `None` where it holds no snapshot of the chain.
    fn open(folder: &Path, chain: &Hash) -> io::Result<Option<Self>> {
        let Ok(index) = borsh::from_slice::<Index>(&fs::read(folder.join("index"))?) else {
            return Ok(None);
        };
        let file = File::open(folder.join("chunks"))?;
        let mut starts = Vec::with_capacity(index.chunks.len());
        let mut bytes = 0u64;
        for (_, length) in &index.chunks {
            starts.push(bytes);
            bytes += u64::from(*length);
        }
        let lines: Vec<Line> = index.chunks.iter().map(|(line, _)| *line).collect();
        let fits = index.header.chain == *chain
            && file.metadata()?.len() == bytes
            && places(&lines, &index.header.state_root).is_ok();
        Ok(fits.then_some(Self { index, starts, bytes, file }))
    }

    /// The block after which the state is this.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.index.header
    }

    /// The committee's certificate for that block.
    #[must_use]
    pub fn certificate(&self) -> &StoredCertificate {
        &self.index.certificate
    }

    /// How many chunks there are.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.index.chunks.len()
    }

    /// The chunks, in the order of the tree.
    #[must_use]
    pub fn outline(&self) -> Vec<Line> {
        self.index.chunks.iter().map(|(line, _)| *line).collect()
    }

    /// How many bytes all chunks have together, as they travel.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A chunk as it travels ([`unpack`]); `None` where there are not so many.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn chunk(&self, number: usize) -> io::Result<Option<Vec<u8>>> {
        let (Some((_, length)), Some(start)) =
            (self.index.chunks.get(number), self.starts.get(number))
        else {
            return Ok(None);
        };
        let mut bytes = vec![0; *length as usize];
        self.file.read_exact_at(&mut bytes, *start)?;
        Ok(Some(bytes))
    }
}

/// A chunk as it was before it was packed to travel.
///
/// # Errors
/// It was not, or is too long.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, snap::Error> {
    let length = snap::raw::decompress_len(bytes)?;
    if length > CHUNK_BYTES_MAX {
        let (given, max) = (length as u64, CHUNK_BYTES_MAX as u64);
        return Err(snap::Error::TooBig { given, max });
    }
    snap::raw::Decoder::new().decompress_vec(bytes)
}

/// The snapshots of a node.
#[derive(Debug)]
pub struct Snapshots {
    folder: PathBuf,
    /// Oldest first.
    kept: Mutex<Vec<Arc<Snapshot>>>,
}

impl Snapshots {
    /// The snapshots of a folder, which may not be there yet. What is not whole, or of another
    /// chain, is removed.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn open(folder: PathBuf, chain: &Hash) -> io::Result<Self> {
        let mut kept = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        for entry in entries {
            match Snapshot::open(&entry.path(), chain) {
                Ok(Some(snapshot)) => kept.push(Arc::new(snapshot)),
                Ok(None) | Err(_) => {
                    let path = entry.path();
                    tracing::info!(path = %path.display(), "removing what is no whole snapshot");
                    fs::remove_dir_all(path)?;
                }
            }
        }
        kept.sort_unstable_by_key(|snapshot| snapshot.header().height);
        Ok(Self { folder, kept: Mutex::new(kept) })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Snapshot>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Snapshot>> {
        self.lock().clone()
    }

    /// The one of a height.
    #[must_use]
    pub fn find(&self, height: u64) -> Option<Arc<Snapshot>> {
        self.lock().iter().find(|snapshot| snapshot.header().height.0 == height).cloned()
    }

    /// Makes the snapshot of a state and forgets the oldest, as long as `wanted` says so, which is
    /// asked again and again; whether there is a new one.
    ///
    /// # Errors
    /// When the disk fails; then nothing of it is left.
    pub fn make(
        &self,
        header: &Header,
        certificate: &StoredCertificate,
        state: &State,
        wanted: impl Fn() -> bool,
    ) -> io::Result<bool> {
        let name = header.height.0.to_string();
        let (part, whole) = (self.folder.join(format!("{name}{PART}")), self.folder.join(name));
        if self.find(header.height.0).is_some() {
            return Ok(false);
        }
        let written = write(&part, header, certificate, state, wanted);
        if !matches!(written, Ok(true)) {
            // The reason to say is the earlier one.
            fs::remove_dir_all(&part).ok();
            return written;
        }
        muster_files::rename(&part, &whole)?;
        let made = Snapshot::open(&whole, &header.chain)?;
        let mut kept = self.lock();
        kept.extend(made.map(Arc::new));
        kept.sort_unstable_by_key(|snapshot| snapshot.header().height);
        let old = kept.len().saturating_sub(KEPT);
        for snapshot in kept.drain(..old) {
            // Whoever reads it now holds the file open, and reads it to its end.
            fs::remove_dir_all(self.folder.join(snapshot.header().height.0.to_string()))?;
        }
        Ok(true)
    }
}

/// Writes a snapshot into a folder; false where it was not wanted any more.
fn write(
    folder: &Path,
    header: &Header,
    certificate: &StoredCertificate,
    state: &State,
    wanted: impl Fn() -> bool,
) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    let mut file = BufWriter::new(File::create(folder.join("chunks"))?);
    let mut encoder = snap::raw::Encoder::new();
    let mut chunks = Vec::new();
    for chunk in cut(state, CHUNK_BYTES) {
        if !wanted() {
            return Ok(false);
        }
        let packed = encoder.compress_vec(&chunk.body).map_err(io::Error::other)?;
        file.write_all(&packed)?;
        chunks.push((chunk.line, u32::try_from(packed.len()).map_err(io::Error::other)?));
    }
    file.into_inner()?.sync_all()?;
    let index = Index { header: header.clone(), certificate: certificate.clone(), chunks };
    muster_files::replace(&folder.join("index"), &encode(&index), Readers::Everyone)?;
    Ok(true)
}
