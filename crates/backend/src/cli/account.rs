use clap::Subcommand;
use deskbell_domain::TenantId;

use super::{Failure, output, secrets, tenant};
use crate::setup::{self, NewNumber};
use crate::storage::Db;

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Connect a WhatsApp number, or give a connected one a new token. Prints the account's id.
    ///
    /// The access token is read from DESKBELL_TOKEN, or else as a line of standard input.
    Connect {
        /// Its tenant; may be left out where there is only one.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Meta's id of the number.
        #[arg(long)]
        phone_number_id: String,
        /// Meta's id of the WhatsApp business account.
        #[arg(long)]
        waba_id: String,
        /// Meta's id of the business portfolio.
        #[arg(long)]
        portfolio_id: Option<String>,
        /// The number as people dial it, with its country code.
        #[arg(long)]
        number: String,
        /// The business's name on it; the number where it is left out.
        #[arg(long)]
        name: Option<String>,
        /// Name or id of the queue that its new conversations go to.
        #[arg(long)]
        queue: String,
    },
}

pub(super) async fn run(db: &Db, command: Account) -> Result<(), Failure> {
    let Account::Connect { tenant, phone_number_id, waba_id, portfolio_id, number, name, queue } = command;
    let tenant = tenant::named_or_only(db, tenant).await?;
    let new = NewNumber {
        phone_number_id,
        waba_id,
        portfolio_id,
        display_name: name.unwrap_or_else(|| number.clone()),
        display_number: number,
        queue: setup::queue_named(db, tenant, &queue).await?,
        token: secrets::read("DESKBELL_TOKEN", "the access token")?,
    };
    output::line(&setup::connect_number(db, tenant, new).await?.to_string())
}
