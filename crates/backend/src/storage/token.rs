use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deskbell_domain::{Sensitive, TenantId};
use deskbell_seal::{TokenHash, random};
use zeroize::Zeroizing;

use super::Result;

/// An access token, a refresh token or the token of a link: the tenant's id and 256 random bits, as text for
/// headers and addresses.
///
/// It names its tenant, so a request finds the right database without a directory of sessions; the tenant's database
/// holds its hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantToken {
    tenant: TenantId,
    text: Zeroizing<String>,
}

const TENANT_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

impl TenantToken {
    /// A new token of a tenant.
    ///
    /// # Errors
    /// [`StorageError::Random`](super::StorageError::Random).
    pub fn issue(tenant: TenantId) -> Result<Self> {
        let secret = Zeroizing::new(random::<SECRET_BYTES>()?);
        Ok(Self::of(tenant, &secret))
    }

    /// The token of a tenant with this secret part.
    pub(crate) fn of(tenant: TenantId, secret: &[u8; SECRET_BYTES]) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(TENANT_BYTES + SECRET_BYTES));
        bytes.extend_from_slice(tenant.as_bytes());
        bytes.extend_from_slice(secret);
        Self { tenant, text: Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())) }
    }

    /// Reads a token as it came in; `None` when it has another shape. It proves nothing yet.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let (tenant, secret) = bytes.split_first_chunk::<TENANT_BYTES>()?;
        if secret.len() != SECRET_BYTES {
            return None;
        }
        Some(Self { tenant: TenantId::from_bytes(*tenant), text: Zeroizing::new(text.to_owned()) })
    }

    /// Whose it claims to be.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The text, for its holder.
    pub fn text(&self) -> Sensitive<String> {
        Sensitive::from(self.text.as_str())
    }

    /// What is stored in its place.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }
}

impl std::fmt::Debug for TenantToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TenantToken({}, •••)", self.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_names_its_tenant() {
        let tenant = TenantId::from_bytes([7; 16]);
        let token = TenantToken::issue(tenant).unwrap();
        let read = TenantToken::parse(token.text().expose()).unwrap();
        assert_eq!(read, token);
        assert_eq!(read.tenant(), tenant);
        assert_eq!(read.hash(), token.hash());
        assert_ne!(TenantToken::issue(tenant).unwrap(), token);
    }

    #[test]
    fn what_has_another_shape_is_no_token() {
        let token = TenantToken::issue(TenantId::from_bytes([7; 16])).unwrap().text();
        let longer = format!("{}A", token.expose());
        for text in ["", "abc", "%%%", &longer, &token.expose()[1..]] {
            assert!(TenantToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_token_cannot_be_printed() {
        let token = TenantToken::issue(TenantId::from_bytes([7; 16])).unwrap();
        let secret_part = &token.text().into_exposed()[24..];
        assert!(!format!("{token:?}").contains(secret_part));
    }
}
