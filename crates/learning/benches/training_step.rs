//! One training step of the default model: a learner's control-sized work against the same model
//! written plainly on burn, with its modules, its cross-entropy and its AdamW.
//!
//! `cargo bench -p muster-learning`. Both run in one process; compare their ratio.

#![allow(missing_docs)] // criterion's macros generate undocumented functions

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig, RmsNorm, RmsNormConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use criterion::{Criterion, criterion_group, criterion_main};
use muster_learning::{Corpus, Learner, ModelConfig, TrainingConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Module, Debug)]
struct Plain {
    tokens: Embedding,
    places: Embedding,
    attention_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    forward_norm: RmsNorm,
    expand: Linear,
    contract: Linear,
    head_norm: RmsNorm,
    head: Linear,
}

impl Plain {
    fn new(config: &ModelConfig, device: &Device) -> Self {
        let width = config.width;
        let linear =
            |inputs, outputs| LinearConfig::new(inputs, outputs).with_bias(false).init(device);
        let norm = || RmsNormConfig::new(width).init(device);
        Self {
            tokens: EmbeddingConfig::new(256, width).init(device),
            places: EmbeddingConfig::new(config.context, width).init(device),
            attention_norm: norm(),
            query: linear(width, width),
            key: linear(width, width),
            value: linear(width, width),
            output: linear(width, width),
            forward_norm: norm(),
            expand: linear(width, 4 * width),
            contract: linear(4 * width, width),
            head_norm: norm(),
            head: linear(width, 256),
        }
    }

    fn logits(&self, config: &ModelConfig, ids: Tensor<2, Int>, bias: &Tensor<4>) -> Tensor<2> {
        let [batch, sequence] = ids.dims();
        let (width, heads) = (config.width, config.heads);
        let x = self.tokens.forward(ids) + self.places.weight.val().unsqueeze::<3>();
        let h = self.attention_norm.forward(x.clone());
        let split =
            |y: Tensor<3>| y.reshape([batch, sequence, heads, width / heads]).swap_dims(1, 2);
        let (query, key) =
            (split(self.query.forward(h.clone())), split(self.key.forward(h.clone())));
        let value = split(self.value.forward(h));
        let scale = 1.0 / ((width / heads) as f64).sqrt();
        let scores = query.matmul(key.transpose()).mul_scalar(scale) + bias.clone();
        let mixed = softmax(scores, 3).matmul(value).swap_dims(1, 2);
        let x = x + self.output.forward(mixed.reshape([batch, sequence, width]));
        let h = self.expand.forward(self.forward_norm.forward(x.clone()));
        let x = x + self.contract.forward(relu(h));
        self.head.forward(self.head_norm.forward(x)).reshape([batch * sequence, 256])
    }
}

fn text() -> Vec<u8> {
    (0..200_000_u64)
        .map(|i| b'a' + (muster_learning::random::splitmix64(i / 3) % 26) as u8)
        .collect()
}

fn plain(bench: &mut Criterion) {
    let (config, training) = (ModelConfig::default(), TrainingConfig::default());
    let corpus = Corpus::new(text(), config.context).expect("long enough");
    let device = Device::flex().autodiff();
    let (heads, sequence) = (config.heads, config.context);
    let mask: Vec<f32> = (0..heads * sequence * sequence)
        .map(|i| if i % sequence > i / sequence % sequence { -1e9 } else { 0.0 })
        .collect();
    let mask: Tensor<4> =
        Tensor::from_data(TensorData::new(mask, [1, heads, sequence, sequence]), &device);
    let loss = CrossEntropyLossConfig::new().init(&device);
    let mut model = Plain::new(&config, &device);
    let mut optimiser = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.01).init();
    let mut step = 0;
    bench.bench_function("training step, plain burn", |b| {
        b.iter(|| {
            let batch = corpus.batch(1, step, training.batch);
            step += 1;
            let ids: Vec<i32> = batch.tokens.ids.iter().map(|&id| i32::from(id)).collect();
            let ids = Tensor::from_data(TensorData::new(ids, [training.batch, sequence]), &device);
            let targets: Vec<i32> = batch.targets.iter().map(|&id| i32::from(id)).collect();
            let length = targets.len();
            let targets = Tensor::from_data(TensorData::new(targets, [length]), &device);
            let loss = loss.forward(model.logits(&config, ids, &mask), targets);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimiser.step(3e-3, model.clone(), gradients);
        });
    });
}

fn ours(bench: &mut Criterion) {
    let config = ModelConfig::default();
    let training = TrainingConfig { control: false, ..TrainingConfig::default() };
    let corpus = Corpus::new(text(), config.context).expect("long enough");
    let mut learner = Learner::new(config, training, corpus, 1).expect("valid");
    bench.bench_function("training step, a learner that nobody answers", |b| {
        b.iter(|| {
            let plan = learner.begin_step(&[]).expect("a plan");
            learner.finish_step(plan, Vec::new()).expect("a step")
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(4));
    targets = plain, ours
}
criterion_main!(benches);
