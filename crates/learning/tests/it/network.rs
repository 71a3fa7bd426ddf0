//! Listening to each other helps, and scores tell who helps.

use muster_learning::{Estimate, Evaluation, PeerIndex, TrainingConfig};

use crate::support::{
    Network, learner, learner_of, learner_with, small_model, small_training, text,
};

fn trained(peers: u64, noise: usize, steps: usize) -> Network {
    let mut network = Network::new((0..peers).map(|i| learner(40 + i)).collect(), noise);
    network.train(steps);
    network
}

#[test]
fn learners_that_listen_beat_their_controls_and_keep_most_of_it_offline() {
    // Texts so long that a student learns what the network knows, not one text by heart.
    let of = |i| learner_of(text(1, i, 100_000), small_model(), small_training(), i);
    let mut network = Network::new((40..44).map(of).collect(), 0);
    network.train(400);
    let evaluations: Vec<_> = (0..4).map(|me| network.evaluate(me)).collect();
    let gains: Vec<f64> =
        evaluations.iter().map(|e| e.gain.expect("a control and answers").mean).collect();
    let gain = Estimate::of(&gains);
    assert!(gain.is_above_zero(), "gain {gain:?} of {gains:?} nats per byte, seeds 40 to 43");
    let offline = |e: &Evaluation| e.loss_alone.expect("a control").mean - e.loss_student.mean;
    let kept = Estimate::of(&evaluations.iter().map(offline).collect::<Vec<f64>>());
    assert!(kept.mean >= 0.8 * gain.mean, "{kept:?} of {gain:?} nats per byte");
}

#[test]
fn a_learner_that_nobody_answers_is_its_own_control() {
    let mut alone = learner(5);
    for _ in 0..20 {
        let plan = alone.begin_step(&[]).expect("no peers");
        let outcome = alone.finish_step(plan, Vec::new()).expect("no answers");
        assert_eq!(Some(outcome.loss), outcome.control_loss);
    }
    let mut network = Network::new(vec![alone], 0);
    let evaluation = network.evaluate(0);
    assert_eq!(evaluation.loss_with_network, None);
    // Offline it is the same model with averaged weights, which trail a little after so few steps:
    // of what was learnt since all bytes were alike to it, most is there.
    let (alone, offline) = (evaluation.loss_alone.expect("a control"), evaluation.loss_student);
    let learnt = |loss: f64| 256.0f64.ln() - loss;
    assert!(learnt(alone.mean) > 1.0, "{alone:?}");
    assert!(learnt(offline.mean) > 0.8 * learnt(alone.mean), "{alone:?} and {offline:?}");
}

#[test]
fn noise_gets_no_weight_and_scores_order_peers_as_removal_does() {
    let network = trained(4, 2, 300);
    let (mut fisher, mut removal) = (Vec::new(), Vec::new());
    for me in 0..4 {
        let learner = &network.learners[me];
        let row = learner.weights(0.1);
        let sum: f64 = row.peers.iter().map(|(_, weight)| weight).sum();
        assert!(sum + row.self_loop <= 1.0 && !row.peers.is_empty(), "row of {me}: {row:?}");
        let noisy = row.peers.iter().find(|(peer, _)| peer.0 >= 4);
        assert_eq!(noisy, None, "peer {me} pays noise: {:?}", learner.scores());
        for score in learner.scores() {
            fisher.push(score.fisher.mean);
            removal.push(score.removal.mean);
        }
    }
    let correlation = spearman(&fisher, &removal);
    assert!(correlation >= 0.8, "Spearman {correlation}: fisher {fisher:?}, removal {removal:?}");
}

#[test]
fn the_student_stands_in_for_peers_that_vanish() {
    let mut network = trained(3, 0, 60);
    let peers = [PeerIndex(1), PeerIndex(2)];
    for answering in 0..2 {
        let plan = network.learners[0].begin_step(&peers).expect("known peers");
        let (chosen, tokens) = (plan.chosen.clone(), plan.tokens.clone());
        let answers = (0..chosen.len())
            .map(|slot| {
                (slot < answering).then(|| {
                    let peer = chosen[slot].0 as usize;
                    network.learners[peer].forward(None, &tokens).expect("an answer")
                })
            })
            .collect();
        let outcome = network.learners[0].finish_step(plan, answers).expect("a step");
        assert_eq!(outcome.missing, chosen[answering..]);
        assert_eq!(outcome.gradients.len(), answering);
        let control = outcome.control_loss.expect("a control");
        assert!((outcome.loss - control).abs() < 0.5, "{} against {control}", outcome.loss);
    }
}

#[test]
fn peers_of_different_widths_understand_each_other() {
    let wide = muster_learning::ModelConfig { width: 24, layers: 2, ..small_model() };
    let training = TrainingConfig { peers_asked: 1, ..small_training() };
    let mut network = Network::new(vec![learner(1), learner_with(wide, training, 2)], 0);
    network.train(3);
    assert_eq!(network.learners[0].senders().len(), 1);
}

/// Spearman's rank correlation, without ties.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        values.iter().map(|v| values.iter().filter(|other| *other < v).count() as f64).collect()
    };
    let (a, b) = (ranks(a), ranks(b));
    let n = a.len() as f64;
    let distance: f64 = a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum();
    1.0 - 6.0 * distance / (n * (n * n - 1.0))
}
