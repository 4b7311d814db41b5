//! What the host and its handler said, line by line (contract §2.6).

use crate::support::process::PATIENCE;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};
use tokio::sync::watch;

/// Older lines go when there are more.
const KEPT: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Host,
    /// The handler's stdout and stderr: category `Host.Function.Console`.
    Stdout,
    Stderr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Information,
    Warning,
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub source: Source,
    pub level: Level,
    pub text: String,
}

#[derive(Debug)]
pub struct Records {
    lines: Mutex<VecDeque<Record>>,
    count: watch::Sender<u64>,
}

impl Default for Records {
    fn default() -> Self {
        Self { lines: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Records {
    pub fn say(&self, source: Source, level: Level, text: impl Into<String>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(Record { source, level, text: text.into() });
        drop(lines);
        self.count.send_modify(|count| *count += 1);
    }

    pub fn info(&self, text: impl Into<String>) {
        self.say(Source::Host, Level::Information, text);
    }

    pub fn warn(&self, text: impl Into<String>) {
        self.say(Source::Host, Level::Warning, text);
    }

    pub fn error(&self, text: impl Into<String>) {
        self.say(Source::Host, Level::Error, text);
    }

    /// A line of the handler's. Custom handlers have `useStdErrorStreamForErrorsOnly`, so stderr means trouble.
    pub fn console(&self, source: Source, line: &str) {
        if let Some(own) = line.strip_prefix("LanguageWorkerConsoleLog") {
            self.info(own);
            return;
        }
        if line.starts_with("azfuncjsonlog:") {
            return;
        }
        let level = match source {
            Source::Stderr if line.to_lowercase().contains("warn") => Level::Warning,
            Source::Stderr => Level::Error,
            Source::Stdout | Source::Host => Level::Information,
        };
        self.say(source, level, line);
    }

    pub fn all(&self) -> Vec<Record> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Everything that somebody who reads the log would have to look into.
    pub fn complaints(&self) -> Vec<String> {
        self.all().into_iter().filter(|record| record.level > Level::Information).map(|record| record.text).collect()
    }

    /// The first record that `wanted` makes something of, now or when it comes.
    pub async fn wait_for<T>(&self, what: &str, wanted: impl Fn(&Record) -> Option<T>) -> T {
        let mut count = self.count.subscribe();
        let find = async {
            loop {
                count.mark_unchanged();
                if let Some(found) = self.all().iter().find_map(&wanted) {
                    return found;
                }
                let _ = count.changed().await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, find).await;
        found.unwrap_or_else(|_| panic!("not in time: {what}; the log: {:#?}", self.all()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_level_that_its_stream_and_words_give_it() {
        let records = Records::default();
        for (source, line) in [
            (Source::Stdout, "error: on stdout is information"),
            (Source::Stderr, "a WARNing"),
            (Source::Stderr, "anything else"),
            (Source::Stdout, "LanguageWorkerConsoleLog for the host"),
            (Source::Stderr, "azfuncjsonlog:{}"),
        ] {
            records.console(source, line);
        }
        let levels: Vec<_> = records.all().into_iter().map(|record| (record.source, record.level)).collect();
        assert_eq!(
            levels,
            [
                (Source::Stdout, Level::Information),
                (Source::Stderr, Level::Warning),
                (Source::Stderr, Level::Error),
                (Source::Host, Level::Information)
            ]
        );
    }
}
