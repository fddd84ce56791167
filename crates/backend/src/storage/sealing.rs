use deskbell_domain::{KeyId, Sensitive, TenantId};
use deskbell_seal::{Aad, Cell, Key, SealError};

use super::{Result, StorageError};

/// A sealed column. Its name is part of what a value is bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealedColumn {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// Both, for errors.
    pub(crate) place: &'static str,
}

/// Declares a sealed column.
macro_rules! sealed_column {
    ($table:literal . $column:literal) => {
        $crate::storage::sealing::SealedColumn {
            table: $table,
            column: $column,
            place: concat!($table, ".", $column),
        }
    };
}
pub(crate) use sealed_column;

impl SealedColumn {
    fn aad(self, tenant: TenantId, row: &[u8]) -> Aad {
        Aad::cell(Cell { tenant: tenant.as_bytes(), table: self.table, row, column: self.column })
    }

    /// Seals a value for one row.
    pub(crate) fn seal(
        self,
        tenant: TenantId,
        row: &[u8],
        key: &(KeyId, Key),
        content: &[u8],
    ) -> Result<Vec<u8>> {
        let (id, key) = key;
        deskbell_seal::seal(key, id.as_bytes(), &self.aad(tenant, row), content)
            .map_err(|error| self.error(error))
    }

    /// Opens a value of one row.
    pub(crate) fn open(
        self,
        tenant: TenantId,
        row: &[u8],
        key: &Key,
        sealed: &[u8],
    ) -> Result<Sensitive<Vec<u8>>> {
        deskbell_seal::open(key, &self.aad(tenant, row), sealed)
            .map(Sensitive::new)
            .map_err(|error| self.error(error))
    }

    /// The key that a sealed value names.
    pub(crate) fn key_of(self, sealed: &[u8]) -> Result<KeyId> {
        deskbell_seal::key_id_of(sealed).map(KeyId::from_bytes).map_err(|error| self.error(error))
    }

    /// An opened value as text.
    pub(crate) fn text(self, opened: Sensitive<Vec<u8>>) -> Result<Sensitive<String>> {
        String::from_utf8(opened.into_exposed())
            .map(Sensitive::new)
            .map_err(|_| StorageError::Shape(self.place))
    }

    fn error(self, error: SealError) -> StorageError {
        match error {
            SealError::NoRandomness => StorageError::Random,
            _ => StorageError::Sealed(self.place),
        }
    }
}
