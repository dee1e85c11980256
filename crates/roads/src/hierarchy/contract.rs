//! The order of importance: what is taken out first is what needs the fewest shortcuts in its place.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::NONE;
use crate::cost::Cost;
use crate::graph::Graph;

/// Nodes that a search for a way around a node may settle. A shortcut too many is never wrong, but where streets are all
/// about as fast, fewer would not be enough to find the way around: with 60 there were two hundredths more, and contracting
/// took longer for them.
const SETTLED_MAX: usize = 200;
/// What counts how much in a node's importance: its level, links that come for each that goes, and edges that they stand
/// for. Found by trying.
const LEVEL_WEIGHT: u64 = 1_000;
const LINKS_WEIGHT: u64 = 4_000;
const EDGES_WEIGHT: u64 = 2_000;

/// An edge or a shortcut while nodes are being contracted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) node: u32,
    pub(super) via: u32,
    /// Edges that it stands for.
    hops: u32,
    pub(super) cost: Cost,
}

/// A node as it was when it was contracted: with links to and from more important nodes alone.
#[derive(Debug)]
pub(super) struct Contracted {
    pub(super) node: u32,
    pub(super) out: Vec<Link>,
    pub(super) into: Vec<Link>,
}

/// A shortcut that is needed in the place of a node.
struct Shortcut {
    from: u32,
    to: u32,
    link: Link,
}

struct Contraction {
    out: Vec<Vec<Link>>,
    into: Vec<Vec<Link>>,
    /// How many contracted nodes lie below each.
    level: Vec<u64>,
    witness: Witness,
}

/// All nodes in the order in which they are contracted, the least important first.
pub(super) fn contract(graph: &Graph) -> Vec<Contracted> {
    let nodes = graph.nodes() as u32;
    let mut contraction = Contraction::new(graph);
    let mut needed = Vec::new();
    // Of equal ones the lower number goes first: ties fall the same way everywhere.
    let mut queue: BinaryHeap<Reverse<(u64, u32)>> = (0..nodes)
        .map(|node| Reverse((contraction.importance(node, &mut needed), node)))
        .collect();
    let mut order = Vec::with_capacity(nodes as usize);
    // Whose importance may be another, because something near was contracted.
    let mut is_stale = vec![false; nodes as usize];
    while let Some(Reverse((_, node))) = queue.pop() {
        // It is found anew when its turn has come, and not each time that it changes.
        if std::mem::take(&mut is_stale[node as usize]) {
            let now = (contraction.importance(node, &mut needed), node);
            if queue.peek().is_some_and(|Reverse(next)| *next < now) {
                queue.push(Reverse(now));
                continue;
            }
        } else {
            contraction.shortcuts(node, &mut needed);
        }
        let contracted = contraction.take_out(node, &mut needed);
        for link in contracted.out.iter().chain(&contracted.into) {
            let near = link.node as usize;
            let level = &mut contraction.level;
            level[near] = level[near].max(level[node as usize] + 1);
            is_stale[near] = true;
        }
        order.push(contracted);
    }
    order
}

impl Contraction {
    fn new(graph: &Graph) -> Self {
        let nodes = graph.nodes();
        let mut contraction = Self {
            out: vec![Vec::new(); nodes],
            into: vec![Vec::new(); nodes],
            level: vec![0; nodes],
            witness: Witness::new(nodes),
        };
        for from in 0..nodes as u32 {
            for edge in graph.edges_of(from) {
                contraction.link(from, edge.to, NONE, 1, edge.cost);
            }
        }
        contraction
    }

    /// Links two nodes, or makes their link as cheap.
    fn link(&mut self, from: u32, to: u32, via: u32, hops: u32, cost: Cost) {
        let link = |node| Link {
            node,
            via,
            hops,
            cost,
        };
        let (out, into) = (&mut self.out[from as usize], &mut self.into[to as usize]);
        match out.iter().position(|it| it.node == to) {
            None => {
                out.push(link(to));
                into.push(link(from));
            }
            Some(at) if cost < out[at].cost => {
                out[at] = link(to);
                let back = into.iter_mut().find(|it| it.node == from);
                *back.expect("a link is known at both ends") = link(from);
            }
            Some(_) => {}
        }
    }

    /// What is needed in a node's place: for each way through it that no way around it beats.
    fn shortcuts(&mut self, node: u32, needed: &mut Vec<Shortcut>) {
        needed.clear();
        let (out, into) = (&self.out[node as usize], &self.into[node as usize]);
        for first in into {
            let others = || out.iter().filter(|second| second.node != first.node);
            let Some(dearest) = others().map(|second| second.cost).max() else {
                continue;
            };
            let goals = others().count();
            self.witness.search(
                &self.out,
                first.node,
                node,
                first.cost + dearest,
                (out, goals),
            );
            for second in others() {
                let cost = first.cost + second.cost;
                if self.witness.cost(second.node) > cost {
                    needed.push(Shortcut {
                        from: first.node,
                        to: second.node,
                        link: Link {
                            node: second.node,
                            via: node,
                            hops: first.hops.saturating_add(second.hops),
                            cost,
                        },
                    });
                }
            }
        }
    }

    /// How much a node is in the way: its level, links that come for each that goes, and edges that they stand for.
    fn importance(&mut self, node: u32, needed: &mut Vec<Shortcut>) -> u64 {
        self.shortcuts(node, needed);
        let links = self.out[node as usize]
            .iter()
            .chain(&self.into[node as usize]);
        let (mut going, mut going_hops) = (0_u64, 0_u64);
        for link in links {
            going += 1;
            going_hops += u64::from(link.hops);
        }
        let coming = needed.len() as u64;
        let coming_hops: u64 = needed.iter().map(|it| u64::from(it.link.hops)).sum();
        let ratio = |weight, coming: u64, going: u64| weight * coming / going.max(1);
        LEVEL_WEIGHT * self.level[node as usize]
            + ratio(LINKS_WEIGHT, coming, going)
            + ratio(EDGES_WEIGHT, coming_hops, going_hops)
    }

    /// Contracts a node: its links are its own from now on, and the [shortcuts](Self::shortcuts) that it needs stand in
    /// its place.
    fn take_out(&mut self, node: u32, needed: &mut Vec<Shortcut>) -> Contracted {
        let contracted = Contracted {
            node,
            out: std::mem::take(&mut self.out[node as usize]),
            into: std::mem::take(&mut self.into[node as usize]),
        };
        for link in &contracted.out {
            self.into[link.node as usize].retain(|it| it.node != node);
        }
        for link in &contracted.into {
            self.out[link.node as usize].retain(|it| it.node != node);
        }
        for Shortcut { from, to, link } in needed.drain(..) {
            self.link(from, to, link.via, link.hops, link.cost);
        }
        contracted
    }
}

/// A small search for ways around a node.
struct Witness {
    /// What it costs to each node, and in which search that was found.
    found: Vec<(Cost, u32)>,
    /// In which search each node was something to be reached.
    goal: Vec<u32>,
    search: u32,
    queue: BinaryHeap<Reverse<(Cost, u32)>>,
}

impl Witness {
    fn new(nodes: usize) -> Self {
        Self {
            found: vec![(Cost::NEVER, 0); nodes],
            goal: vec![0; nodes],
            search: 0,
            queue: BinaryHeap::new(),
        }
    }

    fn cost(&self, node: u32) -> Cost {
        match self.found[node as usize] {
            (cost, search) if search == self.search => cost,
            _ => Cost::NEVER,
        }
    }

    /// Finds what it costs from a node without another, up to a limit, until all goals are reached or enough is
    /// settled. What is found is never too cheap.
    fn search(
        &mut self,
        out: &[Vec<Link>],
        from: u32,
        without: u32,
        limit: Cost,
        (goals, mut left): (&[Link], usize),
    ) {
        self.search += 1;
        self.queue.clear();
        for goal in goals {
            self.goal[goal.node as usize] = self.search;
        }
        self.found[from as usize] = (Cost::ZERO, self.search);
        self.queue.push(Reverse((Cost::ZERO, from)));
        let mut settled = 0;
        while let Some(Reverse((cost, node))) = self.queue.pop() {
            if cost > self.cost(node) {
                continue;
            }
            if node != from && self.goal[node as usize] == self.search {
                left -= 1;
                if left == 0 {
                    return;
                }
            }
            settled += 1;
            if settled > SETTLED_MAX {
                return;
            }
            for link in &out[node as usize] {
                let through = cost + link.cost;
                if link.node != without && through <= limit && through < self.cost(link.node) {
                    self.found[link.node as usize] = (through, self.search);
                    self.queue.push(Reverse((through, link.node)));
                }
            }
        }
    }
}
