//! The engine's write-ahead log before the engine opens it.
//!
//! A loss of power can leave a file whose end, or whose header, was never written: shorter than
//! its header, or with zeros where something should be. The engine would refuse such a header for
//! ever, and takes zeros for an entry of no length, at which it stops at every start. Nothing that
//! was sent relied on either: the engine syncs before it sends. An entry that is there and damaged
//! is left to the engine, which stops rather than sign.
//!
//! When a height begins, the engine writes its number into the header and then cuts off the entries
//! of the height before. A node that is stopped between the two would find them under the new
//! number and give them back: votes and proposals name their height and are ignored, but time-outs
//! name a round only, and the node would leave the first rounds of a height in which it said
//! nothing. Where it was needed for a quorum, that height would never be decided.

use std::io::{self, SeekFrom};

use malachitebft_app_channel::app::wal::Storage;
use malachitebft_app_channel::app::wal::log::Log;
use malachitebft_core_consensus::Input;
use malachitebft_core_types::{Proposal, Vote};
use malachitebft_engine::wal::decode_entry;

use super::codec::EngineCodec;
use super::context::MusterContext;

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

/// Cuts off the entries of the height before, if the engine was stopped before it did.
///
/// Entries are of one height: if none that can be read names the log's, and one names another, all
/// are left over. A log in which no entry names a height, or none can be read, is left as it is.
///
/// # Errors
/// What the disk says.
pub fn finish_reset(log: &mut Log<impl Storage>) -> io::Result<()> {
    let codec = EngineCodec::default();
    let heights: Vec<u64> = log
        .iter()?
        .map_while(Result::ok)
        .filter_map(|bytes| decode_entry(&codec, bytes.as_slice()).ok())
        .filter_map(|entry| height_of(&entry))
        .collect();
    if !heights.is_empty() && !heights.contains(&log.sequence()) {
        log.reset(log.sequence())?;
    }
    Ok(())
}

/// The height that an entry names; a time-out names none.
fn height_of(entry: &Input<MusterContext>) -> Option<u64> {
    match entry {
        Input::Vote(vote) => Some(vote.height().0),
        Input::Proposal(proposal) => Some(proposal.height().0),
        Input::ProposedValue(value, _) => Some(value.height.0),
        Input::PolkaCertificate(certificate) => Some(certificate.height.0),
        _ => None,
    }
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
    use std::fs::{File, OpenOptions};
    use std::io::{Seek, Write};

    use malachitebft_core_types::{NilOrVal, Round, SignedMessage, Timeout, VoteType};
    use malachitebft_engine::wal::encode_entry;
    use muster_ledger::crypto::{PublicKey, Signature};

    use super::super::context::{Address, EngineSignature, Height, Vote};
    use super::*;

    type Log = super::Log<File>;

    fn bytes(entry: Input<MusterContext>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_entry(entry, &EngineCodec::default(), &mut bytes).expect("encodes");
        bytes
    }

    fn vote(height: u64) -> Vec<u8> {
        let vote = Vote {
            kind: VoteType::Prevote,
            height: Height(height),
            round: Round::new(0),
            value: NilOrVal::Nil,
            address: Address(PublicKey([4; 32])),
        };
        let signature = EngineSignature(Signature([5; 64]));
        bytes(Input::Vote(SignedMessage::new(vote, signature)))
    }

    fn time_out() -> Vec<u8> {
        bytes(Input::TimeoutElapsed(Timeout::propose(Round::new(0))))
    }

    /// A log of a height with these entries, under the number of a height, as a node begins it.
    fn begun(entries: &[Vec<u8>], sequence: u64) -> Vec<Vec<u8>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = Log::open(&path).expect("made");
        log.reset(7).expect("begins");
        entries.iter().for_each(|entry| log.append(entry).expect("written"));
        drop(log);
        let mut file = OpenOptions::new().write(true).open(&path).expect("there");
        file.seek(SeekFrom::Start(4)).expect("there");
        file.write_all(&sequence.to_be_bytes()).expect("written");
        let mut log = Log::open(&path).expect("opens");
        finish_reset(&mut log).expect("mended");
        drop(log);
        let mut log = Log::open(&path).expect("opens");
        assert_eq!(log.sequence(), sequence);
        log.iter().expect("reads").map_while(Result::ok).collect()
    }

    #[test]
    fn entries_left_over_from_the_height_before_are_cut_off() {
        let entries = [time_out(), vote(7), time_out(), b"damaged".to_vec()];
        assert_eq!(begun(&entries, 8), Vec::<Vec<u8>>::new());
        // The log of the height that runs is kept, and what nothing is known of.
        assert_eq!(begun(&entries, 7), entries);
        assert_eq!(begun(&[time_out()], 8), [time_out()]);
        let both = [vote(7), vote(8)];
        assert_eq!(begun(&both, 8), both);
    }

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
