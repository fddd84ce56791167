use std::fmt;

use deskbell_seal::digest;

/// One user of one account of one backend, on this computer: what a vault, its databases and its entries in the
/// keychain belong to.
///
/// It is a digest, so neither a folder's name nor a keychain entry's says who works where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile(String);

impl Profile {
    /// The profile of `user` of `account` (the tenant, in a backend's own words) at `origin` (scheme, host, port).
    pub fn new(origin: &str, account: &str, user: &str) -> Self {
        let parts = [origin.as_bytes(), account.as_bytes(), user.as_bytes()];
        let digest = digest("vault/profile", &parts);
        // 128 bits tell profiles of one computer apart, and keep paths short.
        Self(digest.as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The name: 32 hexadecimal digits, fit for a folder.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_differ_by_origin_account_and_user() {
        let profile = Profile::new("https://desk.example", "1", "23");
        assert_eq!(profile, Profile::new("https://desk.example", "1", "23"));
        assert_ne!(profile, Profile::new("https://desk.example:444", "1", "23"));
        assert_ne!(profile, Profile::new("https://desk.example", "12", "3"));
        assert_ne!(profile, Profile::new("https://desk.example", "1", "24"));
    }

    #[test]
    fn a_name_is_fit_for_a_folder_and_tells_nothing() {
        let profile = Profile::new("https://desk.example", "../..", "ana@example.com");
        assert_eq!(profile.name().len(), 32);
        assert!(profile.name().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
