//! How long scenarios wait, each with its unit and its reason.

use std::time::Duration;

/// How long a condition may take to come true: far longer than it takes on a busy machine, so that only what never
/// happens fails.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often the window is looked at: each look is a call of the driver.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(40);

/// How long a killed process may take to be gone: the kernel frees its memory first.
pub(crate) const GONE_MAX: Duration = Duration::from_secs(10);

/// How often a killed process is looked for.
pub(crate) const GONE_LOOK_EVERY: Duration = Duration::from_millis(5);
