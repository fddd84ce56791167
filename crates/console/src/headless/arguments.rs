use std::path::PathBuf;

use clap::Parser;
use deskbell_domain::Sensitive;

use crate::console::{KeychainChoice, Options};

/// What it reads and writes, line by line.
const LINES: &str = r#"
WHAT IT READS
  One JSON object per line on the standard input:

    {"console":1,"id":"a","call":"reply","request":{"conversation":"…","text":"…"}}

  console   which console is meant, from 1 to --count; 1 where it is left out
  id        any JSON value; the answer repeats it
  call      a command of the list: session, sign_in, sign_out, status, reconnect, list, thread, older_messages, reply,
            retry, take_back, save_draft, mark_read, claim, release, resolve, reopen, preferences, set_preferences
  request   what the command takes, as in ui/src/lib/platform/bindings.ts; {} where it is left out

  One console carries its requests out one after the other, in the order in which they come. Several work side by side.
  With --password-stdin, the very first line is the password and nothing else.
  A line holds 1 MiB at most.

WHAT IT WRITES
  One JSON object per line on the standard output, written at once:

    {"console":1,"ready":true,"reopened":false}
        The console is signed in. With "reopened":true the session that was left in its folder goes on.
    {"console":1,"changed":[{"view":"list"},{"view":"thread","conversation":"…"}]}
        These views are to be read again: session, list, thread, status, preferences, everything.
    {"console":1,"id":"a","ok":{…}}
        A request was carried out; "ok" is the command's answer. A reply that is answered is durable, not yet sent.
    {"console":1,"id":"a","error":{"code":"window_closed","retry_after_ms":null}}
        A request failed. The codes are those of ApiErrorCode in bindings.ts.
    {"console":1,"error":{"code":"wrong_credentials","retry_after_ms":null}}
        The console could not be signed in. The program ends.
    {"error":{"code":"not_json","message":"line 3 is not JSON: column 7"}}
        A line could not be understood: not_json, not_a_request, too_long, no_such_console. Nothing was done.

  Answers carry what was asked for, customers' texts and names among it. Nothing else does: neither the lines that
  nobody asked for, nor the log on the standard error output.

HOW IT ENDS
  At the end of its input, after what was asked before; or at once on SIGTERM or SIGINT, or when nobody reads its output.
  What was not sent stays in the outbox and goes out when the console is started again.
  Exit codes: 0 ended as told, 1 could not begin, 2 wrong arguments.

ENVIRONMENT
  DESKBELL_PASSWORD  the password, for the first sign-in
  DESKBELL_LOG       how much is logged: error, warn, info, debug, trace
"#;

/// The console's engine without a window: signs in, keeps an encrypted cache, prints what changes, takes commands.
#[derive(Debug, Clone, Parser)]
#[command(name = "deskbell-headless", version, after_help = LINES)]
pub(super) struct Arguments {
    /// Address of the backend: https, or http on this machine. Needed for the first sign-in.
    #[arg(long, value_name = "URL")]
    pub(super) backend: Option<String>,
    /// E-mail address to sign in with. Needed for the first sign-in.
    #[arg(long, value_name = "EMAIL")]
    pub(super) email: Option<String>,
    /// Read the password from the first line of the standard input, instead of DESKBELL_PASSWORD.
    #[arg(long)]
    pub(super) password_stdin: bool,
    /// Folder for the consoles' files. Each console has one of its own in it: 1, 2, …
    #[arg(long, value_name = "FOLDER")]
    pub(super) data_dir: PathBuf,
    /// Keep the keys in memory, for machines without a keychain. What is in the folder cannot be opened again.
    #[arg(long)]
    pub(super) memory_vault: bool,
    /// How many consoles to run, each a device of its own.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) count: u16,
}

impl Arguments {
    pub(super) fn email(&self) -> Option<Sensitive<String>> {
        self.email.clone().map(Sensitive::new)
    }

    /// How a console is started; they are counted from 1.
    pub(super) fn options(&self, console: usize) -> Options {
        Options {
            data_dir: self.data_dir.join(console.to_string()),
            keychain: if self.memory_vault { KeychainChoice::Memory } else { KeychainChoice::System },
            backend: self.backend.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::api::COMMANDS;

    #[test]
    fn the_help_names_every_command_of_the_list() {
        let help = Arguments::command().render_long_help().to_string();
        for command in COMMANDS {
            assert!(help.contains(command.name), "{} is not in the help", command.name);
        }
    }

    #[test]
    fn a_password_is_never_an_argument() {
        let arguments = ["deskbell-headless", "--data-dir", "x"];
        Arguments::try_parse_from(arguments).unwrap();
        Arguments::try_parse_from(arguments.into_iter().chain(["--password", "secret"])).unwrap_err();
    }

    #[test]
    fn every_console_has_a_folder_of_its_own() {
        let arguments = ["deskbell-headless", "--data-dir", "x", "--count", "2", "--memory-vault"];
        let arguments = Arguments::try_parse_from(arguments).unwrap();
        assert_ne!(arguments.options(1).data_dir, arguments.options(2).data_dir);
        assert_eq!(arguments.options(1).keychain, KeychainChoice::Memory);
    }
}
