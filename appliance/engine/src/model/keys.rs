//! Questions to the metadata of one architecture, `{architecture}.*`.

use crate::Error;
use crate::gguf::Metadata;

/// Keys that change what a model computes, in ways that no family of this engine knows, and the value that changes
/// nothing.
const FOREIGN: [(&str, f32); 9] = [
    ("attention.scale", 0.0),
    ("attention.clamp_kqv", 0.0),
    ("attention.max_alibi_bias", 0.0),
    ("attention.value_scale", 1.0),
    ("embedding_scale", 1.0),
    ("logit_scale", 1.0),
    ("residual_scale", 1.0),
    ("rope.scaling.attn_factor", 1.0),
    ("rope.scaling.yarn_ext_factor", 0.0),
];

pub(super) struct Keys<'a> {
    pub(super) metadata: Metadata<'a>,
    pub(super) architecture: &'a str,
}

impl<'a> Keys<'a> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    pub(super) fn contradiction<T>(&self, why: &str) -> Result<T, Error> {
        Err(Error::Model(format!("{}: {why}", self.architecture)))
    }

    pub(super) fn optional(&self, name: &str) -> Result<Option<u32>, Error> {
        self.metadata.integer(&self.key(name))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        self.metadata.text(&self.key(name))
    }

    /// A list of booleans; `None` also where the key holds something else than a list.
    pub(super) fn flags(&self, name: &str) -> Result<Option<Vec<bool>>, Error> {
        let key = self.key(name);
        if self.metadata.is_list(&key) { self.metadata.booleans(&key) } else { Ok(None) }
    }

    /// A number from 1 to `most`.
    pub(super) fn size(&self, name: &str, most: u32) -> Result<usize, Error> {
        let key = self.key(name);
        let size = self.metadata.required(&key, self.metadata.integer(&key))?;
        if (1..=most).contains(&size) {
            return Ok(size as usize);
        }
        Err(Error::Model(format!("`{key}` is {size}, not from 1 to {most}")))
    }

    pub(super) fn positive(&self, name: &str, default: Option<f32>) -> Result<f32, Error> {
        let key = self.key(name);
        let value = self.metadata.required(&key, self.metadata.float(&key).map(|found| found.or(default)))?;
        if value > 0.0 { Ok(value) } else { Err(Error::Model(format!("`{key}` is {value}, not positive"))) }
    }

    /// A limit that numbers approach smoothly; 0 is how some files say that there is none.
    pub(super) fn cap(&self, name: &str) -> Result<Option<f32>, Error> {
        match self.metadata.float(&self.key(name))? {
            None | Some(0.0) => Ok(None),
            Some(_) => self.positive(name, None).map(Some),
        }
    }

    /// Refuses by name what would change the answers and is not computed here.
    pub(super) fn refuse_foreign(&self) -> Result<(), Error> {
        if self.optional("expert_count")?.is_some_and(|experts| experts > 0) {
            return Err(Error::Unsupported("mixtures of experts".to_owned()));
        }
        if self.metadata.boolean(&self.key("attention.causal"))? == Some(false) {
            return Err(Error::Unsupported("attention that sees later tokens".to_owned()));
        }
        for (name, harmless) in FOREIGN {
            let key = self.key(name);
            if self.metadata.float(&key)?.is_some_and(|value| value != harmless) {
                return Err(Error::Unsupported(format!("`{key}`")));
            }
        }
        for (of_windows, of_all) in [
            ("attention.key_length_swa", "attention.key_length"),
            ("attention.value_length_swa", "attention.value_length"),
            ("rope.dimension_count_swa", "rope.dimension_count"),
        ] {
            let other = self.optional(of_windows)?;
            if other.is_some() && other != self.optional(of_all)? {
                return Err(Error::Unsupported(format!("`{}` of its own", self.key(of_windows))));
            }
        }
        Ok(())
    }
}
