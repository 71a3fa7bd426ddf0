//! What a sender of crafted gradients can do is bounded.

use muster_learning::random::Stream;
use muster_learning::{Activations, Learner, LearnerError, PeerIndex, RequestKey};

use crate::support::{Network, learner};

const POISONER: PeerIndex = PeerIndex(7);

/// Sends as many large random gradients as the victim takes; returns how many it took.
fn poison(victim: &mut Learner, step: u64, stream: &mut Stream) -> usize {
    let tokens = muster_learning::Tokens {
        batch: 8,
        sequence: 16,
        ids: vec![b'e'; 128],
    };
    (0..20)
        .filter(|attempt| {
            let key = RequestKey {
                sender: POISONER,
                request: step * 20 + attempt,
            };
            let answer = victim
                .forward(Some(key), &tokens)
                .expect("a well-formed request");
            let values = answer
                .values
                .iter()
                .map(|_| stream.normal() as f32 * 1e3)
                .collect();
            let gradient = Activations {
                shape: answer.shape,
                values,
            };
            match victim.backward(key, &gradient, 1.0) {
                Ok(_) => true,
                Err(LearnerError::SenderDropped { .. } | LearnerError::BudgetSpent { .. }) => false,
                Err(error) => panic!("unexpected refusal: {error}"),
            }
        })
        .count()
}

fn run(attack: bool) -> (f64, Network) {
    let mut network = Network::new((0..2).map(|i| learner(60 + i)).collect(), 0);
    let mut stream = Stream::new(1, "poison", 0);
    for step in 0..150 {
        network.train(1);
        if attack {
            poison(&mut network.learners[0], step, &mut stream);
        }
    }
    let loss = network.evaluate(0).loss_with_network.expect("answers").mean;
    (loss, network)
}

#[test]
fn a_poisoner_is_dropped_and_the_loss_stays_within_the_bound() {
    let (clean, _) = run(false);
    let (poisoned, network) = run(true);
    let victim = &network.learners[0];
    let record = |sender| {
        victim
            .senders()
            .into_iter()
            .find(|record| record.sender == sender)
    };
    let poisoner = record(POISONER).expect("its gradients were booked");
    assert!(poisoner.dropped, "{poisoner:?}");
    let honest = record(PeerIndex(1)).expect("its gradients were booked");
    assert!(!honest.dropped, "{honest:?}");
    let bound = victim.training().harm_per_sender_max + victim.training().harm_per_update_max;
    assert!(
        poisoned <= clean + bound,
        "loss {poisoned} against {clean}, bound {bound}"
    );
}

#[test]
fn the_budget_between_own_steps_holds() {
    let mut victim = learner(60);
    let mut stream = Stream::new(2, "poison", 0);
    let taken = poison(&mut victim, 0, &mut stream);
    assert!(taken <= victim.training().received_per_step);
}

#[test]
fn no_standing_means_no_influence() {
    let mut victim = learner(60);
    let before = victim.checkpoint();
    let tokens = victim.begin_step(&[]).expect("a plan").tokens;
    let key = RequestKey {
        sender: POISONER,
        request: 0,
    };
    let mut gradient = victim.forward(Some(key), &tokens).expect("an answer");
    gradient.values.fill(100.0);
    victim
        .backward(key, &gradient, 0.0)
        .expect("accepted without effect");
    let fields = |bytes: &[u8]| {
        let file = safetensors::SafeTensors::deserialize(bytes).expect("a checkpoint");
        file.tensor("blocks.0.query.weight")
            .expect("a weight")
            .data()
            .to_vec()
    };
    assert_eq!(fields(&victim.checkpoint()), fields(&before));
}
