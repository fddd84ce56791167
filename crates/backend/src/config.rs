//! What the backend is told at its start: flags before environment before file before defaults.
//!
//! A setting has one name in all three places: `--data-dir`, `DESKBELL_DATA_DIR`, `data_dir`. Secrets are no
//! settings: they come from the environment or from files that a setting names, never from a command line.

mod settings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskbell_domain::{Clock, Sensitive};

pub use settings::{LogLevel, Settings, secret};

use crate::keys::{KeyLocation, KeyStore, MasterKey};
use crate::storage::{DataLocation, Db, OneBackup, StorageError};

/// Address to listen on where nothing else is said: this machine only, because TLS is a proxy's work.
pub const LISTEN: &str = "127.0.0.1:8484";

/// Everything the backend is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address others reach it by, without a slash at its end.
    pub public_url: Option<String>,
    /// Whether a proxy in front says who calls (`X-Forwarded-For`).
    pub trust_forwarded_for: bool,
    /// Where data and keys lie.
    pub storage: StorageConfig,
    /// How Meta is reached.
    pub graph: GraphConfig,
    /// How much is done at once.
    pub work: WorkConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// Where data and keys lie.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// The data.
    pub data: DataLocation,
    /// The key store.
    pub keys: KeyLocation,
    /// The key that opens the key store.
    pub master_key: MasterKeySource,
    /// Whether data and keys may lie where one backup covers both.
    pub one_backup: OneBackup,
    /// The address of PostgreSQL for the role that owns the tables: for `migrate` alone.
    pub owner_url: Option<Sensitive<String>>,
}

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// 64 hexadecimal digits.
    Hex(Sensitive<String>),
    /// A file that holds them.
    File(PathBuf),
    /// A file that is written where it is not there yet: for a practice tenant, never for a business.
    FileOrNew(PathBuf),
}

/// How Meta is reached.
#[derive(Debug, Clone)]
pub struct GraphConfig {
    /// Address of the Graph API, without a slash at its end.
    pub base_url: String,
    /// Its version, such as `v26.0`.
    pub version: String,
    /// Messages per second and number that this process sends at most.
    pub messages_per_second: u32,
}

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub struct WorkConfig {
    /// Webhook bodies taken up together.
    pub bodies_at_once: usize,
    /// Messages on their way to Meta at a time.
    pub sends_at_once: usize,
}

/// What is logged.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// How much.
    pub level: LogLevel,
    /// One JSON object per line, instead of text.
    pub json: bool,
}

/// Why the backend cannot start with what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("the configuration file {path} cannot be read: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The configuration file is not what it should be. The text names line and setting.
    #[error("the configuration file {path} is not right: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A variable of the environment does not hold what it should.
    #[error("{name} is not right: {reason}")]
    Variable {
        /// Its name.
        name: String,
        /// Why. It repeats nothing of a secret.
        reason: String,
    },
    /// A file with a secret cannot be read.
    #[error("the file {path} named by {name} cannot be read: {error}")]
    SecretFile {
        /// The setting.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A setting is missing.
    #[error("{0}")]
    Missing(&'static str),
    /// Settings that exclude each other, or a value that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// What was said cannot be opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

const NO_STORAGE: &str = "it is not said where the data lies: give --data-dir (or DESKBELL_DATA_DIR) for SQLite, or \
                          DESKBELL_DATABASE_URL or --database-url-file for PostgreSQL";
const NO_KEYS_DIR: &str = "it is not said where the key store lies: give --keys-dir (or DESKBELL_KEYS_DIR), on a disk \
                           with a backup policy of its own, or --allow-one-backup to keep it beside the data";
const NO_KEYS_URL: &str = "it is not said where the key store lies: give DESKBELL_KEYS_URL or --keys-url-file, a \
                           database with a backup policy of its own";
const NO_MASTER_KEY: &str = "there is no master key: give --master-key-file (`deskbell-backend master-key create FILE` \
                             makes one) or DESKBELL_MASTER_KEY";

impl Config {
    /// SQLite in `data_dir`, keys in `keys_dir`, everything else as by default, listening on a free port.
    pub fn sqlite(data_dir: &Path, keys_dir: &Path, master_key: MasterKeySource) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            trust_forwarded_for: false,
            storage: StorageConfig {
                data: DataLocation::Sqlite { dir: data_dir.to_owned() },
                keys: KeyLocation::Sqlite { dir: keys_dir.to_owned() },
                master_key,
                one_backup: OneBackup::Allow,
                owner_url: None,
            },
            graph: GraphConfig::default(),
            work: WorkConfig::default(),
            log: LogConfig::default(),
        }
    }

    /// Reads flags, environment and file, in this order of precedence.
    ///
    /// # Errors
    /// When a file cannot be read, a value cannot be, or something needed is not said.
    pub fn load(flags: Settings, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let settings = flags.complete(env)?;
        let listen = settings.listen.or_else(|| LISTEN.parse().ok());
        let defaults = GraphConfig::default();
        let work = WorkConfig::default();
        Ok(Self {
            listen: listen.ok_or(ConfigError::Missing("--listen"))?,
            public_url: settings
                .public_url
                .as_deref()
                .map(|url| web_address("public_url", url))
                .transpose()?,
            trust_forwarded_for: settings.trust_forwarded_for.unwrap_or(false),
            storage: StorageConfig::from_settings(&settings, env)?,
            graph: GraphConfig {
                base_url: match &settings.graph_base_url {
                    Some(url) => web_address("graph_base_url", url)?,
                    None => defaults.base_url,
                },
                version: match settings.graph_version {
                    Some(version) => graph_version(version)?,
                    None => defaults.version,
                },
                messages_per_second: positive(
                    "messages_per_second",
                    settings.messages_per_second,
                    defaults.messages_per_second,
                )?,
            },
            work: WorkConfig {
                bodies_at_once: positive("bodies_at_once", settings.bodies_at_once, work.bodies_at_once)?,
                sends_at_once: positive("sends_at_once", settings.sends_at_once, work.sends_at_once)?,
            },
            log: LogConfig {
                level: settings.log_level.unwrap_or(LogConfig::default().level),
                json: settings.log_json.unwrap_or(false),
            },
        })
    }

    /// Opens the key store and the data.
    ///
    /// # Errors
    /// When the master key cannot be read, or storage refuses: another key, a role that could bypass row security,
    /// one backup for both, a schema of another version.
    pub async fn open(&self, clock: Arc<dyn Clock>) -> Result<Db, ConfigError> {
        let master = self.storage.master_key.read()?;
        let keys = KeyStore::open(&self.storage.keys, master, clock).await?;
        Ok(Db::open(&self.storage.data, keys, self.storage.one_backup).await?)
    }
}

impl StorageConfig {
    fn from_settings(settings: &Settings, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let database = secret(env, "DESKBELL_DATABASE_URL", settings.database_url_file.as_deref())?;
        let one_backup =
            if settings.allow_one_backup.unwrap_or(false) { OneBackup::Allow } else { OneBackup::Refuse };
        let (data, keys) = match (&settings.data_dir, database) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::Invalid(
                    "both a data directory (SQLite) and a database address (PostgreSQL) are given: give one"
                        .to_owned(),
                ));
            }
            (None, None) => return Err(ConfigError::Missing(NO_STORAGE)),
            (Some(dir), None) => {
                let beside = || (one_backup == OneBackup::Allow).then(|| dir.join("keys"));
                let keys =
                    settings.keys_dir.clone().or_else(beside).ok_or(ConfigError::Missing(NO_KEYS_DIR))?;
                (DataLocation::Sqlite { dir: dir.clone() }, KeyLocation::Sqlite { dir: keys })
            }
            (None, Some(url)) => {
                let keys = secret(env, "DESKBELL_KEYS_URL", settings.keys_url_file.as_deref())?;
                let keys = keys.ok_or(ConfigError::Missing(NO_KEYS_URL))?;
                (DataLocation::Postgres { url }, KeyLocation::Postgres { url: keys })
            }
        };
        let master_key = match (env("DESKBELL_MASTER_KEY"), &settings.master_key_file) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::Invalid(
                    "both DESKBELL_MASTER_KEY and a master key file are given: give one".to_owned(),
                ));
            }
            (Some(hex), None) => MasterKeySource::Hex(Sensitive::new(hex)),
            (None, Some(path)) => MasterKeySource::File(path.clone()),
            (None, None) => return Err(ConfigError::Missing(NO_MASTER_KEY)),
        };
        let owner_url = secret(env, "DESKBELL_OWNER_URL", settings.owner_url_file.as_deref())?;
        Ok(Self { data, keys, master_key, one_backup, owner_url })
    }
}

impl MasterKeySource {
    fn read(&self) -> Result<MasterKey, StorageError> {
        Ok(match self {
            Self::Hex(digits) => MasterKey::from_hex(digits)?,
            Self::File(path) => MasterKey::read_file(path)?,
            Self::FileOrNew(path) if path.exists() => MasterKey::read_file(path)?,
            Self::FileOrNew(path) => MasterKey::create_file(path)?,
        })
    }
}

impl Default for GraphConfig {
    fn default() -> Self {
        Self {
            base_url: deskbell_meta::limits::GRAPH_BASE_URL.to_owned(),
            version: deskbell_meta::limits::GRAPH_VERSION.to_owned(),
            messages_per_second: crate::outgoing::limits::MESSAGES_PER_SECOND,
        }
    }
}

impl Default for WorkConfig {
    fn default() -> Self {
        Self {
            bodies_at_once: crate::ingest::limits::BODIES_AT_ONCE,
            sends_at_once: crate::outgoing::limits::SENDS_AT_ONCE,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: LogLevel::Info, json: false }
    }
}

/// An address with `http` or `https` and nothing that does not belong there, without a slash at its end.
fn web_address(name: &str, text: &str) -> Result<String, ConfigError> {
    let invalid = |reason: &str| ConfigError::Invalid(format!("{name} is not right: {reason}"));
    let url = reqwest::Url::parse(text).map_err(|_| invalid("a web address is expected"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("it must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it must not hold a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it must not hold ? or #"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn graph_version(text: String) -> Result<String, ConfigError> {
    let number = text.strip_prefix('v').and_then(|number| number.split_once('.'));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match number {
        Some((major, minor)) if digits(major) && digits(minor) => Ok(text),
        _ => Err(ConfigError::Invalid(
            "graph_version is not right: a version such as v26.0 is expected".to_owned(),
        )),
    }
}

fn positive<T: PartialOrd + Default + Copy>(
    name: &str,
    given: Option<T>,
    default: T,
) -> Result<T, ConfigError> {
    match given {
        Some(value) if value <= T::default() => {
            Err(ConfigError::Invalid(format!("{name} is not right: at least 1 is expected")))
        }
        Some(value) => Ok(value),
        None => Ok(default),
    }
}

#[cfg(test)]
mod tests;
