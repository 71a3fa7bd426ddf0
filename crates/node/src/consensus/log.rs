//! The engine's write-ahead log before the engine opens it.
//!
//! A loss of power can leave a file whose end, or whose header, was never written: shorter than
//! its header, or with zeros where something should be. The engine would refuse such a header for
//! ever, and takes zeros for an entry of no length, at which it stops at every start. Nothing that
//! was sent relied on either: the engine syncs before it sends. An entry that is there and damaged
//! is left to the engine, which stops rather than sign.

use std::io::{self, SeekFrom};

use malachitebft_app_channel::app::wal::Storage;

/// Version and height, bytes.
const HEADER: u64 = 12;
/// Flag, length and checksum of an entry, bytes.
const ENTRY_HEADER: u64 = 13;

/// Cuts off what a loss of power left unwritten.
///
/// # Errors
/// What the disk says.
pub fn mend(log: &mut impl Storage) -> io::Result<()> {
    let size = log.size_bytes()?;
    let kept = kept(log, size)?;
    if kept < size {
        log.truncate_to(kept)?;
        log.sync_all()?;
    }
    log.seek(SeekFrom::Start(0))?;
    Ok(())
}

/// Length up to which the log was written.
fn kept(log: &mut impl Storage, size: u64) -> io::Result<u64> {
    if size < HEADER {
        return Ok(0);
    }
    let mut version = [0; 4];
    log.seek(SeekFrom::Start(0))?;
    log.read_exact(&mut version)?;
    if version == [0; 4] {
        return Ok(0);
    }
    let mut place = HEADER;
    while size - place >= ENTRY_HEADER {
        let mut length = [0; 8];
        log.seek(SeekFrom::Start(place + 1))?;
        log.read_exact(&mut length)?;
        let length = u64::from_be_bytes(length);
        let whole = length.checked_add(ENTRY_HEADER).filter(|whole| *whole <= size - place);
        // Every entry has at least its kind.
        let Some(whole) = whole.filter(|_| length > 0) else { break };
        place += whole;
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use malachitebft_app_channel::app::wal::Log;

    use super::*;

    /// A log with entries, then bytes behind it, cut to a length; mended; its height and entries.
    fn after(entries: &[&[u8]], behind: &[u8], length: Option<u64>) -> (u64, Vec<Vec<u8>>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        {
            let mut log = Log::open(&path).expect("made");
            log.reset(7).expect("begins");
            entries.iter().for_each(|entry| log.append(entry).expect("written"));
            log.flush().expect("written");
        }
        {
            let mut file = OpenOptions::new().append(true).open(&path).expect("there");
            file.write_all(behind).expect("written");
            if let Some(length) = length {
                file.set_len(length).expect("cut");
            }
            let mut file = OpenOptions::new().read(true).write(true).open(&path).expect("there");
            mend(&mut file).expect("mended");
        }
        let mut log = Log::open(&path).expect("opens");
        let entries = log.iter().expect("reads").map(|entry| entry.expect("whole")).collect();
        (log.sequence(), entries)
    }

    #[test]
    fn what_was_written_is_kept_and_nothing_else() {
        let two: [&[u8]; 2] = [b"one", b"two"];
        let whole = (7, two.map(<[u8]>::to_vec).to_vec());
        assert_eq!(after(&two, b"", None), whole);
        for zeros in [1, 8, 13, 26, 600] {
            assert_eq!(after(&two, &vec![0; zeros], None), whole, "{zeros} zeros");
        }
        assert_eq!(after(&two, &[0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2], None), whole, "a part");
        assert_eq!(after(&two, b"", Some(30)), (7, vec![b"one".to_vec()]));
        for header in 0..12 {
            assert_eq!(after(&two, b"", Some(header)), (0, Vec::new()), "{header} bytes");
        }
    }

    #[test]
    fn a_header_that_was_never_written_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        std::fs::write(&path, [0; 12]).expect("written");
        assert!(Log::open(&path).is_err());
        let mut file = OpenOptions::new().read(true).write(true).open(&path).expect("there");
        mend(&mut file).expect("mended");
        drop(file);
        assert_eq!(Log::open(&path).expect("opens").sequence(), 0);
    }

    #[test]
    fn a_damaged_entry_is_left_to_the_engine() {
        let damaged = [&[0, 0, 0, 0, 0, 0, 0, 0, 3, 9, 9, 9, 9], b"abc".as_slice()].concat();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        drop(Log::open(&path).expect("made"));
        let mut bytes = std::fs::read(&path).expect("there");
        bytes.extend_from_slice(&damaged);
        std::fs::write(&path, &bytes).expect("written");
        let mut file = OpenOptions::new().read(true).write(true).open(&path).expect("there");
        mend(&mut file).expect("mended");
        assert_eq!(std::fs::read(&path).expect("there"), bytes);
    }
}
