//! The model that learns: the transformer of `muster-learning`, in this process.

use crate::exchange::counters::{Reason, Refusal};
use crate::model::seam::{Model, ModelError, Outcome, Pending, Question};
use muster_learning::{
    Activations, AskPlan, Corpus, Evaluation, EvaluationPlan, Keep, Learner, LearnerError,
    PeerIndex, RequestKey, Sampling, StepPlan, Tokens, TrainingConfig, WeightRow,
};

impl Model for Learner {
    type Step = StepPlan;
    type Evaluation = EvaluationPlan;
    type Draft = AskPlan;

    fn steps(&self) -> u64 {
        self.steps()
    }

    fn answer_width(&self) -> usize {
        self.model().out_dim
    }

    fn begin_step(&mut self, available: &[PeerIndex]) -> Result<Pending<StepPlan>, ModelError> {
        let plan = self.begin_step(available).map_err(ModelError::new)?;
        let questions = vec![Question { peers: plan.chosen.clone(), tokens: plan.tokens.clone() }];
        Ok(Pending { questions, work: plan })
    }

    fn finish_step(
        &mut self,
        step: StepPlan,
        answers: Vec<Option<Activations>>,
    ) -> Result<Outcome, ModelError> {
        let outcome = self.finish_step(step, answers).map_err(ModelError::new)?;
        Ok(Outcome { gradients: outcome.gradients, refused: outcome.refused })
    }

    fn begin_evaluation(
        &mut self,
        available: &[PeerIndex],
    ) -> Result<Pending<EvaluationPlan>, ModelError> {
        let plan = self.begin_evaluation(available).map_err(ModelError::new)?;
        let question =
            |tokens: &Tokens| Question { peers: plan.chosen.clone(), tokens: tokens.clone() };
        let questions = plan.requests().map(question).collect();
        Ok(Pending { questions, work: plan })
    }

    fn finish_evaluation(
        &mut self,
        plan: EvaluationPlan,
        answers: Vec<Option<Activations>>,
    ) -> Result<Evaluation, ModelError> {
        let mut answers = answers.into_iter();
        let batches = plan.requests().map(|_| answers.by_ref().take(plan.chosen.len()).collect());
        let batches = batches.collect();
        Learner::finish_evaluation(self, plan, batches).map_err(ModelError::new)
    }

    fn weights(&self, self_loop: f64) -> WeightRow {
        self.weights(self_loop)
    }

    fn forward(&mut self, keep: Option<Keep>, tokens: &Tokens) -> Result<Activations, Refusal> {
        self.forward(keep, tokens).map_err(refusal)
    }

    fn backward(
        &mut self,
        key: RequestKey,
        gradient: &Activations,
        standing: f64,
    ) -> Result<bool, Refusal> {
        match self.backward(key, gradient, standing) {
            Ok(received) => Ok(standing > 0.0 && received.norm > 0.0 && !received.reverted),
            Err(LearnerError::BudgetSpent { .. } | LearnerError::SenderBudgetSpent { .. }) => {
                Ok(false)
            }
            Err(error) => Err(refusal(error)),
        }
    }

    fn write_alone(
        &self,
        text: &[u8],
        bytes: usize,
        sampling: Sampling,
    ) -> Result<Vec<u8>, Refusal> {
        self.generate_offline(text, bytes, sampling)
            .map_err(|error| Refusal::new(Reason::Tensor, error))
    }

    fn begin_draft(
        &mut self,
        text: &[u8],
        draft: usize,
        sampling: Sampling,
        position: u64,
        available: &[PeerIndex],
    ) -> Result<Pending<AskPlan>, Refusal> {
        let plan = self
            .begin_ask(text, draft, sampling, position, available)
            .map_err(|error| Refusal::new(Reason::Tensor, error))?;
        let question = |(peer, tokens): &(PeerIndex, Tokens)| Question {
            peers: vec![*peer],
            tokens: tokens.clone(),
        };
        let questions = plan.requests.iter().map(question).collect();
        Ok(Pending { questions, work: plan })
    }

    fn finish_draft(
        &mut self,
        plan: AskPlan,
        answers: Vec<Option<Activations>>,
        sampling: Sampling,
        position: u64,
    ) -> Result<Vec<u8>, Refusal> {
        self.finish_ask(&plan, answers, sampling, position)
            .map_err(|error| Refusal::new(Reason::Unavailable, error))
    }

    fn control(&self) -> Result<Option<Self>, ModelError> {
        if !self.training().control {
            return Ok(None);
        }
        let model = *self.model();
        let training = TrainingConfig { control: false, ..*self.training() };
        let text: Vec<u8> = (0..model.context * 40).map(|i| (i * 31 % 251) as u8).collect();
        let corpus = Corpus::new(text, model.context)
            .expect("forty contexts of text are more than the ten and one byte that are needed");
        Self::new(model, training, corpus, 0).map(Some).map_err(ModelError::new)
    }

    fn checkpoint(&self) -> Vec<u8> {
        self.checkpoint()
    }
}

fn refusal(error: LearnerError) -> Refusal {
    let reason = match error {
        LearnerError::Tensor(_) => Reason::Tensor,
        LearnerError::UnknownRequest { .. } => Reason::UnknownRequest,
        LearnerError::SenderDropped { .. } => Reason::Dropped,
        LearnerError::BudgetSpent { .. } | LearnerError::SenderBudgetSpent { .. } => Reason::Load,
        _ => Reason::Unavailable,
    };
    Refusal::new(reason, error)
}
