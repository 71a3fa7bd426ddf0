//! Sums of products with numbers that are looked up, eight at a time: what a product with a sparse
//! matrix waits for.
//!
//! As in [`wide`](crate::wide), a kernel gives the same bits whichever of its copies runs.

#[cfg(target_arch = "x86_64")]
use crate::wide::has_avx512;
use crate::wide::{Kernel, wide};

/// Numbers looked up together.
pub(crate) const LANES: usize = 8;

/// A way to look numbers up.
pub(crate) trait Lookup: Copy {
    /// A sum in each lane.
    type Sums: Copy;

    /// No terms so far.
    fn nothing(self) -> Self::Sums;

    /// Adds `weights[k] table[ids[k]]` in lane k for each of the first `count`; the other weights
    /// must be finite. Panics if one of these ids is out of range.
    fn add(
        self,
        sums: Self::Sums,
        table: &[f64],
        ids: &[u32; LANES],
        weights: &[f64; LANES],
        count: usize,
    ) -> Self::Sums;

    /// The sum of all lanes: of those four apart, then two, then one.
    fn total(self, sums: Self::Sums) -> f64;

    /// Says that `list[at]`, which need not exist, will be read soon.
    fn announce<T>(self, list: &[T], at: usize);
}

/// A computation that looks numbers up. `run` must be `#[inline(always)]`, as must be what its
/// inner loops call.
pub(crate) trait LookupKernel {
    /// What it computes.
    type Output;

    /// Computes it.
    fn run<L: Lookup>(self, lookup: L) -> Self::Output;
}

/// Runs the kernel with the fastest lookups there are.
pub(crate) fn looking_up<K: LookupKernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if has_avx512() {
        // SAFETY: the instructions that it needs were found just now.
        #[allow(unsafe_code, reason = "a function of more instructions than all have")]
        return unsafe { avx512::run(kernel) };
    }
    wide(Plain(kernel))
}

/// Lookups one by one.
#[derive(Clone, Copy)]
struct OneByOne;

impl Lookup for OneByOne {
    type Sums = [f64; LANES];

    #[inline(always)]
    fn nothing(self) -> [f64; LANES] {
        [0.0; LANES]
    }

    #[inline(always)]
    fn add(
        self,
        mut sums: [f64; LANES],
        table: &[f64],
        ids: &[u32; LANES],
        weights: &[f64; LANES],
        count: usize,
    ) -> [f64; LANES] {
        for lane in 0..count.min(LANES) {
            sums[lane] += weights[lane] * table[ids[lane] as usize];
        }
        sums
    }

    #[inline(always)]
    fn total(self, sums: [f64; LANES]) -> f64 {
        ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
    }

    #[inline(always)]
    fn announce<T>(self, _: &[T], _: usize) {}
}

struct Plain<K>(K);

impl<K: LookupKernel> Kernel for Plain<K> {
    type Output = K::Output;

    #[inline(always)]
    fn run(self) -> K::Output {
        self.0.run(OneByOne)
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "gathers and hints take pointers; each says why it is sound")]
mod avx512 {
    use super::{LANES, Lookup, LookupKernel};
    use std::arch::x86_64::{
        __m512d, _MM_HINT_T0, _mm_add_pd, _mm_add_sd, _mm_cvtsd_f64, _mm_prefetch, _mm_unpackhi_pd,
        _mm256_add_pd, _mm256_castpd256_pd128, _mm256_extractf128_pd, _mm256_loadu_si256,
        _mm256_mask_cmplt_epu32_mask, _mm256_set1_epi32, _mm512_add_pd, _mm512_castpd512_pd256,
        _mm512_extractf64x4_pd, _mm512_loadu_pd, _mm512_mask_i32gather_pd, _mm512_mul_pd,
        _mm512_setzero_pd,
    };

    /// Proof that the processor has the instructions of [`has_avx512`](crate::wide::has_avx512):
    /// made in [`run`] alone, whose callers have looked.
    #[derive(Clone, Copy)]
    pub(super) struct Gather(());

    /// Runs the kernel with gathers.
    #[target_feature(enable = "avx512f,avx512vl,avx2")]
    pub(super) fn run<K: LookupKernel>(kernel: K) -> K::Output {
        kernel.run(Gather(()))
    }

    impl Lookup for Gather {
        type Sums = __m512d;

        #[inline(always)]
        fn nothing(self) -> __m512d {
            // SAFETY: the token proves the instructions.
            unsafe { _mm512_setzero_pd() }
        }

        #[inline(always)]
        fn add(
            self,
            sums: __m512d,
            table: &[f64],
            ids: &[u32; LANES],
            weights: &[f64; LANES],
            count: usize,
        ) -> __m512d {
            let wanted = ((1u32 << count) - 1) as u8;
            let length = table.len().min(i32::MAX as usize) as i32;
            // SAFETY: the token proves the instructions. There are eight ids and eight weights to
            // read; every id that is looked up is below the length of the table, and below 2^31, so
            // that it means the same with a sign.
            unsafe {
                let ids = _mm256_loadu_si256(ids.as_ptr().cast());
                let inside = _mm256_mask_cmplt_epu32_mask(wanted, ids, _mm256_set1_epi32(length));
                assert!(inside == wanted, "an id is outside the table");
                let zero = _mm512_setzero_pd();
                let found = _mm512_mask_i32gather_pd::<8>(zero, wanted, ids, table.as_ptr());
                let weights = _mm512_loadu_pd(weights.as_ptr());
                _mm512_add_pd(sums, _mm512_mul_pd(weights, found))
            }
        }

        #[inline(always)]
        fn total(self, sums: __m512d) -> f64 {
            // SAFETY: the token proves the instructions.
            unsafe {
                let high = _mm512_extractf64x4_pd::<1>(sums);
                let four = _mm256_add_pd(_mm512_castpd512_pd256(sums), high);
                let two =
                    _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
                _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
            }
        }

        #[inline(always)]
        fn announce<T>(self, list: &[T], at: usize) {
            // SAFETY: every processor of this kind has the instruction, and a hint reads nothing,
            // so that its address may lie anywhere.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(list.as_ptr().wrapping_add(at).cast()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// A sum per number of terms, from 0 to 8, on top of eight.
    struct Sums<'a> {
        table: &'a [f64],
        ids: [u32; LANES],
        weights: [f64; LANES],
    }

    impl LookupKernel for Sums<'_> {
        type Output = [f64; LANES + 1];

        #[inline(always)]
        fn run<L: Lookup>(self, lookup: L) -> Self::Output {
            lookup.announce(self.table, self.table.len() + 1_000_000);
            core::array::from_fn(|count| {
                let mut sums = lookup.nothing();
                for count in [LANES, count] {
                    sums = lookup.add(sums, self.table, &self.ids, &self.weights, count);
                }
                lookup.total(sums)
            })
        }
    }

    #[test]
    fn every_way_gives_the_same_bits() {
        let mut stream = Stream::new(2, 0);
        let table: Vec<f64> = (0..1000).map(|_| stream.uniform() - 0.5).collect();
        for _ in 0..200 {
            let ids = core::array::from_fn(|_| stream.below(1000) as u32);
            let weights = core::array::from_fn(|_| stream.uniform());
            let sums = || Sums { table: &table, ids, weights };
            assert_eq!(looking_up(sums()), sums().run(OneByOne));
        }
    }

    #[test]
    fn ids_beyond_the_table_are_found_out() {
        let refused = |ids: [u32; LANES]| {
            let kernel = || Sums { table: &[1.0; 10], ids, weights: [1.0; LANES] };
            std::panic::catch_unwind(|| looking_up(kernel())).is_err()
        };
        assert!(!refused([9; LANES]));
        for wrong in [10, 11, 1 << 31, u32::MAX] {
            for lane in 0..LANES {
                let mut ids = [0; LANES];
                ids[lane] = wrong;
                assert!(refused(ids), "{wrong} in lane {lane}");
            }
        }
    }
}
