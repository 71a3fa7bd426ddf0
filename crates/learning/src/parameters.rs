//! All weights of a module as one vector of numbers, with names, and their optimiser.
//!
//! The framework sees the weights only while a step runs. Between steps they are plain memory:
//! a checkpoint is a copy, a hash is a pass over bytes, and clipping and the optimiser are loops
//! over one slice instead of a tree of tensors.

use crate::numerics::sum_of_squares;
use crate::random::Stream;

/// How a tensor of weights starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Initial {
    /// Normal with this standard deviation.
    Normal(f64),
    /// All the same.
    Constant(f32),
}

/// Name, shape and start of one tensor of weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Segment {
    /// Name in the manner of PyTorch's `state_dict`.
    pub name: String,
    /// Dimensions: `[inputs, outputs]` for matrices of linear layers, `[rows, width]` for tables.
    pub shape: Vec<usize>,
    /// Start.
    pub initial: Initial,
}

impl Segment {
    pub fn new(name: impl Into<String>, shape: &[usize], initial: Initial) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), initial }
    }

    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Weights of one module, in the order of its segments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters {
    pub segments: Vec<Segment>,
    pub values: Vec<f32>,
}

impl Parameters {
    /// Draws the initial weights; each segment's depend only on the seed and its name.
    pub fn new(segments: Vec<Segment>, seed: u64) -> Self {
        let mut values = Vec::with_capacity(segments.iter().map(Segment::len).sum());
        for segment in &segments {
            let mut stream = Stream::new(seed, &segment.name, 0);
            values.extend((0..segment.len()).map(|_| match segment.initial {
                Initial::Normal(deviation) => (stream.normal() * deviation) as f32,
                Initial::Constant(value) => value,
            }));
        }
        Self { segments, values }
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

/// Weights together with the state of their optimiser.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trainable {
    pub parameters: Parameters,
    pub optimiser: AdamW,
}

impl Trainable {
    pub fn new(segments: Vec<Segment>, seed: u64) -> Self {
        let parameters = Parameters::new(segments, seed);
        let optimiser = AdamW::new(parameters.len());
        Self { parameters, optimiser }
    }

    /// One optimiser step.
    pub fn train(&mut self, gradient: &[f32], rate: f64, decay: f64) {
        self.optimiser.step(&mut self.parameters.values, gradient, rate, decay);
    }
}

/// AdamW (Loshchilov, Hutter: Decoupled weight decay regularization, 2019, algorithm 2) with
/// beta1 = 0.9, beta2 = 0.999 and epsilon = 1e-8.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AdamW {
    /// First moments.
    pub first: Vec<f32>,
    /// Second moments.
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
}

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

impl AdamW {
    pub fn new(weights: usize) -> Self {
        Self { first: vec![0.0; weights], second: vec![0.0; weights], steps: 0 }
    }

    /// One step: `weights -= rate * (m / (sqrt(v) + eps) + decay * weights)`.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32], rate: f64, decay: f64) {
        assert_eq!(weights.len(), gradient.len(), "the gradient was gathered in weight order");
        assert_eq!(weights.len(), self.first.len(), "the optimiser belongs to these weights");
        self.steps += 1;
        let steps = self.steps as f64;
        let first_scale = (1.0 / (1.0 - libm::pow(BETA_1, steps))) as f32;
        let second_scale = (1.0 / (1.0 - libm::pow(BETA_2, steps))) as f32;
        let (beta_1, beta_2, rate_f32) = (BETA_1 as f32, BETA_2 as f32, rate as f32);
        let keep = (1.0 - rate * decay) as f32;
        let moments = self.first.iter_mut().zip(self.second.iter_mut());
        for ((weight, &g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m = beta_1 * *m + (1.0 - beta_1) * g;
            *v = beta_2 * *v + (1.0 - beta_2) * g * g;
            let update = (*m * first_scale) / ((*v * second_scale).sqrt() + EPSILON);
            *weight = *weight * keep - rate_f32 * update;
        }
    }
}

/// Scales several parts of one gradient down together to norm `norm_max` if they are longer, and
/// returns the norm they had.
pub(crate) fn clip_together(parts: &mut [&mut [f32]], norm_max: f64) -> f64 {
    let norm = parts.iter().map(|part| sum_of_squares(part)).sum::<f64>().sqrt();
    if norm > norm_max {
        let scale = (norm_max / norm) as f32;
        for value in parts.iter_mut().flat_map(|part| part.iter_mut()) {
            *value *= scale;
        }
    }
    norm
}

/// Scales `gradient` down to norm `norm_max` if it is longer, and returns the norm it had.
///
/// Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks (2013).
pub(crate) fn clip(gradient: &mut [f32], norm_max: f64) -> f64 {
    clip_together(&mut [gradient], norm_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_moves_each_weight_by_the_rate_against_its_gradient() {
        let mut weights = vec![1.0_f32, -2.0, 0.5];
        AdamW::new(3).step(&mut weights, &[0.3, -7.0, 0.0], 0.1, 0.0);
        for (weight, expected) in weights.iter().zip([0.9, -1.9, 0.5]) {
            assert!((weight - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn clipping_keeps_the_direction_and_bounds_the_norm() {
        let mut gradient = vec![3.0_f32, 4.0];
        assert_eq!(clip(&mut gradient, 1.0), 5.0);
        assert!((gradient[0] - 0.6).abs() < 1e-6 && (gradient[1] - 0.8).abs() < 1e-6);
        let mut short = vec![0.3_f32, 0.4];
        clip(&mut short, 1.0);
        assert_eq!(short, [0.3, 0.4]);
    }
}
