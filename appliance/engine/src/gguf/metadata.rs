//! Typed questions to a file's metadata. A value of the wrong type is an error that names its key.

use crate::Error;
use candle_core::quantized::gguf_file::Value;
use std::collections::HashMap;

/// The metadata of one file.
#[derive(Clone, Copy)]
pub struct Metadata<'a> {
    values: &'a HashMap<String, Value>,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(values: &'a HashMap<String, Value>) -> Metadata<'a> {
        Metadata { values }
    }

    /// Whether the key is there at all.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, Error> {
        self.find(key, "a string", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A number from 0 to 2³²−1, whatever integer type it is stored as.
    pub fn integer(&self, key: &str) -> Result<Option<u32>, Error> {
        self.find(key, "a number from 0 to 4294967295", |value| match *value {
            Value::U8(n) => Some(n.into()),
            Value::U16(n) => Some(n.into()),
            Value::U32(n) => Some(n),
            Value::U64(n) => n.try_into().ok(),
            Value::I8(n) => n.try_into().ok(),
            Value::I16(n) => n.try_into().ok(),
            Value::I32(n) => n.try_into().ok(),
            Value::I64(n) => n.try_into().ok(),
            _ => None,
        })
    }

    /// A finite number.
    pub fn float(&self, key: &str) -> Result<Option<f32>, Error> {
        self.find(key, "a finite number", |value| match *value {
            Value::F32(n) if n.is_finite() => Some(n),
            Value::F64(n) if (n as f32).is_finite() => Some(n as f32),
            _ => None,
        })
    }

    /// True or false.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>, Error> {
        self.find(key, "a boolean", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// Whether the key holds a list.
    pub fn is_list(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some(Value::Array(_)))
    }

    /// A list of booleans.
    pub fn booleans(&self, key: &str) -> Result<Option<Vec<bool>>, Error> {
        self.find(key, "a list of booleans", |value| {
            let Value::Array(values) = value else { return None };
            values
                .iter()
                .map(|value| match value {
                    Value::Bool(flag) => Some(*flag),
                    _ => None,
                })
                .collect()
        })
    }

    /// A list of finite numbers.
    pub fn floats(&self, key: &str) -> Result<Option<Vec<f32>>, Error> {
        self.find(key, "a list of finite numbers", |value| {
            let Value::Array(values) = value else { return None };
            values
                .iter()
                .map(|value| match value {
                    Value::F32(n) if n.is_finite() => Some(*n),
                    _ => None,
                })
                .collect()
        })
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>, Error> {
        self.find(key, "a list of strings", |value| {
            let Value::Array(values) = value else { return None };
            values
                .iter()
                .map(|value| match value {
                    Value::String(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect()
        })
    }

    /// A list of small numbers.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i32>>, Error> {
        self.find(key, "a list of 32-bit numbers", |value| {
            let Value::Array(values) = value else { return None };
            values
                .iter()
                .map(|value| match value {
                    Value::I32(n) => Some(*n),
                    Value::U32(n) => (*n).try_into().ok(),
                    _ => None,
                })
                .collect()
        })
    }

    /// The value of a key that must be there.
    pub fn required<T>(&self, key: &str, value: Result<Option<T>, Error>) -> Result<T, Error> {
        value?.ok_or_else(|| Error::Model(format!("the metadata has no `{key}`")))
    }

    fn find<T>(
        &self,
        key: &str,
        wanted: &str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.values.get(key) {
            None => Ok(None),
            Some(value) => convert(value)
                .map(Some)
                .ok_or_else(|| Error::Model(format!("the metadata's `{key}` is not {wanted}"))),
        }
    }
}
