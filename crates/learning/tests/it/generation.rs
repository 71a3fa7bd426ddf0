//! What is bought is the network's own continuation, however it was asked for.

use muster_learning::{PeerIndex, Sampling, Tokens};

use crate::support::{Network, learner};

/// The continuation, and how many questions it took.
fn generate(network: &mut Network, prompt: &[u8], draft: usize, seed: u64) -> (Vec<u8>, usize) {
    let sampling = Sampling { temperature: if seed == 0 { 0.0 } else { 0.8 }, seed };
    let available = network.others(0);
    let (asker, others) = network.learners.split_first_mut().expect("somebody asks");
    let mut questions = 0;
    let text = asker.generate_with_network(prompt, 40, draft, sampling, &available, |plan| {
        questions += 1;
        let mut answer = |(peer, tokens): &(PeerIndex, Tokens)| {
            // The last of the peers never answers: the student stands in for it.
            let peer = others.get_mut(peer.0 as usize - 1)?;
            Some(peer.forward(None, tokens).expect("a well-formed request"))
        };
        plan.requests.iter().map(&mut answer).collect()
    });
    (text.expect("a continuation"), questions)
}

#[test]
fn drafts_save_questions_and_change_nothing() {
    let mut network = Network::new((0..4).map(|i| learner(20 + i)).collect(), 1);
    network.train(40);
    let mut saved = 0;
    // Shorter than the context, growing beyond it, and longer.
    for prompt in [&b"a"[..], b"twelve bytes", b"this is longer than the context"] {
        for seed in 0..4 {
            let (plain, questions) = generate(&mut network, prompt, 0, seed);
            assert_eq!((plain.len(), questions), (40, 40));
            for draft in [1, 4, 15, 100] {
                let (drafted, fewer) = generate(&mut network, prompt, draft, seed);
                assert_eq!(drafted, plain, "prompt {prompt:?}, draft {draft}, seed {seed}");
                assert!(fewer <= questions);
                saved += questions - fewer;
            }
        }
    }
    assert!(saved > 12 * 40, "the drafts were right {saved} times");
}

#[test]
fn answers_of_another_length_are_as_good_as_none() {
    let mut network = Network::new((0..3).map(|i| learner(20 + i)).collect(), 0);
    network.train(5);
    let sampling = Sampling { temperature: 0.0, seed: 0 };
    let asker = &mut network.learners[0];
    let plan = asker.begin_ask(b"text", 3, sampling, 0, &[PeerIndex(1)]).expect("a plan");
    assert_eq!(plan.requests.len(), 1);
    assert!(asker.finish_ask(&plan, Vec::new(), sampling, 0).is_err());
    let nothing = asker.finish_ask(&plan, vec![None], sampling, 0).expect("the student's");
    let short = Tokens { batch: 1, sequence: 2, ids: vec![1, 2] };
    let wrong = network.learners[1].forward(None, &short).expect("an answer");
    let asker = &network.learners[0];
    let bytes = asker.finish_ask(&plan, vec![Some(wrong)], sampling, 0).expect("the student's");
    assert_eq!(bytes, nothing);
}
