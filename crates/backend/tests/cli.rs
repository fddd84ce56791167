//! The program as an operator meets it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "functions that tests share are tests too"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskbell-backend"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DESKBELL_")) {
        command.env_remove(name);
    }
    command
}

/// Runs to the end, with these lines on standard input.
fn run(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that ends without reading closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn done(command: &mut Command, input: &str) -> String {
    let output = run(command, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The program with a storage of its own.
fn with_storage(folder: &Path) -> Command {
    let key = folder.join("master.key");
    if !key.exists() {
        done(program().args(["master-key", "create"]).arg(&key), "");
    }
    let mut command = program();
    command
        .env("DESKBELL_DATA_DIR", folder.join("data"))
        .env("DESKBELL_KEYS_DIR", folder.join("keys"))
        .env("DESKBELL_ALLOW_ONE_BACKUP", "true")
        .env("DESKBELL_MASTER_KEY_FILE", &key);
    command
}

const WEBHOOK: &str = r#"{"object":"whatsapp_business_account","entry":[{"id":"7","changes":[{"field":"messages","value":{
    "metadata":{"phone_number_id":"9"},
    "messages":[{"from":"15550100001","id":"wamid.1","timestamp":"1790000000","type":"text","text":{"body":"Hello"}},
                {"from":"15550100001","id":"wamid.2","timestamp":"1790000001","type":"hologram","hologram":{"x":1}}]}}]}]}"#;

#[test]
fn decode_prints_a_line_per_event_and_names_what_is_no_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (good, bad) = (file("good.json", WEBHOOK), file("bad.json", "{\"hello\": 1}"));
    let cut = file("cut.json", &WEBHOOK[..100]);
    let output = run(program().args(["webhook", "decode"]).args([&bad, &good, &cut]).arg("no-such-file"), "");
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = String::from_utf8(output.stdout.clone())
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "the good file is done all the same");
    assert_eq!(lines[0]["file"], good.to_str().unwrap());
    assert_eq!(lines[0]["kind"], "message");
    assert_eq!(lines[0]["type"], "text");
    assert_eq!(lines[0]["id"], "wamid.1");
    assert_eq!(lines[0]["from"], "15550100001");
    assert_eq!(lines[0]["timestamp_ms"], 1_790_000_000_000_i64);
    assert_eq!(lines[0]["text"], "Hello");
    assert_eq!(lines[1]["kind"], "unsupported");
    assert_eq!(lines[1]["type"], "hologram");
    assert!(lines[1]["raw"].to_string().contains("hologram"));
    let said = error(&output);
    for name in ["bad.json", "cut.json", "no-such-file"] {
        assert!(said.contains(name), "{said}");
    }
    let output = run(program().args(["webhook", "decode"]).arg(&good), "");
    assert_eq!((output.status.code(), error(&output).as_str()), (Some(0), ""));
}

#[test]
fn every_command_has_help_and_none_takes_a_secret() {
    let commands: [&[&str]; 18] = [
        &[],
        &["serve"],
        &["migrate"],
        &["openapi"],
        &["tenant", "create"],
        &["tenant", "list"],
        &["user", "create"],
        &["user", "list"],
        &["user", "set-password"],
        &["user", "deactivate"],
        &["queue", "create"],
        &["queue", "assign"],
        &["queue", "list"],
        &["account", "connect"],
        &["meta-app", "set"],
        &["master-key", "create"],
        &["webhook", "decode"],
        &["webhook"],
    ];
    for command in commands {
        let help = done(program().args(command).arg("--help"), "");
        assert!(help.contains("Usage:"), "{command:?}");
        // Long options that would hold a secret itself, and not a file with it.
        for option in help.split_whitespace().filter(|word| word.starts_with("--")) {
            let option = option.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            for secret in ["password", "token", "secret", "url"] {
                let harmless = option.ends_with("-file")
                    || option.ends_with("public-url")
                    || option.ends_with("base-url");
                assert!(!option.contains(secret) || harmless, "{command:?} {option}");
            }
        }
    }
    assert_eq!(run(program().args(["user", "create", "--password", "x"]), "").status.code(), Some(2));
}

#[test]
fn what_is_not_said_is_asked_for_and_ends_with_two() {
    let output = run(program().arg("serve"), "");
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("--data-dir"), "{}", error(&output));
    let output = run(program().args(["serve", "--listen", "here"]), "");
    assert_eq!(output.status.code(), Some(2));
    let folder = tempfile::tempdir().unwrap();
    let output = run(
        with_storage(folder.path())
            .env_remove("DESKBELL_KEYS_DIR")
            .env_remove("DESKBELL_ALLOW_ONE_BACKUP")
            .args(["tenant", "list"]),
        "",
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("--keys-dir"), "{}", error(&output));
}

#[test]
fn keys_in_the_folder_of_the_data_are_refused_unless_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let inside = || {
        let mut command = with_storage(folder.path());
        command.env("DESKBELL_KEYS_DIR", folder.path().join("data/keys")).args(["tenant", "list"]);
        command
    };
    let refused = run(inside().env_remove("DESKBELL_ALLOW_ONE_BACKUP"), "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(error(&refused).contains("one physical backup"), "{}", error(&refused));
    done(&mut inside(), "");
}

#[test]
fn a_master_key_is_made_once_and_read_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key");
    done(program().args(["master-key", "create"]).arg(&key), "");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&key).unwrap();
    assert_eq!(run(program().args(["master-key", "create"]).arg(&key), "").status.code(), Some(1));
    assert_eq!(std::fs::read(&key).unwrap(), before);
}

#[test]
fn a_business_is_set_up_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let deskbell = || with_storage(folder.path());
    let tenant = done(deskbell().args(["tenant", "create", "--name", "Harbour Motors"]), "");
    assert_eq!(done(deskbell().args(["tenant", "list"]), ""), tenant);
    let queue = done(deskbell().args(["queue", "create", "--name", "Sales"]), "");
    assert_eq!(done(deskbell().args(["queue", "list"]), ""), format!("{queue}\tSales"));

    let create = ["user", "create", "--name", "Ana Reis", "--email", "ana@example.com", "--queue", "sales"];
    let short = run(deskbell().args(create), "short\n");
    assert_eq!(short.status.code(), Some(1), "a password that is too short");
    let user = done(deskbell().args(create), "a long enough password\n");
    let taken = run(deskbell().args(create), "a long enough password\n");
    assert_eq!(taken.status.code(), Some(1));
    assert!(error(&taken).contains("already"), "{}", error(&taken));
    let line = format!("{user}\tana@example.com\tagent\tactive\tAna Reis");
    assert_eq!(done(deskbell().args(["user", "list"]), ""), line);

    let password = ["user", "set-password", "--email", "ANA@example.com"];
    done(deskbell().args(password).env("DESKBELL_PASSWORD", "another long password"), "");
    assert_eq!(run(deskbell().args(password), "").status.code(), Some(1), "no password, no change");
    let second = done(deskbell().args(["queue", "create", "--name", "Service"]), "");
    done(deskbell().args(["queue", "assign", "--queue", &second, "--email", "ana@example.com"]), "");
    done(deskbell().args(["user", "deactivate", "--email", "ana@example.com"]), "");
    assert!(done(deskbell().args(["user", "list"]), "").contains("suspended"));

    done(deskbell().args(["meta-app", "set", "--app", "main"]), "the-app-secret\nthe-verify-token\n");
    let odd = run(deskbell().args(["meta-app", "set", "--app", "../main"]), "a\nb\n");
    assert_eq!(odd.status.code(), Some(2));
    let connect = |number: &str| {
        let mut command = deskbell();
        command.args([
            "account",
            "connect",
            "--waba-id",
            "77",
            "--number",
            "+351 210 000 000",
            "--queue",
            "Sales",
        ]);
        command.args(["--phone-number-id", number]);
        command
    };
    let account = done(connect("99").env("DESKBELL_TOKEN", "EAAB-first"), "");
    assert_eq!(done(&mut connect("99"), "EAAB-second\n"), account, "connected again, with another token");
    assert_eq!(run(&mut connect("9/9"), "EAAB\n").status.code(), Some(1));

    // With a second tenant, the one that is meant must be named.
    let other = done(deskbell().args(["tenant", "create", "--name", "Other"]), "");
    let unnamed = run(deskbell().args(["queue", "list"]), "");
    assert!(error(&unnamed).contains("--tenant"), "{}", error(&unnamed));
    assert_eq!(done(deskbell().args(["queue", "list", "--tenant", &other]), ""), "");
}

#[test]
fn openapi_describes_the_webhook_without_a_storage() {
    let document: Value = serde_json::from_str(&done(program().arg("openapi"), "")).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    assert!(document["paths"].as_object().unwrap().keys().any(|path| path.contains("/webhooks/whatsapp/")));
}

#[test]
fn serve_answers_until_it_is_told_to_stop_and_tells_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    done(with_storage(folder.path()).args(["tenant", "create", "--name", "Harbour Motors"]), "");
    let mut child = with_storage(folder.path())
        .args(["serve", "--listen", "127.0.0.1:0", "--log-json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .find(|line| line["message"] == "listening")
        .map(|line| line["address"].as_str().unwrap().to_owned())
        .expect("it says where it listens");
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get("/healthz").starts_with("HTTP/1.1 200"), "{}", get("/healthz"));

    // A second one on the same files is refused; other commands are not.
    let second = run(with_storage(folder.path()).args(["serve", "--listen", "127.0.0.1:0"]), "");
    assert_eq!(second.status.code(), Some(1));
    assert!(error(&second).contains("another process"), "{}", error(&second));
    done(with_storage(folder.path()).args(["queue", "create", "--name", "Sales"]), "");

    let stopped = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
