use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use deskbell_domain::{KeyId, TenantId};
use deskbell_seal::Key;

use super::KeyKind;
use crate::limits::{KEY_CACHE, KEYS_CACHED_MAX};

/// Keys in memory, none for longer than [`KEY_CACHE`].
#[derive(Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    tenants: HashMap<TenantId, (Key, Instant)>,
    keys: HashMap<(TenantId, KeyId), (Key, Instant)>,
    slots: HashMap<(TenantId, KeyKind, String), KeyId>,
}

impl Cache {
    pub(super) fn get(&self, tenant: TenantId, id: KeyId) -> Option<Key> {
        fresh(&mut self.lock().keys, &(tenant, id))
    }

    pub(super) fn put(&self, tenant: TenantId, id: KeyId, key: Key) {
        let mut kept = self.lock();
        if kept.keys.len() >= KEYS_CACHED_MAX {
            kept.keys.clear();
        }
        kept.keys.insert((tenant, id), (key, Instant::now()));
    }

    pub(super) fn get_tenant(&self, tenant: TenantId) -> Option<Key> {
        fresh(&mut self.lock().tenants, &tenant)
    }

    pub(super) fn put_tenant(&self, tenant: TenantId, key: Key) {
        self.lock().tenants.insert(tenant, (key, Instant::now()));
    }

    pub(super) fn get_slot(&self, tenant: TenantId, kind: KeyKind, slot: &str) -> Option<(KeyId, Key)> {
        let id = self.lock().slots.get(&(tenant, kind, slot.to_owned())).copied()?;
        Some((id, self.get(tenant, id)?))
    }

    pub(super) fn put_slot(&self, tenant: TenantId, kind: KeyKind, slot: &str, id: KeyId) {
        self.lock().slots.insert((tenant, kind, slot.to_owned()), id);
    }

    pub(super) fn forget(&self, tenant: TenantId, ids: &[KeyId]) {
        let mut kept = self.lock();
        for id in ids {
            kept.keys.remove(&(tenant, *id));
        }
        kept.slots.retain(|_, id| !ids.contains(id));
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh<K: Eq + Hash>(keys: &mut HashMap<K, (Key, Instant)>, id: &K) -> Option<Key> {
    let (key, read_at) = keys.get(id)?;
    if read_at.elapsed() < KEY_CACHE {
        return Some(key.clone());
    }
    keys.remove(id);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_used_for_a_minute_at_most() {
        let mut keys = HashMap::new();
        let Some(long_ago) = Instant::now().checked_sub(KEY_CACHE) else { return };
        keys.insert(1, (Key::from_bytes([1; 32]), Instant::now()));
        keys.insert(2, (Key::from_bytes([2; 32]), long_ago));
        assert!(fresh(&mut keys, &1).is_some());
        assert!(fresh(&mut keys, &2).is_none());
        assert!(!keys.contains_key(&2), "an old key leaves memory");
    }

    #[test]
    fn a_destroyed_key_is_forgotten_at_once() {
        let cache = Cache::default();
        let (tenant, id) = (TenantId::from_bytes([1; 16]), KeyId::from_bytes([2; 16]));
        cache.put(tenant, id, Key::from_bytes([3; 32]));
        cache.put_slot(tenant, KeyKind::Lookup, "only", id);
        assert!(cache.get_slot(tenant, KeyKind::Lookup, "only").is_some());
        cache.forget(tenant, &[id]);
        assert!(cache.get(tenant, id).is_none());
        assert!(cache.get_slot(tenant, KeyKind::Lookup, "only").is_none());
    }
}
