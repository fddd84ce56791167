use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::*;
use crate::Cell;

fn aad() -> Aad {
    Aad::cell(Cell { tenant: &[1; 16], table: "attachments", row: &[2; 16], column: "file" })
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|place| (place % 251) as u8).collect()
}

fn sealed(key: &Key, content: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let written = seal_stream(key, &aad(), content, &mut file).unwrap();
    assert_eq!(written, content.len() as u64);
    file
}

fn read(key: &Key, file: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    SealedFile::open(key, &aad(), Cursor::new(file))?.read_to_end(&mut content)?;
    Ok(content)
}

#[track_caller]
fn assert_refused(read: io::Result<Vec<u8>>) {
    let error = read.expect_err("the changed file was read");
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<SealError>());
    assert_eq!(error, Some(&SealError::Refused));
}

fn chunk(file: &[u8], index: usize) -> &[u8] {
    let start = CHUNK_HEADER_BYTES + index * SEALED_CHUNK_BYTES;
    &file[start..file.len().min(start + SEALED_CHUNK_BYTES)]
}

#[test]
fn files_of_every_length_around_a_chunk_come_back() {
    let key = Key::random().unwrap();
    for bytes in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES - 7] {
        let content = content(bytes);
        let file = sealed(&key, &content);
        let layout = ChunkLayout::of_sealed(file.len() as u64).unwrap();
        assert_eq!(layout.content_bytes(), bytes as u64);
        assert_eq!(layout.chunks() as usize, bytes.div_ceil(CHUNK_BYTES).max(1));
        assert!(read(&key, &file).unwrap() == content, "{bytes} bytes");
    }
}

#[test]
fn any_chunk_opens_alone() {
    let key = Key::random().unwrap();
    let content = content(3 * CHUNK_BYTES - 7);
    let file = sealed(&key, &content);
    let opener = ChunkOpener::new(&key, &aad(), &file[..CHUNK_HEADER_BYTES], file.len() as u64).unwrap();
    for index in [2, 0, 1] {
        let range = opener.layout().sealed_range(index).unwrap();
        let opened = opener.open(index, &file[range.start as usize..range.end as usize]).unwrap();
        let start = index as usize * CHUNK_BYTES;
        assert!(opened == content[start..content.len().min(start + CHUNK_BYTES)], "chunk {index}");
    }
    assert_eq!(opener.layout().sealed_range(3), Err(SealError::TooLong));
}

#[test]
fn a_file_is_read_from_its_middle_and_across_chunks() {
    let key = Key::random().unwrap();
    let content = content(2 * CHUNK_BYTES + 100);
    let mut file = SealedFile::open(&key, &aad(), Cursor::new(sealed(&key, &content))).unwrap();
    let start = CHUNK_BYTES - 10;
    let mut part = [0; 20];
    file.seek(SeekFrom::Start(start as u64)).unwrap();
    file.read_exact(&mut part).unwrap();
    assert_eq!(part, content[start..start + 20]);
    file.seek(SeekFrom::End(-5)).unwrap();
    let mut end = Vec::new();
    file.read_to_end(&mut end).unwrap();
    assert_eq!(end, content[content.len() - 5..]);
    assert!(file.seek(SeekFrom::Current(-1_000_000)).is_err());
}

#[test]
fn a_file_cut_between_chunks_is_refused_before_any_of_it_is_read() {
    let key = Key::random().unwrap();
    let file = sealed(&key, &content(2 * CHUNK_BYTES + 100));
    let cut = &file[..CHUNK_HEADER_BYTES + 2 * SEALED_CHUNK_BYTES];
    let opened = SealedFile::open(&key, &aad(), Cursor::new(cut));
    assert_refused(opened.map(|_| Vec::new()));
}

#[test]
fn a_file_cut_within_a_chunk_is_refused() {
    let key = Key::random().unwrap();
    let file = sealed(&key, &content(CHUNK_BYTES + 100));
    assert_refused(read(&key, &file[..file.len() - 1]));
}

#[test]
fn lengths_that_no_file_has_are_malformed() {
    let header = CHUNK_HEADER_BYTES as u64;
    let tag = TAG_BYTES as u64;
    for bytes in [0, header - 1, header, header + tag - 1, header + SEALED_CHUNK_BYTES as u64 + tag] {
        assert_eq!(ChunkLayout::of_sealed(bytes), Err(SealError::Malformed), "{bytes} bytes");
    }
}

#[test]
fn chunks_in_another_order_are_refused() {
    let key = Key::random().unwrap();
    let file = sealed(&key, &content(2 * CHUNK_BYTES + 100));
    let head = &file[..CHUNK_HEADER_BYTES];
    assert_refused(read(&key, &[head, chunk(&file, 1), chunk(&file, 0), chunk(&file, 2)].concat()));
}

#[test]
fn a_repeated_chunk_is_refused() {
    let key = Key::random().unwrap();
    let file = sealed(&key, &content(2 * CHUNK_BYTES + 100));
    let head = &file[..CHUNK_HEADER_BYTES];
    assert_refused(read(
        &key,
        &[head, chunk(&file, 0), chunk(&file, 0), chunk(&file, 1), chunk(&file, 2)].concat(),
    ));
}

#[test]
fn a_chunk_of_another_file_under_the_same_key_is_refused() {
    let key = Key::random().unwrap();
    let (file, other) = (sealed(&key, &content(CHUNK_BYTES + 5)), sealed(&key, &content(CHUNK_BYTES + 5)));
    let head = &file[..CHUNK_HEADER_BYTES];
    assert_refused(read(&key, &[head, chunk(&other, 0), chunk(&file, 1)].concat()));
}

#[test]
fn a_file_of_another_row_or_key_is_refused() {
    let key = Key::random().unwrap();
    let file = sealed(&key, &content(5));
    let elsewhere = Aad::cell(Cell { tenant: &[1; 16], table: "attachments", row: &[3; 16], column: "file" });
    let moved = SealedFile::open(&key, &elsewhere, Cursor::new(&file));
    assert_refused(moved.map(|_| Vec::new()));
    assert_refused(read(&Key::random().unwrap(), &file));
}

#[test]
fn a_sealer_takes_only_whole_chunks_before_the_last() {
    let mut sealer = ChunkSealer::new(&Key::random().unwrap(), &aad()).unwrap();
    assert_eq!(sealer.next(&[0; 10]), Err(SealError::Malformed));
    sealer.next(&[0; CHUNK_BYTES]).unwrap();
    assert_eq!(sealer.last(&[]), Err(SealError::Malformed));
}
