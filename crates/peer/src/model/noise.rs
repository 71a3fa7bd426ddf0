//! A model whose answers are noise: what free riders and cabals run. Everything else it leaves to
//! another.

use crate::exchange::counters::Refusal;
use crate::model::seam::{Model, ModelError, Outcome, Pending};
use muster_learning::random::Stream;
use muster_learning::{
    Activations, Evaluation, Keep, PeerIndex, RequestKey, Sampling, Tokens, WeightRow,
};

/// Normal noise in the shape of `model`'s answers.
pub(crate) struct Noise<M> {
    model: M,
    /// Answers given: each is another noise.
    answers: u64,
}

impl<M> Noise<M> {
    /// Noise for the others, `model` for itself.
    pub fn new(model: M) -> Self {
        Self { model, answers: 0 }
    }
}

impl<M: Model> Model for Noise<M> {
    type Step = M::Step;
    type Evaluation = M::Evaluation;
    type Draft = M::Draft;

    /// Noise, with no trunk to ask and nothing to keep.
    fn forward(&mut self, _: Option<Keep>, tokens: &Tokens) -> Result<Activations, Refusal> {
        let shape = tokens.answer_shape(self.model.answer_width());
        let mut stream = Stream::new(self.answers, "noise", 0);
        self.answers += 1;
        let values = (0..shape.values().unwrap_or(0)).map(|_| stream.normal() as f32).collect();
        Ok(Activations { shape, values })
    }

    /// Noise has no gradient: none is trained on.
    fn backward(&mut self, _: RequestKey, _: &Activations, _: f64) -> Result<bool, Refusal> {
        Ok(false)
    }

    fn steps(&self) -> u64 {
        self.model.steps()
    }

    fn answer_width(&self) -> usize {
        self.model.answer_width()
    }

    fn begin_step(&mut self, available: &[PeerIndex]) -> Result<Pending<M::Step>, ModelError> {
        self.model.begin_step(available)
    }

    fn finish_step(
        &mut self,
        step: M::Step,
        answers: Vec<Option<Activations>>,
    ) -> Result<Outcome, ModelError> {
        self.model.finish_step(step, answers)
    }

    fn begin_evaluation(
        &mut self,
        available: &[PeerIndex],
    ) -> Result<Pending<M::Evaluation>, ModelError> {
        self.model.begin_evaluation(available)
    }

    fn finish_evaluation(
        &mut self,
        evaluation: M::Evaluation,
        answers: Vec<Option<Activations>>,
    ) -> Result<Evaluation, ModelError> {
        self.model.finish_evaluation(evaluation, answers)
    }

    fn weights(&self, self_loop: f64) -> WeightRow {
        self.model.weights(self_loop)
    }

    fn write_alone(
        &self,
        text: &[u8],
        bytes: usize,
        sampling: Sampling,
    ) -> Result<Vec<u8>, Refusal> {
        self.model.write_alone(text, bytes, sampling)
    }

    fn begin_draft(
        &mut self,
        text: &[u8],
        draft: usize,
        sampling: Sampling,
        position: u64,
        available: &[PeerIndex],
    ) -> Result<Pending<M::Draft>, Refusal> {
        self.model.begin_draft(text, draft, sampling, position, available)
    }

    fn finish_draft(
        &mut self,
        draft: M::Draft,
        answers: Vec<Option<Activations>>,
        sampling: Sampling,
        position: u64,
    ) -> Result<Vec<u8>, Refusal> {
        self.model.finish_draft(draft, answers, sampling, position)
    }

    fn control(&self) -> Result<Option<Self>, ModelError> {
        Ok(self.model.control()?.map(Self::new))
    }

    fn checkpoint(&self) -> Vec<u8> {
        self.model.checkpoint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_learning::{Corpus, Learner, ModelConfig, TrainingConfig};

    #[test]
    fn noise_looks_like_answers_and_leaves_the_model_alone() {
        let model =
            ModelConfig { width: 8, layers: 1, heads: 1, context: 8, out_dim: 4, key_width: 4 };
        let corpus = Corpus::new(vec![b'a'; 400], model.context).expect("long enough");
        let learner = Learner::new(model, TrainingConfig::default(), corpus, 1).expect("it fits");
        let mut noise = Noise::new(learner);
        let before = noise.checkpoint();
        let key = RequestKey { sender: PeerIndex(3), request: 5 };
        let tokens = Tokens::new(2, 3, vec![b'b'; 6]).expect("counts agree");
        let first = noise.forward(Some(key.keep(1.0)), &tokens).expect("it answers");
        assert_eq!(first.check(tokens.answer_shape(4)), Ok(()));
        let second = noise.forward(Some(key.keep(1.0)), &tokens).expect("it answers");
        assert_ne!(first, second, "each answer is another noise");
        assert_eq!(noise.backward(key, &first, 1.0), Ok(false));
        assert_eq!(noise.model.retained_requests(), 0, "nothing is kept for a gradient");
        assert_eq!(noise.checkpoint(), before);
    }
}
