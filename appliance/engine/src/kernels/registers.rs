//! The registers of one instruction set, and the few operations that unpack weights with them: so each type is unpacked by
//! one piece of code, whatever the instruction set.

/// Registers in which `LANES` weight rows lie side by side. A value is the proof that the processor has them.
///
/// Every method is inlined into its caller, which has to be compiled for the instruction set.
pub(super) trait Registers: Copy {
    /// Weight rows of a group.
    const LANES: usize;
    /// A word of 32 bits a lane.
    type Words: Copy;
    /// A number a lane.
    type Floats: Copy;

    /// Asks for the cache lines that come about one memory latency after `from..from + bytes` of a block.
    fn call_in(self, block: &[u8], from: usize, bytes: usize);

    /// Asks for the cache lines of `bytes`, for the second cache: they are wanted later.
    fn expect(self, bytes: &[u8]);

    /// Four bytes a lane.
    fn load(self, bytes: &[u8]) -> Self::Words;
    /// One byte a lane, as a word.
    fn bytes(self, bytes: &[u8]) -> Self::Words;
    /// One signed byte a lane, as a word.
    fn signed_bytes(self, bytes: &[u8]) -> Self::Words;
    /// One f16 number a lane.
    fn halves(self, bytes: &[u8]) -> Self::Floats;

    /// Every byte `& mask`.
    fn mask(self, words: Self::Words, mask: u8) -> Self::Words;
    /// Every byte `>> by & mask`; the mask must drop what comes from the next byte.
    fn right(self, words: Self::Words, by: u32, mask: u8) -> Self::Words;
    /// Every byte `<< by & mask`; the mask must drop what comes from the byte before.
    fn left(self, words: Self::Words, by: u32, mask: u8) -> Self::Words;
    /// Four bits of each word, the `index`-th from the lowest.
    fn nibble(self, words: Self::Words, index: usize) -> Self::Words;
    fn or(self, one: Self::Words, other: Self::Words) -> Self::Words;

    /// Signed words as numbers.
    fn floats(self, words: Self::Words) -> Self::Floats;
    fn times(self, one: Self::Floats, other: Self::Floats) -> Self::Floats;
}
