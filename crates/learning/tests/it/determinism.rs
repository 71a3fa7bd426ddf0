//! The same seed gives the same bits, on any thread.

use muster_learning::{PeerIndex, RequestKey};

use crate::support::{Network, learner};

fn run(seed: u64) -> Vec<Vec<u8>> {
    let mut network = Network::new((0..3).map(|i| learner(seed + i)).collect(), 1);
    network.train(12);
    network.learners.iter().map(muster_learning::Learner::checkpoint).collect()
}

#[test]
fn one_thread_and_two_give_the_same_bits() {
    let alone = run(9);
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads = [scope.spawn(|| run(9)), scope.spawn(|| run(9))];
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(together.iter().all(|other| *other == alone));
    assert_ne!(run(10), alone);
}

#[test]
fn serving_without_a_key_changes_nothing() {
    let mut quiet = learner(4);
    let mut busy = learner(4);
    let tokens = quiet.begin_step(&[]).expect("a plan").tokens;
    for _ in 0..3 {
        busy.forward(None, &tokens).expect("an answer");
    }
    busy.begin_step(&[]).expect("a plan");
    assert_eq!(quiet.checkpoint(), busy.checkpoint());
    assert_eq!(busy.retained_requests(), 0);
}

#[test]
fn old_requests_make_room_for_new_ones() {
    let mut learner = learner(4);
    let tokens = learner.begin_step(&[]).expect("a plan").tokens;
    let most = learner.training().retained_requests as u64;
    let key = |request| RequestKey { sender: PeerIndex(1), request };
    let mut answer = None;
    for request in 0..most + 3 {
        answer = Some(learner.forward(Some(key(request).keep(0.5)), &tokens).expect("an answer"));
    }
    let gradient = answer.expect("at least one answer");
    assert_eq!(learner.retained_requests() as u64, most);
    let error = learner.backward(key(2), &gradient, 1.0).expect_err("pushed out");
    assert!(error.to_string().contains("pushed out"), "{error}");
    learner.backward(key(3), &gradient, 1.0).expect("still there");
    learner.backward(key(3), &gradient, 1.0).expect_err("one gradient per answer");
}

#[test]
fn who_asks_often_with_little_standing_pushes_out_its_own_requests_only() {
    let mut learner = learner(4);
    let tokens = learner.begin_step(&[]).expect("a plan").tokens;
    let most = learner.training().retained_requests as u64;
    let honest = |request| RequestKey { sender: PeerIndex(1), request };
    let mut answer = None;
    for request in 0..4 {
        answer = learner.forward(Some(honest(request).keep(0.5)), &tokens).ok();
    }
    let gradient = answer.expect("an answer");
    // One that asks again and again, and many that ask once or twice.
    for request in 0..3 * most {
        for sender in [PeerIndex(2), PeerIndex(10 + request as u32 / 2)] {
            let key = RequestKey { sender, request };
            learner.forward(Some(key.keep(1e-6)), &tokens).expect("an answer");
        }
    }
    assert_eq!(learner.retained_requests() as u64, most);
    for request in 0..2 {
        learner.backward(honest(request), &gradient, 0.5).expect("still there");
    }
}
