//! The file: a magic number, then frames of a length, a checksum and records.

use super::{JournalError, Record, live::Live};
use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};

pub(super) const NAME: &str = "journal";
const NEW: &str = "journal.new";
const DAMAGED: &str = "journal.damaged";
/// The last byte is the version.
const MAGIC: [u8; 8] = *b"sbusjrn\x01";
/// Bytes of a frame's records. A batch of the largest size that is accepted is a fraction of it.
const FRAME: usize = 16 * 1024 * 1024;

/// # Errors
/// `TooLarge`
pub(super) fn frame(records: &[Record]) -> Result<Vec<u8>, JournalError> {
    let payload = postcard::to_extend(records, vec![0; 8]).map_err(|error| JournalError::Broken(error.to_string()))?;
    let mut frame = payload;
    let length = frame.len() - 8;
    let checksum = crc32fast::hash(&frame[8..]);
    let fits = u32::try_from(length).ok().filter(|_| length <= FRAME).ok_or(JournalError::TooLarge(length))?;
    frame[..4].copy_from_slice(&fits.to_le_bytes());
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    Ok(frame)
}

/// What is still there. The file is left as it is, and copied if something at its end doesn't count.
pub(super) fn read(folder: &Path) -> Result<Vec<Record>, JournalError> {
    let path = folder.join(NAME);
    let mut live = Live::default();
    let (good, size) = each(folder, |record| live.apply(record))?;
    if good < size {
        let damaged = folder.join(DAMAGED);
        fs::copy(&path, &damaged).map_err(JournalError::io(&damaged))?;
        tracing::warn!(journal = %path.display(), bytes = size - good, copy = %damaged.display(),
            "The journal's end is unfinished or damaged and doesn't count; a copy of the whole is kept");
    }
    Ok(live.into_records())
}

/// Every record from the beginning; how many bytes of the file count, and how many it has.
pub(super) fn each(folder: &Path, mut see: impl FnMut(Record)) -> Result<(u64, u64), JournalError> {
    let path = folder.join(NAME);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(JournalError::io(&path)(error)),
    };
    let size = file.metadata().map_err(JournalError::io(&path))?.len();
    let mut file = BufReader::new(file);
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic).map_err(|_| JournalError::Foreign(path.clone()))?;
    if magic != MAGIC {
        return Err(JournalError::Foreign(path));
    }
    let mut good = MAGIC.len() as u64;
    while let Some(payload) = next(&mut file).map_err(JournalError::io(&path))? {
        let records: Vec<Record> = postcard::from_bytes(&payload).map_err(|_| JournalError::Foreign(path.clone()))?;
        records.into_iter().for_each(&mut see);
        good += 8 + payload.len() as u64;
    }
    Ok((good, size))
}

/// The records of the next frame, or `None` at the end and at what is no frame. A length of zero is none either: file systems
/// may leave zeros behind after a crash.
fn next(file: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let (mut length, mut checksum) = ([0; 4], [0; 4]);
    if !fill(file, &mut length)? || !fill(file, &mut checksum)? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(length) as usize;
    if !(1..=FRAME).contains(&length) {
        return Ok(None);
    }
    let mut payload = vec![0; length];
    let whole = fill(file, &mut payload)? && crc32fast::hash(&payload) == u32::from_le_bytes(checksum);
    Ok(whole.then_some(payload))
}

/// False if the file ends before the buffer does.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a journal with these records beside the old one, and puts it in its place when it is on disk.
pub(super) fn replace(folder: &Path, records: &[Record]) -> Result<File, JournalError> {
    let path = folder.join(NEW);
    let file = File::create(&path).map_err(JournalError::io(&path))?;
    let mut buffered = BufWriter::new(file);
    let mut write = |bytes: &[u8]| buffered.write_all(bytes).map_err(JournalError::io(&path));
    write(&MAGIC)?;
    for record in records {
        write(&frame(std::slice::from_ref(record))?)?;
    }
    let file = buffered.into_inner().map_err(|error| JournalError::io(&path)(error.into_error()))?;
    file.sync_all().map_err(JournalError::io(&path))?;
    fs::rename(&path, folder.join(NAME)).map_err(JournalError::io(&path))?;
    // The new name is on disk only when the folder is.
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(JournalError::io(folder))?;
    Ok(file)
}
