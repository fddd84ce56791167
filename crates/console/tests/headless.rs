//! `deskbell-headless` as far as it needs no backend. With one, it is tested by the scenarios in `tests/`.

use std::process::{Command, Output};

fn headless(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskbell-headless"));
    command.args(arguments).env_remove("DESKBELL_PASSWORD");
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn help_describes_every_line_it_reads_and_writes() {
    let Output { status, stdout, .. } = headless(&["--help"]).output().unwrap();
    assert!(status.success());
    let help = text(stdout);
    let lines = [r#""call":"reply""#, r#""ready":true"#, r#""changed":["#, r#""ok":{"#, r#""error":{"#];
    for line in lines {
        assert!(help.contains(line), "{line}");
    }
}

#[test]
fn without_a_session_and_credentials_it_says_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let backend = ["--data-dir", folder, "--memory-vault", "--backend", "http://127.0.0.1:1"];
    for (more, missing) in [(&[][..], "--email"), (&["--email", "ada@desk.example"][..], "DESKBELL_PASSWORD")]
    {
        let Output { status, stdout, stderr } = headless(&backend).args(more).output().unwrap();
        assert_eq!(status.code(), Some(1));
        assert!(stdout.is_empty());
        let said = text(stderr);
        assert!(said.contains(missing), "{said}");
    }
}

#[test]
fn a_backend_that_cannot_be_reached_is_said_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let mut command = headless(&["--data-dir", folder, "--memory-vault", "--backend", "http://127.0.0.1:1"]);
    command.args(["--email", "ada@desk.example"]).env("DESKBELL_PASSWORD", "the password of Ada");

    let Output { status, stdout, .. } = command.output().unwrap();

    assert_eq!(status.code(), Some(1));
    let error = r#"{"console":1,"error":{"code":"unreachable","retry_after_ms":null}}"#;
    assert_eq!(text(stdout).trim(), error);
}
