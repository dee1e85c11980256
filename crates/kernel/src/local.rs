//! What tasks share: a [`Local`] is of one thread, as virtual time is, and costs no atomic operation.

use std::cell::{RefCell, RefMut};
use std::fmt;

use fragile::Fragile;

/// What the tasks of one executor share. It may be named on any thread, because the ports that the tasks call are the
/// ports of multi-threaded hosts as well; it can be used, and dropped, on the thread alone that made it.
pub struct Local<T>(Fragile<RefCell<T>>);

impl<T> Local<T> {
    /// On this thread.
    pub fn new(value: T) -> Self {
        Self(Fragile::new(RefCell::new(value)))
    }

    /// The value, for as long as no await comes between.
    ///
    /// # Panics
    /// On another thread than that which made it, and while it is held elsewhere.
    #[inline]
    pub fn lock(&self) -> RefMut<'_, T> {
        self.0.get().borrow_mut()
    }
}

impl<T: Default> Default for Local<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(value) = self.0.try_get() else {
            return f.write_str("Local(of another thread)");
        };
        value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what others may not do")]
    fn it_is_of_one_thread() {
        let local = Arc::new(Local::new(7));
        *local.lock() += 1;
        assert_eq!(format!("{local:?}"), "RefCell { value: 8 }");
        let there = Arc::clone(&local);
        let used = std::thread::spawn(move || *there.lock());
        assert!(used.join().is_err(), "another thread uses it");
        let there = Arc::clone(&local);
        let named = std::thread::spawn(move || format!("{there:?}"));
        assert_eq!(named.join().unwrap(), "Local(of another thread)");
    }
}
