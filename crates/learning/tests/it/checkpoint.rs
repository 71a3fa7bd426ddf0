//! Saving and loading is exact, and damage is refused in words.

use muster_learning::{Corpus, Learner, ModelConfig, PeerIndex};
use proptest::prelude::*;

use crate::support::{Network, learner, small_model, small_training, text};

fn corpus() -> Corpus {
    Corpus::new(text(1, 4, 6_000), 16).expect("long enough")
}

fn load(model: ModelConfig, bytes: &[u8]) -> Result<Learner, String> {
    Learner::from_checkpoint(model, small_training(), corpus(), 4, bytes).map_err(|e| e.to_string())
}

fn saved() -> Vec<u8> {
    let mut network = Network::new(vec![learner(4), learner(5)], 1);
    network.train(6);
    network.learners[0].checkpoint()
}

#[test]
fn a_loaded_learner_goes_on_bit_for_bit() {
    let mut straight = Network::new(vec![learner(4), learner(5)], 0);
    straight.train(6);
    let (first, second) = (straight.learners[0].checkpoint(), straight.learners[1].checkpoint());
    straight.train(6);

    let other = Corpus::new(text(1, 5, 6_000), 16).expect("long enough");
    let second = Learner::from_checkpoint(small_model(), small_training(), other, 5, &second);
    let pair = vec![load(small_model(), &first).expect("loads"), second.expect("loads")];
    let mut resumed = Network::new(pair, 0);
    resumed.train(6);
    for (a, b) in straight.learners.iter().zip(&resumed.learners) {
        assert!(a.checkpoint() == b.checkpoint());
    }
}

/// Peers are known by their own numbers, however large, before and after.
#[test]
fn a_loaded_learner_knows_peers_of_any_number() {
    let mut learner = learner(4);
    let peers = [PeerIndex(70_000), PeerIndex(u32::MAX)];
    let plan = learner.begin_step(&peers).expect("a plan");
    let answers = plan.chosen.iter().map(|_| None).collect();
    learner.finish_step(plan, answers).expect("goes on");
    let saved = learner.checkpoint();
    let mut loaded = load(small_model(), &saved).expect("loads");
    assert!(loaded.checkpoint() == saved);
    assert_eq!(
        loaded.begin_step(&peers).expect("a plan").chosen,
        learner.begin_step(&peers).expect("a plan").chosen
    );
}

#[test]
fn names_and_shapes_are_those_of_pytorch() {
    let bytes = saved();
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    for (name, shape) in [
        ("token_embedding.weight", vec![256, 16]),
        ("blocks.0.query.weight", vec![16, 16]),
        ("blocks.0.expand.weight", vec![64, 16]),
        ("blocks.0.contract.weight", vec![16, 64]),
        ("head.weight", vec![256, 16]),
        ("student.answer.weight", vec![16, 16]),
        ("control.head.weight", vec![256, 16]),
        ("gate_keys.weight", vec![2, 8]),
        ("gate_peers", vec![2, 2]),
    ] {
        assert_eq!(file.tensor(name).expect(name).shape(), shape, "{name}");
    }
}

#[test]
fn another_model_is_refused_by_name() {
    let bytes = saved();
    let other = ModelConfig { heads: 4, ..small_model() };
    let error = load(other, &bytes).err().expect("refused");
    assert_eq!(error, "the checkpoint's header says heads = 2, expected 4");
    let error = load(small_model(), &bytes[..bytes.len() - 4]).err().expect("refused");
    assert!(error.starts_with("the checkpoint cannot be read"), "{error}");
    let error = load(small_model(), b"").err().expect("refused");
    assert!(error.starts_with("the checkpoint cannot be read"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bytes_never_panic(flips in prop::collection::vec((0..4000usize, 1..=255u8), 1..8)) {
        let mut bytes = SAVED.with(Clone::clone);
        for (place, flip) in flips {
            bytes[place] ^= flip;
        }
        // Most damage hits the header and is refused; a changed weight may still load.
        let _ = load(small_model(), &bytes);
    }
}

thread_local! {
    static SAVED: Vec<u8> = saved();
}
