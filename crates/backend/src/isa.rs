//! The instruction sets of processors that our CPU kernels are compiled for.

use std::sync::OnceLock;

/// An instruction set that kernels exist for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512 F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust, for every processor.
    Portable,
}

impl Isa {
    /// All instruction sets of this processor, best first.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                found.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Portable);
        found
    }

    /// The best instruction set of this processor, or the one that [`VARIABLE`] names.
    pub fn detect() -> Self {
        static CHOSEN: OnceLock<Isa> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let wanted = std::env::var(VARIABLE).ok();
            let available = Self::available();
            let chosen = wanted.and_then(|name| available.iter().find(|isa| isa.name() == name));
            chosen.or(available.first()).copied().unwrap_or(Self::Portable)
        })
    }

    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

/// Variable that names a lesser instruction set than this processor has: to see how far results depend on it.
pub const VARIABLE: &str = "SEGSPEC_INSTRUCTIONS";

/// What is wrong with [`VARIABLE`], if it is set.
pub fn complaint() -> Option<String> {
    let wanted = std::env::var(VARIABLE).ok()?;
    let names: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    let text = format!("{VARIABLE}={wanted} is ignored: this processor has {}", names.join(", "));
    (!names.contains(&wanted.as_str())).then_some(text)
}

/// Compiles a function once per instruction set, for loops that the compiler vectorises by itself. The function's first argument
/// becomes the [`Isa`], which this processor must have.
macro_rules! vectorised {
    ($(#[$meta:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        fn $name(isa: Isa, $($argument: $type),*) {
            #[inline(always)]
            fn portable($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            fn avx512($($argument: $type),*) {
                portable($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($argument: $type),*) {
                portable($($argument),*)
            }

            match isa {
                // SAFETY: this processor has the instructions.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => unsafe { avx512($($argument),*) },
                // SAFETY: the same.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => unsafe { avx2($($argument),*) },
                Isa::Portable => portable($($argument),*),
            }
        }
    };
}
pub(super) use vectorised;
