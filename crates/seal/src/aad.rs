/// Where a sealed value stands. Moved to another place, it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    /// The tenant's id.
    pub tenant: &'a [u8; 16],
    /// The table's name.
    pub table: &'a str,
    /// What tells the row from all others of its table: its id, or its primary key's bytes.
    pub row: &'a [u8],
    /// The column's name.
    pub column: &'a str,
}

/// What a sealed value is bound to without containing it: it opens only with the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aad(Vec<u8>);

impl Aad {
    /// Bound to one column of one row.
    pub fn cell(cell: Cell<'_>) -> Self {
        let mut bytes = vec![CELL];
        put(&mut bytes, cell.tenant);
        put(&mut bytes, cell.table.as_bytes());
        put(&mut bytes, cell.row);
        put(&mut bytes, cell.column.as_bytes());
        Self(bytes)
    }

    /// Bound to a purpose, and to the parts that tell one value of this purpose from another.
    pub fn purpose(label: &str, parts: &[&[u8]]) -> Self {
        let mut bytes = vec![PURPOSE];
        put(&mut bytes, label.as_bytes());
        for part in parts {
            put(&mut bytes, part);
        }
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

const CELL: u8 = 1;
const PURPOSE: u8 = 2;

/// Appends one part with its length, so that two lists of parts never share their bytes.
pub(crate) fn put(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_be_bytes());
    out.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_moves_between_neighbours_makes_another_place() {
        let cell = |table, column| Aad::cell(Cell { tenant: &[1; 16], table, row: &[2; 16], column });
        assert_ne!(cell("contacts", "name"), cell("contact", "sname"));
        assert_ne!(Aad::purpose("a", &[b"bc"]), Aad::purpose("a", &[b"b", b"c"]));
        assert_ne!(Aad::purpose("ab", &[]), Aad::purpose("a", &[b"b"]));
    }

    #[test]
    fn a_purpose_never_passes_for_a_cell() {
        let parts: [&[u8]; 3] = [b"t", &[2; 16], b"c"];
        let purpose = Aad::purpose("0123456789abcdef", &parts);
        let cell = Aad::cell(Cell { tenant: b"0123456789abcdef", table: "t", row: &[2; 16], column: "c" });
        assert_eq!(purpose.as_bytes()[1..], cell.as_bytes()[1..]);
        assert_ne!(purpose, cell);
    }
}
