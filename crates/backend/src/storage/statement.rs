use std::borrow::Cow;
use std::fmt::Write as _;

use super::value::Value;
use crate::limits::STATEMENT_LIST_MAX;

/// The engine a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite with SQLCipher: one file per tenant.
    Sqlite,
    /// PostgreSQL: shared tables under row-level security.
    Postgres,
}

/// A statement, one text for both engines wherever the common subset allows.
///
/// Parameters are `$1`, `$2`, …; in a tenant's transaction `$1` is always the tenant. Two marks stand for what has a
/// length of its own, numbered after the fixed parameters:
/// - `{list}`: `$4,$5,$6`, for `IN ({list})`;
/// - `{rows}`: `($4,$5),($6,$7)`, for `VALUES {rows}`; with `{rows:$1}` each row starts with the tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    sqlite: &'static str,
    postgres: &'static str,
}

/// A statement whose text both engines understand.
pub(crate) const fn sql(text: &'static str) -> Statement {
    Statement { sqlite: text, postgres: text }
}

/// A statement that the engines spell differently.
pub(crate) const fn pair(sqlite: &'static str, postgres: &'static str) -> Statement {
    Statement { sqlite, postgres }
}

impl Statement {
    /// The text for an engine.
    pub(crate) const fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    /// The text with `{list}` replaced by `count` parameters after the `fixed` ones.
    pub(crate) fn with_list(&self, engine: Engine, fixed: usize, count: usize) -> Cow<'static, str> {
        let mut list = String::with_capacity(count * 5);
        for index in 1..=count {
            let comma = if index == 1 { "" } else { "," };
            let _infallible = write!(list, "{comma}${}", fixed + index);
        }
        Cow::Owned(self.text(engine).replace("{list}", &list))
    }

    /// The text with `{rows}` replaced by `count` rows of `width` parameters after the `fixed` ones.
    pub(crate) fn with_rows(
        &self,
        engine: Engine,
        fixed: usize,
        width: usize,
        count: usize,
    ) -> Cow<'static, str> {
        let text = self.text(engine);
        let (mark, lead) = if text.contains("{rows:$1}") { ("{rows:$1}", "$1,") } else { ("{rows}", "") };
        let mut rows = String::with_capacity(count * (width * 5 + 6));
        for row in 0..count {
            rows.push_str(if row == 0 { "(" } else { ",(" });
            rows.push_str(lead);
            for column in 1..=width {
                let comma = if column == 1 { "" } else { "," };
                let _infallible = write!(rows, "{comma}${}", fixed + row * width + column);
            }
            rows.push(')');
        }
        Cow::Owned(text.replace(mark, &rows))
    }
}

/// Cuts a list for statements of few different lengths: the last element is repeated up to a power of two, which
/// changes nothing inside `IN`.
pub(crate) fn padded_lists(list: &[Value]) -> Vec<Vec<Value>> {
    list.chunks(STATEMENT_LIST_MAX)
        .map(|chunk| {
            let mut padded = chunk.to_vec();
            if let Some(last) = chunk.last() {
                padded.resize(chunk.len().next_power_of_two(), last.clone());
            }
            padded
        })
        .collect()
}

/// Cuts rows for statements of few different lengths: powers of two, the largest first.
pub(crate) fn row_groups(count: usize) -> Vec<usize> {
    let mut groups = vec![STATEMENT_LIST_MAX; count / STATEMENT_LIST_MAX];
    let rest = count % STATEMENT_LIST_MAX;
    groups.extend((0..usize::BITS).rev().map(|bit| 1_usize << bit).filter(|size| rest & size != 0));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_numbered_after_the_fixed_parameters() {
        let list = sql("SELECT a FROM t WHERE t = $1 AND id IN ({list})");
        assert_eq!(list.with_list(Engine::Sqlite, 1, 3), "SELECT a FROM t WHERE t = $1 AND id IN ($2,$3,$4)");
        let rows = sql("INSERT INTO t VALUES {rows}");
        assert_eq!(rows.with_rows(Engine::Postgres, 0, 2, 2), "INSERT INTO t VALUES ($1,$2),($3,$4)");
        let rows = sql("INSERT INTO t VALUES {rows:$1}");
        assert_eq!(rows.with_rows(Engine::Postgres, 1, 2, 2), "INSERT INTO t VALUES ($1,$2,$3),($1,$4,$5)");
    }

    #[test]
    fn lists_and_rows_come_in_few_lengths_and_lose_nothing() {
        let list: Vec<Value> = (0..300_i64).map(Value::from).collect();
        let padded = padded_lists(&list);
        assert_eq!(padded.iter().map(Vec::len).collect::<Vec<_>>(), [256, 64]);
        for value in &list {
            assert!(padded.iter().any(|chunk| chunk.contains(value)));
        }
        assert!(padded_lists(&[]).is_empty());

        for count in [0, 1, 3, 255, 256, 700] {
            let groups = row_groups(count);
            assert_eq!(groups.iter().sum::<usize>(), count);
            assert!(groups.iter().all(|size| size.is_power_of_two()));
        }
    }
}
