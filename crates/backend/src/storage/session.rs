use sqlx::{Arguments as _, AssertSqlSafe, Column as _, Row as _, TypeInfo as _, ValueRef as _};
use sqlx::{Postgres, Sqlite, Transaction};

use super::sqlite::SqliteFile;
use super::statement::{Engine, Statement, padded_lists, row_groups};
use super::value::{Row, Value};
use super::{Result, StorageError};

/// A database of either engine: a SQLite file, or a pool of connections to PostgreSQL.
#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(SqliteFile),
    Postgres(sqlx::PgPool),
}

impl Database {
    /// Begins a transaction that may write. On SQLite it holds the file's only write lock from here on.
    pub(crate) async fn begin(&self) -> Result<Session> {
        self.begin_as("BEGIN").await
    }

    /// Begins a transaction that reads one unchanging state.
    pub(crate) async fn read(&self) -> Result<Session> {
        match self {
            Self::Sqlite(file) => {
                Ok(Session::Sqlite(file.readers().begin_with("BEGIN").await.map_err(StorageError::from)?))
            }
            Self::Postgres(_) => self.begin_as(POSTGRES_READ).await,
        }
    }

    /// Begins a transaction that may write; on PostgreSQL with this text, whose first words are `BEGIN`.
    pub(crate) async fn begin_as(&self, postgres: &str) -> Result<Session> {
        match self {
            Self::Sqlite(file) => Ok(Session::Sqlite(file.writer().begin_with("BEGIN IMMEDIATE").await?)),
            Self::Postgres(pool) => {
                Ok(Session::Postgres(pool.begin_with(AssertSqlSafe(postgres.to_owned())).await?))
            }
        }
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(file) => file.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// How a reading transaction of PostgreSQL begins.
pub(crate) const POSTGRES_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// An open transaction. Dropped without [`Session::commit`], it is rolled back.
pub(crate) enum Session {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Session {
    pub(crate) const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Runs a statement; answers how many rows it touched.
    pub(crate) async fn execute(&mut self, statement: &Statement, values: Vec<Value>) -> Result<u64> {
        let text = statement.text(self.engine());
        match self {
            Self::Sqlite(tx) => Ok(sqlx::query_with(text, sqlite_arguments(values)?)
                .execute(&mut **tx)
                .await?
                .rows_affected()),
            Self::Postgres(tx) => Ok(sqlx::query_with(text, postgres_arguments(values)?)
                .execute(&mut **tx)
                .await?
                .rows_affected()),
        }
    }

    /// The rows of a statement.
    pub(crate) async fn all(&mut self, statement: &Statement, values: Vec<Value>) -> Result<Vec<Row>> {
        let text = statement.text(self.engine());
        self.all_of(text.into(), values).await
    }

    /// The first row of a statement, if it has one.
    pub(crate) async fn first(&mut self, statement: &Statement, values: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.all(statement, values).await?.into_iter().next())
    }

    /// The only row of a statement that always has one.
    pub(crate) async fn one(&mut self, statement: &Statement, values: Vec<Value>) -> Result<Row> {
        self.first(statement, values).await?.ok_or(StorageError::Shape("a row that must exist"))
    }

    /// The rows of a statement with `{list}`, for a list of any length.
    pub(crate) async fn all_in(
        &mut self,
        statement: &Statement,
        fixed: &[Value],
        list: &[Value],
    ) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for chunk in padded_lists(list) {
            let text = statement.with_list(self.engine(), fixed.len(), chunk.len());
            let values = fixed.iter().cloned().chain(chunk).collect();
            rows.extend(self.all_of(text, values).await?);
        }
        Ok(rows)
    }

    /// Runs a statement with `{list}`, for a list of any length.
    pub(crate) async fn execute_in(
        &mut self,
        statement: &Statement,
        fixed: &[Value],
        list: &[Value],
    ) -> Result<u64> {
        let mut touched = 0;
        for chunk in padded_lists(list) {
            let text = statement.with_list(self.engine(), fixed.len(), chunk.len());
            let values = fixed.iter().cloned().chain(chunk).collect();
            touched += self.execute_text(text, values).await?;
        }
        Ok(touched)
    }

    /// Runs a statement with `{rows}`, for any number of rows of the same width.
    pub(crate) async fn execute_rows(
        &mut self,
        statement: &Statement,
        fixed: &[Value],
        rows: Vec<Vec<Value>>,
    ) -> Result<u64> {
        let width = rows.first().map_or(0, Vec::len);
        let mut touched = 0;
        let groups = row_groups(rows.len());
        let mut rows = rows.into_iter();
        for group in groups {
            let text = statement.with_rows(self.engine(), fixed.len(), width, group);
            let values = fixed.iter().cloned().chain(rows.by_ref().take(group).flatten()).collect();
            touched += self.execute_text(text, values).await?;
        }
        Ok(touched)
    }

    /// Runs a text of several statements without parameters: a migration.
    pub(crate) async fn execute_script(&mut self, script: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(tx) => sqlx::raw_sql(script).execute(&mut **tx).await.map(|_| ())?,
            Self::Postgres(tx) => sqlx::raw_sql(script).execute(&mut **tx).await.map(|_| ())?,
        }
        Ok(())
    }

    async fn all_of(&mut self, text: std::borrow::Cow<'static, str>, values: Vec<Value>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(tx) => sqlx::query_with(AssertSqlSafe(text), sqlite_arguments(values)?)
                .fetch_all(&mut **tx)
                .await?
                .iter()
                .map(sqlite_row)
                .collect(),
            Self::Postgres(tx) => sqlx::query_with(AssertSqlSafe(text), postgres_arguments(values)?)
                .fetch_all(&mut **tx)
                .await?
                .iter()
                .map(postgres_row)
                .collect(),
        }
    }

    async fn execute_text(
        &mut self,
        text: std::borrow::Cow<'static, str>,
        values: Vec<Value>,
    ) -> Result<u64> {
        match self {
            Self::Sqlite(tx) => Ok(sqlx::query_with(AssertSqlSafe(text), sqlite_arguments(values)?)
                .execute(&mut **tx)
                .await?
                .rows_affected()),
            Self::Postgres(tx) => Ok(sqlx::query_with(AssertSqlSafe(text), postgres_arguments(values)?)
                .execute(&mut **tx)
                .await?
                .rows_affected()),
        }
    }
}

macro_rules! arguments {
    ($name:ident, $arguments:ty) => {
        fn $name(values: Vec<Value>) -> Result<$arguments> {
            let mut arguments = <$arguments>::default();
            arguments.reserve(values.len(), values.len() * 16);
            for value in values {
                let added = match value {
                    Value::Int(number) => arguments.add(number),
                    Value::Text(text) => arguments.add(text),
                    Value::Bytes(bytes) => arguments.add(bytes),
                };
                added.map_err(|_| StorageError::Shape("a parameter"))?;
            }
            Ok(arguments)
        }
    };
}

arguments!(sqlite_arguments, sqlx::sqlite::SqliteArguments);
arguments!(postgres_arguments, sqlx::postgres::PgArguments);

fn sqlite_row(row: &sqlx::sqlite::SqliteRow) -> Result<Row> {
    let mut values = Vec::with_capacity(row.len());
    for index in 0..row.len() {
        let raw = row.try_get_raw(index)?;
        let value = if raw.is_null() {
            Value::Bytes(None)
        } else {
            match raw.type_info().name() {
                "INTEGER" => Value::Int(row.try_get(index)?),
                "TEXT" => Value::Text(row.try_get(index)?),
                "BLOB" => Value::Bytes(row.try_get(index)?),
                _ => return Err(StorageError::Shape("a column of another type")),
            }
        };
        values.push(value);
    }
    Ok(Row::new(values))
}

fn postgres_row(row: &sqlx::postgres::PgRow) -> Result<Row> {
    let mut values = Vec::with_capacity(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        let value = match column.type_info().name() {
            "INT8" => Value::Int(row.try_get(index)?),
            "INT4" => Value::Int(row.try_get::<Option<i32>, _>(index)?.map(i64::from)),
            "BOOL" => Value::Int(row.try_get::<Option<bool>, _>(index)?.map(i64::from)),
            "TEXT" | "VARCHAR" | "NAME" => Value::Text(row.try_get(index)?),
            "BYTEA" => Value::Bytes(row.try_get(index)?),
            _ => return Err(StorageError::Shape("a column of another type")),
        };
        values.push(value);
    }
    Ok(Row::new(values))
}
