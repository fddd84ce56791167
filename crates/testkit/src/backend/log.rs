//! The log: ids only, one line per entity and scope, and who saw what when.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::{EntityId, Scope, UserId};
use deskbell_protocol::sync::Seq;

use super::{Backend, Key};

/// What a change did, in one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Put,
    Remove,
    Scope,
    Erase,
}

/// A line of the log: ids only.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) seq: Seq,
    pub(super) scope: Scope,
    pub(super) key: Key,
    pub(super) root: EntityId,
    pub(super) op: Op,
    pub(super) tx_end: bool,
}

impl Backend {
    /// Keeps only the latest line per entity and scope. A line that lets an entity enter stays one that does.
    pub fn compact(&mut self) {
        let mut latest: BTreeMap<(Key, Scope), usize> = BTreeMap::new();
        let mut enters: BTreeSet<usize> = BTreeSet::new();
        for (index, change) in self.data.log.iter().enumerate() {
            let before = latest.insert((change.key.clone(), change.scope), index);
            let entered = before
                .is_some_and(|before| enters.contains(&before) || self.data.log[before].op == Op::Scope);
            if change.op == Op::Put && entered {
                enters.insert(index);
            }
        }
        let kept: BTreeSet<usize> = latest.into_values().collect();
        let mut index = 0;
        self.data.log.retain_mut(|change| {
            let this = index;
            index += 1;
            if enters.contains(&this) {
                change.op = Op::Scope;
            }
            // The end of a transaction is where frames are cut; it stays known.
            kept.contains(&this) || change.tx_end
        });
    }

    /// Forgets the log up to a place.
    pub fn raise_floor(&mut self, floor: Seq) {
        self.data.floor = self.data.floor.max(floor);
        self.data.log.retain(|change| change.seq > floor);
    }

    /// Writes the lines of a transaction: one per entity and scope. Roots come with the scopes they had before.
    pub(super) fn commit(&mut self, touched: &[(Key, Option<BTreeSet<Scope>>)]) {
        let mut lines = Vec::new();
        for (key, before) in touched {
            let row = &self.data.rows[key];
            let Some(root) = self.data.rows.get(&row.root) else { continue };
            for scope in &root.scopes {
                let stays = before.as_ref().is_none_or(|before| before.contains(scope));
                let op = if stays { Op::Put } else { Op::Scope };
                lines.push((*scope, key.clone(), row.root.id, op));
            }
            for scope in before.iter().flatten().filter(|scope| !root.scopes.contains(scope)) {
                lines.push((*scope, key.clone(), row.root.id, Op::Remove));
            }
        }
        self.append(lines);
        let version = self.data.head;
        for (key, _) in touched {
            if let Some(row) = self.data.rows.get_mut(key) {
                row.version = version;
            }
        }
    }

    pub(super) fn append(&mut self, lines: Vec<(Scope, Key, EntityId, Op)>) {
        let last = lines.len();
        for (index, (scope, key, root, op)) in lines.into_iter().enumerate() {
            self.data.head = Seq(self.data.head.0 + 1);
            let tx_end = index + 1 == last;
            self.data.log.push(Change { seq: self.data.head, scope, key, root, op, tx_end });
        }
    }

    /// Before a root's visibility changes: up to here its viewers saw it.
    pub(super) fn note_who_sees(&mut self, root: &Key) {
        let head = self.data.head;
        for user in self.viewers(root) {
            self.last_seen.insert((user, root.clone()), head);
        }
    }

    /// After the change: who still sees it is shown whatever comes.
    pub(super) fn forget_who_sees(&mut self, root: &Key) {
        for user in self.viewers(root) {
            self.last_seen.remove(&(user, root.clone()));
        }
    }

    fn viewers(&self, root: &Key) -> Vec<UserId> {
        self.rights.keys().copied().filter(|user| self.sees(*user, root)).collect()
    }
}
