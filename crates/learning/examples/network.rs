//! Learners in one process on different parts of some texts: losses against the control.
//!
//! `cargo run --release -p muster-learning --example network -- --steps 400 --texts a.txt,b.txt`

use std::time::Instant;

use muster_learning::{
    Activations, Corpus, Learner, ModelConfig, PeerIndex, RequestKey, TrainingConfig,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let text = |name: &str, default: &str| -> String {
        let place = arguments.iter().position(|a| a == name);
        place
            .and_then(|i| arguments.get(i + 1))
            .cloned()
            .unwrap_or_else(|| default.to_owned())
    };
    let number = |name: &str, default: f64| -> f64 {
        text(name, &default.to_string()).parse().expect("a number")
    };
    let steps = number("--steps", 400.0) as u64;
    let every = number("--every", 100.0) as u64;
    let peers = number("--peers", 6.0) as usize;
    let noise_peers = number("--noise", 2.0) as usize;
    let seed = number("--seed", 7.0) as u64;
    let standing = number("--standing", 1.0);
    let (md, td) = (ModelConfig::default(), TrainingConfig::default());
    let width = number("--width", md.width as f64) as usize;
    let model = ModelConfig {
        width,
        layers: number("--layers", md.layers as f64) as usize,
        heads: number("--heads", md.heads as f64) as usize,
        context: number("--context", md.context as f64) as usize,
        out_dim: number("--out", width as f64) as usize,
        ..md
    };
    let training = TrainingConfig {
        batch: number("--batch", td.batch as f64) as usize,
        learning_rate: number("--lr", td.learning_rate),
        received_learning_rate: number("--rlr", td.received_learning_rate),
        received_norm_max: number("--rnorm", td.received_norm_max),
        peers_asked: number("--k", td.peers_asked as f64) as usize,
        gate_noise: number("--gate-noise", td.gate_noise),
        load_balance: number("--balance", td.load_balance),
        student_every: number("--student-every", td.student_every as f64) as u64,
        harm_per_update_max: number("--harm-update", td.harm_per_update_max),
        harm_per_sender_max: number("--harm-sender", td.harm_per_sender_max),
        ..td
    };
    let texts: Vec<Vec<u8>> = text(
        "--texts",
        "../shared/data/rust-book.txt,../shared/data/shakespeare.txt",
    )
    .split(',')
    .map(|path| std::fs::read(path).expect("a readable text"))
    .collect();
    let mut learners: Vec<Learner> = (0..peers)
        .map(|i| {
            let whole = &texts[i % texts.len()];
            let parts = peers.div_ceil(texts.len());
            let (part, size) = (i / texts.len(), whole.len() / parts);
            let corpus = Corpus::new(
                whole[part * size..(part + 1) * size].to_vec(),
                model.context,
            )
            .expect("text");
            Learner::new(model, training, corpus, seed * 1000 + i as u64).expect("configuration")
        })
        .collect();
    println!(
        "{} parameters, {} peers, {noise_peers} answer noise",
        model.parameters(),
        peers
    );
    let mut noise = muster_learning::random::Stream::new(seed, "noise", 0);
    let mut declined = 0_u64;
    let mut seconds = [0.0_f64; 5];
    for step in 0..steps {
        for i in 0..peers {
            let available: Vec<PeerIndex> = (0..peers + noise_peers)
                .filter(|&j| j != i)
                .map(|j| PeerIndex(j as u32))
                .collect();
            let at = Instant::now();
            let plan = learners[i].begin_step(&available).expect("step");
            seconds[0] += at.elapsed().as_secs_f64();
            let at = Instant::now();
            let key = RequestKey {
                sender: PeerIndex(i as u32),
                request: step,
            };
            let answers = plan
                .chosen
                .iter()
                .map(|peer| match learners.get_mut(peer.0 as usize) {
                    Some(peer) => Some(peer.forward(Some(key), &plan.tokens).expect("answer")),
                    None => {
                        let mut answer =
                            Activations::zeros(plan.tokens.answer_shape(model.out_dim));
                        answer
                            .values
                            .iter_mut()
                            .for_each(|v| *v = noise.normal() as f32);
                        Some(answer)
                    }
                })
                .collect();
            seconds[1] += at.elapsed().as_secs_f64();
            let at = Instant::now();
            let outcome = learners[i].finish_step(plan, answers).expect("step");
            seconds[2] += at.elapsed().as_secs_f64();
            let at = Instant::now();
            for (peer, gradient) in outcome.gradients {
                if let Some(callee) = learners.get_mut(peer.0 as usize) {
                    declined += u64::from(callee.backward(key, &gradient, standing).is_err());
                }
            }
            seconds[3] += at.elapsed().as_secs_f64();
        }
        if (step + 1) % every == 0 {
            let at = Instant::now();
            report(&mut learners, peers + noise_peers, step + 1, &mut noise);
            seconds[4] += at.elapsed().as_secs_f64();
            let own = ((step + 1) * peers as u64) as f64;
            println!(
                "  {declined} gradients declined; ms per own step: begin {:.2}, serving {:.2}, finish {:.2}, received {:.2}, sum {:.2}; evaluation {:.1} each",
                seconds[0] / own * 1e3,
                seconds[1] / own * 1e3,
                seconds[2] / own * 1e3,
                seconds[3] / own * 1e3,
                seconds[..4].iter().sum::<f64>() / own * 1e3,
                seconds[4] / (own / every as f64) * 1e3,
            );
        }
    }
    for (i, learner) in learners.iter().enumerate() {
        let row = learner.weights(0.1);
        println!(
            "weights of {i}: {:?}",
            row.peers
                .iter()
                .map(|(p, w)| format!("{}:{w:.2}", p.0))
                .collect::<Vec<_>>()
        );
        if i == 0 {
            for s in learner.scores() {
                println!(
                    "  peer {} gate {:.3} fisher {:.2e}+-{:.1e} empirical {:.2e} removal {:.4}+-{:.4} n {:.0}",
                    s.peer.0,
                    s.gate.mean,
                    s.fisher.mean,
                    s.fisher.standard_error,
                    s.empirical.mean,
                    s.removal.mean,
                    s.removal.standard_error,
                    s.removal.samples
                );
            }
        }
        println!(
            "  senders: {:?}",
            learner
                .senders()
                .iter()
                .map(|r| format!(
                    "{}:{:+.5}+-{:.5} harm {:.3} rev {}{}",
                    r.sender.0,
                    r.change.mean,
                    r.change.standard_error,
                    r.harm,
                    r.reverted,
                    if r.dropped { " DROPPED" } else { "" }
                ))
                .collect::<Vec<_>>()
        );
    }
}

fn report(
    learners: &mut [Learner],
    all: usize,
    step: u64,
    noise: &mut muster_learning::random::Stream,
) {
    let mut gains = Vec::new();
    let mut kept = Vec::new();
    let mut line = String::new();
    for i in 0..learners.len() {
        let available: Vec<PeerIndex> = (0..all)
            .filter(|&j| j != i)
            .map(|j| PeerIndex(j as u32))
            .collect();
        let plan = learners[i]
            .begin_evaluation(&available)
            .expect("evaluation");
        let requests: Vec<_> = plan.requests().cloned().collect();
        let out = learners[i].model().out_dim;
        let answers = requests
            .iter()
            .map(|tokens| {
                plan.chosen
                    .iter()
                    .map(|peer| match learners.get_mut(peer.0 as usize) {
                        Some(peer) => Some(peer.forward(None, tokens).expect("answer")),
                        None => {
                            let mut a = Activations::zeros(tokens.answer_shape(out));
                            a.values.iter_mut().for_each(|v| *v = noise.normal() as f32);
                            Some(a)
                        }
                    })
                    .collect()
            })
            .collect();
        let e = learners[i]
            .finish_evaluation(plan, answers)
            .expect("evaluation");
        let (alone, with) = (
            e.loss_alone.map_or(f64::NAN, |e| e.mean),
            e.loss_with_network.map_or(f64::NAN, |e| e.mean),
        );
        gains.push(alone - with);
        kept.push(alone - e.loss_student.mean);
        line += &format!(" {alone:.3}/{with:.3}/{:.3}", e.loss_student.mean);
    }
    let (mean, student) = (
        muster_learning::Estimate::of(&gains),
        muster_learning::Estimate::of(&kept),
    );
    println!(
        "step {step}: gain {:+.4}+-{:.4} student {:+.4}  alone/network/student:{line}",
        mean.mean, mean.standard_error, student.mean
    );
}
