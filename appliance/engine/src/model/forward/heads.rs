//! Heads of queries and keys on their way to attention: their norm, where a family has one, and their turn.

use crate::kernels::Path;
use crate::model::Model;
use crate::model::attention::Queries;
use crate::model::elementwise;
use crate::model::rope::{Angles, Rotation};

/// What every head of a row goes through.
pub(super) struct Turn<'a> {
    path: Path,
    norm: Option<&'a [f32]>,
    rotation: &'a Rotation,
    angles: &'a Angles,
    head: usize,
    epsilon: f32,
}

impl<'a> Turn<'a> {
    /// `norm` is as long as a head.
    pub(super) fn new(
        model: &Model,
        norm: Option<&'a [f32]>,
        rotation: &'a Rotation,
        angles: &'a Angles,
    ) -> Turn<'a> {
        let (head, epsilon) = (model.shape.head, model.shape.epsilon);
        Turn { path: model.path, norm, rotation, angles, head, epsilon }
    }

    /// Some heads of one row of the step.
    pub(super) fn apply(&self, row: usize, heads: &mut [f32]) {
        if let Some(weight) = self.norm {
            for head in heads.chunks_exact_mut(self.head) {
                elementwise::rms_norm_in_place(self.path, head, weight, self.epsilon);
            }
        }
        self.rotation.turn(self.angles, row, heads, self.head);
    }
}

/// Queries as their product left them; they turn when attention takes them.
pub(super) struct Turned<'a> {
    pub(super) queries: &'a [f32],
    /// Of a row.
    pub(super) width: usize,
    pub(super) turn: Turn<'a>,
}

impl Queries for Turned<'_> {
    fn write(&self, row: usize, kv_head: usize, out: &mut [f32]) {
        out.copy_from_slice(&self.queries[row * self.width + kv_head * out.len()..][..out.len()]);
        self.turn.apply(row, out);
    }
}
