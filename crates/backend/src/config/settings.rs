use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use deskbell_domain::Sensitive;
use serde::Deserialize;

use super::ConfigError;

macro_rules! settings {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $variable:literal,)+) => {
        /// Settings as they are given: on the command line, in the environment, in the file.
        #[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            /// Configuration file (TOML), with the settings below by their names with underscores.
            #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
            #[serde(skip)]
            pub config: Option<PathBuf>,
            $($(#[$meta])* pub $name: Option<$type>,)+
        }

        impl Settings {
            fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
                Ok(Self {
                    config: variable(env, "DESKBELL_CONFIG")?,
                    $($name: variable(env, $variable)?,)+
                })
            }

            /// These settings, and for those that are not given the others.
            #[must_use]
            fn or(self, other: Self) -> Self {
                Self {
                    config: self.config.or(other.config),
                    $($name: self.$name.or(other.$name),)+
                }
            }
        }
    };
}

settings! {
    /// Address and port to listen on. [default: 127.0.0.1:8484]
    #[arg(long, global = true, value_name = "ADDRESS:PORT", help_heading = "Settings")]
    listen: SocketAddr = "DESKBELL_LISTEN",
    /// Address that consoles and Meta reach the backend by, such as `https://desk.example.com`.
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    public_url: String = "DESKBELL_PUBLIC_URL",
    /// Believe X-Forwarded-For: only behind a proxy that sets it.
    #[arg(long, global = true, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL",
          help_heading = "Settings")]
    trust_forwarded_for: bool = "DESKBELL_TRUST_FORWARDED_FOR",
    /// Folder of the data: SQLite.
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Settings")]
    data_dir: PathBuf = "DESKBELL_DATA_DIR",
    /// Folder of the key store: SQLite. Its backups must be apart from the data's.
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Settings")]
    keys_dir: PathBuf = "DESKBELL_KEYS_DIR",
    /// File with the address of the PostgreSQL database, role deskbell_app. Or DESKBELL_DATABASE_URL.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    database_url_file: PathBuf = "DESKBELL_DATABASE_URL_FILE",
    /// File with the address of the key store's PostgreSQL database. Or DESKBELL_KEYS_URL.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    keys_url_file: PathBuf = "DESKBELL_KEYS_URL_FILE",
    /// File with the address of the PostgreSQL database, role deskbell_owner, for `migrate`. Or DESKBELL_OWNER_URL.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    owner_url_file: PathBuf = "DESKBELL_OWNER_URL_FILE",
    /// File with the master key. Or DESKBELL_MASTER_KEY, 64 hexadecimal digits.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    master_key_file: PathBuf = "DESKBELL_MASTER_KEY_FILE",
    /// Accept that one backup covers data and keys: then a restored backup brings erased data back.
    #[arg(long, global = true, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL",
          help_heading = "Settings")]
    allow_one_backup: bool = "DESKBELL_ALLOW_ONE_BACKUP",
    /// Address of the Graph API. [default: `https://graph.facebook.com`]
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    graph_base_url: String = "DESKBELL_GRAPH_BASE_URL",
    /// Version of the Graph API. [default: v26.0]
    #[arg(long, global = true, value_name = "VERSION", help_heading = "Settings")]
    graph_version: String = "DESKBELL_GRAPH_VERSION",
    /// Messages per second and number that this process sends at most; 20 for a number shared with the phone app.
    /// [default: 80]
    #[arg(long, global = true, value_name = "NUMBER", help_heading = "Settings")]
    messages_per_second: u32 = "DESKBELL_MESSAGES_PER_SECOND",
    /// Webhook bodies taken up together. [default: 128]
    #[arg(long, global = true, value_name = "NUMBER", help_heading = "Settings")]
    bodies_at_once: usize = "DESKBELL_BODIES_AT_ONCE",
    /// Messages on their way to Meta at a time. [default: 32]
    #[arg(long, global = true, value_name = "NUMBER", help_heading = "Settings")]
    sends_at_once: usize = "DESKBELL_SENDS_AT_ONCE",
    /// How much is logged. [default: info]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Settings")]
    log_level: LogLevel = "DESKBELL_LOG_LEVEL",
    /// Log one JSON object per line.
    #[arg(long, global = true, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL",
          help_heading = "Settings")]
    log_json: bool = "DESKBELL_LOG_JSON",
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures that need somebody.
    Error,
    /// And what is odd.
    Warn,
    /// And what starts, stops and changes.
    Info,
    /// And single steps, by ids.
    Debug,
}

impl Settings {
    /// These settings, with what they leave out taken from the environment, then from the file.
    pub(super) fn complete(self, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let given = self.or(Self::from_env(env)?);
        let Some(path) = given.config.clone() else { return Ok(given) };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| ConfigError::File { path: path.clone(), error })?;
        let file: Self = toml::from_str(&text)
            .map_err(|error| ConfigError::Syntax { path: path.clone(), reason: syntax(&text, &error) })?;
        Ok(given.or(file))
    }
}

/// Line and reason, without the line itself: a misplaced secret must not reach a log.
fn syntax(text: &str, error: &toml::de::Error) -> String {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

impl FromStr for LogLevel {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <Self as clap::ValueEnum>::from_str(text, true).map_err(|_| "error, warn, info or debug is expected")
    }
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

fn variable<T>(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<Option<T>, ConfigError>
where
    T: FromStr,
    T::Err: Display,
{
    let Some(text) = env(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let value = text.parse();
    value
        .map(Some)
        .map_err(|error: T::Err| ConfigError::Variable { name: name.to_owned(), reason: error.to_string() })
}

/// A secret from the variable `name`, or from the file that the setting of the same name names. White space around
/// it does not belong to it.
///
/// # Errors
/// When both are given, or the file cannot be read.
pub fn secret(
    env: &dyn Fn(&str) -> Option<String>,
    name: &str,
    file: Option<&Path>,
) -> Result<Option<Sensitive<String>>, ConfigError> {
    let given = env(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    match (given, file) {
        (Some(_), Some(_)) => {
            Err(ConfigError::Invalid(format!("both {name} and a file for it are given: give one")))
        }
        (Some(text), None) => Ok(Some(Sensitive::new(text))),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| ConfigError::SecretFile {
                name: name.to_owned(),
                path: path.to_owned(),
                error,
            })?;
            let text = text.trim();
            if text.is_empty() {
                return Err(ConfigError::Invalid(format!("the file for {name} is empty")));
            }
            Ok(Some(Sensitive::from(text)))
        }
        (None, None) => Ok(None),
    }
}
