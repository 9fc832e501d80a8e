//! Rotary position embedding: pairs of a head's dimensions turn with the position, each at its own speed.

use super::shape::{Rope, Style};

/// How fast each pair turns, in radians a position, and which dimensions a pair has.
pub(crate) struct Rotation {
    speeds: Vec<f64>,
    style: Style,
}

/// Cosine and sine of every pair for every row of a step.
#[derive(Default)]
pub(crate) struct Angles {
    turns: Vec<(f32, f32)>,
}

impl Rotation {
    /// `factors` are those of `rope_freqs.weight`: a pair turns slower by its factor.
    pub(crate) fn new(rope: &Rope, factors: Option<&[f32]>) -> Rotation {
        let dimensions = rope.dimensions as f64;
        let speed = |pair: usize| {
            let factor = factors.map_or(1.0, |factors| f64::from(factors[pair])) * f64::from(rope.factor);
            f64::from(rope.base).powf(-2.0 * pair as f64 / dimensions) / factor
        };
        Rotation { speeds: (0..rope.dimensions / 2).map(speed).collect(), style: rope.style }
    }

    /// Angles of a row for each position, in order.
    pub(crate) fn angles(&self, positions: impl Iterator<Item = usize>, into: &mut Angles) {
        into.turns.clear();
        for position in positions {
            into.turns.extend(self.speeds.iter().map(|speed| {
                let (sin, cos) = (speed * position as f64).sin_cos();
                (cos as f32, sin as f32)
            }));
        }
    }

    /// Turns all heads of one row.
    pub(crate) fn turn(&self, angles: &Angles, row: usize, heads: &mut [f32], head: usize) {
        let pairs = self.speeds.len();
        let turns = &angles.turns[row * pairs..(row + 1) * pairs];
        for head in heads.chunks_exact_mut(head) {
            match self.style {
                Style::Neighbours => {
                    for (pair, turned) in head.chunks_exact_mut(2).zip(turns) {
                        (pair[0], pair[1]) = turn(pair[0], pair[1], turned);
                    }
                }
                Style::Halves => {
                    let (first, second) = head[..2 * pairs].split_at_mut(pairs);
                    for ((a, b), turned) in first.iter_mut().zip(second).zip(turns) {
                        (*a, *b) = turn(*a, *b, turned);
                    }
                }
            }
        }
    }
}

fn turn(a: f32, b: f32, (cos, sin): &(f32, f32)) -> (f32, f32) {
    (a * cos - b * sin, a * sin + b * cos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(rope: &Rope, factors: Option<&[f32]>, position: usize) -> Vec<f32> {
        let rotation = Rotation::new(rope, factors);
        let mut angles = Angles::default();
        rotation.angles([0, position].into_iter(), &mut angles);
        let mut row = match rope.style {
            Style::Neighbours => vec![1.0, 0.0, 1.0, 0.0, 5.0, 6.0, 7.0, 8.0],
            Style::Halves => vec![1.0, 1.0, 0.0, 0.0, 5.0, 6.0, 7.0, 8.0],
        };
        rotation.turn(&angles, 1, &mut row, 8);
        row
    }

    fn rope(style: Style, factor: f32) -> Rope {
        Rope { dimensions: 4, base: 100.0, factor, style }
    }

    fn near(row: &[f32], expected: [f32; 8]) -> bool {
        row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn neighbours_turn_at_their_speeds_and_the_rest_stays() {
        let row = turned(&rope(Style::Neighbours, 1.0), None, 3);
        let expected = [3_f32.cos(), 3_f32.sin(), 0.3_f32.cos(), 0.3_f32.sin(), 5.0, 6.0, 7.0, 8.0];
        assert!(near(&row, expected), "{row:?}");
    }

    #[test]
    fn halves_turn_at_the_same_speeds() {
        let row = turned(&rope(Style::Halves, 1.0), None, 3);
        let expected = [3_f32.cos(), 0.3_f32.cos(), 3_f32.sin(), 0.3_f32.sin(), 5.0, 6.0, 7.0, 8.0];
        assert!(near(&row, expected), "{row:?}");
    }

    #[test]
    fn factors_slow_pairs_down() {
        let row = turned(&rope(Style::Neighbours, 2.0), Some(&[1.0, 3.0]), 6);
        assert!((row[0] - 3_f32.cos()).abs() < 1e-6 && (row[2] - 0.1_f32.cos()).abs() < 1e-6, "{row:?}");
    }
}
