//! The sizes and constants of a llama-family model, read from metadata and checked against each other.

use crate::Error;
use crate::gguf::Metadata;

/// Beyond every model there is; keeps all products below far from overflow.
const MOST_LAYERS: u32 = 1024;
const MOST_HEADS: u32 = 1024;
const WIDEST: u32 = 1 << 20;
const WIDEST_HEAD: u32 = 512;
const LONGEST_CONTEXT: u32 = 1 << 24;

/// What the forward pass must know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
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
}

/// Rotary position embedding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rope {
    /// Leading dimensions of a head that are rotated.
    pub(crate) dimensions: usize,
    pub(crate) base: f32,
    /// Positions are divided by this.
    pub(crate) factor: f32,
}

impl Shape {
    /// The shape that `{architecture}.*` describes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names an architecture or a feature of it that is not there yet.
    pub(crate) fn from_metadata(metadata: Metadata<'_>) -> Result<Shape, Error> {
        let architecture =
            metadata.required("general.architecture", metadata.text("general.architecture"))?;
        if architecture != "llama" {
            return Err(Error::Unsupported(format!("architecture `{architecture}`")));
        }
        let keys = Keys { metadata, architecture };
        keys.refuse_experts()?;
        let width = keys.size("embedding_length", WIDEST)?;
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
        if keys.optional("attention.value_length")?.is_some_and(|value| value as usize != head) {
            return Err(Error::Unsupported("values of another width than keys".to_owned()));
        }
        if !heads.is_multiple_of(kv_heads) {
            return keys.contradiction("attention.head_count is not a multiple of attention.head_count_kv");
        }
        if !head.is_multiple_of(8) || head > WIDEST_HEAD as usize {
            return Err(Error::Unsupported(format!("heads of width {head}")));
        }
        let mut context = keys.size("context_length", LONGEST_CONTEXT)?;
        if let Some(window) = keys.optional("attention.sliding_window")?.filter(|window| *window > 0) {
            // Within its window a model with sliding windows is one without.
            context = context.min(window as usize);
        }
        Ok(Shape {
            layers: keys.size("block_count", MOST_LAYERS)?,
            width,
            heads,
            kv_heads,
            head,
            inner: keys.size("feed_forward_length", WIDEST)?,
            context: context as u32,
            epsilon: keys.positive("attention.layer_norm_rms_epsilon", None)?,
            rope: keys.rope(head)?,
        })
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

struct Keys<'a> {
    metadata: Metadata<'a>,
    architecture: &'a str,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn contradiction<T>(&self, why: &str) -> Result<T, Error> {
        Err(Error::Model(format!("{}: {why}", self.architecture)))
    }

    fn optional(&self, name: &str) -> Result<Option<u32>, Error> {
        self.metadata.integer(&self.key(name))
    }

    /// A number from 1 to `most`.
    fn size(&self, name: &str, most: u32) -> Result<usize, Error> {
        let key = self.key(name);
        let size = self.metadata.required(&key, self.metadata.integer(&key))?;
        if (1..=most).contains(&size) {
            return Ok(size as usize);
        }
        Err(Error::Model(format!("`{key}` is {size}, not from 1 to {most}")))
    }

    fn positive(&self, name: &str, default: Option<f32>) -> Result<f32, Error> {
        let key = self.key(name);
        let value = self.metadata.required(&key, self.metadata.float(&key).map(|found| found.or(default)))?;
        if value > 0.0 { Ok(value) } else { Err(Error::Model(format!("`{key}` is {value}, not positive"))) }
    }

    fn refuse_experts(&self) -> Result<(), Error> {
        match self.optional("expert_count")? {
            None | Some(0) => Ok(()),
            Some(_) => Err(Error::Unsupported("mixtures of experts".to_owned())),
        }
    }

    fn rope(&self, head: usize) -> Result<Rope, Error> {
        let dimensions = match self.optional("rope.dimension_count")? {
            Some(_) => self.size("rope.dimension_count", WIDEST_HEAD)?,
            None => head,
        };
        if dimensions > head || !dimensions.is_multiple_of(2) {
            return self.contradiction("rope.dimension_count does not fit the heads");
        }
        let kind = self.metadata.text(&self.key("rope.scaling.type"))?.unwrap_or("none");
        let factor = match kind {
            "none" => self.positive("rope.scale_linear", Some(1.0))?,
            "linear" => self.positive("rope.scaling.factor", Some(1.0))?,
            other => return Err(Error::Unsupported(format!("rope scaling `{other}`"))),
        };
        Ok(Rope { dimensions, base: self.positive("rope.freq_base", Some(10_000.0))?, factor })
    }
}
