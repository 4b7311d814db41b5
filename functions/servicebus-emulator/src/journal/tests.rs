use super::{Entry, Journal, JournalError, Record, State};
use proptest::prelude::*;
use std::{fs, path::Path};
use tempfile::TempDir;

fn entry(entity: &str, sequence: i64) -> Entry {
    Entry {
        entity: entity.into(),
        sequence,
        enqueued_sequence: sequence + 1,
        enqueued_at: 1_000,
        expires_at: 2_000,
        delivery_count: 0,
        state: State::Active,
        source: None,
        message_id: format!("m-{sequence}"),
        message: vec![0, 1, 255],
    }
}

fn stored(entity: &str, sequence: i64) -> Record {
    Record::Stored(entry(entity, sequence))
}

fn counter(entity: &str, last: i64) -> Record {
    Record::Counter { entity: entity.into(), last }
}

fn reopen(folder: &Path) -> Vec<Record> {
    Journal::open(folder).unwrap().1
}

#[tokio::test]
async fn the_history_tells_of_what_has_left_too_while_the_journal_is_in_use() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let records = [stored("orders", 1), Record::Removed { entity: "orders".into(), sequence: 1 }, stored("orders", 2)];
    journal.append(&records[..1]).unwrap();
    journal.durable(journal.append(&records[1..]).unwrap()).await.unwrap();
    assert_eq!(super::history(folder.path()).unwrap(), records);
    drop(journal);
    let last = reopen(folder.path());
    assert_eq!(super::history(folder.path()).unwrap(), last, "what an earlier process saw leave is not in it");
}

#[test]
fn what_was_appended_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (journal, records) = Journal::open(&folder.path().join("data")).unwrap();
    assert_eq!(records, []);
    for sequence in 1..=5 {
        journal.append(&[stored("orders/subscriptions/notify", sequence)]).unwrap();
    }
    let notify = || "orders/subscriptions/notify".to_owned();
    let dead = "orders/subscriptions/notify/$deadletterqueue";
    let buried = Entry { source: Some(notify()), delivery_count: 10, ..entry(dead, 1) };
    journal.append(&[Record::Removed { entity: notify(), sequence: 5 }]).unwrap();
    journal.append(&[Record::Removed { entity: notify(), sequence: 1 }, Record::Stored(buried.clone())]).unwrap();
    journal.append(&[Record::Changed { entity: notify(), sequence: 2, state: State::Deferred, delivery_count: 3 }]).unwrap();
    journal.append(&[Record::Changed { entity: notify(), sequence: 99, state: State::Deferred, delivery_count: 3 }]).unwrap();
    let scheduled = Entry { state: State::Scheduled { due: 9_000 }, message: vec![7; 300_000], ..entry(&notify(), 3) };
    journal.append(&[Record::Stored(scheduled.clone())]).unwrap();
    let session = |state: Option<&[u8]>| Record::Session {
        entity: notify(),
        session: "s".into(),
        state: state.map(|state| serde_bytes::ByteBuf::from(state.to_vec())),
    };
    journal.append(&[session(Some(b"one")), session(None), session(Some(b"two"))]).unwrap();
    journal.append(&[stored("gone", 1), counter("gone", 7), Record::Dropped { entity: "gone".into() }]).unwrap();
    drop(journal);

    let expected = [
        counter(&notify(), 5),
        counter(dead, 1),
        Record::Stored(Entry { state: State::Deferred, delivery_count: 3, ..entry(&notify(), 2) }),
        Record::Stored(scheduled),
        stored(&notify(), 4),
        Record::Stored(buried),
        session(Some(b"two")),
    ];
    assert_eq!(reopen(&folder.path().join("data")), expected);
    assert_eq!(reopen(&folder.path().join("data")), expected, "a second time, from what the first wrote");
}

#[test]
fn what_left_takes_no_room_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    for sequence in 1..=1_000 {
        journal.append(&[stored("q", sequence)]).unwrap();
        journal.append(&[Record::Removed { entity: "q".into(), sequence }]).unwrap();
    }
    drop(journal);
    let size = || fs::metadata(folder.path().join("journal")).unwrap().len();
    assert!(size() > 30_000, "{}", size());
    assert_eq!(reopen(folder.path()), [counter("q", 1_000)]);
    assert!(size() < 100, "{}", size());
}

#[tokio::test]
async fn a_ticket_is_done_when_its_records_are_in_the_file() {
    let (folder, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (journal, _) = Journal::open(folder.path()).unwrap();
    for sequence in 1..=20 {
        let ticket = journal.append(&[stored("q", sequence)]).unwrap();
        journal.durable(ticket).await.unwrap();
        // As if the process were killed here.
        fs::copy(folder.path().join("journal"), copy.path().join("journal")).unwrap();
        let messages = reopen(copy.path()).into_iter().filter(|record| matches!(record, Record::Stored(_))).count();
        assert_eq!(i64::try_from(messages).unwrap(), sequence);
    }
}

#[test]
fn one_folder_serves_one_emulator() {
    let folder = TempDir::new().unwrap();
    let first = Journal::open(folder.path()).unwrap();
    let error = Journal::open(folder.path()).unwrap_err();
    assert!(matches!(error, JournalError::InUse(_)), "{error}");
    drop(first);
    Journal::open(folder.path()).unwrap();
}

#[test]
fn a_file_that_is_no_journal_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("journal");
    for content in ["", "sbusjrn", "sbusjrn\u{2}", "a letter to my mother"] {
        fs::write(&path, content).unwrap();
        let error = Journal::open(folder.path()).unwrap_err().to_string();
        assert_eq!(error, format!("{} is no journal of this version of the emulator", path.display()));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn records_that_are_too_large_are_refused_and_harm_nothing() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let large = Record::Stored(Entry { message: vec![0; 17 * 1024 * 1024], ..entry("q", 1) });
    assert!(matches!(journal.append(&[large]).unwrap_err(), JournalError::TooLarge(_)));
    journal.append(&[stored("q", 2)]).unwrap();
    drop(journal);
    assert_eq!(reopen(folder.path()), [counter("q", 2), stored("q", 2)]);
}

/// How many of the messages that were stored one by one a journal has; they must be the first ones.
fn first_messages(records: &[Record]) -> i64 {
    let sequences: Vec<i64> =
        records.iter().filter_map(|record| if let Record::Stored(entry) = record { Some(entry.sequence) } else { None }).collect();
    let count = i64::try_from(sequences.len()).unwrap();
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
    count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_to_the_end_what_was_before_it_counts(cut: prop::sample::Index, flip: Option<u8>, zeros in 0..64_usize) {
        let folder = TempDir::new().unwrap();
        let (journal, _) = Journal::open(folder.path()).unwrap();
        for sequence in 1..=20 {
            // All of the same length.
            journal.append(&[Record::Stored(Entry { message_id: "m".into(), ..entry("q", sequence) })]).unwrap();
        }
        drop(journal);
        let path = folder.path().join("journal");
        let mut bytes = fs::read(&path).unwrap();
        let frame = (bytes.len() - 8) / 20;
        let at = 8 + cut.index(bytes.len() - 8);
        match flip {
            Some(mask) if mask != 0 => bytes[at] ^= mask,
            _ => {
                bytes.truncate(at);
                bytes.resize(at + zeros, 0);
            }
        }
        fs::write(&path, &bytes).unwrap();
        let records = reopen(folder.path());
        prop_assert_eq!(first_messages(&records), i64::try_from((at - 8) / frame).unwrap());
        let damaged = folder.path().join("journal.damaged");
        prop_assert_eq!(damaged.exists(), bytes.len() != 8 + frame * (at - 8).div_euclid(frame));
        // What comes afterwards counts too.
        let (journal, _) = Journal::open(folder.path()).unwrap();
        journal.append(&[stored("other", 1)]).unwrap();
        drop(journal);
        prop_assert!(reopen(folder.path()).contains(&stored("other", 1)));
    }
}
