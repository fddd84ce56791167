use std::io::{self, Read, Seek, SeekFrom, Write};

use zeroize::Zeroizing;

use super::{ChunkLayout, ChunkOpener, ChunkSealer};
use crate::limits::{CHUNK_BYTES, CHUNK_HEADER_BYTES, SEALED_CHUNK_BYTES};
use crate::{Aad, Key, SealError};

/// Seals everything `source` gives into `target`, and says how many bytes of content there were.
///
/// # Errors
/// What reading or writing failed with. A [`SealError`] comes as [`io::ErrorKind::InvalidData`].
pub fn seal_stream(key: &Key, aad: &Aad, mut source: impl Read, mut target: impl Write) -> io::Result<u64> {
    let mut sealer = ChunkSealer::new(key, aad).map_err(invalid)?;
    target.write_all(&sealer.header())?;
    let mut content_bytes = 0;
    let mut chunk = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
    read_chunk(&mut source, &mut chunk)?;
    loop {
        // Whether a full chunk is the last one shows only when nothing comes after it.
        let mut following = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
        if chunk.len() == CHUNK_BYTES {
            read_chunk(&mut source, &mut following)?;
        }
        content_bytes += chunk.len() as u64;
        if following.is_empty() {
            target.write_all(&sealer.last(&chunk).map_err(invalid)?)?;
            return Ok(content_bytes);
        }
        target.write_all(&sealer.next(&chunk).map_err(invalid)?)?;
        chunk = following;
    }
}

/// A sealed file that reads like an open one.
///
/// One chunk of content is held at a time.
#[derive(Debug)]
pub struct SealedFile<F> {
    file: F,
    opener: ChunkOpener,
    position: u64,
    held: Option<(u32, Zeroizing<Vec<u8>>)>,
}

impl<F: Read + Seek> SealedFile<F> {
    /// Opens a file, and checks at once that its end was not cut off.
    ///
    /// # Errors
    /// What reading failed with. A [`SealError`] comes as [`io::ErrorKind::InvalidData`].
    pub fn open(key: &Key, aad: &Aad, mut file: F) -> io::Result<Self> {
        let sealed_bytes = file.seek(SeekFrom::End(0))?;
        let mut header = [0; CHUNK_HEADER_BYTES];
        file.rewind()?;
        file.read_exact(&mut header)?;
        let opener = ChunkOpener::new(key, aad, &header, sealed_bytes).map_err(invalid)?;
        let last = opener.layout().chunks() - 1;
        let mut opened = Self { file, opener, position: 0, held: None };
        opened.chunk(last)?;
        Ok(opened)
    }

    /// Where the chunks lie, and how long the content is.
    pub fn layout(&self) -> ChunkLayout {
        self.opener.layout()
    }

    fn chunk(&mut self, index: u32) -> io::Result<&[u8]> {
        let held = match self.held.take() {
            Some(held) if held.0 == index => held,
            _ => {
                let range = self.layout().sealed_range(index).map_err(invalid)?;
                let mut sealed = Vec::with_capacity(SEALED_CHUNK_BYTES);
                self.file.seek(SeekFrom::Start(range.start))?;
                self.file.by_ref().take(range.end - range.start).read_to_end(&mut sealed)?;
                (index, Zeroizing::new(self.opener.open(index, &sealed).map_err(invalid)?))
            }
        };
        Ok(&self.held.insert(held).1)
    }
}

impl<F: Read + Seek> Read for SealedFile<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Ok(index) = self.layout().chunk_at(self.position) else {
            return Ok(0);
        };
        let skip = usize::try_from(self.position % CHUNK_BYTES as u64).map_err(io::Error::other)?;
        let mut rest = self.chunk(index)?.get(skip..).unwrap_or_default();
        let read = rest.read(into)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl<F: Read + Seek> Seek for SealedFile<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::End(offset) => (self.layout().content_bytes(), offset),
            SeekFrom::Current(offset) => (self.position, offset),
        };
        self.position =
            base.checked_add_signed(offset).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

fn read_chunk(source: &mut impl Read, into: &mut Vec<u8>) -> io::Result<()> {
    source.take(CHUNK_BYTES as u64).read_to_end(into)?;
    Ok(())
}

fn invalid(error: SealError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
