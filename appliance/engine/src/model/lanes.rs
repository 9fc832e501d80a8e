//! Sixteen f32 numbers side by side, on every instruction set: what attention, norms and activations are written with.
//!
//! The same sixteen sums everywhere, so AVX2 and AVX-512 give the same bits; portable code rounds each product
//! before it is added and differs in the last place.
#![expect(unsafe_code, reason = "vector instructions; `dispatched!` asks the processor for them first")]

use half::f16;

/// Numbers in a vector.
pub(crate) const LANES: usize = 16;

/// A vector. Methods of the types for x86 must only be reached through [`dispatched!`], which holds the proof that
/// the processor has their instructions.
pub(crate) trait Lanes: Copy {
    /// Whether there are registers for 24 vectors and more.
    const MANY_REGISTERS: bool = false;

    fn splat(x: f32) -> Self;
    fn load(from: &[f32; LANES]) -> Self;
    /// From 16-bit numbers.
    fn widen(from: &[f16; LANES]) -> Self;
    fn store(self, to: &mut [f32; LANES]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `self · factor + more`.
    fn fma(self, factor: Self, more: Self) -> Self;
    /// The larger of each pair; `other` where one of them is a NaN.
    fn max(self, other: Self) -> Self;
    /// The smaller of each pair; `other` where one of them is a NaN.
    fn min(self, other: Self) -> Self;
    /// 2ⁿ for the integer n whose two's complement lies in the low bits, -126 ≤ n ≤ 127.
    fn power_of_two(self) -> Self;

    /// The sum of all lanes: neighbours at distance 8, 4, 2, 1.
    #[inline(always)]
    fn total(self) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        for distance in [8, 4, 2, 1] {
            for lane in 0..distance {
                lanes[lane] += lanes[lane + distance];
            }
        }
        lanes[0]
    }

    /// The largest of all lanes; NaNs do not count.
    #[inline(always)]
    fn largest(self) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        lanes.iter().fold(f32::NEG_INFINITY, |largest, lane| if *lane > largest { *lane } else { largest })
    }

    /// eˣ to 2⁻²² relative; what underflows becomes about 1e-38.
    #[inline(always)]
    fn exp(self) -> Self {
        // Adding 1.5·2²³ leaves the nearest integer in the low bits.
        const ROUND: f32 = 12_582_912.0;
        const LN2_HIGH: f32 = 0.693_145_75;
        const LN2_LOW: f32 = 1.428_606_8e-6;
        let x = Self::splat(-87.0).max(Self::splat(88.0).min(self));
        let shifted = x.fma(Self::splat(std::f32::consts::LOG2_E), Self::splat(ROUND));
        let whole = shifted.sub(Self::splat(ROUND));
        let rest = whole.fma(Self::splat(-LN2_LOW), whole.fma(Self::splat(-LN2_HIGH), x));
        // Taylor's series: |rest| ≤ ln 2 / 2.
        let mut sum = Self::splat(1.0 / 5040.0);
        for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            sum = sum.fma(rest, Self::splat(coefficient));
        }
        sum.mul(shifted.power_of_two())
    }
}

/// Plain Rust.
#[derive(Clone, Copy)]
pub(crate) struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn with(self, other: Plain, operation: impl Fn(f32, f32) -> f32) -> Plain {
        Plain(std::array::from_fn(|lane| operation(self.0[lane], other.0[lane])))
    }
}

impl Lanes for Plain {
    fn splat(x: f32) -> Plain {
        Plain([x; LANES])
    }

    fn load(from: &[f32; LANES]) -> Plain {
        Plain(*from)
    }

    fn widen(from: &[f16; LANES]) -> Plain {
        Plain(from.map(f16::to_f32))
    }

    fn store(self, to: &mut [f32; LANES]) {
        *to = self.0;
    }

    fn add(self, other: Plain) -> Plain {
        self.with(other, |a, b| a + b)
    }

    fn sub(self, other: Plain) -> Plain {
        self.with(other, |a, b| a - b)
    }

    fn mul(self, other: Plain) -> Plain {
        self.with(other, |a, b| a * b)
    }

    fn div(self, other: Plain) -> Plain {
        self.with(other, |a, b| a / b)
    }

    fn fma(self, factor: Plain, more: Plain) -> Plain {
        self.mul(factor).add(more)
    }

    fn max(self, other: Plain) -> Plain {
        self.with(other, |a, b| if a > b { a } else { b })
    }

    fn min(self, other: Plain) -> Plain {
        self.with(other, |a, b| if a < b { a } else { b })
    }

    fn power_of_two(self) -> Plain {
        Plain(self.0.map(|n| f32::from_bits(n.to_bits().wrapping_add(127) << 23)))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Wide, Wider};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{LANES, Lanes};
    use half::f16;
    use std::arch::x86_64::*;

    /// Two registers of AVX2 with FMA and F16C.
    #[derive(Clone, Copy)]
    pub(crate) struct Wide(__m256, __m256);

    /// One register of AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct Wider(__m512);

    /// Methods of [`Wide`] that do the same to both registers.
    macro_rules! both {
        ($($name:ident($other:ident) = $instruction:ident;)*) => {$(
            #[inline(always)]
            fn $name(self, $other: Wide) -> Wide {
                // SAFETY: `dispatched!` holds the proof.
                unsafe { Wide($instruction(self.0, $other.0), $instruction(self.1, $other.1)) }
            }
        )*};
    }

    impl Lanes for Wide {
        both! {
            add(other) = _mm256_add_ps;
            sub(other) = _mm256_sub_ps;
            mul(other) = _mm256_mul_ps;
            div(other) = _mm256_div_ps;
            max(other) = _mm256_max_ps;
            min(other) = _mm256_min_ps;
        }

        #[inline(always)]
        fn splat(x: f32) -> Wide {
            // SAFETY: `dispatched!` holds the proof.
            unsafe { Wide(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
        }

        #[inline(always)]
        fn load(from: &[f32; LANES]) -> Wide {
            let from = from.as_ptr();
            // SAFETY: `dispatched!` holds the proof; sixteen numbers, unaligned.
            unsafe { Wide(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }

        #[inline(always)]
        fn widen(from: &[f16; LANES]) -> Wide {
            let from = from.as_ptr().cast::<__m128i>();
            // SAFETY: `dispatched!` holds the proof; sixteen numbers, unaligned.
            unsafe {
                let halves = [_mm_loadu_si128(from), _mm_loadu_si128(from.add(1))];
                Wide(_mm256_cvtph_ps(halves[0]), _mm256_cvtph_ps(halves[1]))
            }
        }

        #[inline(always)]
        fn store(self, to: &mut [f32; LANES]) {
            let to = to.as_mut_ptr();
            // SAFETY: `dispatched!` holds the proof; room for sixteen numbers, unaligned.
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }

        #[inline(always)]
        fn fma(self, factor: Wide, more: Wide) -> Wide {
            // SAFETY: `dispatched!` holds the proof.
            unsafe {
                Wide(_mm256_fmadd_ps(self.0, factor.0, more.0), _mm256_fmadd_ps(self.1, factor.1, more.1))
            }
        }

        #[inline(always)]
        fn power_of_two(self) -> Wide {
            // SAFETY: `dispatched!` holds the proof.
            unsafe { Wide(power_of_two(self.0), power_of_two(self.1)) }
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn power_of_two(n: __m256) -> __m256 {
        let biased = _mm256_add_epi32(_mm256_castps_si256(n), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
    }

    /// Methods of [`Wider`] that are one instruction.
    macro_rules! one {
        ($($name:ident($other:ident) = $instruction:ident;)*) => {$(
            #[inline(always)]
            fn $name(self, $other: Wider) -> Wider {
                // SAFETY: `dispatched!` holds the proof.
                unsafe { Wider($instruction(self.0, $other.0)) }
            }
        )*};
    }

    impl Lanes for Wider {
        const MANY_REGISTERS: bool = true;

        one! {
            add(other) = _mm512_add_ps;
            sub(other) = _mm512_sub_ps;
            mul(other) = _mm512_mul_ps;
            div(other) = _mm512_div_ps;
            max(other) = _mm512_max_ps;
            min(other) = _mm512_min_ps;
        }

        #[inline(always)]
        fn splat(x: f32) -> Wider {
            // SAFETY: `dispatched!` holds the proof.
            unsafe { Wider(_mm512_set1_ps(x)) }
        }

        #[inline(always)]
        fn load(from: &[f32; LANES]) -> Wider {
            // SAFETY: `dispatched!` holds the proof; sixteen numbers, unaligned.
            unsafe { Wider(_mm512_loadu_ps(from.as_ptr())) }
        }

        #[inline(always)]
        fn widen(from: &[f16; LANES]) -> Wider {
            // SAFETY: `dispatched!` holds the proof; sixteen numbers, unaligned.
            unsafe { Wider(_mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast()))) }
        }

        #[inline(always)]
        fn store(self, to: &mut [f32; LANES]) {
            // SAFETY: `dispatched!` holds the proof; room for sixteen numbers, unaligned.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn fma(self, factor: Wider, more: Wider) -> Wider {
            // SAFETY: `dispatched!` holds the proof.
            unsafe { Wider(_mm512_fmadd_ps(self.0, factor.0, more.0)) }
        }

        #[inline(always)]
        fn power_of_two(self) -> Wider {
            // SAFETY: `dispatched!` holds the proof.
            unsafe {
                let biased = _mm512_add_epi32(_mm512_castps_si512(self.0), _mm512_set1_epi32(127));
                Wider(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased)))
            }
        }
    }
}

/// Defines a function whose body, generic over [`Lanes`], is compiled for every instruction set and chosen by the
/// first argument.
macro_rules! dispatched {
    ($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)? = $body:ident) => {
        $(#[$doc])*
        #[expect(unsafe_code, reason = "calls of functions that are compiled for more than every processor has")]
        pub(crate) fn $name(path: $crate::kernels::Path, $($argument: $kind),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            fn with_avx2($($argument: $kind),*) $(-> $result)? {
                $body::<$crate::model::lanes::Wide>($($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq")]
            fn with_avx512($($argument: $kind),*) $(-> $result)? {
                $body::<$crate::model::lanes::Wider>($($argument),*)
            }
            match path {
                $crate::kernels::Path::Portable(_) => $body::<$crate::model::lanes::Plain>($($argument),*),
                // SAFETY: a value of this variant is the proof that the processor has the features.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Path::Avx2(_) => unsafe { with_avx2($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Path::Avx512(_) => unsafe { with_avx512($($argument),*) },
            }
        }
    };
}
pub(crate) use dispatched;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Isa, Path};

    dispatched! {
        fn powers(x: &[f32; LANES], out: &mut [f32; LANES]) = powers_body
    }

    #[inline(always)]
    fn powers_body<V: Lanes>(x: &[f32; LANES], out: &mut [f32; LANES]) {
        V::load(x).exp().store(out);
    }

    #[test]
    fn exp_is_close_everywhere() {
        for path in Isa::available().into_iter().filter_map(Path::of) {
            for step in 0..2_187 {
                let x: [f32; LANES] =
                    std::array::from_fn(|lane| -87.0 + (step * LANES + lane) as f32 * 0.005);
                let mut out = [0.0; LANES];
                powers(path, &x, &mut out);
                for (x, power) in x.iter().zip(out) {
                    let exact = f64::from(*x).exp();
                    let error = (f64::from(power) - exact).abs() / exact;
                    assert!(error < 3e-7, "{path:?}: e^{x} is {exact}, not {power}");
                }
            }
            let mut out = [0.0; LANES];
            powers(path, &[f32::NEG_INFINITY; LANES], &mut out);
            assert!(out[0] < 1e-37);
            powers(path, &[f32::NAN; LANES], &mut out);
            assert!(out[0].is_nan());
        }
    }
}
