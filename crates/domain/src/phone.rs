use crate::Sensitive;

/// A phone number in E.164, digits only, as Meta writes `wa_id`: no plus, no spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(Sensitive<String>);

/// A text that is no international phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an international phone number: 7 to 15 digits with the country code are expected")]
pub struct PhoneError;

impl PhoneNumber {
    /// The shortest and longest number E.164 knows, in digits.
    const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

    /// Reads a number with or without plus, spaces, dots, dashes and brackets.
    ///
    /// # Errors
    /// When other characters stand in it, it starts with 0, or its length is not 7 to 15 digits.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let text = text.trim();
        let text = text.strip_prefix('+').unwrap_or(text);
        let mut digits = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '0'..='9' => digits.push(c),
                ' ' | '.' | '-' | '(' | ')' | '\u{a0}' => {}
                _ => return Err(PhoneError),
            }
        }
        if !Self::DIGITS.contains(&digits.len()) || digits.starts_with('0') {
            return Err(PhoneError);
        }
        Ok(Self(Sensitive::new(digits)))
    }

    /// The digits.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The number as it is drawn: grouped start, hidden middle, the last four digits.
    pub fn masked(&self) -> String {
        let digits = self.0.expose();
        let ending = digits.get(digits.len().saturating_sub(4)..).unwrap_or_default();
        format!("••• {ending}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_people_write_them() {
        for text in ["+1 (650) 555-1234", "16505551234", "1.650.555.1234"] {
            assert_eq!(PhoneNumber::parse(text).unwrap().expose(), "16505551234");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "12345", "US.1349120", "0650555123", "1234567890123456"] {
            assert_eq!(PhoneNumber::parse(text), Err(PhoneError), "{text}");
        }
    }

    #[test]
    fn a_masked_number_keeps_its_ending_only() {
        assert_eq!(PhoneNumber::parse("16505550142").unwrap().masked(), "••• 0142");
    }
}
