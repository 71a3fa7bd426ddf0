//! The file under the database: made, and made again where its making was cut short.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend, StorageError};

/// The database's first page: its header and nothing else.
const HEADER_PAGE: u64 = 4_096;
/// What is compared with zeros at once, bytes.
const STRETCH: u64 = 64 * 1_024;

/// The storage in a file, which is made if it is not there.
pub(super) fn file(path: &Path) -> Result<FileBackend, DatabaseError> {
    let mut options = OpenOptions::new();
    FileBackend::new(options.read(true).write(true).create(true).truncate(false).open(path)?)
}

/// The database on a storage; a new one where there is none. One whose making was cut short, by a
/// loss of power, is begun again: it would be refused for ever, and nothing was in it.
pub(super) fn database<S: StorageBackend>(
    storage: impl Fn() -> Result<S, DatabaseError>,
    cache_bytes: usize,
) -> Result<Database, DatabaseError> {
    let open =
        |storage| Database::builder().set_cache_size(cache_bytes).create_with_backend(storage);
    match open(storage()?) {
        Err(DatabaseError::Storage(StorageError::Io(error)))
            if error.kind() == io::ErrorKind::InvalidData && never_held(&storage()?)? =>
        {
            storage()?.set_len(0)?;
            open(storage()?)
        }
        opened => opened,
    }
}

/// Whether nothing but a header without its first bytes was ever written: they come last.
fn never_held(storage: &impl StorageBackend) -> io::Result<bool> {
    let length = storage.len()?;
    let mut first = [0; 1];
    if length > 0 {
        storage.read(0, &mut first)?;
    }
    let mut zeros = first == [0];
    let mut place = HEADER_PAGE;
    let mut bytes = vec![0; STRETCH as usize];
    while zeros && place < length {
        let count = STRETCH.min(length - place);
        let stretch = &mut bytes[..count as usize];
        storage.read(place, stretch)?;
        zeros = stretch.iter().all(|byte| *byte == 0);
        place += count;
    }
    Ok(zeros)
}

#[cfg(test)]
mod tests {
    use redb::{ReadableDatabase, TableDefinition};

    use super::*;

    const TABLE: TableDefinition<u64, u64> = TableDefinition::new("table");

    fn write(database: &Database) {
        let transaction = database.begin_write().expect("begins");
        transaction.open_table(TABLE).expect("opens").insert(1, 2).expect("inserts");
        transaction.commit().expect("commits");
    }

    #[test]
    fn a_database_whose_making_was_cut_short_is_begun_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("database");
        std::fs::write(&path, vec![0; 1 << 20]).expect("written");
        write(&database(|| file(&path), 1 << 20).expect("begun again"));
    }

    #[test]
    fn a_database_that_held_something_is_never_begun_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("database");
        write(&database(|| file(&path), 1 << 20).expect("made"));
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[..9].fill(0);
        std::fs::write(&path, &bytes).expect("written");
        assert!(database(|| file(&path), 1 << 20).is_err());
        assert_eq!(std::fs::read(&path).expect("there"), bytes, "what is there stays");
        let other = folder.path().join("other");
        std::fs::write(&other, b"not a database, but somebody's").expect("written");
        assert!(database(|| file(&other), 1 << 20).is_err());
        let transaction =
            database(|| file(&folder.path().join("new")), 1 << 20).expect("made").begin_read();
        assert!(transaction.is_ok());
    }
}
