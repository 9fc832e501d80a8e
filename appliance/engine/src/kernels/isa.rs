//! Which instruction sets this processor has. A value of [`Avx2`] or [`Vnni`] is the proof that it was asked.

/// Plain Rust, and the reference for the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

/// Proof of AVX2, FMA and F16C.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

/// Proof of what [`Avx2`] says, and of AVX-512 F, VL, BW, DQ and VNNI.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vnni(());

/// The instruction set that a matrix is multiplied with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Vnni(Vnni),
}

impl Path {
    /// The fastest that this processor has.
    pub(crate) fn best() -> Self {
        Self::all().pop().unwrap_or(Self::Portable(Portable))
    }

    /// All that this processor has, the fastest last.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Portable(Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx2::detect().map(Self::Avx2));
            all.extend(Vnni::detect().map(Self::Vnni));
        }
        all
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        found.then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Vnni {
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
