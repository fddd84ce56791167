use clap::Subcommand;

use super::{Failure, secrets};
use crate::storage::Db;
use crate::storage::directory::NewMetaApp;

#[derive(Debug, Subcommand)]
pub(super) enum MetaApp {
    /// Take webhooks of a Meta app, or replace its secrets.
    ///
    /// Reads DESKBELL_APP_SECRET (the app secret, which signs webhooks) and DESKBELL_VERIFY_TOKEN (the token that Meta
    /// repeats when it verifies the address), or else the two as lines of standard input, in this order. While the app
    /// secret is being replaced, DESKBELL_PREVIOUS_APP_SECRET holds the one before: both are good then, until the
    /// command is run without it.
    Set {
        /// The app's name in the webhook's path: /webhooks/whatsapp/NAME.
        #[arg(long, value_name = "NAME", value_parser = path_name)]
        app: String,
    },
}

/// A name that stands in a path as it is.
fn path_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        return Err("1 to 64 lower-case letters, digits and dashes are expected".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) async fn run(db: &Db, command: MetaApp) -> Result<(), Failure> {
    let MetaApp::Set { app } = command;
    let new = NewMetaApp {
        app,
        secret: secrets::read("DESKBELL_APP_SECRET", "the app secret")?,
        verify_token: secrets::read("DESKBELL_VERIFY_TOKEN", "the verify token")?,
        previous_secret: secrets::from_environment("DESKBELL_PREVIOUS_APP_SECRET"),
    };
    db.directory().put_meta_app(&new).await?;
    Ok(())
}
