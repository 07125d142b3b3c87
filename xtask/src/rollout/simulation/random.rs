//! Numbers to choose with: the same ones for the same seed, everywhere.

/// The variable by which a seed is chosen.
pub const VARIABLE: &str = "XTASK_SEED";

/// Where the numbers come from.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From this seed on.
    pub fn of(seed: u64) -> Random {
        Random(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// One that is below the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        // Knuth's constants.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    /// One of these.
    pub fn of_these<'a, T>(&mut self, these: &'a [T]) -> &'a T {
        &these[self.below(these.len())]
    }
}

/// The seed that a test begins with: the one that was asked for, or always the same. It is printed.
pub fn seed() -> u64 {
    let seed = std::env::var(VARIABLE).ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_103);
    println!("{VARIABLE}={seed}");
    seed
}
