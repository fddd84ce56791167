//! Limits that both programs know, each with its unit and its reason.

/// Length of the customer service window, in milliseconds: WhatsApp lets a business write freely for 24 hours after
/// the customer's last message.
pub const WINDOW_MS: i64 = 24 * 60 * 60 * 1000;

/// How long before its end the window counts as closed, in milliseconds: Meta's clock decides, not ours, and a
/// message waits its turn before it reaches Meta.
pub const WINDOW_MARGIN_MS: i64 = 60 * 1000;

/// Longest text of a message, in characters: WhatsApp's own limit.
pub const TEXT_CHARS_MAX: usize = 4096;
