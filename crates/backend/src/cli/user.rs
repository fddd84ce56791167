use anyhow::{Context, anyhow};
use clap::{Subcommand, ValueEnum};
use deskbell_domain::{Role, Sensitive, TenantId, UserId};

use super::{Failure, output, secrets, tenant};
use crate::setup::{self, NewMember};
use crate::storage::Db;
use crate::storage::staff::{self, UserStatus};

const PASSWORD: &str = "DESKBELL_PASSWORD";

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add a member of staff. Prints their id.
    ///
    /// The password, at least 12 characters, is read from DESKBELL_PASSWORD, or else as a line of standard input.
    Create {
        /// Their tenant; may be left out where there is only one.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// How they are called.
        #[arg(long)]
        name: String,
        /// How they sign in.
        #[arg(long)]
        email: String,
        /// What they are.
        #[arg(long, value_enum, default_value = "agent")]
        role: RoleName,
        /// Name or id of a queue they work. May be given several times.
        #[arg(long = "queue", value_name = "QUEUE")]
        queues: Vec<String>,
    },
    /// Print id, e-mail address, role, status and name of each member of staff.
    List {
        /// Their tenant; may be left out where there is only one.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    /// Set a new password, and end the member's sessions.
    ///
    /// The password is read from DESKBELL_PASSWORD, or else as a line of standard input.
    SetPassword {
        /// The member's e-mail address.
        #[arg(long)]
        email: String,
    },
    /// Take away the right to sign in, and end the member's sessions, at once.
    Deactivate {
        /// The member's e-mail address.
        #[arg(long)]
        email: String,
    },
}

/// The roles, as they are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleName {
    /// Works queues.
    Agent,
    /// Watches queues and figures.
    Manager,
    /// Connects accounts, manages staff.
    Administrator,
    /// Decides data requests.
    PrivacyOfficer,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Agent => Self::Agent,
            RoleName::Manager => Self::Manager,
            RoleName::Administrator => Self::Administrator,
            RoleName::PrivacyOfficer => Self::PrivacyOfficer,
        }
    }
}

pub(super) async fn run(db: &Db, command: User) -> Result<(), Failure> {
    match command {
        User::Create { tenant, name, email, role, queues } => {
            let tenant = tenant::named_or_only(db, tenant).await?;
            let mut works = Vec::with_capacity(queues.len());
            for queue in queues {
                works.push(setup::queue_named(db, tenant, &queue).await?);
            }
            let member = NewMember {
                name: Sensitive::new(name),
                email: Sensitive::new(email),
                role: role.into(),
                password: secrets::read(PASSWORD, "the password")?,
                queues: works,
            };
            output::line(&setup::create_user(db, tenant, member).await?.to_string())
        }
        User::List { tenant } => {
            let tenant = tenant::named_or_only(db, tenant).await?;
            for user in staff::list(&mut db.tenant(tenant).read().await?).await? {
                let text = |value: &Option<Sensitive<String>>| {
                    value.as_ref().map_or_else(|| "(erased)".to_owned(), |value| value.expose().clone())
                };
                let role = RoleName::value_variants().iter().find(|name| Role::from(**name) == user.role);
                let role = role.and_then(ValueEnum::to_possible_value);
                let status = match user.status {
                    UserStatus::Active => "active",
                    UserStatus::Suspended => "suspended",
                };
                output::columns([
                    &user.id.to_string(),
                    &text(&user.email),
                    role.as_ref().map_or("?", |role| role.get_name()),
                    status,
                    &text(&user.name),
                ])?;
            }
            Ok(())
        }
        User::SetPassword { email } => {
            let (tenant, user) = who(db, email).await?;
            let password = secrets::read(PASSWORD, "the new password")?;
            setup::set_password(db, tenant, user, password).await?;
            Ok(())
        }
        User::Deactivate { email } => {
            let (tenant, user) = who(db, email).await?;
            let mut tx = db.tenant(tenant).begin().await?;
            staff::set_status(&mut tx, user, UserStatus::Suspended).await?;
            tx.commit().await?;
            Ok(())
        }
    }
}

async fn who(db: &Db, email: String) -> Result<(TenantId, UserId), Failure> {
    let found = db.directory().sign_in(&Sensitive::new(email)).await?;
    Ok(found.with_context(|| anyhow!("nobody signs in with this e-mail address"))?)
}
