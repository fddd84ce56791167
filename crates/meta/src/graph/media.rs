use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use deskbell_domain::Sensitive;
use sha2::{Digest, Sha256};

use super::{Graph, GraphError, Uncertain};
use crate::webhook::json::{secret, whole, word};

/// What Meta says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaInfo {
    /// Where it is for the next five minutes, for callers with the token.
    pub url: Sensitive<String>,
    /// Media type.
    pub mime_type: Option<String>,
    /// SHA-256 of the file: hexadecimal here, base64 in webhooks.
    pub sha256: Option<String>,
    /// Size in bytes.
    pub file_bytes: Option<u64>,
}

/// SHA-256 of a file, to compare with what Meta says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaDigest([u8; 32]);

impl MediaDigest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// As webhooks spell it.
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// As the Graph API spells it.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Whether this is the digest that Meta gave, in either spelling.
    pub fn is(&self, given: &str) -> bool {
        given == self.base64() || given.eq_ignore_ascii_case(&self.hex())
    }
}

impl Graph {
    /// Asks where a file is.
    ///
    /// # Errors
    /// As every call. To make it again does no harm.
    pub async fn media(
        &self,
        token: &Sensitive<String>,
        phone_number_id: &str,
        media_id: &Sensitive<String>,
    ) -> Result<MediaInfo, GraphError> {
        let mut url = self.address(&[media_id.expose()])?;
        url.query_pairs_mut().append_pair("phone_number_id", phone_number_id);
        let answer = self.call(self.get(token, url)).await?;
        Ok(MediaInfo {
            url: secret(&answer, "url").ok_or(Uncertain::Unreadable(200))?,
            mime_type: word(&answer, "mime_type"),
            sha256: word(&answer, "sha256"),
            file_bytes: whole(&answer, "file_size").and_then(|bytes| u64::try_from(bytes).ok()),
        })
    }

    /// Downloads a file of at most `bytes_max` bytes. A refusal with HTTP status 404 means that the address is too
    /// old: ask for another.
    ///
    /// # Errors
    /// As every call; [`super::NotSent::ForeignHost`] where the address is not one of Meta's.
    pub async fn download(
        &self,
        token: &Sensitive<String>,
        url: &Sensitive<String>,
        bytes_max: usize,
    ) -> Result<Bytes, GraphError> {
        self.fetch(token, url, bytes_max).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_recognised_by_both_spellings_of_its_digest() {
        let digest = MediaDigest::of(b"JPEG");
        assert!(
            digest.is(&digest.base64())
                && digest.is(&digest.hex())
                && digest.is(&digest.hex().to_uppercase())
        );
        assert!(!MediaDigest::of(b"JPEg").is(&digest.base64()));
        assert!(!digest.is(""));
    }
}
