//! A disk in memory that forgets what was not synced.
//!
//! Writes are seen at once and are durable after a sync. When the power goes, of the writes since
//! the last sync some are there, some are not and some are torn at the border of a sector, as the
//! seed has it. The power can be made to go at any operation, so that a crash falls into every
//! step of a commit.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use malachitebft_app::wal::Storage;
use muster_mechanism::random::Stream;
use redb::StorageBackend;

/// What a disk writes whole or not at all, bytes.
const SECTOR: usize = 512;

/// What is on a disk and what its files are thought to hold.
#[derive(Debug, Default)]
struct Platters {
    files: BTreeMap<&'static str, Contents>,
    /// Operations that may still be done before the power goes.
    fuse: Option<u64>,
    out: bool,
    /// Whose handles are valid: those opened since the last start.
    session: u64,
}

#[derive(Debug, Default)]
struct Contents {
    /// What a reader sees.
    present: Vec<u8>,
    /// What is there for certain after a crash.
    durable: Vec<u8>,
    /// What came since the last sync, in order.
    pending: Vec<Change>,
    /// Whether syncs are answered and not done: a fault of a drive, or of whoever forgot to sync.
    deceitful: bool,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => put(contents, *offset, bytes),
            Self::Length(length) => contents.resize(*length, 0),
        }
    }
}

fn put(contents: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[offset..end].copy_from_slice(bytes);
}

/// A disk with its files. Cheap to clone; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platters>>);

fn power_lost() -> io::Error {
    io::Error::other("the power is gone")
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Platters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file, empty where there was none.
    pub fn file(&self, name: &'static str) -> File {
        let mut platters = self.lock();
        platters.files.entry(name).or_default();
        File { disk: self.clone(), name, session: platters.session, position: 0 }
    }

    /// Lets the power go after so many more operations.
    pub fn cut_after(&self, operations: u64) {
        self.lock().fuse = Some(operations);
    }

    /// Lets no power go any more that has not gone.
    pub fn mend(&self) {
        self.lock().fuse = None;
    }

    /// Lets the power go now.
    pub fn cut(&self) {
        self.lock().out = true;
    }

    /// Whether the power is gone.
    pub fn is_out(&self) -> bool {
        self.lock().out
    }

    /// Whether syncs of a file are answered without being done.
    pub fn deceive(&self, name: &'static str, deceitful: bool) {
        self.lock().files.entry(name).or_default().deceitful = deceitful;
    }

    /// Power again: each file holds what was durable and of the rest what the stream says. Handles
    /// from before are of no use any more.
    pub fn restart(&self, stream: &mut Stream) {
        let mut platters = self.lock();
        platters.fuse = None;
        platters.out = false;
        platters.session += 1;
        for contents in platters.files.values_mut() {
            let pending = std::mem::take(&mut contents.pending);
            match stream.below(5) {
                // Everything since the last sync is lost, or nothing.
                0 => {}
                1 => pending.iter().for_each(|change| change.apply(&mut contents.durable)),
                // In order up to a moment, the last write torn.
                2 => keep_prefix(&mut contents.durable, &pending, stream),
                // Sector by sector, in no order; where a file grew, it may have grown without what
                // was written there.
                3 => keep_sectors(&mut contents.durable, &pending, false, stream),
                _ => keep_sectors(&mut contents.durable, &pending, true, stream),
            }
            contents.present = contents.durable.clone();
        }
    }
}

fn keep_prefix(durable: &mut Vec<u8>, pending: &[Change], stream: &mut Stream) {
    let whole = stream.below(pending.len() as u64 + 1) as usize;
    pending[..whole].iter().for_each(|change| change.apply(durable));
    if let Some(Change::Write { offset, bytes }) = pending.get(whole) {
        let kept = stream.below(bytes.len() as u64 + 1) as usize;
        // What is overwritten goes by sectors; what is appended, by bytes: the file's length is
        // written after its contents.
        let kept = if *offset < durable.len() { kept / SECTOR * SECTOR } else { kept };
        put(durable, *offset, &bytes[..kept]);
    }
}

fn keep_sectors(durable: &mut Vec<u8>, pending: &[Change], holes: bool, stream: &mut Stream) {
    for change in pending {
        match change {
            // A file system keeps its own house in order: lengths are whole.
            Change::Length(_) => change.apply(durable),
            Change::Write { offset, bytes } => {
                let mut start = 0;
                while start < bytes.len() {
                    let sector_end = (offset + start) / SECTOR * SECTOR + SECTOR;
                    let end = bytes.len().min(sector_end - offset);
                    let grows = offset + start > durable.len();
                    if stream.below(2) == 0 && (holes || !grows) {
                        put(durable, offset + start, &bytes[start..end]);
                    } else if holes && durable.len() < offset + end {
                        durable.resize(offset + end, 0);
                    }
                    start = end;
                }
            }
        }
    }
}

/// A file of a disk, open.
#[derive(Clone, Debug)]
pub struct File {
    disk: Disk,
    name: &'static str,
    session: u64,
    position: u64,
}

impl File {
    fn read_with<T>(&self, read: impl FnOnce(&Contents) -> io::Result<T>) -> io::Result<T> {
        let platters = self.disk.lock();
        if platters.out || platters.session != self.session {
            return Err(power_lost());
        }
        read(&platters.files[self.name])
    }

    /// Does something that changes the file, unless the power is gone or goes.
    fn change(&self, change: impl FnOnce(&mut Contents)) -> io::Result<()> {
        let mut platters = self.disk.lock();
        if platters.out || platters.session != self.session {
            return Err(power_lost());
        }
        match &mut platters.fuse {
            Some(0) => {
                platters.out = true;
                return Err(power_lost());
            }
            Some(left) => *left -= 1,
            None => {}
        }
        change(platters.files.get_mut(self.name).expect("opening made it"));
        Ok(())
    }

    fn write_bytes(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.change(|contents| {
            let change = Change::Write { offset, bytes: bytes.to_vec() };
            change.apply(&mut contents.present);
            contents.pending.push(change);
        })
    }

    fn change_length(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.change(|contents| {
            let change = Change::Length(length);
            change.apply(&mut contents.present);
            contents.pending.push(change);
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.change(|contents| {
            if !contents.deceitful {
                let pending = std::mem::take(&mut contents.pending);
                pending.iter().for_each(|change| change.apply(&mut contents.durable));
            }
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.read_with(|contents| Ok(contents.present.len() as u64))
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        self.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_with(|contents| {
            let start = usize::try_from(offset).map_err(io::Error::other)?;
            let found = contents.present.get(start..start + out.len());
            out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change_length(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_bytes(offset, bytes)
    }
}

impl Read for File {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let position = self.position;
        let count = self.read_with(|contents| {
            let start = usize::try_from(position).map_err(io::Error::other)?;
            let rest = contents.present.get(start..).unwrap_or(&[]);
            let count = rest.len().min(out.len());
            out[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_bytes(self.position, bytes)?;
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length()?.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Storage for File {
    type OpenOptions = Self;

    fn open_with(_path: impl AsRef<Path>, file: Self) -> io::Result<Self> {
        Ok(file)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.length()
    }

    fn truncate_to(&mut self, size: u64) -> io::Result<()> {
        self.change_length(size)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(file.length().expect("there")).expect("small")];
        StorageBackend::read(file, 0, &mut bytes).expect("there");
        bytes
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_may_not() {
        let (mut lost, mut kept, mut torn) = (0, 0, 0);
        for seed in 0..100 {
            let disk = Disk::default();
            let file = disk.file("a");
            file.write_bytes(0, &[1; 1_024]).expect("power");
            file.sync().expect("power");
            file.write_bytes(0, &[2; 1_024]).expect("power");
            assert_eq!(bytes(&file), [2; 1_024], "a write is seen at once");
            disk.cut();
            assert!(file.sync().is_err());
            disk.restart(&mut Stream::new(seed, 0));
            assert!(file.length().is_err(), "a handle from before the crash");
            let found = bytes(&disk.file("a"));
            assert_eq!(found.len(), 1_024);
            assert!(found.chunks(SECTOR).all(|sector| sector.iter().all(|b| *b == sector[0])));
            match (found[0], found[SECTOR]) {
                (1, 1) => lost += 1,
                (2, 2) => kept += 1,
                _ => torn += 1,
            }
        }
        assert!(lost > 10 && kept > 10 && torn > 10, "{lost} {kept} {torn}");
    }

    #[test]
    fn the_power_goes_at_the_operation_that_was_said() {
        let disk = Disk::default();
        let file = disk.file("a");
        disk.cut_after(1);
        file.write_bytes(0, &[1]).expect("power");
        assert!(!disk.is_out());
        assert!(file.sync().is_err());
        assert!(disk.is_out());
    }
}
