use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;

use super::input::Input;
use crate::api::{ApiError, View};

/// A request, as it stands on a line of the input.
#[derive(Deserialize)]
pub(super) struct RequestLine {
    /// Which console, counted from 1.
    #[serde(default = "first")]
    pub(super) console: usize,
    /// What the answer repeats.
    #[serde(default)]
    pub(super) id: Value,
    /// The command's name.
    pub(super) call: String,
    /// What the command takes.
    #[serde(default = "nothing")]
    pub(super) request: Value,
}

const fn first() -> usize {
    1
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A line of the output.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Said {
    /// A console is signed in.
    Ready {
        /// Which.
        console: usize,
        /// Always true.
        ready: bool,
        /// Whether the session was left in the folder.
        reopened: bool,
    },
    /// Views are to be read again.
    Changed {
        /// Of which console.
        console: usize,
        /// Which.
        changed: Vec<View>,
    },
    /// A request was carried out.
    Done {
        /// By which console.
        console: usize,
        /// The request's.
        id: Value,
        /// What it gave.
        ok: Value,
    },
    /// A request failed.
    Failed {
        /// In which console.
        console: usize,
        /// The request's.
        id: Value,
        /// Why.
        error: ApiError,
    },
    /// A console could not sign in.
    NotSignedIn {
        /// Which.
        console: usize,
        /// Why.
        error: ApiError,
    },
    /// A line could not be understood.
    NotUnderstood {
        /// Why.
        error: Problem,
    },
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ProblemCode {
    NotJson,
    NotARequest,
    TooLong,
    NoSuchConsole,
}

/// Why a line was not understood. It says where, and repeats nothing of the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    code: ProblemCode,
    message: String,
}

impl Problem {
    pub(super) fn no_such_console(console: usize, count: usize) -> Self {
        let message = format!("there is no console {console}: they are counted from 1 to {count}");
        Self { code: ProblemCode::NoSuchConsole, message }
    }
}

/// The request that stands on a line.
pub(super) fn request(input: Input) -> Result<RequestLine, Problem> {
    let (number, text) = match input {
        Input::Line { number, text } => (number, text),
        Input::TooLong { number } => {
            let message = format!("line {number} is longer than a line may be");
            return Err(Problem { code: ProblemCode::TooLong, message });
        }
    };
    serde_json::from_slice(&text).map_err(|error| match error.classify() {
        // Its own text would repeat what stands there.
        Category::Data => Problem {
            code: ProblemCode::NotARequest,
            message: format!(
                r#"line {number} is no request: {{"console":1,"id":"…","call":"…","request":{{…}}}} is expected"#
            ),
        },
        _ => Problem {
            code: ProblemCode::NotJson,
            message: format!("line {number} is not JSON: column {}", error.column()),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::ApiErrorCode;

    fn read(text: &str) -> Result<RequestLine, Problem> {
        request(Input::Line { number: 3, text: text.as_bytes().to_vec() })
    }

    fn problem(text: &str) -> Problem {
        match read(text) {
            Err(problem) => problem,
            Ok(_) => panic!("it was understood"),
        }
    }

    #[test]
    fn a_request_needs_no_more_than_its_call() {
        let line = read(r#"{"call":"status"}"#).unwrap();
        assert_eq!((line.console, line.id, line.call.as_str()), (1, Value::Null, "status"));
        assert_eq!(line.request, json!({}));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_without_repeating_it() {
        let not_json = problem("tell Lucía …");
        assert_eq!(not_json.code, ProblemCode::NotJson);
        assert!(not_json.message.contains("line 3"));

        for text in [r#"{"console":"Lucía","call":"reply"}"#, r#"["Lucía"]"#, r#"{"id":"Lucía"}"#] {
            let problem = problem(text);
            assert_eq!(problem.code, ProblemCode::NotARequest, "{text}");
            assert!(!problem.message.contains("Lucía"), "{}", problem.message);
        }
        let too_long = request(Input::TooLong { number: 9 }).err().unwrap();
        assert_eq!(too_long.code, ProblemCode::TooLong);
    }

    #[test]
    fn lines_are_written_as_the_help_says() {
        let written = |said| serde_json::to_value::<Said>(said).unwrap();
        assert_eq!(
            written(Said::Ready { console: 1, ready: true, reopened: false }),
            json!({"console": 1, "ready": true, "reopened": false})
        );
        assert_eq!(
            written(Said::Changed { console: 2, changed: vec![View::List] }),
            json!({"console": 2, "changed": [{"view": "list"}]})
        );
        assert_eq!(
            written(Said::Done { console: 1, id: json!("a"), ok: json!({}) }),
            json!({"console": 1, "id": "a", "ok": {}})
        );
        let error = ApiError::new(ApiErrorCode::WindowClosed);
        assert_eq!(
            written(Said::Failed { console: 1, id: json!(7), error }),
            json!({"console": 1, "id": 7, "error": {"code": "window_closed", "retry_after_ms": null}})
        );
        assert_eq!(
            written(Said::NotSignedIn { console: 1, error }),
            json!({"console": 1, "error": {"code": "window_closed", "retry_after_ms": null}})
        );
        assert_eq!(
            written(Said::NotUnderstood { error: Problem::no_such_console(5, 2) }),
            json!({"error": {
                "code": "no_such_console",
                "message": "there is no console 5: they are counted from 1 to 2",
            }})
        );
    }
}
