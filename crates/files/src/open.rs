//! How many files a process may have open, sockets included.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// As many as anything here needs; some systems refuse more although they say that there is no
/// bound.
const WANTED: u64 = 65_536;

/// Raises the bound on open files as far as this process may, and tells what it is then. Where it
/// cannot be raised, it stays what it was.
#[must_use]
pub fn raise_open_files_max() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        // Every system that conforms to POSIX lets a process have at least so many.
        return 20;
    };
    let wanted = hard.min(WANTED);
    if soft >= wanted || setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_err() {
        return soft;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_what_the_process_may_have_and_stays() {
        let raised = raise_open_files_max();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("known");
        assert_eq!(raised, soft);
        assert!(soft >= hard.min(WANTED));
        assert_eq!(raise_open_files_max(), raised);
    }
}
