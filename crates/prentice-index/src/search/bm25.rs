//! BM25 (Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009) with k1 = 1.2, b = 0.75.
//!
//! A chunk is a document, and its score the sum over terms of `idf * tf * (k1 + 1) / (tf + k1 (1 - b + b length / mean))`
//! with `idf = ln(1 + (N - n + 0.5) / (n + 0.5))`, Lucene's, which is never negative. N, n and the mean are counted over
//! living chunks at the time of the query, so that scores do not depend on how the index came about, to the last bit.

use std::cmp::Ordering;

use super::segment::TextSegment;
use crate::layers::{Layer as _, Part};

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// A chunk by part and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) part: usize,
    pub(super) chunk: u32,
}

/// Orders places by path and line.
pub(super) fn by_path(parts: &[Part<TextSegment>], a: Place, b: Place) -> Ordering {
    if a.part == b.part {
        // Chunks are numbered in this order.
        return a.chunk.cmp(&b.chunk);
    }
    let path = |place: Place| {
        let segment = &parts[place.part].layer;
        segment.path(segment.file_of(place.chunk))
    };
    path(a).cmp(path(b))
}

/// The score of each chunk of each part by `terms`, 0 where it has none of them; `living` has what to count.
pub(super) fn score(parts: &[Part<TextSegment>], living: &[Vec<bool>], terms: &[String]) -> Vec<Vec<f64>> {
    let lives = |part: usize, chunk: u32| parts[part].all_live() || living[part][chunk as usize];
    let (mut chunks, mut length) = (0u64, 0u64);
    for (number, part) in parts.iter().enumerate() {
        let lengths = part.layer.lengths();
        for chunk in (0..part.layer.chunks()).filter(|&chunk| lives(number, chunk)) {
            chunks += 1;
            length += u64::from(lengths.get(chunk));
        }
    }
    let by_length = K1 * B * chunks as f64 / (length.max(1)) as f64;
    let mut scores: Vec<Vec<f64>> = parts.iter().map(|part| vec![0.0; part.layer.chunks() as usize]).collect();
    for term in terms {
        let lists: Vec<_> = parts
            .iter()
            .enumerate()
            .filter_map(|(number, part)| {
                let term = part.layer.terms().find(term.as_bytes())?;
                Some((number, part.layer.postings(term)))
            })
            .collect();
        let having: usize =
            lists.iter().map(|&(number, list)| list.filter(|&(chunk, _)| lives(number, chunk)).count()).sum();
        let idf = (1.0 + (chunks as f64 - having as f64 + 0.5) / (having as f64 + 0.5)).ln();
        for (number, list) in lists {
            let lengths = parts[number].layer.lengths();
            for (chunk, count) in list {
                let count = f64::from(count);
                let norm = K1 * (1.0 - B) + by_length * f64::from(lengths.get(chunk));
                scores[number][chunk as usize] += idf * count * (K1 + 1.0) / (count + norm);
            }
        }
    }
    scores
}

/// The `depth` chunks of highest score above 0 among those in `masks`; equal scores by path and line.
pub(super) fn best(parts: &[Part<TextSegment>], scores: &[Vec<f64>], masks: &[Vec<bool>], depth: usize) -> Vec<Place> {
    let mut found: Vec<(f64, Place)> = Vec::new();
    for (part, (scores, mask)) in scores.iter().zip(masks).enumerate() {
        let scored = scores.iter().zip(mask).enumerate().filter(|(_, (score, may))| **may && **score > 0.0);
        found.extend(scored.map(|(chunk, (&score, _))| (score, Place { part, chunk: chunk as u32 })));
    }
    let order = |a: &(f64, Place), b: &(f64, Place)| b.0.total_cmp(&a.0).then_with(|| by_path(parts, a.1, b.1));
    if found.len() > depth {
        found.select_nth_unstable_by(depth, order);
        found.truncate(depth);
    }
    found.sort_unstable_by(order);
    found.into_iter().map(|(_, place)| place).collect()
}
