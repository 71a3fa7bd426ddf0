//! The joined input `G(x) = sum_j g_j(x) f_j(x)`: other peers' answers, weighted by the gate.
//!
//! It enters the residual stream after the last block. The loss at a position then depends on that
//! position's joined input alone, so one backward pass gives the gradient of every example, which
//! is what pruning scores need.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::gate::{Gate, PeerIndex};
use crate::model::{self, Leaves, matrix_from};
use crate::tensor::Activations;

/// What the joined input is made of.
pub(crate) struct Ingredients<'a> {
    /// Own hidden states, `[positions, width]`.
    pub hidden: Tensor<2>,
    /// Peers whose keys take part in load balancing; contains `chosen`.
    pub available: &'a [PeerIndex],
    /// Peers asked.
    pub chosen: &'a [PeerIndex],
    /// Their checked answers in the same order; `None` where nothing usable came.
    pub answers: &'a [Option<Activations>],
    /// The student's prediction, `[positions, out_dim]`, where an answer is missing; `None` before
    /// it has learned anything.
    pub stand_in: Option<Tensor<2>>,
    /// Values per position of an answer.
    pub out_dim: usize,
}

/// The joined input with everything that a gradient is wanted for.
pub(crate) struct Joined {
    /// `G(x)`, `[positions, out_dim]`; `None` if there is neither an answer nor a stand-in.
    pub joined: Option<Tensor<2>>,
    /// Each answer that came, with its place in `chosen`.
    pub answers: Vec<(usize, Tensor<2>)>,
    /// Keys of the available peers, `[available, key_width]`; `None` if nobody answered.
    pub keys: Option<Tensor<2>>,
    /// Gate weights of the chosen and, last, of "nobody": `[positions, chosen + 1]`.
    pub gates: Option<Tensor<2>>,
    /// `n * sum_j frequency_j * probability_j`.
    pub balance: Option<Tensor<1>>,
}

/// Weighs the answers by the gate and adds them up. Where some of the asked did not answer, the
/// student's prediction takes their share; where nobody did, it takes the place of `G(x)`.
pub(crate) fn join_answers(
    weights: &Leaves,
    gate: &Gate,
    ingredients: Ingredients<'_>,
    device: &Device,
) -> Joined {
    let Ingredients { hidden, available, chosen, answers, stand_in, out_dim } = ingredients;
    let [positions, _] = hidden.dims();
    let present: Vec<usize> = (0..chosen.len()).filter(|&slot| answers[slot].is_some()).collect();
    if present.is_empty() {
        return Joined {
            joined: stand_in,
            answers: Vec::new(),
            keys: None,
            gates: None,
            balance: None,
        };
    }
    let scale = 1.0 / (gate.key_width as f64).sqrt();
    let queries = model::gate_queries(weights, hidden).mul_scalar(scale);
    let keys = matrix_from(gate.keys_of(available), available.len(), gate.key_width, device)
        .require_grad();
    let gates = weigh(&queries, &keys, available, chosen, device);
    let column = |slot: usize| gates.clone().slice([0..positions, slot..slot + 1]);

    let mut leaves = Vec::with_capacity(present.len());
    let mut joined: Option<Tensor<2>> = None;
    for &slot in &present {
        let answer = answers[slot].as_ref().expect("only slots with an answer are listed");
        let leaf = matrix_from(answer.values.clone(), positions, out_dim, device).require_grad();
        let term = column(slot) * leaf.clone();
        joined = Some(match joined {
            Some(sum) => sum + term,
            None => term,
        });
        leaves.push((slot, leaf));
    }
    if let (Some(stand_in), true) = (stand_in, present.len() < chosen.len()) {
        let asked = gates.clone().slice([0..positions, 0..chosen.len()]).sum_dim(1);
        let came = present.iter().skip(1).fold(column(present[0]), |sum, &slot| sum + column(slot));
        let missing_share = (asked.clone() - came) / asked;
        joined = joined.map(|sum| sum + missing_share * stand_in);
    }
    let balance = load_balance(gate, &queries, &keys, available, device);
    Joined { joined, answers: leaves, keys: Some(keys), gates: Some(gates), balance: Some(balance) }
}

/// Softmax over the chosen keys and a score of zero for "nobody".
fn weigh(
    queries: &Tensor<2>,
    keys: &Tensor<2>,
    available: &[PeerIndex],
    chosen: &[PeerIndex],
    device: &Device,
) -> Tensor<2> {
    let [positions, _] = queries.dims();
    let rows: Vec<i32> = chosen
        .iter()
        .map(|peer| {
            let row = available.iter().position(|other| other == peer);
            row.expect("peers are chosen among the available") as i32
        })
        .collect();
    let rows: Tensor<1, Int> = Tensor::from_data(TensorData::new(rows, [chosen.len()]), device);
    let scores = queries.clone().matmul(keys.clone().select(0, rows).transpose());
    let nobody = matrix_from(vec![0.0; positions], positions, 1, device);
    softmax(Tensor::cat(vec![scores, nobody], 1), 1)
}

fn load_balance(
    gate: &Gate,
    queries: &Tensor<2>,
    keys: &Tensor<2>,
    available: &[PeerIndex],
    device: &Device,
) -> Tensor<1> {
    let pooled = queries.clone().mean_dim(0);
    let probability = softmax(pooled.matmul(keys.clone().transpose()), 1);
    let chosen: f64 = available.iter().map(|peer| gate.frequency_of(*peer)).sum();
    let share =
        |peer: &PeerIndex| (gate.frequency_of(*peer) / chosen.max(f64::MIN_POSITIVE)) as f32;
    let frequency: Vec<f32> = available.iter().map(share).collect();
    let frequency = matrix_from(frequency, 1, available.len(), device);
    (probability * frequency).sum().mul_scalar(available.len() as f64)
}
