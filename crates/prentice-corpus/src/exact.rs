//! Exact duplicates: documents with the same digest.
//!
//! OpenCoder found about three quarters of files to be exact copies, and deduplication of files to beat that of
//! repositories. Which copy is kept depends on names only: the smallest (origin, path) among those that may stay.

use std::collections::HashMap;

use prentice_base::ContentHash;

/// Groups the indices of documents by content, each group in the order of the documents, groups by first member.
pub fn copies(digests: impl IntoIterator<Item = Option<ContentHash>>) -> Vec<Vec<usize>> {
    let mut group_of = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, digest) in digests.into_iter().enumerate() {
        let Some(digest) = digest else { continue };
        let group = *group_of.entry(digest).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(index);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_the_order_of_documents() {
        let digest = |text: &str| Some(ContentHash::of(text.as_bytes()));
        let digests = [digest("a"), None, digest("b"), digest("a"), digest("b"), digest("c"), digest("a")];
        assert_eq!(copies(digests), [vec![0, 3, 6], vec![2, 4], vec![5]]);
    }
}
