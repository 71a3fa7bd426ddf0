//! A peer's own text: bytes, split into a part to train on and a held-out part.

use crate::random::{Stream, splitmix64};
use crate::tensor::Tokens;

/// Why a text cannot be trained on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorpusError {
    /// There is no text.
    #[error("the text is empty: give a file with at least {needed} bytes")]
    Empty {
        /// Bytes needed.
        needed: usize,
    },
    /// The text is too short for the context.
    #[error(
        "the text has {bytes} bytes, but a context of {context} needs at least {needed}: give a longer text or a smaller context"
    )]
    TooShort {
        /// Bytes given.
        bytes: usize,
        /// Context length of the model in tokens.
        context: usize,
        /// Bytes needed.
        needed: usize,
    },
}

/// Tokens and, for each, the token that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Inputs, `[batch, sequence]`.
    pub tokens: Tokens,
    /// Next tokens, in the same order as `tokens.ids`.
    pub targets: Vec<u8>,
}

/// A text of bytes; the last tenth is held out and never trained on.
#[derive(Debug, Clone)]
pub struct Corpus {
    bytes: Vec<u8>,
    held_out_from: usize,
    context: usize,
}

impl Corpus {
    /// Splits `bytes` for a model that reads `context` tokens at a time.
    ///
    /// # Errors
    /// [`CorpusError`] if the held-out tenth would not hold two sequences with their targets, one
    /// to probe and one to evaluate.
    ///
    /// ```
    /// use muster_learning::Corpus;
    /// assert!(Corpus::new(vec![b'a'; 1000], 32).is_ok());
    /// assert!(Corpus::new(Vec::new(), 32).unwrap_err().to_string().contains("empty"));
    /// ```
    pub fn new(bytes: Vec<u8>, context: usize) -> Result<Self, CorpusError> {
        let needed = context.saturating_add(1).saturating_mul(20);
        if bytes.is_empty() {
            return Err(CorpusError::Empty { needed });
        }
        if bytes.len() < needed {
            return Err(CorpusError::TooShort { bytes: bytes.len(), context, needed });
        }
        let held_out_from = bytes.len() - bytes.len() / 10;
        Ok(Self { bytes, held_out_from, context })
    }

    /// Tokens in a sequence.
    #[must_use]
    pub fn context(&self) -> usize {
        self.context
    }

    /// Bytes that are trained on.
    #[must_use]
    pub fn train(&self) -> &[u8] {
        &self.bytes[..self.held_out_from]
    }

    /// Bytes that are never trained on.
    #[must_use]
    pub fn held_out(&self) -> &[u8] {
        &self.bytes[self.held_out_from..]
    }

    /// First half of the held-out part: decisions during training (whose gradients hurt?) look
    /// here, so that the evaluation below stays untouched by them.
    fn probe(&self) -> &[u8] {
        let held_out = self.held_out();
        &held_out[..held_out.len() / 2]
    }

    /// Second half of the held-out part, only ever evaluated.
    fn evaluation(&self) -> &[u8] {
        let held_out = self.held_out();
        &held_out[held_out.len() / 2..]
    }

    /// The batch of `size` sequences for `step`: sequence `i` starts at
    /// `splitmix64(seed + step * size + i)` modulo the number of places.
    #[must_use]
    pub fn batch(&self, seed: u64, step: u64, size: usize) -> Batch {
        let first = seed.wrapping_add(step.wrapping_mul(size as u64));
        let starts = (0..size as u64).map(|i| splitmix64(first.wrapping_add(i)));
        self.gather(self.train(), starts, size)
    }

    /// Batch `index` from the part that is only ever evaluated.
    #[must_use]
    pub fn evaluation_batch(&self, seed: u64, index: u64, size: usize) -> Batch {
        let mut stream = Stream::new(seed, "evaluation", index);
        self.gather(self.evaluation(), (0..size).map(|_| stream.next_u64()), size)
    }

    /// Batch `index` from the part that decisions during training may look at.
    #[must_use]
    pub fn probe_batch(&self, seed: u64, index: u64, size: usize) -> Batch {
        let mut stream = Stream::new(seed, "probe", index);
        self.gather(self.probe(), (0..size).map(|_| stream.next_u64()), size)
    }

    fn gather(&self, text: &[u8], starts: impl Iterator<Item = u64>, size: usize) -> Batch {
        let places = (text.len() - self.context) as u64;
        let mut ids = Vec::with_capacity(size * self.context);
        let mut targets = Vec::with_capacity(size * self.context);
        for start in starts {
            let start = (start % places) as usize;
            ids.extend_from_slice(&text[start..start + self.context]);
            targets.extend_from_slice(&text[start + 1..start + self.context + 1]);
        }
        Batch { tokens: Tokens { batch: size, sequence: self.context, ids }, targets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_text_that_fits_is_accepted_and_one_byte_less_is_not() {
        let text = |n: usize| (0..n).map(|i| i as u8).collect::<Vec<u8>>();
        assert!(Corpus::new(text(660), 32).is_ok());
        let error = Corpus::new(text(659), 32).expect_err("too short");
        assert!(error.to_string().contains("659 bytes"), "{error}");
    }

    #[test]
    fn targets_follow_inputs_and_never_cross_into_the_other_part() {
        let corpus = Corpus::new((0..250u8).cycle().take(4000).collect(), 16).expect("long enough");
        for step in 0..50 {
            let drawn = [
                corpus.batch(3, step, 8),
                corpus.evaluation_batch(3, step, 8),
                corpus.probe_batch(3, step, 8),
            ];
            for batch in drawn {
                assert_eq!(batch.tokens.ids.len(), 8 * 16);
                for (token, target) in batch.tokens.ids.iter().zip(&batch.targets) {
                    assert_eq!((token + 1) % 250, *target);
                }
            }
        }
        assert_eq!(corpus.train().len() + corpus.held_out().len(), 4000);
    }
}
