//! What must be known before the tenant is. It holds ids and keyed hashes, no personal data.

use deskbell_domain::{ChannelAccountId, Sensitive, TenantId, UserId, UtcMs};
use deskbell_seal::{LookupHash, keyed_hash};
use subtle::ConstantTimeEq as _;

use super::Result;
use super::keys::{INSTALLATION, KeyKind, KeyStore};
use super::sealing::{SealedColumn, sealed_column};
use super::session::Database;
use super::statement::{Statement, sql};
use super::value::{Value, values};

/// The directory. Clones share one.
#[derive(Clone)]
pub struct Directory {
    database: Database,
    keys: KeyStore,
}

/// Where webhooks of a phone number go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The tenant.
    pub tenant: TenantId,
    /// Its channel account.
    pub account: ChannelAccountId,
}

/// A Meta app, by which webhooks come in.
#[derive(Debug, Clone)]
pub struct NewMetaApp {
    /// Its name in the webhook's path.
    pub app: String,
    /// The app secret.
    pub secret: Sensitive<String>,
    /// The secret before, while it is being replaced.
    pub previous_secret: Option<Sensitive<String>>,
    /// The token that Meta repeats when the subscription is verified. Only a keyed hash is stored.
    pub verify_token: Sensitive<String>,
}

/// A Meta app, as far as verifying needs it.
#[derive(Debug, Clone)]
pub struct MetaApp {
    /// Its name in the webhook's path.
    pub app: String,
    /// The secrets that sign its webhooks: one, or two while one is being replaced.
    pub secrets: Vec<Sensitive<String>>,
}

const ADD_TENANT: Statement =
    sql("INSERT INTO directory_tenant (tenant_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING");
const TENANTS: Statement = sql("SELECT tenant_id FROM directory_tenant ORDER BY tenant_id");
const ADD_NUMBER: Statement =
    sql("INSERT INTO phone_number (phone_number_id, waba_id, tenant_id, account_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT (phone_number_id) DO UPDATE SET
           waba_id = excluded.waba_id, tenant_id = excluded.tenant_id, account_id = excluded.account_id");
const REMOVE_NUMBER: Statement = sql("DELETE FROM phone_number WHERE phone_number_id = $1");
const BY_NUMBER: Statement = sql("SELECT tenant_id, account_id FROM phone_number WHERE phone_number_id = $1");
const BY_WABA: Statement = sql("SELECT DISTINCT tenant_id FROM phone_number WHERE waba_id = $1");
const SET_SIGN_IN: Statement = sql("INSERT INTO sign_in (email_hash, tenant_id, user_id) VALUES ($1, $2, $3)
     ON CONFLICT (email_hash) DO NOTHING");
const REMOVE_SIGN_IN: Statement = sql("DELETE FROM sign_in WHERE email_hash = $1 AND user_id = $2");
const SIGN_IN: Statement = sql("SELECT tenant_id, user_id FROM sign_in WHERE email_hash = $1");
const PUT_APP: Statement =
    sql("INSERT INTO meta_app (app, secret, previous_secret, verify_token_hash) VALUES ($1, $2, $3, $4)
         ON CONFLICT (app) DO UPDATE SET secret = excluded.secret, previous_secret = excluded.previous_secret,
           verify_token_hash = excluded.verify_token_hash");
const APP: Statement = sql("SELECT secret, previous_secret, verify_token_hash FROM meta_app WHERE app = $1");

const SECRET: SealedColumn = sealed_column!("meta_app"."secret");
const PREVIOUS_SECRET: SealedColumn = sealed_column!("meta_app"."previous_secret");

impl Directory {
    pub(super) const fn new(database: Database, keys: KeyStore) -> Self {
        Self { database, keys }
    }

    pub(super) async fn close(&self) {
        self.database.close().await;
    }

    pub(super) async fn add_tenant(&self, tenant: TenantId, now: UtcMs) -> Result<()> {
        self.write(&ADD_TENANT, values![tenant, now]).await?;
        Ok(())
    }

    /// All tenants.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn tenants(&self) -> Result<Vec<TenantId>> {
        let rows = self.database.read().await?.all(&TENANTS, values![]).await?;
        rows.into_iter().map(|mut row| row.take("directory_tenant.tenant_id")).collect()
    }

    /// Has a phone number's webhooks go to a tenant. Setting it again replaces it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn add_phone_number(&self, phone_number_id: &str, waba_id: &str, to: Route) -> Result<()> {
        self.write(&ADD_NUMBER, values![phone_number_id, waba_id, to.tenant, to.account]).await?;
        Ok(())
    }

    /// Has a phone number's webhooks go nowhere.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn remove_phone_number(&self, phone_number_id: &str) -> Result<()> {
        self.write(&REMOVE_NUMBER, values![phone_number_id]).await?;
        Ok(())
    }

    /// Where a phone number's webhooks go.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn by_phone_number(&self, phone_number_id: &str) -> Result<Option<Route>> {
        let row = self.database.read().await?.first(&BY_NUMBER, values![phone_number_id]).await?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(Some(Route {
            tenant: row.take("phone_number.tenant_id")?,
            account: row.take("phone_number.account_id")?,
        }))
    }

    /// The tenants with a phone number of this WhatsApp business account.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn by_waba(&self, waba_id: &str) -> Result<Vec<TenantId>> {
        let rows = self.database.read().await?.all(&BY_WABA, values![waba_id]).await?;
        rows.into_iter().map(|mut row| row.take("phone_number.tenant_id")).collect()
    }

    /// Lets a person sign in by an e-mail address. `false` when somebody has it already.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn set_sign_in(
        &self,
        email: &Sensitive<String>,
        tenant: TenantId,
        user: UserId,
    ) -> Result<bool> {
        let hash = self.email_hash(email).await?;
        Ok(self.write(&SET_SIGN_IN, values![hash, tenant, user]).await? == 1)
    }

    /// Takes an e-mail address from a person.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn remove_sign_in(&self, email: &Sensitive<String>, user: UserId) -> Result<()> {
        let hash = self.email_hash(email).await?;
        self.write(&REMOVE_SIGN_IN, values![hash, user]).await?;
        Ok(())
    }

    /// Who signs in by an e-mail address. Upper and lower case are the same.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sign_in(&self, email: &Sensitive<String>) -> Result<Option<(TenantId, UserId)>> {
        let hash = self.email_hash(email).await?;
        let Some(mut row) = self.database.read().await?.first(&SIGN_IN, values![hash]).await? else {
            return Ok(None);
        };
        Ok(Some((row.take("sign_in.tenant_id")?, row.take("sign_in.user_id")?)))
    }

    /// Adds a Meta app, or replaces its secrets.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn put_meta_app(&self, new: &NewMetaApp) -> Result<()> {
        let key = self.keys.only(INSTALLATION, KeyKind::Installation).await?;
        let row = new.app.as_bytes();
        let secret = SECRET.seal(INSTALLATION, row, &key, new.secret.expose().as_bytes())?;
        let previous = match &new.previous_secret {
            Some(previous) => {
                Some(PREVIOUS_SECRET.seal(INSTALLATION, row, &key, previous.expose().as_bytes())?)
            }
            None => None,
        };
        let token = self.verify_token_hash(&new.app, new.verify_token.expose()).await?;
        self.write(&PUT_APP, values![new.app.as_str(), secret, previous, *token.as_bytes()]).await?;
        Ok(())
    }

    /// A Meta app by its name in the path.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn meta_app(&self, app: &str) -> Result<Option<MetaApp>> {
        let Some(mut row) = self.database.read().await?.first(&APP, values![app]).await? else {
            return Ok(None);
        };
        let mut secrets =
            vec![self.open_secret(SECRET, app, &row.take::<Vec<u8>>("meta_app.secret")?).await?];
        if let Some(previous) = row.take::<Option<Vec<u8>>>("meta_app.previous_secret")? {
            secrets.push(self.open_secret(PREVIOUS_SECRET, app, &previous).await?);
        }
        Ok(Some(MetaApp { app: app.to_owned(), secrets }))
    }

    /// Whether a token is the one agreed on with Meta for this app. An unknown app takes as long and has none.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn verify_token_matches(&self, app: &str, token: &str) -> Result<bool> {
        let given = self.verify_token_hash(app, token).await?;
        let Some(mut row) = self.database.read().await?.first(&APP, values![app]).await? else {
            return Ok(false);
        };
        row.take::<Vec<u8>>("meta_app.secret")?;
        row.take::<Option<Vec<u8>>>("meta_app.previous_secret")?;
        let stored: [u8; 32] = row.take("meta_app.verify_token_hash")?;
        Ok(given.as_bytes().ct_eq(&stored).into())
    }

    async fn open_secret(&self, column: SealedColumn, app: &str, sealed: &[u8]) -> Result<Sensitive<String>> {
        let key = self.keys.get(INSTALLATION, column.key_of(sealed)?).await?;
        let key = key.ok_or(super::StorageError::KeyGone)?;
        column.text(column.open(INSTALLATION, app.as_bytes(), &key, sealed)?)
    }

    async fn email_hash(&self, email: &Sensitive<String>) -> Result<[u8; 32]> {
        let (_, key) = self.keys.only(INSTALLATION, KeyKind::Lookup).await?;
        let address = email.expose().trim().to_lowercase();
        Ok(*keyed_hash(&key, "sign_in.email", address.as_bytes()).as_bytes())
    }

    async fn verify_token_hash(&self, app: &str, token: &str) -> Result<LookupHash> {
        let (_, key) = self.keys.only(INSTALLATION, KeyKind::Lookup).await?;
        Ok(keyed_hash(&key, "meta_app.verify_token", format!("{app}\n{token}").as_bytes()))
    }

    async fn write(&self, statement: &Statement, values: Vec<Value>) -> Result<u64> {
        let mut session = self.database.begin().await?;
        let touched = session.execute(statement, values).await?;
        session.commit().await?;
        Ok(touched)
    }
}
