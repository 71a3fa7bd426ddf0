//! The byte-level transformer on burn, as functions of weights.
//!
//! Three modules, each a list of named weights: the *trunk* `f(x)`, which a peer also serves to
//! others; the *head*, which turns hidden states and the joined input into logits; and the
//! *student*. Normalisation is root-mean-square (Zhang, Sennrich 2019), attention is causal
//! (Vaswani et al. 2017), blocks normalise before they compute, and layers carry no biases.
//!
//! The gradient of a hidden state crosses processes as a vector-Jacobian product: the sum of
//! `output * upstream` has exactly the gradient that the whole graph would have had.

use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};

use crate::config::ModelConfig;
use crate::parameters::{Initial, Parameters, Segment};
use crate::tensor::{Tokens, VOCABULARY};

const EPSILON: f64 = 1e-6;

/// Device on which gradients are recorded.
pub(crate) fn device() -> Device {
    Device::flex().autodiff()
}

/// A tensor of weights, of one or two dimensions.
enum Leaf {
    Vector(Tensor<1>),
    Matrix(Tensor<2>),
}

/// The weights of a module as tensors of one step, in the order of its segments.
pub(crate) struct Leaves {
    leaves: Vec<Leaf>,
    lengths: Vec<usize>,
}

impl Leaves {
    /// Copies the weights into tensors; `track` records gradients.
    pub fn new(parameters: &Parameters, device: &Device, track: bool) -> Self {
        let mut start = 0;
        let mut leaves = Vec::with_capacity(parameters.segments.len());
        for segment in &parameters.segments {
            let values = parameters.values[start..start + segment.len()].to_vec();
            start += segment.len();
            let data = TensorData::new(values, segment.shape.clone());
            leaves.push(match segment.shape.len() {
                1 => Leaf::Vector(tracked(Tensor::from_data(data, device), track)),
                _ => Leaf::Matrix(tracked(Tensor::from_data(data, device), track)),
            });
        }
        Self { leaves, lengths: parameters.segments.iter().map(Segment::len).collect() }
    }

    fn vector(&self, index: usize) -> Tensor<1> {
        match &self.leaves[index] {
            Leaf::Vector(tensor) => tensor.clone(),
            Leaf::Matrix(_) => unreachable!("segment {index} is a vector in its module's layout"),
        }
    }

    fn matrix(&self, index: usize) -> Tensor<2> {
        match &self.leaves[index] {
            Leaf::Matrix(tensor) => tensor.clone(),
            Leaf::Vector(_) => unreachable!("segment {index} is a matrix in its module's layout"),
        }
    }

    /// Gradients of all weights as one vector in the order of [`Parameters::values`]; zero where
    /// the loss does not depend on a weight.
    pub fn gradient(&self, gradients: &mut Gradients) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.lengths.iter().sum());
        for (leaf, &length) in self.leaves.iter().zip(&self.lengths) {
            let values = match leaf {
                Leaf::Vector(tensor) => tensor.grad_remove(gradients).map(values_of),
                Leaf::Matrix(tensor) => tensor.grad_remove(gradients).map(values_of),
            };
            match values {
                Some(values) => out.extend_from_slice(&values),
                None => out.resize(out.len() + length, 0.0),
            }
        }
        out
    }
}

fn tracked<const D: usize>(tensor: Tensor<D>, track: bool) -> Tensor<D> {
    if track { tensor.require_grad() } else { tensor }
}

/// A tensor's numbers in row-major order.
pub(crate) fn values_of<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().expect("all tensors here hold f32")
}

/// A matrix from numbers in row-major order.
pub(crate) fn matrix_from(
    values: Vec<f32>,
    rows: usize,
    columns: usize,
    device: &Device,
) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// Gradient of `(output * upstream).sum()`.
pub(crate) fn pull_back(output: Tensor<2>, upstream: Tensor<2>) -> Gradients {
    (output * upstream).sum().backward()
}

/// `x / sqrt(mean(x^2) + eps) * gain` over the last dimension.
fn normalise(x: Tensor<2>, gain: Tensor<1>) -> Tensor<2> {
    let scale = (x.clone() * x.clone()).mean_dim(1).add_scalar(EPSILON).sqrt().recip();
    x * scale * gain.unsqueeze::<2>()
}

const TRUNK_BLOCK: usize = 8;

/// Weights of `f(x)`: embeddings, blocks, and the answer's normalisation and projection.
pub(crate) fn trunk_segments(config: &ModelConfig) -> Vec<Segment> {
    let ModelConfig { width, layers, context, out_dim, .. } = *config;
    let linear = |inputs: usize| Initial::Normal(1.0 / (inputs as f64).sqrt());
    // Output projections of residual branches start smaller the deeper the stack (GPT-2).
    let branch =
        |inputs: usize| Initial::Normal(1.0 / (2.0 * inputs as f64 * layers as f64).sqrt());
    let mut segments = vec![
        Segment::new("token_embedding.weight", &[VOCABULARY, width], Initial::Normal(0.5)),
        Segment::new("position_embedding.weight", &[context, width], Initial::Normal(0.1)),
    ];
    for layer in 0..layers {
        let name = |part: &str| format!("blocks.{layer}.{part}.weight");
        segments.extend([
            Segment::new(name("attention_norm"), &[width], Initial::Constant(1.0)),
            Segment::new(name("query"), &[width, width], linear(width)),
            Segment::new(name("key"), &[width, width], linear(width)),
            Segment::new(name("value"), &[width, width], linear(width)),
            Segment::new(name("attention_output"), &[width, width], branch(width)),
            Segment::new(name("feed_forward_norm"), &[width], Initial::Constant(1.0)),
            Segment::new(name("expand"), &[width, 4 * width], linear(width)),
            Segment::new(name("contract"), &[4 * width, width], branch(4 * width)),
        ]);
    }
    segments.push(Segment::new("answer_norm.weight", &[width], Initial::Constant(1.0)));
    segments.push(Segment::new("answer.weight", &[width, out_dim], linear(width)));
    segments
}

/// Weights that turn hidden states and the joined input into logits.
pub(crate) fn head_segments(config: &ModelConfig) -> Vec<Segment> {
    let width = config.width;
    vec![
        Segment::new("head_norm.weight", &[width], Initial::Constant(1.0)),
        Segment::new(
            "head.weight",
            &[width, VOCABULARY],
            Initial::Normal(0.5 / (width as f64).sqrt()),
        ),
    ]
}

/// Weights of the projection of the joined input and of the gate's query.
pub(crate) fn join_segments(config: &ModelConfig) -> Vec<Segment> {
    let ModelConfig { width, out_dim, key_width, .. } = *config;
    vec![
        Segment::new(
            "join.weight",
            &[out_dim, width],
            Initial::Normal(0.5 / (out_dim as f64).sqrt()),
        ),
        Segment::new(
            "gate_query.weight",
            &[width, key_width],
            Initial::Normal(1.0 / (width as f64).sqrt()),
        ),
    ]
}

/// Weights of the student: a trunk of its own, whose answer predicts the joined input.
pub(crate) fn student_segments(config: &ModelConfig) -> Vec<Segment> {
    let mut segments = trunk_segments(config);
    for segment in &mut segments {
        segment.name.insert_str(0, "student.");
    }
    segments
}

/// Token ids as a tensor, `[batch, sequence]`.
fn ids(tokens: &Tokens, device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = tokens.ids.iter().map(|&id| i32::from(id)).collect();
    Tensor::from_data(TensorData::new(ids, [tokens.batch, tokens.sequence]), device)
}

/// What is added to attention scores, `[1, heads, sequence, sequence]`: very negative ahead, and
/// behind a penalty that grows with distance, at its own slope for each head (Press, Smith, Lewis:
/// Train short, test long, 2022). The slopes 2, 1/2, 1/8, .. start steeper than the paper's: bytes
/// depend most on the few before them.
fn attention_bias(heads: usize, sequence: usize, device: &Device) -> Tensor<4> {
    let mut bias = Vec::with_capacity(heads * sequence * sequence);
    for head in 0..heads {
        let slope = 2.0 * 0.25_f32.powi(head as i32);
        for (to, from) in (0..sequence).flat_map(|to| (0..sequence).map(move |from| (to, from))) {
            bias.push(if from > to { -1.0e9 } else { -slope * (to - from) as f32 });
        }
    }
    Tensor::from_data(TensorData::new(bias, [1, heads, sequence, sequence]), device)
}

/// Hidden states of the trunk, `[batch * sequence, width]`.
pub(crate) fn trunk_hidden(
    config: &ModelConfig,
    weights: &Leaves,
    tokens: &Tokens,
    device: &Device,
) -> Tensor<2> {
    let (batch, sequence, width) = (tokens.batch, tokens.sequence, config.width);
    let positions = batch * sequence;
    let embedded = burn::tensor::module::embedding(weights.matrix(0), ids(tokens, device));
    let places = weights.matrix(1).slice([0..sequence, 0..width]);
    let mut x = (embedded + places.unsqueeze::<3>()).reshape([positions, width]);
    let mask = attention_bias(config.heads, sequence, device);
    for layer in 0..config.layers {
        let first = 2 + layer * TRUNK_BLOCK;
        let attended = attention(
            config,
            weights,
            first,
            normalise(x.clone(), weights.vector(first)),
            batch,
            &mask,
        );
        x = x + attended;
        let expanded =
            normalise(x.clone(), weights.vector(first + 5)).matmul(weights.matrix(first + 6));
        x = x + relu(expanded).matmul(weights.matrix(first + 7));
    }
    x
}

fn attention(
    config: &ModelConfig,
    weights: &Leaves,
    first: usize,
    x: Tensor<2>,
    batch: usize,
    mask: &Tensor<4>,
) -> Tensor<2> {
    let (heads, width) = (config.heads, config.width);
    let [positions, _] = x.dims();
    let (sequence, depth) = (positions / batch, width / heads);
    let split = |y: Tensor<2>| y.reshape([batch, sequence, heads, depth]).swap_dims(1, 2);
    let query = split(x.clone().matmul(weights.matrix(first + 1)));
    let key = split(x.clone().matmul(weights.matrix(first + 2)));
    let value = split(x.matmul(weights.matrix(first + 3)));
    let scale = 1.0 / (depth as f64).sqrt();
    let scores = query.matmul(key.transpose()).mul_scalar(scale) + mask.clone();
    let mixed = softmax(scores, 3).matmul(value).swap_dims(1, 2).reshape([positions, width]);
    mixed.matmul(weights.matrix(first + 4))
}

/// What a peer serves: hidden states, normalised and projected to `[positions, out_dim]`.
pub(crate) fn trunk_answer(config: &ModelConfig, weights: &Leaves, hidden: Tensor<2>) -> Tensor<2> {
    let last = 2 + config.layers * TRUNK_BLOCK;
    normalise(hidden, weights.vector(last)).matmul(weights.matrix(last + 1))
}

/// Logits `[positions, vocabulary]` of hidden states into which the joined input was added.
pub(crate) fn head_logits(weights: &Leaves, hidden: Tensor<2>) -> Tensor<2> {
    normalise(hidden, weights.vector(0)).matmul(weights.matrix(1))
}

/// The joined input, projected into the residual stream: `[positions, width]`.
pub(crate) fn join(weights: &Leaves, joined: Tensor<2>) -> Tensor<2> {
    joined.matmul(weights.matrix(0))
}

/// Queries of the gate, `[positions, key_width]`.
pub(crate) fn gate_queries(weights: &Leaves, hidden: Tensor<2>) -> Tensor<2> {
    hidden.matmul(weights.matrix(1))
}

/// The student's prediction of the joined input, `[positions, out_dim]`.
pub(crate) fn student_joined(
    config: &ModelConfig,
    weights: &Leaves,
    tokens: &Tokens,
    device: &Device,
) -> Tensor<2> {
    trunk_answer(config, weights, trunk_hidden(config, weights, tokens, device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::CrossEntropy;

    fn setup() -> (ModelConfig, Parameters, Parameters, Parameters, Tokens, Vec<u8>) {
        let config = ModelConfig { width: 16, context: 8, out_dim: 12, ..ModelConfig::default() };
        let ids: Vec<u8> = (0..24).map(|i| (i * 37 % 251) as u8).collect();
        let targets = (0..24).map(|i| (i * 11 % 256) as u8).collect();
        let tokens = Tokens { batch: 3, sequence: 8, ids };
        let weights = |segments| Parameters::new(segments, 3);
        let parts = (
            weights(trunk_segments(&config)),
            weights(head_segments(&config)),
            weights(join_segments(&config)),
        );
        (config, parts.0, parts.1, parts.2, tokens, targets)
    }

    /// Upstream gradient of the cross-entropy at the logits.
    fn upstream(logits: &Tensor<2>, targets: &[u8], device: &Device) -> Tensor<2> {
        let entropy = CrossEntropy::new(values_of(logits.clone().inner()), targets, VOCABULARY);
        let gradient = entropy.gradient(targets, VOCABULARY);
        matrix_from(gradient, targets.len(), VOCABULARY, device)
    }

    #[test]
    fn a_graph_cut_at_the_wire_has_the_gradients_of_the_whole_bit_for_bit() {
        let (config, callee, head, joining, tokens, targets) = setup();
        let device = device();
        let caller = |answer: Tensor<2>, own: &Leaves, head: &Leaves, joining: &Leaves| {
            let hidden = trunk_hidden(&config, own, &tokens, &device);
            head_logits(head, hidden + join(joining, answer))
        };
        let own = Parameters::new(trunk_segments(&config), 4);
        let leaves = || {
            let new = |parameters| Leaves::new(parameters, &device, true);
            (new(&callee), new(&own), new(&head), new(&joining))
        };
        let answer_of = |callee: &Leaves| {
            trunk_answer(&config, callee, trunk_hidden(&config, callee, &tokens, &device))
        };

        let (whole_callee, whole_own, whole_head, whole_join) = leaves();
        let logits = caller(answer_of(&whole_callee), &whole_own, &whole_head, &whole_join);
        let mut whole = pull_back(logits.clone(), upstream(&logits, &targets, &device));

        let (cut_callee, cut_own, cut_head, cut_join) = leaves();
        let answer = answer_of(&cut_callee);
        let wire = values_of(answer.clone().inner());
        let received = matrix_from(wire, 24, config.out_dim, &device).require_grad();
        let logits = caller(received.clone(), &cut_own, &cut_head, &cut_join);
        let mut near = pull_back(logits.clone(), upstream(&logits, &targets, &device));
        let back = values_of(received.grad_remove(&mut near).expect("the loss depends on it"));
        let mut far = pull_back(answer, matrix_from(back, 24, config.out_dim, &device));

        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        assert_eq!(bits(whole_callee.gradient(&mut whole)), bits(cut_callee.gradient(&mut far)));
        assert_eq!(bits(whole_own.gradient(&mut whole)), bits(cut_own.gradient(&mut near)));
        assert_eq!(bits(whole_head.gradient(&mut whole)), bits(cut_head.gradient(&mut near)));
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (config, trunk, head, _, tokens, targets) = setup();
        let device = device();
        let loss = |trunk: &Parameters| {
            let weights = Leaves::new(trunk, &device, false);
            let hidden = trunk_hidden(&config, &weights, &tokens, &device);
            let logits = values_of(head_logits(&Leaves::new(&head, &device, false), hidden));
            CrossEntropy::new(logits, &targets, VOCABULARY).mean()
        };
        let weights = Leaves::new(&trunk, &device, true);
        let hidden = trunk_hidden(&config, &weights, &tokens, &device);
        let logits = head_logits(&Leaves::new(&head, &device, false), hidden);
        let mut gradients = pull_back(logits.clone(), upstream(&logits, &targets, &device));
        let gradient = weights.gradient(&mut gradients);
        // Along random directions, so that single small derivatives do not drown in rounding.
        for direction in 0..5 {
            let mut stream = crate::random::Stream::new(direction, "direction", 0);
            let step: Vec<f32> = (0..trunk.len()).map(|_| stream.normal() as f32 * 1e-3).collect();
            let moved = |sign: f32| {
                let mut moved = trunk.clone();
                moved.values.iter_mut().zip(&step).for_each(|(value, s)| *value += sign * s);
                loss(&moved)
            };
            let expected: f64 =
                gradient.iter().zip(&step).map(|(&g, &s)| f64::from(g) * f64::from(s)).sum();
            let measured = (moved(1.0) - moved(-1.0)) / 2.0;
            let error = (measured - expected).abs();
            assert!(error < 0.02 * expected.abs() + 2e-5, "{measured} against {expected}");
        }
    }

    #[test]
    fn no_position_sees_what_comes_after_it() {
        let (config, trunk, _, _, tokens, _) = setup();
        let device = device();
        let weights = Leaves::new(&trunk, &device, false);
        let hidden = |tokens: &Tokens| values_of(trunk_hidden(&config, &weights, tokens, &device));
        let before = hidden(&tokens);
        let mut changed = tokens.clone();
        changed.ids[5] ^= 1;
        let after = hidden(&changed);
        let width = config.width;
        assert_eq!(before[..5 * width], after[..5 * width]);
        assert_ne!(before[5 * width..8 * width], after[5 * width..8 * width]);
        assert_eq!(before[8 * width..], after[8 * width..]);
    }
}
