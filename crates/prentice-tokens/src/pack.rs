//! Best-fit-decreasing packing (Ding et al. 2024, arXiv 2404.10830): pieces are laid into rows of equal length, longest
//! first, each into the fullest row that still has room, so that little is padded and nothing is cut.

use std::collections::BTreeMap;

use prentice_base::Seed;
use rand::seq::SliceRandom as _;

/// Packs pieces of the given lengths into rows of `context` tokens; a row is a list of indices into `lengths`.
///
/// Takes O(n log(n + context)). Pieces of equal length keep their order; the rows are shuffled by `seed`, for packing
/// leaves them sorted by length.
///
/// # Panics
/// A length is 0 or above `context`.
pub fn pack(lengths: &[usize], context: usize, seed: Seed) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&piece| std::cmp::Reverse(lengths[piece]));
    let mut rows = best_fit(lengths, order, context);
    rows.shuffle(&mut seed.rng());
    rows
}

/// Lays pieces, in the order given, each into the fullest row of `context` tokens that still has room for it, or else
/// into a new one. Rows come in the order in which they were begun.
///
/// # Panics
/// A length is 0 or above `context`.
pub fn best_fit(lengths: &[usize], order: impl IntoIterator<Item = usize>, context: usize) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    // Rows by the room they have left; a row without room leaves the map.
    let mut rows_by_room: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for piece in order {
        let length = lengths[piece];
        assert!((1..=context).contains(&length), "a piece of {length} tokens in rows of {context}");
        let best = rows_by_room.range_mut(length..).next().map(|(&room, rows)| (room, rows.pop(), rows.is_empty()));
        let (room, row) = match best {
            Some((room, Some(row), now_empty)) => {
                if now_empty {
                    rows_by_room.remove(&room);
                }
                (room, row)
            }
            _ => {
                rows.push(Vec::new());
                (context, rows.len() - 1)
            }
        };
        rows[row].push(piece);
        if room > length {
            rows_by_room.entry(room - length).or_default().push(row);
        }
    }
    rows
}

/// The share of the rows' tokens that is not padding; 1 if there are no rows.
pub fn fill_rate(tokens: u64, rows: usize, context: usize) -> f64 {
    if rows == 0 { 1.0 } else { tokens as f64 / (rows as f64 * context as f64) }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use rand::RngExt as _;

    use super::*;

    /// Rows needed by first fit in the order given: what packing must beat.
    fn first_fit(lengths: &[usize], context: usize) -> usize {
        let mut rooms: Vec<usize> = Vec::new();
        for &length in lengths {
            match rooms.iter_mut().find(|room| **room >= length) {
                Some(room) => *room -= length,
                None => rooms.push(context - length),
            }
        }
        rooms.len()
    }

    #[test]
    fn the_longest_come_first_and_go_where_least_room_is_left() {
        let rows = |lengths: &[usize]| {
            let mut rows: Vec<Vec<usize>> = pack(lengths, 10, Seed(0))
                .into_iter()
                .map(|row| row.into_iter().map(|piece| lengths[piece]).collect())
                .collect();
            rows.sort();
            format!("{rows:?}")
        };
        expect!["[[7, 3], [8, 2], [9, 1]]"].assert_eq(&rows(&[1, 2, 3, 7, 8, 9]));
        expect!["[[5, 5], [5, 5], [10]]"].assert_eq(&rows(&[5, 5, 10, 5, 5]));
        expect!["[]"].assert_eq(&rows(&[]));
    }

    #[test]
    fn nothing_is_lost_no_row_overflows_and_first_fit_is_not_better() {
        for (round, context) in [16, 100, 1024].into_iter().enumerate() {
            let rng = &mut Seed(round as u64).rng();
            let lengths: Vec<usize> =
                (0..2000).map(|_| rng.random_range(1..=context).min(rng.random_range(1..=context))).collect();
            let rows = pack(&lengths, context, Seed(1));
            assert!(rows.iter().all(|row| row.iter().map(|&piece| lengths[piece]).sum::<usize>() <= context));
            let mut pieces = rows.concat();
            pieces.sort_unstable();
            assert!(pieces.into_iter().eq(0..lengths.len()));
            assert!(rows.len() <= first_fit(&lengths, context));

            assert_eq!(rows, pack(&lengths, context, Seed(1)));
            assert_ne!(rows, pack(&lengths, context, Seed(2)), "another seed, another order");
        }
    }

    #[test]
    fn the_fill_rate_is_the_share_without_padding() {
        assert_eq!((fill_rate(15, 2, 10), fill_rate(0, 0, 10)), (0.75, 1.0));
    }
}
