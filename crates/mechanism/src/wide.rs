//! Kernels compiled for the widest vector instructions that the processor has.
//!
//! The compiler never fuses or reorders floating-point operations, so that a kernel gives the same
//! bits whichever of its copies runs; only its speed differs.

use std::ops::{Deref, DerefMut};

/// A computation that is worth compiling more than once. `run` must be `#[inline(always)]`, as must
/// be what its inner loops call, or it is compiled for the plain instructions after all.
pub(crate) trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it.
    fn run(self) -> Self::Output;
}

/// Runs the kernel with the widest instructions there are.
pub(crate) fn wide<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx512() {
            // SAFETY: the instructions that it needs were found just now.
            #[allow(unsafe_code, reason = "a function of more instructions than all have")]
            return unsafe { with_avx512(kernel) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the instructions that it needs were found just now.
            #[allow(unsafe_code, reason = "a function of more instructions than all have")]
            return unsafe { with_avx2(kernel) };
        }
    }
    kernel.run()
}

/// Whether there are all instructions that a function with AVX-512 may use. The compiler counts
/// AVX2, fused multiply-add and half precision as part of AVX-512F, but each has a flag of its own,
/// which a hypervisor may hide.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Numbers that begin at a line of the cache, so that no vector of them lies across two.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Aligned<const N: usize>(pub(crate) [f64; N]);

impl<const N: usize> Aligned<N> {
    pub(crate) const ZERO: Self = Self([0.0; N]);
}

impl<const N: usize> Deref for Aligned<N> {
    type Target = [f64; N];

    #[inline(always)]
    fn deref(&self) -> &[f64; N] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Aligned<N> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f64; N] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A product of sums that a fused multiply-add, or another order, would round otherwise.
    struct Rounds<'a>(&'a [[f64; 8]]);

    impl Kernel for Rounds<'_> {
        type Output = [f64; 8];

        #[inline(always)]
        fn run(self) -> [f64; 8] {
            let mut sums = [0.0; 8];
            for row in self.0 {
                for lane in 0..8 {
                    sums[lane] += row[lane] * row[7 - lane];
                }
            }
            sums
        }
    }

    #[test]
    fn every_width_gives_the_same_bits() {
        let mut stream = crate::random::Stream::new(1, 0);
        let rows: Vec<[f64; 8]> =
            (0..1000).map(|_| std::array::from_fn(|_| stream.uniform() - 0.5)).collect();
        let fused = rows.iter().fold(0.0, |sum, row| f64::mul_add(row[0], row[7], sum));
        let plain = Rounds(&rows).run();
        assert_ne!(plain[0], fused);
        assert_eq!(wide(Rounds(&rows)), plain);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the instructions that it needs were found just now.
            #[allow(unsafe_code, reason = "a function of more instructions than all have")]
            let narrower = unsafe { with_avx2(Rounds(&rows)) };
            assert_eq!(narrower, plain);
        }
    }
}
