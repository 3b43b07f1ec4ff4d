//! Which of several lines is right, and how sure that is.
//!
//! A softmax over the lines of the beam and "none of them", linear in features of each line, learnt by AdaGrad. The
//! probability of the best line is the confidence that a user sees.

/// Features of a line.
pub const FEATURES: usize = 45;
/// Features of the whole beam, for "none of them".
pub const NONE_FEATURES: usize = 10;

/// Sum of squared slopes of weights that come from elsewhere.
const SETTLED: f32 = 20.0;

/// Weights, and how they were learnt.
#[derive(Clone, Debug)]
pub struct Reranker {
    weights: [f32; FEATURES],
    squares: [f32; FEATURES],
    none: [f32; NONE_FEATURES],
    none_squares: [f32; NONE_FEATURES],
    /// Slope and offset by which the log-odds become those that were seen (Platt 1999).
    scale: [f32; 2],
    scale_squares: [f32; 2],
}

impl Default for Reranker {
    fn default() -> Self {
        let mut weights = [0.0; FEATURES];
        weights[1] = 1.0;
        Self {
            weights,
            squares: [0.0; FEATURES],
            none: [0.0; NONE_FEATURES],
            none_squares: [0.0; NONE_FEATURES],
            scale: [1.0, 0.0],
            scale_squares: [0.0; 2],
        }
    }
}

impl Reranker {
    /// All weights, to be kept.
    pub(super) fn weights(&self) -> impl Iterator<Item = f32> + '_ {
        self.weights.iter().chain(&self.none).chain(&self.scale).copied()
    }

    /// A ranking with these weights, as if each had been learnt from a little; none if they are not as many.
    pub(super) fn from_weights(weights: &[f32]) -> Option<Self> {
        let (lines, rest) = weights.split_first_chunk::<FEATURES>()?;
        let (none, scale) = rest.split_first_chunk::<NONE_FEATURES>()?;
        Some(Self {
            weights: *lines,
            squares: [SETTLED; FEATURES],
            none: *none,
            none_squares: [SETTLED; NONE_FEATURES],
            scale: scale.try_into().ok()?,
            scale_squares: [0.0; 2],
        })
    }

    /// How many weights there are.
    pub(super) const WEIGHTS: usize = FEATURES + NONE_FEATURES + 2;

    /// Probability of each line; what is missing to one is that of none of them.
    pub fn rank(&self, lines: &[[f32; FEATURES]], beam: &[f32; NONE_FEATURES]) -> Vec<f32> {
        let none: f32 = self.none.iter().zip(beam).map(|(weight, feature)| weight * feature).sum();
        let scores: Vec<f32> = lines
            .iter()
            .map(|line| self.weights.iter().zip(line).map(|(weight, feature)| weight * feature).sum())
            .collect();
        let highest = scores.iter().copied().fold(none, f32::max);
        let sum: f32 = scores.iter().map(|score| (score - highest).exp()).sum::<f32>() + (none - highest).exp();
        scores.iter().map(|score| (score - highest).exp() / sum).collect()
    }

    /// The probability of the best line as experience has it.
    pub fn calibrated(&self, probability: f32) -> f32 {
        sigmoid(self.scale[0] * log_odds(probability) + self.scale[1])
    }

    /// Learns which line was right, if any was.
    pub fn learn(&mut self, lines: &[[f32; FEATURES]], beam: &[f32; NONE_FEATURES], right: Option<usize>) {
        let probabilities = self.rank(lines, beam);
        if let Some((best, probability)) =
            probabilities.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1))
        {
            let error = if right == Some(best) { 1.0 } else { 0.0 } - self.calibrated(*probability);
            adjust(&mut self.scale, &mut self.scale_squares, &[error * log_odds(*probability), error], 0.2);
        }
        let mut slope = [0.0; FEATURES];
        for (index, (line, probability)) in lines.iter().zip(&probabilities).enumerate() {
            let error = if right == Some(index) { 1.0 } else { 0.0 } - probability;
            slope.iter_mut().zip(line).for_each(|(slope, feature)| *slope += error * feature);
        }
        let none = 1.0 - probabilities.iter().sum::<f32>();
        let error = if right.is_none() { 1.0 } else { 0.0 } - none;
        adjust(&mut self.weights, &mut self.squares, &slope, 0.1);
        adjust(&mut self.none, &mut self.none_squares, &beam.map(|feature| error * feature), 0.1);
    }
}

fn log_odds(probability: f32) -> f32 {
    let probability = probability.clamp(1e-4, 1.0 - 1e-4);
    (probability / (1.0 - probability)).ln()
}

fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

fn adjust(weights: &mut [f32], squares: &mut [f32], slopes: &[f32], rate: f32) {
    for ((weight, square), slope) in weights.iter_mut().zip(squares).zip(slopes) {
        *square += slope * slope;
        *weight += rate * slope / (*square + 1.0).sqrt();
    }
}
