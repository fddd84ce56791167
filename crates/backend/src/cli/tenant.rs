use anyhow::bail;
use clap::Subcommand;
use deskbell_domain::TenantId;

use super::{Failure, output};
use crate::storage::{Db, NewTenant};

#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Add a business. Prints its id.
    Create {
        /// Its name.
        #[arg(long)]
        name: String,
        /// Its time zone, as the IANA database names it.
        #[arg(long, default_value = "UTC")]
        time_zone: String,
    },
    /// Print the id of each business, one per line.
    List,
}

pub(super) async fn run(db: &Db, command: Tenant) -> Result<(), Failure> {
    match command {
        Tenant::Create { name, time_zone } => {
            let id = db.create_tenant(&NewTenant { name, time_zone }).await?;
            output::line(&id.to_string())
        }
        Tenant::List => {
            for id in db.directory().tenants().await? {
                output::line(&id.to_string())?;
            }
            Ok(())
        }
    }
}

/// The tenant that is named, or the only one there is.
pub(super) async fn named_or_only(db: &Db, named: Option<TenantId>) -> Result<TenantId, Failure> {
    let tenants = db.directory().tenants().await?;
    let checked = || -> anyhow::Result<TenantId> {
        match (named, tenants.as_slice()) {
            (Some(named), all) if all.contains(&named) => Ok(named),
            (Some(named), _) => bail!("there is no tenant {named}"),
            (None, [only]) => Ok(*only),
            (None, []) => bail!("there is no tenant yet: `deskbell-backend tenant create` makes one"),
            (None, _) => bail!("there are several tenants: name one with --tenant"),
        }
    };
    Ok(checked()?)
}
