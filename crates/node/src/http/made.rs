//! Answers that take long to make: made by one at a time, and handed to whoever asks for the same
//! before the next block, or within a second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

/// Bytes of answers that are kept.
const BYTES_MAX: usize = 16 << 20;
/// How long an answer is good: what peers report of themselves changes between blocks.
const AGE_MAX: Duration = Duration::from_secs(1);

/// Answers that were made.
#[derive(Debug)]
pub struct Made {
    kept: Mutex<Kept>,
    /// Who holds its permit makes an answer.
    pub maker: Semaphore,
}

#[derive(Debug, Default)]
struct Kept {
    height: u64,
    bytes: usize,
    answers: HashMap<String, (Instant, Bytes)>,
}

impl Default for Made {
    fn default() -> Self {
        Self { kept: Mutex::default(), maker: Semaphore::new(1) }
    }
}

impl Made {
    /// The answer to a question at a height, if it is known and still good.
    pub fn find(&self, question: &str, height: u64) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, bytes) = kept.answers.get(question).filter(|_| kept.height == height)?;
        (made.elapsed() < AGE_MAX).then(|| bytes.clone())
    }

    /// Keeps an answer, and those of the same height for which there is room.
    pub fn keep(&self, question: String, height: u64, answer: &Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.height != height || kept.bytes + answer.len() > BYTES_MAX {
            *kept = Kept { height, ..Kept::default() };
        }
        kept.bytes += answer.len();
        if let Some((_, old)) = kept.answers.insert(question, (Instant::now(), answer.clone())) {
            kept.bytes -= old.len();
        }
    }
}

/// An answer in JSON that is made already.
#[derive(Clone, Debug)]
pub struct MadeJson(pub Bytes);

impl IntoResponse for MadeJson {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_of_one_height_and_bounded() {
        let made = Made::default();
        let answer = Bytes::from(vec![7; 1 << 20]);
        for index in 0..100 {
            made.keep(format!("question {index}"), 5, &answer);
            assert!(made.kept.lock().expect("no panic").bytes <= BYTES_MAX);
        }
        made.keep("again".into(), 5, &answer);
        made.keep("again".into(), 5, &answer);
        let kept = made.kept.lock().expect("no panic");
        assert_eq!(kept.bytes, kept.answers.len() << 20);
        drop(kept);
        assert_eq!(made.find("question 99", 6), None);
        made.keep("of the next".into(), 6, &answer);
        assert_eq!((made.find("again", 6), made.find("again", 5)), (None, None));
    }
}
