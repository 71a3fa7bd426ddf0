//! Tensors from outside that are wrong in every way.

use muster_learning::gate::PEERS_MAX;
use muster_learning::{Activations, PeerIndex, RequestKey, Shape, Tokens};

use crate::support::learner;

#[test]
fn bad_answers_are_named_and_the_step_goes_on() {
    let good = |shape: Shape| Activations::zeros(shape);
    type Spoil = fn(&mut Activations);
    let cases: [(Spoil, &str); 6] = [
        (|a| a.values[3] = f32::NAN, "value 3 of the tensor is NaN"),
        (|a| a.values[0] = f32::NEG_INFINITY, "value 0 of the tensor is -inf"),
        (|a| a.values[5] = 1e30, "magnitudes above"),
        (|a| a.shape.width += 1, "expected [8, 16, 16]"),
        (|a| a.values.clear(), "carries 0 values"),
        (|a| a.shape = Shape { batch: usize::MAX, sequence: 2, width: 2 }, "expected [8, 16, 16]"),
    ];
    let mut learner = learner(1);
    for (spoil, words) in cases {
        let plan = learner.begin_step(&[PeerIndex(0), PeerIndex(1)]).expect("a plan");
        let shape = plan.tokens.answer_shape(16);
        let mut bad = good(shape);
        spoil(&mut bad);
        let chosen = plan.chosen.clone();
        let outcome =
            learner.finish_step(plan, vec![Some(bad), Some(good(shape))]).expect("goes on");
        assert_eq!(outcome.refused.len(), 1);
        assert_eq!(outcome.refused[0].0, chosen[0]);
        assert!(outcome.refused[0].1.to_string().contains(words), "{}", outcome.refused[0].1);
        assert_eq!(outcome.gradients.len(), 1);
        assert!(outcome.loss.is_finite());
    }
    let plan = learner.begin_step(&[PeerIndex(0)]).expect("a plan");
    let error = learner.finish_step(plan, Vec::new()).expect_err("too few");
    assert!(error.to_string().starts_with("0 answers came for 1 peers"), "{error}");
    // Any number will do, but not any count.
    let plan = learner.begin_step(&[PeerIndex(u32::MAX)]).expect("a plan");
    assert_eq!(plan.chosen, [PeerIndex(u32::MAX)]);
    let crowd: Vec<PeerIndex> = (0..=PEERS_MAX).map(PeerIndex).collect();
    let error = learner.begin_step(&crowd).err().expect("too many");
    assert!(error.to_string().contains("at most 65536 at once"), "{error}");
}

#[test]
fn bad_gradients_and_requests_are_refused_and_change_nothing() {
    let mut learner = learner(1);
    let before = learner.checkpoint();
    let tokens = Tokens { batch: 2, sequence: 16, ids: vec![7; 32] };
    let key = RequestKey { sender: PeerIndex(3), request: 1 };
    let shape = tokens.answer_shape(16);
    let spoiled = |index: usize, value: f32| {
        let mut gradient = Activations::zeros(shape);
        gradient.values[index] = value;
        gradient
    };
    let cases = [
        (spoiled(0, f32::NAN), 1.0, "NaN"),
        (spoiled(9, f32::INFINITY), 1.0, "value 9"),
        (spoiled(1, -1e20), 1.0, "magnitudes above"),
        (Activations::zeros(Shape { batch: 1, ..shape }), 1.0, "expected [2, 16, 16]"),
        (spoiled(1, 0.5), f64::NAN, "standing"),
        (spoiled(1, 0.5), 1.5, "standing"),
    ];
    for (gradient, standing, words) in cases {
        learner.forward(Some(key.keep(1.0)), &tokens).expect("an answer");
        let error = learner.backward(key, &gradient, standing).expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
    }
    for (batch, sequence, ids) in [(0, 16, 0), (1, 17, 17), (33, 16, 528), (2, 16, 31)] {
        let request = Tokens { batch, sequence, ids: vec![0; ids] };
        assert!(learner.forward(Some(key.keep(1.0)), &request).is_err(), "{batch} x {sequence}");
    }
    let huge = Tokens { batch: usize::MAX, sequence: usize::MAX, ids: Vec::new() };
    assert!(learner.forward(None, &huge).is_err());
    assert!(learner.checkpoint() == before);
}
