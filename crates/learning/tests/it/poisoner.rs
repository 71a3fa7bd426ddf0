//! What a sender of crafted gradients can do is bounded.

use muster_learning::random::Stream;
use muster_learning::{Activations, Learner, LearnerError, PeerIndex, RequestKey, TrainingConfig};

use crate::support::{Network, learner, learner_with, small_model, small_training};

const POISONER: PeerIndex = PeerIndex(7);

/// How a poisoner fills its gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Attack {
    None,
    /// Fresh random numbers each time.
    Noise,
    /// The same random direction each time, so that the optimiser's steps add up.
    Drift,
}

/// Sends as many huge gradients as the victim takes; returns how many it took.
fn poison(victim: &mut Learner, attack: Attack, step: u64) -> usize {
    let tokens = muster_learning::Tokens { batch: 8, sequence: 16, ids: vec![b'e'; 128] };
    let seed = if attack == Attack::Drift { 0 } else { step };
    (0..20)
        .filter(|attempt| {
            let key = RequestKey { sender: POISONER, request: step * 20 + attempt };
            let answer =
                victim.forward(Some(key.keep(1.0)), &tokens).expect("a well-formed request");
            let mut stream = Stream::new(seed, "poison", 0);
            let values = answer.values.iter().map(|_| stream.normal() as f32 * 1e3).collect();
            let gradient = Activations { shape: answer.shape, values };
            match victim.backward(key, &gradient, 1.0) {
                Ok(_) => true,
                Err(
                    LearnerError::SenderDropped { .. }
                    | LearnerError::BudgetSpent { .. }
                    | LearnerError::SenderBudgetSpent { .. },
                ) => false,
                Err(error) => panic!("unexpected refusal: {error}"),
            }
        })
        .count()
}

fn run(attack: Attack, training: TrainingConfig) -> (f64, Network) {
    let learners = (0..2).map(|i| learner_with(small_model(), training, 60 + i)).collect();
    let mut network = Network::new(learners, 0);
    for step in 0..150 {
        network.train(1);
        if attack != Attack::None {
            poison(&mut network.learners[0], attack, step);
        }
    }
    let loss = network.evaluate(0).loss_with_network.expect("answers").mean;
    (loss, network)
}

#[test]
fn poison_raises_the_loss_by_no_more_than_the_bound() {
    let training = small_training();
    let (clean, _) = run(Attack::None, training);
    let bound = training.harm_per_sender_max + training.harm_per_update_max;
    for attack in [Attack::Noise, Attack::Drift] {
        let (poisoned, network) = run(attack, training);
        let senders = network.learners[0].senders();
        let honest = senders.iter().find(|record| record.sender == PeerIndex(1)).expect("booked");
        assert!(!honest.dropped, "{honest:?}");
        assert!(poisoned <= clean + bound, "{attack:?}: {poisoned} against {clean} + {bound}");
    }
}

#[test]
fn a_sender_who_unteaches_what_others_come_for_is_dropped_and_gets_no_weight() {
    let mut network = Network::new((0..5).map(|i| learner(60 + i)).collect(), 0);
    network.poisoners = 1;
    network.train(300);
    let poisoner = PeerIndex(4);
    let mut dropped = 0;
    for me in 0..4 {
        let victim = &network.learners[me];
        for record in victim.senders() {
            let wrong = record.dropped && record.sender != poisoner;
            assert!(!wrong, "{me} dropped an honest sender: {record:?}");
            if record.dropped {
                dropped += 1;
                let row = victim.weights(0.1);
                assert!(row.peers.iter().all(|(peer, _)| *peer != poisoner), "{me}: {row:?}");
            }
        }
    }
    let all: Vec<_> = network.learners[..4].iter().map(Learner::senders).collect();
    assert!(dropped >= 3, "{dropped} of 4 dropped it: {all:#?}");
}

#[test]
fn a_sender_whose_gradients_hurt_is_dropped() {
    // Steps so large that following the poisoner hurts at once.
    let training = TrainingConfig { received_learning_rate: 0.05, ..small_training() };
    let (_, network) = run(Attack::Drift, training);
    let senders = network.learners[0].senders();
    let poisoner = senders.iter().find(|record| record.sender == POISONER).expect("booked");
    assert!(poisoner.dropped && poisoner.reverted > 0, "{poisoner:?}");
}

#[test]
fn the_budget_between_own_steps_holds() {
    let mut victim = learner(60);
    let taken = poison(&mut victim, Attack::Noise, 0);
    assert!(taken > 0 && taken <= victim.training().received_per_sender);
}

#[test]
fn no_standing_means_no_influence() {
    let mut victim = learner(60);
    let before = victim.checkpoint();
    let tokens = victim.begin_step(&[]).expect("a plan").tokens;
    let key = RequestKey { sender: POISONER, request: 0 };
    let mut gradient = victim.forward(Some(key.keep(1.0)), &tokens).expect("an answer");
    gradient.values.fill(100.0);
    victim.backward(key, &gradient, 0.0).expect("accepted without effect");
    let fields = |bytes: &[u8]| {
        let file = safetensors::SafeTensors::deserialize(bytes).expect("a checkpoint");
        file.tensor("blocks.0.query.weight").expect("a weight").data().to_vec()
    };
    assert_eq!(fields(&victim.checkpoint()), fields(&before));
}
