//! Learners in one process on different parts of some texts: losses against the control.
//!
//! `cargo run --release -p muster-learning --example network -- --steps 400 --texts a.txt,b.txt`
//!
//! Each option changes one number of the default configuration; see [`options`].

#![allow(clippy::print_stdout)] // its result is a table

use std::collections::HashMap;
use std::time::Instant;

use muster_learning::random::Stream;
use muster_learning::{
    Activations, Corpus, Estimate, Keep, Learner, ModelConfig, PeerIndex, RequestKey, Tokens,
    TrainingConfig,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `--name value` pairs.
struct Options(HashMap<String, String>);

impl Options {
    fn number(&self, name: &str, default: f64) -> f64 {
        self.0.get(name).map_or(default, |value| value.parse().expect("a number"))
    }

    fn count(&self, name: &str, default: usize) -> usize {
        self.number(name, default as f64) as usize
    }
}

/// The configuration that the options ask for.
fn options(options: &Options) -> (ModelConfig, TrainingConfig) {
    let (model, training) = (ModelConfig::default(), TrainingConfig::default());
    let width = options.count("--width", model.width);
    let model = ModelConfig {
        width,
        layers: options.count("--layers", model.layers),
        heads: options.count("--heads", model.heads),
        context: options.count("--context", model.context),
        out_dim: options.count("--out", width),
        ..model
    };
    let training = TrainingConfig {
        batch: options.count("--batch", training.batch),
        learning_rate: options.number("--rate", training.learning_rate),
        received_learning_rate: options.number("--received-rate", training.received_learning_rate),
        peers_asked: options.count("--asked", training.peers_asked),
        student_labels: options.number("--student-labels", training.student_labels),
        student_steps: options.count("--student-steps", training.student_steps),
        gate_noise: options.number("--gate-noise", training.gate_noise),
        student_every: options.count("--student-every", training.student_every as usize) as u64,
        ..training
    };
    (model, training)
}

/// What peers besides the honest ones do; they follow them in this order.
#[derive(Clone, Copy, PartialEq)]
enum Conduct {
    Honest,
    /// Learns and answers, and sends back gradients that point uphill, as large as they may be.
    Poisoner,
    /// Answers as the first learner does, whom it asks on the way.
    Relay,
    /// Answers with a model that is never trained.
    Untrained,
    /// Takes no steps of its own, but trains on what others send back.
    Trainee,
}

/// Learners, and peers of higher index that answer noise.
struct Network {
    learners: Vec<Learner>,
    conducts: Vec<Conduct>,
    noise_peers: usize,
    noise: Stream,
    declined: u64,
}

impl Network {
    fn others(&self, me: usize) -> Vec<PeerIndex> {
        let all = self.learners.len() + self.noise_peers;
        (0..all).filter(|&peer| peer != me).map(|peer| PeerIndex(peer as u32)).collect()
    }

    fn answer(&mut self, peer: PeerIndex, keep: Option<Keep>, tokens: &Tokens) -> Activations {
        if self.conducts.get(peer.0 as usize) == Some(&Conduct::Relay) {
            return self.learners[0].forward(None, tokens).expect("a well-formed request");
        }
        if let Some(learner) = self.learners.get_mut(peer.0 as usize) {
            return learner.forward(keep, tokens).expect("a well-formed request");
        }
        let width = self.learners[0].model().out_dim;
        let mut answer = Activations::zeros(tokens.answer_shape(width));
        answer.values.iter_mut().for_each(|value| *value = self.noise.normal() as f32);
        answer
    }

    fn honest(&self) -> usize {
        self.conducts.iter().filter(|conduct| **conduct == Conduct::Honest).count()
    }

    fn step(&mut self, me: usize) {
        let others = self.others(me);
        let plan = self.learners[me].begin_step(&others).expect("known peers");
        let key = RequestKey { sender: PeerIndex(me as u32), request: plan.step };
        let ask = |&peer: &PeerIndex| Some(self.answer(peer, Some(key.keep(1.0)), &plan.tokens));
        let answers = plan.chosen.iter().map(ask).collect();
        let outcome = self.learners[me].finish_step(plan, answers).expect("an answer each");
        for (peer, mut gradient) in outcome.gradients {
            if self.conducts[me] == Conduct::Poisoner {
                for value in &mut gradient.values {
                    *value = (*value * -1.0e5).clamp(-1.0e3, 1.0e3);
                }
            }
            let takes = |conduct| !matches!(conduct, Conduct::Relay | Conduct::Untrained);
            if self.conducts.get(peer.0 as usize).is_some_and(|&conduct| takes(conduct)) {
                let callee = &mut self.learners[peer.0 as usize];
                self.declined += u64::from(callee.backward(key, &gradient, 1.0).is_err());
            }
        }
    }

    /// Gain over the control, gain of the student, and a line of losses.
    fn evaluate(&mut self, me: usize) -> (f64, f64, String) {
        let others = self.others(me);
        let plan = self.learners[me].begin_evaluation(&others).expect("known peers");
        let requests: Vec<Tokens> = plan.requests().cloned().collect();
        let chosen = plan.chosen.clone();
        let mut ask = |tokens: &Tokens| {
            chosen.iter().map(|&peer| Some(self.answer(peer, None, tokens))).collect()
        };
        let answers = requests.iter().map(&mut ask).collect();
        let e = self.learners[me].finish_evaluation(plan, answers).expect("an answer each");
        let alone = e.loss_alone.expect("a control").mean;
        let network = e.loss_with_network.map_or(f64::NAN, |estimate| estimate.mean);
        let student = e.loss_student.mean;
        (alone - network, alone - student, format!(" {alone:.3}/{network:.3}/{student:.3}"))
    }

    fn report(&mut self) {
        let (mut gains, mut kept, mut losses) = (Vec::new(), Vec::new(), String::new());
        for me in 0..self.honest() {
            let (gain, student, line) = self.evaluate(me);
            gains.push(gain);
            kept.push(student);
            losses += &line;
        }
        let (gain, kept) = (Estimate::of(&gains), Estimate::of(&kept));
        println!(
            "step {}: gain {:+.4} +- {:.4}, student {:+.4}, alone/network/student{losses}",
            self.learners[0].steps(),
            gain.mean,
            gain.standard_error,
            kept.mean
        );
    }

    fn scores(&self) {
        for (me, learner) in self.learners[..self.honest()].iter().enumerate() {
            println!("weights of {me}: {:.2?}", learner.weights(0.1).peers);
            for s in learner.scores() {
                println!(
                    "  {:?} gate {:.3} fisher {:.2e} +- {:.1e} removal {:+.4} +- {:.4}",
                    s.peer,
                    s.gate.mean,
                    s.fisher.mean,
                    s.fisher.standard_error,
                    s.removal.mean,
                    s.removal.standard_error
                );
            }
            for r in learner.senders() {
                let (mean, error) = (r.change.mean, r.change.standard_error);
                println!(
                    "  from {:?}: {mean:+.5} +- {error:.5} an update, harm {:.3}, agreement {:+.3} +- {:.3}, dropped {}",
                    r.sender, r.harm, r.agreement.mean, r.agreement.standard_error, r.dropped
                );
            }
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let pairs = arguments.chunks(2).filter(|pair| pair.len() == 2);
    let chosen = Options(pairs.map(|pair| (pair[0].clone(), pair[1].clone())).collect());
    let (model, training) = options(&chosen);
    let default = "../shared/data/rust-book.txt,../shared/data/shakespeare.txt".to_owned();
    let texts: Vec<Vec<u8>> = chosen
        .0
        .get("--texts")
        .unwrap_or(&default)
        .split(',')
        .map(|path| std::fs::read(path).expect("a readable text"))
        .collect();
    let peers = chosen.count("--peers", 6);
    let seed = chosen.count("--seed", 7) as u64;
    let mut conducts = vec![Conduct::Honest; peers];
    for (name, conduct) in [
        ("--poisoners", Conduct::Poisoner),
        ("--relays", Conduct::Relay),
        ("--untrained", Conduct::Untrained),
        ("--trainees", Conduct::Trainee),
    ] {
        conducts.extend(std::iter::repeat_n(conduct, chosen.count(name, 0)));
    }
    let all = conducts.len();
    let learner = |i: usize| {
        let whole = &texts[i % texts.len()];
        let size = whole.len() / all.div_ceil(texts.len());
        let part = whole[i / texts.len() * size..][..size].to_vec();
        let corpus = Corpus::new(part, model.context).expect("a text that is long enough");
        Learner::new(model, training, corpus, seed * 1000 + i as u64).expect("a configuration")
    };
    let mut network = Network {
        learners: (0..all).map(learner).collect(),
        conducts,
        noise_peers: chosen.count("--noise", 2),
        noise: Stream::new(seed, "noise", 0),
        declined: 0,
    };
    println!("{} parameters, seed {seed}, {peers} learners", model.parameters());
    let (steps, every) = (chosen.count("--steps", 400), chosen.count("--every", 100));
    let mut seconds = 0.0;
    for step in 1..=steps {
        let start = Instant::now();
        let learns =
            |me: &usize| matches!(network.conducts[*me], Conduct::Honest | Conduct::Poisoner);
        let learners: Vec<usize> = (0..all).filter(learns).collect();
        learners.into_iter().for_each(|me| network.step(me));
        seconds += start.elapsed().as_secs_f64();
        if step % every == 0 {
            network.report();
            let each = seconds / (step * peers) as f64 * 1e3;
            println!(
                "  {each:.2} ms an own step, all included; {} gradients declined",
                network.declined
            );
        }
    }
    network.scores();
}
