use anyhow::Context;
use clap::Subcommand;
use deskbell_domain::{Sensitive, TenantId};

use super::{Failure, output, tenant};
use crate::setup;
use crate::storage::{Db, queue};

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// Add a queue. Prints its id.
    Create {
        /// Its tenant; may be left out where there is only one.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Its name.
        #[arg(long)]
        name: String,
    },
    /// Have a member of staff work a queue, besides those they work already.
    Assign {
        /// The queue's tenant; may be left out where there is only one.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// The queue's name or id.
        #[arg(long)]
        queue: String,
        /// The member's e-mail address.
        #[arg(long)]
        email: String,
    },
    /// Print id and name of each queue.
    List {
        /// Their tenant; may be left out where there is only one.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
}

pub(super) async fn run(db: &Db, command: Queue) -> Result<(), Failure> {
    match command {
        Queue::Create { tenant, name } => {
            let tenant = tenant::named_or_only(db, tenant).await?;
            output::line(&setup::create_queue(db, tenant, &name).await?.to_string())
        }
        Queue::Assign { tenant, queue, email } => {
            let tenant = tenant::named_or_only(db, tenant).await?;
            let queue = setup::queue_named(db, tenant, &queue).await?;
            let found = db.directory().sign_in(&Sensitive::new(email)).await?;
            let (_, user) = found
                .filter(|(of, _)| *of == tenant)
                .context("nobody of this tenant signs in with this e-mail address")?;
            setup::assign_queue(db, tenant, user, queue).await?;
            Ok(())
        }
        Queue::List { tenant } => {
            let tenant = tenant::named_or_only(db, tenant).await?;
            for queue in queue::list(&mut db.tenant(tenant).read().await?).await? {
                output::columns([&queue.id.to_string(), &queue.name])?;
            }
            Ok(())
        }
    }
}
