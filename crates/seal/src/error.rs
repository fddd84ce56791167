/// Why something could not be sealed, opened or verified. It never says what was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes or the text have no shape that is known here.
    #[error("not in a sealed format")]
    Malformed,
    /// The first byte names a format that only a newer program knows.
    #[error("sealed in a newer format")]
    NewerFormat,
    /// Changed, cut, moved to another place, or made with another key. Which of these cannot be told.
    #[error("refused: changed, moved, or made with another key")]
    Refused,
    /// More bytes than the format holds.
    #[error("too long for the format")]
    TooLong,
    /// The operating system gave no random bytes.
    #[error("the system gave no randomness")]
    NoRandomness,
}
