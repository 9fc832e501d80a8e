//! The sizes and constants of a model of any family, read from metadata and checked against each other.

use super::keys::Keys;
use crate::Error;
use crate::gguf::Metadata;

/// Beyond every model there is; keeps all products below far from overflow.
const MOST_LAYERS: u32 = 1024;
const MOST_HEADS: u32 = 1024;
const WIDEST: u32 = 1 << 20;
const WIDEST_HEAD: u32 = 512;
const LONGEST_CONTEXT: u32 = 1 << 24;
/// Of this many layers of Gemma 3 the last one sees everything, where the metadata does not say.
const GEMMA3_PATTERN: u32 = 6;
/// Gemma 3 27B, the only one with this many layers, scales its scores by the width of a layer instead of a head.
const GEMMA3_27B_LAYERS: usize = 62;

/// Models that compute the same with other numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Llama, Mistral, SmolLM.
    Llama,
    /// Qwen2 and Qwen2.5: biases on queries, keys and values.
    Qwen2,
    /// Norms on the heads of queries and keys.
    Qwen3,
    /// As Qwen3, with norms after each part, windows, GELU and scaled embeddings.
    Gemma3,
}

/// What the forward pass must know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) family: Family,
    pub(crate) layers: usize,
    /// Width of the residual stream.
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    /// Width of one head, a multiple of 8.
    pub(crate) head: usize,
    /// Width of the feed-forward layer.
    pub(crate) inner: usize,
    /// Most positions that the model was made for.
    pub(crate) context: u32,
    /// Added to the mean square in every norm.
    pub(crate) epsilon: f32,
    pub(crate) rope: Rope,
    /// The rope of layers that have a window, where it is another one.
    pub(crate) local_rope: Option<Rope>,
    /// For each layer how many positions a row sees, its own included; `None` is all of them.
    pub(crate) windows: Vec<Option<usize>>,
    /// Scores of attention are multiplied by this.
    pub(crate) attention_scale: f32,
    /// Scores of attention become `cap · tanh(score / cap)`, after the scale.
    pub(crate) attention_cap: Option<f32>,
    /// The same for logits.
    pub(crate) logit_cap: Option<f32>,
    /// Embeddings are multiplied by this.
    pub(crate) embedding_scale: f32,
    pub(crate) activation: Activation,
}

/// Rotary position embedding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rope {
    /// Leading dimensions of a head that are rotated.
    pub(crate) dimensions: usize,
    pub(crate) base: f32,
    /// Positions are divided by this.
    pub(crate) factor: f32,
    pub(crate) style: Style,
}

/// Which two of a head's dimensions turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// 0 and 1, 2 and 3, …
    Neighbours,
    /// The first of the first half and the first of the second half, …
    Halves,
}

/// What the gate of a feed-forward layer goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU by its approximation with the hyperbolic tangent.
    GeluTanh,
}

impl Shape {
    /// The shape that `{architecture}.*` describes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names an architecture or a feature of it that is not there yet.
    pub(crate) fn from_metadata(metadata: Metadata<'_>) -> Result<Shape, Error> {
        let architecture =
            metadata.required("general.architecture", metadata.text("general.architecture"))?;
        let family = Family::of(architecture)?;
        let keys = Keys { metadata, architecture };
        keys.refuse_foreign()?;
        let layers = keys.size("block_count", MOST_LAYERS)?;
        let width = keys.size("embedding_length", WIDEST)?;
        let (heads, kv_heads, head) = heads(&keys, width)?;
        let rope = rope(&keys, head, family)?;
        let windows = windows(&keys, layers, family)?;
        let gemma = family == Family::Gemma3;
        let local_rope = match gemma && windows.iter().any(Option::is_some) {
            true => {
                Some(Rope { base: keys.positive("rope.freq_base_swa", Some(10_000.0))?, factor: 1.0, ..rope })
            }
            false => None,
        };
        let scaled_by = if gemma && layers == GEMMA3_27B_LAYERS { width / heads } else { head };
        Ok(Shape {
            family,
            layers,
            width,
            heads,
            kv_heads,
            head,
            inner: keys.size("feed_forward_length", WIDEST)?,
            context: context(&keys)?,
            epsilon: keys.positive("attention.layer_norm_rms_epsilon", None)?,
            rope,
            local_rope,
            windows,
            attention_scale: 1.0 / (scaled_by as f32).sqrt(),
            attention_cap: keys.cap("attn_logit_softcapping")?,
            logit_cap: keys.cap("final_logit_softcapping")?,
            embedding_scale: if gemma { (width as f32).sqrt() } else { 1.0 },
            activation: if gemma { Activation::GeluTanh } else { Activation::Silu },
        })
    }

    /// A shape of one small layer, for tests that need some of it.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Shape {
        Shape {
            family: Family::Llama,
            layers: 1,
            width: 64,
            heads: 4,
            kv_heads: 2,
            head: 16,
            inner: 128,
            context: 1024,
            epsilon: 1e-5,
            rope: Rope { dimensions: 16, base: 10_000.0, factor: 1.0, style: Style::Neighbours },
            local_rope: None,
            windows: vec![None],
            attention_scale: 0.25,
            attention_cap: None,
            logit_cap: None,
            embedding_scale: 1.0,
            activation: Activation::Silu,
        }
    }

    /// Width of all query heads together.
    pub(crate) fn query_width(&self) -> usize {
        self.heads * self.head
    }

    /// Width of all key (or value) heads together.
    pub(crate) fn kv_width(&self) -> usize {
        self.kv_heads * self.head
    }

    /// Query heads that share one key head.
    pub(crate) fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

impl Family {
    /// The family of `general.architecture`.
    fn of(architecture: &str) -> Result<Family, Error> {
        match architecture {
            "llama" => Ok(Family::Llama),
            "qwen2" => Ok(Family::Qwen2),
            "qwen3" => Ok(Family::Qwen3),
            "gemma3" => Ok(Family::Gemma3),
            other => Err(Error::Unsupported(format!("architecture `{other}`"))),
        }
    }
}

/// Positions: one for a prompt and one for an answer at least.
fn context(keys: &Keys<'_>) -> Result<u32, Error> {
    match keys.size("context_length", LONGEST_CONTEXT)? {
        1 => keys.contradiction("context_length is 1"),
        context => Ok(context as u32),
    }
}

/// Query heads, key heads and the width of one.
fn heads(keys: &Keys<'_>, width: usize) -> Result<(usize, usize, usize), Error> {
    let heads = keys.size("attention.head_count", MOST_HEADS)?;
    let kv_heads = match keys.optional("attention.head_count_kv")? {
        Some(_) => keys.size("attention.head_count_kv", MOST_HEADS)?,
        None => heads,
    };
    let head = match keys.optional("attention.key_length")? {
        Some(_) => keys.size("attention.key_length", WIDEST_HEAD)?,
        None if width.is_multiple_of(heads) => width / heads,
        None => return keys.contradiction("embedding_length is not a multiple of attention.head_count"),
    };
    let value = keys.optional("attention.value_length")?.map_or(width / heads, |value| value as usize);
    if value != head {
        return Err(Error::Unsupported(format!("values of width {value} with keys of width {head}")));
    }
    if !heads.is_multiple_of(kv_heads) {
        return keys.contradiction("attention.head_count is not a multiple of attention.head_count_kv");
    }
    if !head.is_multiple_of(8) || head > WIDEST_HEAD as usize {
        return Err(Error::Unsupported(format!("heads of width {head}")));
    }
    Ok((heads, kv_heads, head))
}

fn rope(keys: &Keys<'_>, head: usize, family: Family) -> Result<Rope, Error> {
    let dimensions = match keys.optional("rope.dimension_count")? {
        Some(_) => keys.size("rope.dimension_count", WIDEST_HEAD)?,
        None => head,
    };
    if dimensions > head || !dimensions.is_multiple_of(2) {
        return keys.contradiction("rope.dimension_count does not fit the heads");
    }
    let factor = match keys.text("rope.scaling.type")?.unwrap_or("linear") {
        "none" => 1.0,
        "linear" => {
            // The second key is how older files say it.
            let older = keys.positive("rope.scale_linear", Some(1.0))?;
            keys.positive("rope.scaling.factor", Some(older))?
        }
        other => return Err(Error::Unsupported(format!("rope scaling `{other}`"))),
    };
    let style = if family == Family::Llama { Style::Neighbours } else { Style::Halves };
    Ok(Rope { dimensions, base: keys.positive("rope.freq_base", Some(10_000.0))?, factor, style })
}

/// Which layers have a window: those of the metadata's list, or all but each last of a period. Gemma 3 files do not
/// state their period, and the other families have windows in every layer or in none.
fn windows(keys: &Keys<'_>, layers: usize, family: Family) -> Result<Vec<Option<usize>>, Error> {
    let window = match keys.optional("attention.sliding_window")? {
        None | Some(0) => return Ok(vec![None; layers]),
        Some(window) => window as usize,
    };
    let pattern = "attention.sliding_window_pattern";
    if let Some(list) = keys.flags(pattern)? {
        if list.len() != layers {
            return keys.contradiction("attention.sliding_window_pattern has not one entry a layer");
        }
        return Ok(list.into_iter().map(|windowed| windowed.then_some(window)).collect());
    }
    let usual = if family == Family::Gemma3 { GEMMA3_PATTERN } else { 0 };
    let period = keys.optional(pattern)?.unwrap_or(usual) as usize;
    let windowed = |layer: usize| period == 0 || layer % period < period - 1;
    Ok((0..layers).map(|layer| windowed(layer).then_some(window)).collect())
}
