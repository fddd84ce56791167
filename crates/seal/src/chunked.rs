//! Files sealed in chunks, so that a video can be played from its middle.
//!
//! A file is a header (version, random nonce part) and chunks of [`CHUNK_BYTES`] of content, the last one shorter or
//! full; an empty file has one empty chunk. Each chunk's nonce holds its index and whether it is the last, so a chunk
//! that was moved, repeated, or left as the new end of a cut file does not open (the STREAM construction).

mod file;

use std::ops::Range;

use crate::cipher::{Form, VERSION, after_version, decrypt, encrypt};
use crate::limits::{
    CHUNK_BYTES, CHUNK_HEADER_BYTES, CHUNK_NONCE_BYTES, NONCE_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES,
};
use crate::{Aad, Key, SealError, random};

pub use file::{SealedFile, seal_stream};

/// Seals a file chunk by chunk, in order.
#[derive(Debug)]
pub struct ChunkSealer {
    key: Key,
    aad: Aad,
    nonce: [u8; CHUNK_NONCE_BYTES],
    index: u32,
}

impl ChunkSealer {
    /// Begins a file.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn new(key: &Key, aad: &Aad) -> Result<Self, SealError> {
        Ok(Self::with_nonce(key, random()?, aad))
    }

    pub(crate) fn with_nonce(key: &Key, nonce: [u8; CHUNK_NONCE_BYTES], aad: &Aad) -> Self {
        Self { key: key.clone(), aad: aad.clone(), nonce, index: 0 }
    }

    /// What stands before the first chunk.
    pub fn header(&self) -> Vec<u8> {
        [&[VERSION], self.nonce.as_slice()].concat()
    }

    /// Seals a chunk that others follow.
    ///
    /// # Errors
    /// [`SealError::Malformed`], when it is not exactly [`CHUNK_BYTES`] long; [`SealError::TooLong`] after 2³² chunks.
    pub fn next(&mut self, content: &[u8]) -> Result<Vec<u8>, SealError> {
        if content.len() != CHUNK_BYTES {
            return Err(SealError::Malformed);
        }
        let following = self.index.checked_add(1).ok_or(SealError::TooLong)?;
        let sealed = self.encrypt(content, false)?;
        self.index = following;
        Ok(sealed)
    }

    /// Seals the last chunk, which is empty only in an empty file, and ends the file.
    ///
    /// # Errors
    /// [`SealError::Malformed`], when it is longer than [`CHUNK_BYTES`], or empty though others went before.
    pub fn last(self, content: &[u8]) -> Result<Vec<u8>, SealError> {
        if content.len() > CHUNK_BYTES || (content.is_empty() && self.index > 0) {
            return Err(SealError::Malformed);
        }
        self.encrypt(content, true)
    }

    fn encrypt(&self, content: &[u8], is_last: bool) -> Result<Vec<u8>, SealError> {
        encrypt(Form::Chunk, &self.key, &nonce(&self.nonce, self.index, is_last), &self.aad, content)
    }
}

/// Where the chunks of a sealed file lie, which follows from its length alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLayout {
    chunks: u32,
    content_bytes: u64,
}

impl ChunkLayout {
    /// The layout of a sealed file of this many bytes.
    ///
    /// # Errors
    /// [`SealError::Malformed`], when no file has this length; [`SealError::TooLong`], when it has too many chunks.
    pub fn of_sealed(sealed_bytes: u64) -> Result<Self, SealError> {
        let body = sealed_bytes.checked_sub(HEADER).ok_or(SealError::Malformed)?;
        let chunks = body.div_ceil(SEALED_CHUNK);
        let last = body.checked_sub(chunks.saturating_sub(1) * SEALED_CHUNK).ok_or(SealError::Malformed)?;
        // A last chunk without content is how an empty file looks, and nothing else.
        if last < TAG || (last == TAG && chunks > 1) {
            return Err(SealError::Malformed);
        }
        let chunks = u32::try_from(chunks).map_err(|_| SealError::TooLong)?;
        Ok(Self { chunks, content_bytes: body - u64::from(chunks) * TAG })
    }

    /// How many chunks there are; at least one.
    pub fn chunks(&self) -> u32 {
        self.chunks
    }

    /// How long the content is.
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// Which chunk holds this byte of the content.
    ///
    /// # Errors
    /// [`SealError::TooLong`], when the content ends before it.
    pub fn chunk_at(&self, offset: u64) -> Result<u32, SealError> {
        if offset >= self.content_bytes {
            return Err(SealError::TooLong);
        }
        u32::try_from(offset / CHUNK).map_err(|_| SealError::TooLong)
    }

    /// Where chunk `index` lies in the sealed file.
    ///
    /// # Errors
    /// [`SealError::TooLong`], when there is no such chunk.
    pub fn sealed_range(&self, index: u32) -> Result<Range<u64>, SealError> {
        if index >= self.chunks {
            return Err(SealError::TooLong);
        }
        let start = HEADER + u64::from(index) * SEALED_CHUNK;
        let end = HEADER + self.content_bytes + u64::from(self.chunks) * TAG;
        Ok(start..end.min(start + SEALED_CHUNK))
    }

    fn is_last(&self, index: u32) -> bool {
        index + 1 == self.chunks
    }
}

/// Opens the chunks of a file, in any order.
///
/// That a file was cut shows in its last chunk: whoever reads only a part opens the last one first, as [`SealedFile`]
/// does.
#[derive(Debug)]
pub struct ChunkOpener {
    key: Key,
    aad: Aad,
    nonce: [u8; CHUNK_NONCE_BYTES],
    layout: ChunkLayout,
}

impl ChunkOpener {
    /// Opens a file by its header (the first [`CHUNK_HEADER_BYTES`]) and its length.
    ///
    /// # Errors
    /// [`SealError::Malformed`] or [`SealError::NewerFormat`], when it is no file of this version.
    pub fn new(key: &Key, aad: &Aad, header: &[u8], sealed_bytes: u64) -> Result<Self, SealError> {
        let nonce = after_version(header)?.try_into().map_err(|_| SealError::Malformed)?;
        let layout = ChunkLayout::of_sealed(sealed_bytes)?;
        Ok(Self { key: key.clone(), aad: aad.clone(), nonce, layout })
    }

    /// Where the chunks lie.
    pub fn layout(&self) -> ChunkLayout {
        self.layout
    }

    /// The content of chunk `index`, from its bytes in the sealed file.
    ///
    /// # Errors
    /// [`SealError::Refused`], when it is not what was sealed at this place of this file, or when the file was cut
    /// here or went on here.
    pub fn open(&self, index: u32, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = nonce(&self.nonce, index, self.layout.is_last(index));
        decrypt(Form::Chunk, &self.key, &nonce, &self.aad, sealed)
    }
}

const HEADER: u64 = CHUNK_HEADER_BYTES as u64;
const CHUNK: u64 = CHUNK_BYTES as u64;
const SEALED_CHUNK: u64 = SEALED_CHUNK_BYTES as u64;
const TAG: u64 = TAG_BYTES as u64;

fn nonce(random: &[u8; CHUNK_NONCE_BYTES], index: u32, is_last: bool) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    let bytes = random.iter().copied().chain(index.to_be_bytes()).chain([u8::from(is_last)]);
    for (place, byte) in nonce.iter_mut().zip(bytes) {
        *place = byte;
    }
    nonce
}

#[cfg(test)]
mod tests;
