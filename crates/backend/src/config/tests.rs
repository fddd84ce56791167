use std::collections::HashMap;

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

fn flags(words: &[&str]) -> Settings {
    Flags::try_parse_from(std::iter::once("test").chain(words.iter().copied())).unwrap().settings
}

fn load(words: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: HashMap<_, _> =
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load(flags(words), &|name| variables.get(name).cloned())
}

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const LITE: [(&str, &str); 3] =
    [("DESKBELL_DATA_DIR", "/d"), ("DESKBELL_KEYS_DIR", "/k"), ("DESKBELL_MASTER_KEY", HEX)];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    LITE.iter().chain(more).copied().collect()
}

#[test]
fn flags_come_before_environment_before_file_before_defaults() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "listen = \"127.0.0.1:1\"\ngraph_version = \"v1.0\"\nmessages_per_second = 20\nlog_level = \"warn\"\n",
    )
    .unwrap();
    let path = file.path().to_str().unwrap();
    let env = with(&[("DESKBELL_LISTEN", "127.0.0.1:2"), ("DESKBELL_GRAPH_VERSION", "v2.0")]);
    let config = load(&["--config", path, "--listen", "127.0.0.1:3"], &env).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.graph.version, "v2.0");
    assert_eq!(config.graph.messages_per_second, 20);
    assert_eq!(config.log.level, LogLevel::Warn);
    assert_eq!(config.graph.base_url, "https://graph.facebook.com");
}

#[test]
fn the_engine_follows_from_what_is_given() {
    let lite = load(&[], &LITE).unwrap();
    assert!(matches!(lite.storage.data, DataLocation::Sqlite { .. }));
    assert!(matches!(lite.storage.keys, KeyLocation::Sqlite { .. }));
    assert_eq!(lite.storage.one_backup, OneBackup::Refuse);

    let env = [
        ("DESKBELL_DATABASE_URL", "postgres://app@db/desk"),
        ("DESKBELL_KEYS_URL", "postgres://keys@vault/keys"),
        ("DESKBELL_MASTER_KEY", HEX),
    ];
    let large = load(&[], &env).unwrap();
    assert!(matches!(large.storage.data, DataLocation::Postgres { .. }));
    assert!(matches!(large.storage.keys, KeyLocation::Postgres { .. }));
}

#[test]
fn what_is_missing_or_contradicts_itself_is_named() {
    let error = |words: &[&str], env: &[(&str, &str)]| load(words, env).unwrap_err().to_string();
    assert!(error(&[], &[]).contains("--data-dir"));
    assert!(error(&["--data-dir", "/d"], &[]).contains("--keys-dir"));
    assert!(error(&["--data-dir", "/d", "--keys-dir", "/k"], &[]).contains("master-key create"));
    assert!(error(&[], &with(&[("DESKBELL_DATABASE_URL", "postgres://x")])).contains("give one"));
    assert!(error(&[], &[("DESKBELL_DATABASE_URL", "postgres://x")]).contains("DESKBELL_KEYS_URL"));
    assert!(error(&["--master-key-file", "/m"], &LITE).contains("give one"));
    for (name, value) in [
        ("DESKBELL_LISTEN", "here"),
        ("DESKBELL_GRAPH_VERSION", "26"),
        ("DESKBELL_GRAPH_BASE_URL", "ftp://x"),
        ("DESKBELL_PUBLIC_URL", "https://user:word@host"),
        ("DESKBELL_MESSAGES_PER_SECOND", "0"),
        ("DESKBELL_LOG_LEVEL", "loud"),
    ] {
        let setting = name.trim_start_matches("DESKBELL_").to_lowercase();
        let said = error(&[], &with(&[(name, value)]));
        assert!(said.contains(name) || said.contains(&setting), "{said}");
        assert!(!said.contains("user:word"), "{said}");
    }
}

#[test]
fn one_backup_for_both_has_to_be_said() {
    let env = [("DESKBELL_DATA_DIR", "/d"), ("DESKBELL_MASTER_KEY", HEX)];
    assert!(load(&[], &env).is_err());
    let config = load(&["--allow-one-backup"], &env).unwrap();
    let KeyLocation::Sqlite { dir } = config.storage.keys else { panic!("not SQLite") };
    assert_eq!(dir, Path::new("/d/keys"));
}

#[test]
fn a_mistake_in_the_file_is_named_by_its_line_and_without_its_text() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "listen = \"127.0.0.1:1\"\ndatabase_url = \"postgres://u:canary@h\"\n")
        .unwrap();
    let said = load(&["--config", file.path().to_str().unwrap()], &LITE).unwrap_err().to_string();
    assert!(said.contains("line 2"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn a_secret_comes_from_the_environment_or_a_file_and_not_from_both() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "  the-secret\n").unwrap();
    let none = |_: &str| None;
    let some = |_: &str| Some("other".to_owned());
    assert_eq!(secret(&none, "X", Some(file.path())).unwrap(), Some("the-secret".into()));
    assert_eq!(secret(&some, "X", None).unwrap(), Some("other".into()));
    assert_eq!(secret(&none, "X", None).unwrap(), None);
    assert!(secret(&some, "X", Some(file.path())).is_err());
    std::fs::write(file.path(), "\n").unwrap();
    assert!(secret(&none, "X", Some(file.path())).is_err());
}
