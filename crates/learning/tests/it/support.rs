//! Small learners in one process.

use muster_learning::random::Stream;
use muster_learning::{
    Activations, Corpus, Evaluation, Keep, Learner, ModelConfig, PeerIndex, RequestKey,
    StepOutcome, Tokens, TrainingConfig,
};

/// A model that trains in about a millisecond a step.
pub fn small_model() -> ModelConfig {
    ModelConfig { width: 16, layers: 1, heads: 2, context: 16, out_dim: 16, key_width: 8 }
}

pub fn small_training() -> TrainingConfig {
    TrainingConfig { batch: 8, evaluation_batches: 8, ..TrainingConfig::default() }
}

/// A language of `words` pseudo-random words, the same for all who share a `language`; `speaker`
/// draws other sentences from it.
pub fn text(language: u64, speaker: u64, bytes: usize) -> Vec<u8> {
    let mut letters = Stream::new(language, "words", 0);
    let mut word = || -> Vec<u8> {
        let length = 2 + letters.next_u64() % 5;
        (0..length).map(|_| b'a' + (letters.next_u64() % 26) as u8).collect()
    };
    let words: Vec<Vec<u8>> = (0..40).map(|_| word()).collect();
    let mut choice = Stream::new(speaker, "sentences", language);
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        out.extend_from_slice(&words[(choice.next_u64() % 40) as usize]);
        out.push(b' ');
    }
    out.truncate(bytes);
    out
}

pub fn learner_with(model: ModelConfig, training: TrainingConfig, seed: u64) -> Learner {
    learner_of(text(1, seed, 6_000), model, training, seed)
}

pub fn learner_of(
    text: Vec<u8>,
    model: ModelConfig,
    training: TrainingConfig,
    seed: u64,
) -> Learner {
    let corpus = Corpus::new(text, model.context).expect("long enough");
    Learner::new(model, training, corpus, seed).expect("a valid configuration")
}

pub fn learner(seed: u64) -> Learner {
    learner_with(small_model(), small_training(), seed)
}

/// Learners that ask each other, and peers of higher index that answer noise.
pub struct Network {
    pub learners: Vec<Learner>,
    pub noise_peers: usize,
    /// The last so many of the learners send their gradients turned around and far too long.
    pub poisoners: usize,
    noise: Stream,
}

impl Network {
    pub fn new(learners: Vec<Learner>, noise_peers: usize) -> Self {
        Self { learners, noise_peers, poisoners: 0, noise: Stream::new(3, "noise", 0) }
    }

    pub fn others(&self, me: usize) -> Vec<PeerIndex> {
        let all = self.learners.len() + self.noise_peers;
        (0..all).filter(|&peer| peer != me).map(|peer| PeerIndex(peer as u32)).collect()
    }

    fn answer(
        &mut self,
        peer: PeerIndex,
        keep: Option<Keep>,
        tokens: &Tokens,
    ) -> Option<Activations> {
        if let Some(learner) = self.learners.get_mut(peer.0 as usize) {
            return Some(learner.forward(keep, tokens).expect("a well-formed request"));
        }
        let mut answer = Activations::zeros(tokens.answer_shape(16));
        answer.values.iter_mut().for_each(|value| *value = self.noise.normal() as f32);
        Some(answer)
    }

    pub fn step(&mut self, me: usize) -> StepOutcome {
        let others = self.others(me);
        let plan = self.learners[me].begin_step(&others).expect("known peers");
        let key = RequestKey { sender: PeerIndex(me as u32), request: plan.step };
        let keep = Some(key.keep(1.0));
        let answers =
            plan.chosen.iter().map(|&peer| self.answer(peer, keep, &plan.tokens)).collect();
        let mut outcome = self.learners[me].finish_step(plan, answers).expect("an answer each");
        for (peer, gradient) in &mut outcome.gradients {
            if me + self.poisoners >= self.learners.len() {
                for value in &mut gradient.values {
                    *value = (*value * -1e5).clamp(-1e3, 1e3);
                }
            }
            if let Some(callee) = self.learners.get_mut(peer.0 as usize) {
                // A callee may decline; the sender goes on either way.
                let _ = callee.backward(key, gradient, 1.0);
            }
        }
        outcome
    }

    pub fn train(&mut self, steps: usize) {
        for _ in 0..steps {
            for me in 0..self.learners.len() {
                self.step(me);
            }
        }
    }

    pub fn evaluate(&mut self, me: usize) -> Evaluation {
        let others = self.others(me);
        let plan = self.learners[me].begin_evaluation(&others).expect("known peers");
        let requests: Vec<Tokens> = plan.requests().cloned().collect();
        let chosen = plan.chosen.clone();
        let answers = requests
            .iter()
            .map(|tokens| chosen.iter().map(|&peer| self.answer(peer, None, tokens)).collect())
            .collect();
        self.learners[me].finish_evaluation(plan, answers).expect("an answer each")
    }
}
