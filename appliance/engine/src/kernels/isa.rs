//! Which instruction sets this processor has. A value of [`Avx2`] or [`Avx512`] is the proof that it was asked.

use super::sweep::Kernel;

/// An instruction set that products can be computed with. All give the same numbers, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// AVX2, FMA and F16C.
    Avx2,
    /// What [`Isa::Avx2`] says, and AVX-512 F, VL, BW, DQ and VNNI.
    Avx512,
}

impl Isa {
    /// All that this processor has, the fastest last.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512]
            .into_iter()
            .filter(|isa| Path::of(*isa).is_some())
            .collect()
    }

    /// Its name, as `redoubt bench --instructions` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The fastest that this processor has.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }
}

/// Plain Rust on groups of `LANES` rows, and the reference for the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable<const LANES: usize>;

/// Proof of [`Isa::Avx2`].
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

/// Proof of [`Isa::Avx512`].
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

/// The instruction set that a matrix is multiplied with, proven to be there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path {
    Portable(Portable<8>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Evaluates an expression with `$kernel` as the kernel of a [`Path`].
macro_rules! with_kernel {
    ($path:expr, $kernel:ident => $body:expr) => {{
        use $crate::kernels::isa::Path;
        match $path {
            Path::Portable($kernel) => $body,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2($kernel) => $body,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512($kernel) => $body,
        }
    }};
}
pub(super) use with_kernel;

fn lanes<K: Kernel>(_kernel: K) -> usize {
    K::LANES
}

fn tile<K: Kernel>(_kernel: K) -> usize {
    K::TILE
}

impl Path {
    /// None when this processor does not have the instruction set.
    pub(crate) fn of(isa: Isa) -> Option<Self> {
        match isa {
            Isa::Portable => Some(Self::Portable(Portable)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::detect().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Avx512::detect().map(Self::Avx512),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => None,
        }
    }

    /// The fastest that this processor has.
    pub(crate) fn best() -> Self {
        Self::of(Isa::best()).unwrap_or(Self::Portable(Portable))
    }

    /// The set that this is the proof of.
    pub(crate) fn isa(self) -> Isa {
        match self {
            Self::Portable(_) => Isa::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Isa::Avx512,
        }
    }

    /// Weight rows of a group.
    pub(super) fn lanes(self) -> usize {
        with_kernel!(self, kernel => lanes(kernel))
    }

    /// The most activation rows of a tile.
    pub(super) fn tile(self) -> usize {
        with_kernel!(self, kernel => tile(kernel))
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        found.then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni");
        Avx2::detect().filter(|_| found).map(|_| Self(()))
    }

    /// What this set contains.
    pub(super) fn avx2(self) -> Avx2 {
        Avx2(())
    }
}
