//! The engine as its callers meet it: over its protocol with a tiny model, on malformed files, and against
//! candle's own model of the same weights and a plain one of our own; the same for a tiny embedding model.

// `cfg(test)` holds for all of this; said again, it tells clippy that helpers are test code, too.
#[cfg(test)]
mod allocation;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod embedding;
#[cfg(test)]
mod families;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod malformed_embedding;
#[cfg(test)]
mod malformed_models;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod pieces;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod prefixes;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tiny_bert;
