//! Meta's error table as reasons that an agent decides by.

use deskbell_domain::FailureCode;
use deskbell_meta::graph::Action;

/// Why a message failed, by the number in Meta's error table. A number that is not in it is a refusal.
pub fn failure_code(code: Option<i64>) -> FailureCode {
    let Some(code) = code else { return FailureCode::Refused };
    match code {
        // The recipient: no WhatsApp, an old client, an experiment, a country, the business itself.
        131_021 | 131_026 | 131_030 | 130_472 | 130_497 => FailureCode::Undeliverable,
        _ => of_action(deskbell_meta::graph::action(code)),
    }
}

/// Why a call failed, by its number and what is to be done about it, which knows more than the number.
pub(super) fn of_refusal(code: Option<i64>, action: Action) -> FailureCode {
    match of_action(action) {
        FailureCode::Refused => failure_code(code),
        known => known,
    }
}

/// Why a message failed that was given up at this action.
const fn of_action(action: Action) -> FailureCode {
    match action {
        Action::OfferTemplate => FailureCode::WindowClosed,
        Action::Reconnect | Action::CheckPermission | Action::CheckConnection => {
            FailureCode::AccountDisconnected
        }
        Action::PauseAccount | Action::TellAdministrator | Action::RegisterNumber | Action::Onboarding => {
            FailureCode::AccountRestricted
        }
        Action::RetryPair
        | Action::SlowNumber
        | Action::SlowAccount
        | Action::SlowAndAlert
        | Action::NotToday => FailureCode::RateLimited,
        Action::OptOut => FailureCode::OptedOut,
        Action::Retry | Action::RetryAfter(_) => FailureCode::Unavailable,
        Action::RefetchMedia
        | Action::LookInApp
        | Action::AskForPhone
        | Action::FixTemplate
        | Action::HideTemplate
        | Action::Refuse => FailureCode::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_of_metas_table_has_a_reason() {
        for (codes, reason) in [
            (&[131_047][..], FailureCode::WindowClosed),
            (&[131_026, 131_021, 130_472, 130_497], FailureCode::Undeliverable),
            (&[0, 190, 3, 10, 200, 250, 299, 131_005, 33], FailureCode::AccountDisconnected),
            (&[368, 131_031, 131_037, 131_042, 131_045, 133_010], FailureCode::AccountRestricted),
            (&[4, 80_007, 130_429, 131_048, 131_049, 131_056], FailureCode::RateLimited),
            (&[131_050], FailureCode::OptedOut),
            (&[100, 131_008, 131_009, 131_051, 131_053, 132_001, 131_062, 424_242], FailureCode::Refused),
            (&[1, 2, 131_000, 131_016, 131_057, 133_004], FailureCode::Unavailable),
        ] {
            for code in codes {
                assert_eq!(failure_code(Some(*code)), reason, "{code}");
            }
        }
        assert_eq!(failure_code(None), FailureCode::Refused);
    }
}
