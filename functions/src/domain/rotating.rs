//! A value that is replaced while it is used, as a secret is when it is rotated.

use secrecy::SecretString;
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// Cheap to clone; all clones see the same value.
pub struct Rotating<T>(Arc<RwLock<Option<Arc<T>>>>);

/// Plain, or read out of a vault and read again now and then.
pub type Secret = Rotating<SecretString>;

impl<T> Rotating<T> {
    /// One that is there, and stays as it is unless somebody replaces it.
    pub fn of(value: T) -> Self {
        let this = Self::pending();
        this.replace(value);
        this
    }

    /// One that is yet to be read.
    pub fn pending() -> Self {
        Self(Arc::default())
    }

    /// To be asked for at each use, since it may have changed since the last. `None` before it was read for the first
    /// time, which only those processes see that have to listen before their vault has answered.
    pub fn current(&self) -> Option<Arc<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn replace(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(value));
    }
}

impl<T> Clone for Rotating<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Whatever the value is, it is not shown.
impl<T> fmt::Debug for Rotating<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.current().is_some() { "Rotating(there)" } else { "Rotating(pending)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_see_the_value_that_was_put_last_and_none_shows_it() {
        let first = Rotating::pending();
        let second = first.clone();
        assert!(second.current().is_none());
        first.replace("one");
        first.replace("two");
        assert_eq!(second.current().as_deref(), Some(&"two"));
        assert_eq!(format!("{second:?}"), "Rotating(there)");
    }
}
