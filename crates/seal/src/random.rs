use crate::SealError;

/// `N` bytes of the operating system's randomness.
///
/// # Errors
/// [`SealError::NoRandomness`], when the system has none to give; nothing may be sealed then.
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealError::NoRandomness)?;
    Ok(bytes)
}
