//! Sessions of devices: access tokens that end, refresh tokens that work once.

use std::collections::BTreeMap;

use deskbell_domain::RefreshId;

/// What a renewal gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// New tokens.
    Renewed {
        /// Replaces the one that was sent.
        refresh: u64,
        /// For the next while.
        access: u64,
    },
    /// The token was used before, by somebody else: the device is revoked.
    Revoked,
}

#[derive(Debug, Clone, Default)]
struct Device {
    refresh: u64,
    /// The token before, the attempt that replaced it.
    before: Option<(u64, RefreshId)>,
    revoked: bool,
}

/// All sessions.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    devices: BTreeMap<usize, Device>,
    /// Access tokens, with the version of the rights they were given under.
    access: BTreeMap<u64, (usize, u64)>,
    next: u64,
}

impl Sessions {
    /// A new device. Gives its refresh and access token.
    pub fn sign_in(&mut self, device: usize, rights: u64) -> (u64, u64) {
        let refresh = self.fresh();
        self.devices.insert(device, Device { refresh, ..Device::default() });
        (refresh, self.issue(device, rights))
    }

    /// Renews a session: once per token, and again for the attempt that did.
    pub fn refresh(&mut self, device: usize, token: u64, attempt: RefreshId, rights: u64) -> Refreshed {
        let next = self.fresh();
        let Some(known) = self.devices.get_mut(&device) else { return Refreshed::Revoked };
        if known.revoked {
            return Refreshed::Revoked;
        }
        if known.refresh == token {
            known.before = Some((token, attempt));
            known.refresh = next;
        } else if known.before != Some((token, attempt)) {
            known.revoked = true;
            return Refreshed::Revoked;
        }
        let refresh = known.refresh;
        Refreshed::Renewed { refresh, access: self.issue(device, rights) }
    }

    /// Whether an access token holds, under the rights of now.
    pub fn is_good(&self, access: u64, device: usize, rights: u64) -> bool {
        self.access.get(&access) == Some(&(device, rights)) && !self.is_revoked(device)
    }

    /// Ends all access tokens, as time does.
    pub fn expire_all(&mut self) {
        self.access.clear();
    }

    /// Whether a device is revoked.
    pub fn is_revoked(&self, device: usize) -> bool {
        self.devices.get(&device).is_none_or(|device| device.revoked)
    }

    fn issue(&mut self, device: usize, rights: u64) -> u64 {
        let access = self.fresh();
        self.access.insert(access, (device, rights));
        access
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
