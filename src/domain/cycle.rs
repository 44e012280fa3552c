//! Finding a circle in what waits for what.

/// A circle along `edges` (the nodes that each node leads to), as the nodes on it in order; nothing
/// where there is none.
///
/// Walked with a stack of its own: a chain of a hundred thousand nodes is no danger.
pub fn find(edges: &[Vec<u32>]) -> Option<Vec<usize>> {
    let mut state = vec![VisitState::New; edges.len()];
    for start in 0..edges.len() {
        // Each entry of the way is a node with the number of its edges that were followed.
        let mut way = vec![(start, 0)];
        while let Some((node, followed)) = way.last_mut() {
            let node = *node;
            if *followed == 0 && state[node] == VisitState::Done {
                way.pop();
                continue;
            }
            state[node] = VisitState::OnTheWay;
            match edges[node].get(*followed).map(|next| *next as usize) {
                Some(next) if state[next] == VisitState::OnTheWay => {
                    let from = way.iter().position(|(at, _)| *at == next)?;
                    return Some(way[from..].iter().map(|(at, _)| *at).collect());
                }
                Some(next) => {
                    *followed += 1;
                    way.push((next, 0));
                }
                None => {
                    state[node] = VisitState::Done;
                    way.pop();
                }
            }
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq)]
enum VisitState {
    New,
    OnTheWay,
    Done,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_named_in_order_and_nothing_else_is() {
        assert_eq!(find(&[]), None);
        assert_eq!(find(&[vec![0]]), Some(vec![0]));
        assert_eq!(
            find(&[vec![1, 2], vec![2], vec![]]),
            None,
            "two ways to one node are no circle"
        );
        assert_eq!(
            find(&[vec![1], vec![2, 3], vec![], vec![1]]),
            Some(vec![1, 3]),
            "without the way to it"
        );
        assert_eq!(
            find(&[vec![], vec![0, 3], vec![1, 1], vec![0, 2]]),
            Some(vec![1, 3, 2])
        );
    }

    #[test]
    fn a_long_chain_is_no_danger() {
        let long = 200_000;
        let mut edges: Vec<Vec<u32>> = (1..=200_000).map(|n| vec![n]).collect();
        edges.push(Vec::new());
        assert_eq!(find(&edges), None);
        edges[long] = vec![0];
        assert_eq!(find(&edges).map(|way| way.len()), Some(long + 1));
    }

    proptest::proptest! {
        #[test]
        fn a_circle_is_found_exactly_where_no_order_exists(
            edges in proptest::collection::vec(proptest::collection::vec(0..8_u32, 0..4), 8)
        ) {
            let mut left: Vec<usize> = (0..8).collect();
            while let Some(at) = left.iter().position(|n| edges[*n].iter().all(|to| !left.contains(&(*to as usize)))) {
                left.remove(at);
            }
            let found = find(&edges);
            proptest::prop_assert_eq!(found.is_none(), left.is_empty());
            if let Some(way) = found {
                for (n, at) in way.iter().enumerate() {
                    proptest::prop_assert!(edges[*at].iter().any(|to| *to as usize == way[(n + 1) % way.len()]));
                }
            }
        }
    }
}
