//! Contacts: the people who write. A contact is not a phone number: it owns aliases, and is found by any of them.
//!
//! Everything of a contact is sealed under keys of its own. Whoever writes something of a contact holds a
//! [`WritableContact`]: its row is locked, it is not erased, and its key exists.

use std::collections::HashMap;

use deskbell_domain::{ContactId, KeyId, PhoneNumber, Sensitive};
use deskbell_seal::{Key, LookupHash};
use serde::{Deserialize, Serialize};

use super::keys::LedgerHash;
use super::sealing::{SealedColumn, sealed_column};
use super::statement::{Statement, pair, sql};
use super::value::{Row, Value, list_of, values};
use super::{Read, Result, StorageError, Tx, conversation, fresh};

/// What a person is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alias {
    /// A phone number.
    Phone(PhoneNumber),
    /// A user id that Meta made for one business portfolio.
    UserId(Sensitive<String>),
    /// A user id that Meta made for the parent portfolio.
    ParentUserId(Sensitive<String>),
}

/// What is shown of a person. What is `None` is left as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name they gave themselves.
    pub name: Option<Sensitive<String>>,
    /// Their user name, without the at sign.
    pub username: Option<Sensitive<String>>,
}

/// A contact that may be written to the end of this transaction: locked, not erased, its key at hand.
#[derive(Debug, Clone)]
pub struct WritableContact {
    id: ContactId,
    key: (KeyId, Key),
    created: bool,
}

impl WritableContact {
    /// Its id.
    pub const fn id(&self) -> ContactId {
        self.id
    }

    /// Whether this transaction made it.
    pub const fn is_new(&self) -> bool {
        self.created
    }

    /// The key that everything of it is sealed under now. Destroying it makes that noise.
    pub const fn key_id(&self) -> KeyId {
        self.key.0
    }

    pub(super) const fn key(&self) -> &(KeyId, Key) {
        &self.key
    }
}

/// What a conversation shows of its contact.
#[derive(Debug, Clone)]
pub struct Card {
    /// Whose.
    pub id: ContactId,
    /// The name they gave themselves.
    pub name: Option<Sensitive<String>>,
    /// Their user name.
    pub username: Option<Sensitive<String>>,
    /// Their number, the one known longest.
    pub phone: Option<PhoneNumber>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AliasKind {
    Phone,
    UserId,
    ParentUserId,
}

const NAME: SealedColumn = sealed_column!("contact"."name");
const USERNAME: SealedColumn = sealed_column!("contact"."username");
const ALIAS_VALUE: SealedColumn = sealed_column!("alias"."value");

const FIND: Statement =
    sql("SELECT kind, hash, contact_id FROM alias WHERE tenant_id = $1 AND hash IN ({list})");
const LOCK: Statement = pair(
    "SELECT key_id, name, username, erased FROM contact WHERE tenant_id = $1 AND id = $2",
    "SELECT key_id, name, username, erased FROM contact WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
);
const INSERT: Statement =
    sql("INSERT INTO contact (tenant_id, id, key_id, name, username, erased, created_at)
     VALUES ($1, $2, $3, $4, $5, 0, $6)");
const INSERT_KEY: Statement =
    sql("INSERT INTO contact_key (tenant_id, contact_id, key_id) VALUES ($1, $2, $3)");
const INSERT_ALIASES: Statement =
    sql("INSERT INTO alias (tenant_id, kind, hash, contact_id, value, created_at) VALUES {rows:$1}
     ON CONFLICT (tenant_id, kind, hash) DO NOTHING");
const SET_PROFILE: Statement =
    sql("UPDATE contact SET name = $3, username = $4 WHERE tenant_id = $1 AND id = $2");
const FORGET_ALIASES: Statement = sql("DELETE FROM alias WHERE tenant_id = $1 AND contact_id = $2");
const FORGET_KEYS: Statement = sql("DELETE FROM contact_key WHERE tenant_id = $1 AND contact_id = $2");
const FORGET: Statement = sql("DELETE FROM contact WHERE tenant_id = $1 AND id = $2");
const CARDS: Statement =
    sql("SELECT id, name, username FROM contact WHERE tenant_id = $1 AND id IN ({list})");
const PHONES: Statement = sql(
    "SELECT contact_id, hash, value FROM alias WHERE tenant_id = $1 AND kind = 'phone' AND contact_id IN ({list})
     ORDER BY created_at, hash",
);
const ALIASES: Statement = sql(
    "SELECT kind, hash, value FROM alias WHERE tenant_id = $1 AND contact_id = $2 ORDER BY created_at, hash",
);

/// How often a contact is looked for again when another process made it at the same moment.
const RACES_MAX: usize = 3;

/// The contact that has one of `aliases`, the first that is known; a new one when none is. Aliases that are new
/// become its own. User ids differ from portfolio to portfolio, so a person may have several.
///
/// # Errors
/// [`StorageError::Shape`] without an alias; those of the engine.
pub async fn find_or_create(tx: &mut Tx, aliases: &[Alias], profile: &Profile) -> Result<WritableContact> {
    if aliases.is_empty() {
        return Err(StorageError::Shape("a contact without an alias"));
    }
    let hashed = hashed(tx, aliases).await?;
    for _ in 0..RACES_MAX {
        let owners = owners_of(tx, &hashed).await?;
        let contact = match first_owner(&owners) {
            Some(known) => writable_with_profile(tx, known, profile).await?,
            None => None,
        };
        if let Some(contact) = contact {
            let free = hashed.iter().zip(&owners).filter(|(_, owner)| owner.is_none());
            let free: Vec<&HashedAlias> = free.map(|(alias, _)| alias).collect();
            insert_aliases(tx, &contact, &free).await?;
            return Ok(contact);
        }
        if let Some(contact) = create(tx, &hashed, profile).await? {
            return Ok(contact);
        }
    }
    Err(StorageError::Unavailable("a contact was made at the same moment".to_owned()))
}

/// The contact that has one of `aliases`, the first that is known.
///
/// # Errors
/// Those of the engine.
pub async fn find(read: &mut Read, aliases: &[Alias]) -> Result<Option<ContactId>> {
    let hashed = hashed(read, aliases).await?;
    Ok(first_owner(&owners_of(read, &hashed).await?))
}

/// Locks a contact for writing; `None` when it is not there or was erased.
///
/// # Errors
/// Those of the engine.
pub async fn writable(tx: &mut Tx, id: ContactId) -> Result<Option<WritableContact>> {
    Ok(lock(tx, id).await?.map(|(contact, _)| contact))
}

/// The hashes that the erasure ledger knows these aliases by.
///
/// # Errors
/// Those of the engine.
pub async fn ledger_hashes(read: &mut Read, aliases: &[Alias]) -> Result<Vec<LedgerHash>> {
    let hashed = hashed(read, aliases).await?;
    Ok(hashed
        .iter()
        .map(|alias| LedgerHash {
            purpose: alias.kind.purpose().to_owned(),
            hash: LookupHash::from_bytes(alias.hash),
        })
        .collect())
}

/// What conversations show of their contacts, in no order. Who is not there is left out.
///
/// # Errors
/// Those of the engine.
pub async fn cards(read: &mut Read, ids: &[ContactId]) -> Result<Vec<Card>> {
    let list = list_of(ids);
    let mut sealed = Vec::with_capacity(ids.len());
    for mut row in read.all_in(&CARDS, values![], &list).await? {
        let id: ContactId = row.take("contact.id")?;
        let name: Option<Vec<u8>> = row.take("contact.name")?;
        let username: Option<Vec<u8>> = row.take("contact.username")?;
        sealed.push((id, name, username));
    }
    let mut phones: HashMap<ContactId, ([u8; 32], Vec<u8>)> = HashMap::new();
    for mut row in read.all_in(&PHONES, values![], &list).await? {
        let id: ContactId = row.take("alias.contact_id")?;
        let phone = (row.take("alias.hash")?, row.take("alias.value")?);
        phones.entry(id).or_insert(phone);
    }
    read.load_keys(NAME, sealed.iter().filter_map(|(_, name, _)| name.as_deref())).await?;
    let mut cards = Vec::with_capacity(sealed.len());
    for (id, name, username) in sealed {
        let phone = match phones.get(&id) {
            Some((hash, value)) => read.open_text(ALIAS_VALUE, hash, Some(value)).await?,
            None => None,
        };
        cards.push(Card {
            id,
            name: read.open_text(NAME, id.as_bytes(), name.as_deref()).await?,
            username: read.open_text(USERNAME, id.as_bytes(), username.as_deref()).await?,
            phone: phone.and_then(|phone| PhoneNumber::parse(phone.expose()).ok()),
        });
    }
    Ok(cards)
}

/// All aliases of a contact, the oldest first; none when it was erased.
///
/// # Errors
/// Those of the engine.
pub async fn aliases(read: &mut Read, id: ContactId) -> Result<Vec<Alias>> {
    let mut aliases = Vec::new();
    for mut row in read.all(&ALIASES, values![id]).await? {
        let kind: AliasKind = row.word("alias.kind")?;
        let hash: [u8; 32] = row.take("alias.hash")?;
        let value: Vec<u8> = row.take("alias.value")?;
        let Some(text) = read.open_text(ALIAS_VALUE, &hash, Some(&value)).await? else { continue };
        aliases.push(match kind {
            AliasKind::Phone => Alias::Phone(
                PhoneNumber::parse(text.expose()).map_err(|_| StorageError::Shape("alias.value"))?,
            ),
            AliasKind::UserId => Alias::UserId(text),
            AliasKind::ParentUserId => Alias::ParentUserId(text),
        });
    }
    Ok(aliases)
}

/// What runs for every event or page, for the test that looks at the plans.
#[cfg(test)]
pub(super) const HOT: &[&Statement] = &[&FIND, &LOCK, &CARDS];

struct HashedAlias {
    kind: AliasKind,
    hash: [u8; 32],
    value: Sensitive<String>,
}

impl AliasKind {
    /// What the hash is made for: equal texts of two kinds have two hashes.
    const fn purpose(self) -> &'static str {
        match self {
            Self::Phone => "alias.phone",
            Self::UserId => "alias.user_id",
            Self::ParentUserId => "alias.parent_user_id",
        }
    }
}

async fn hashed(read: &mut Read, aliases: &[Alias]) -> Result<Vec<HashedAlias>> {
    let mut hashed = Vec::with_capacity(aliases.len());
    for alias in aliases {
        let (kind, text) = match alias {
            Alias::Phone(number) => (AliasKind::Phone, number.expose()),
            Alias::UserId(id) => (AliasKind::UserId, id.expose().as_str()),
            Alias::ParentUserId(id) => (AliasKind::ParentUserId, id.expose().as_str()),
        };
        let hash = read.keys().lookup_hash(read.tenant(), kind.purpose(), text.as_bytes()).await?;
        hashed.push(HashedAlias { kind, hash: *hash.as_bytes(), value: Sensitive::from(text) });
    }
    Ok(hashed)
}

/// Whose each alias is, in the same order.
async fn owners_of(read: &mut Read, hashed: &[HashedAlias]) -> Result<Vec<Option<ContactId>>> {
    let list: Vec<Value> = hashed.iter().map(|alias| Value::from(alias.hash)).collect();
    let mut owners: HashMap<(AliasKind, [u8; 32]), ContactId> = HashMap::new();
    for mut row in read.all_in(&FIND, values![], &list).await? {
        let alias = (row.word("alias.kind")?, row.take("alias.hash")?);
        owners.insert(alias, row.take("alias.contact_id")?);
    }
    Ok(hashed.iter().map(|alias| owners.get(&(alias.kind, alias.hash)).copied()).collect())
}

fn first_owner(owners: &[Option<ContactId>]) -> Option<ContactId> {
    owners.iter().find_map(|owner| *owner)
}

struct SealedProfile {
    name: Option<Vec<u8>>,
    username: Option<Vec<u8>>,
}

async fn lock(tx: &mut Tx, id: ContactId) -> Result<Option<(WritableContact, SealedProfile)>> {
    let Some(mut row) = tx.first(&LOCK, values![id]).await? else { return Ok(None) };
    let (key_id, profile, erased) = locked(&mut row)?;
    if erased {
        return Ok(None);
    }
    let Some(key) = tx.keys().get(tx.tenant(), key_id).await? else { return Ok(None) };
    Ok(Some((WritableContact { id, key: (key_id, key), created: false }, profile)))
}

fn locked(row: &mut Row) -> Result<(KeyId, SealedProfile, bool)> {
    let key_id = row.take("contact.key_id")?;
    let profile = SealedProfile { name: row.take("contact.name")?, username: row.take("contact.username")? };
    Ok((key_id, profile, row.take("contact.erased")?))
}

/// A known contact, locked, with what is shown of it brought up to date. `None` when it was erased: its aliases are
/// free then, for a contact with new keys and no history.
async fn writable_with_profile(
    tx: &mut Tx,
    id: ContactId,
    profile: &Profile,
) -> Result<Option<WritableContact>> {
    let Some((contact, sealed)) = lock(tx, id).await? else {
        tx.execute(&FORGET_ALIASES, values![id]).await?;
        return Ok(None);
    };
    let name = tx.open_text(NAME, id.as_bytes(), sealed.name.as_deref()).await?;
    let username = tx.open_text(USERNAME, id.as_bytes(), sealed.username.as_deref()).await?;
    let new_name = profile.name.as_ref().filter(|new| Some(*new) != name.as_ref());
    let new_username = profile.username.as_ref().filter(|new| Some(*new) != username.as_ref());
    if new_name.is_some() || new_username.is_some() {
        let name = match new_name {
            Some(new) => Some(tx.seal(NAME, id.as_bytes(), &contact.key, new.expose().as_bytes())?),
            None => sealed.name,
        };
        let username = match new_username {
            Some(new) => Some(tx.seal(USERNAME, id.as_bytes(), &contact.key, new.expose().as_bytes())?),
            None => sealed.username,
        };
        tx.execute(&SET_PROFILE, values![id, name, username]).await?;
        conversation::card_changed(tx, id).await?;
    }
    Ok(Some(contact))
}

/// A new contact; `None` when another process took one of its aliases at the same moment.
async fn create(tx: &mut Tx, hashed: &[HashedAlias], profile: &Profile) -> Result<Option<WritableContact>> {
    let now = tx.now();
    let id = fresh::contact_id(now)?;
    let key = tx.keys().create_contact_key(tx.tenant()).await?;
    let contact = WritableContact { id, key, created: true };
    let name = match &profile.name {
        Some(name) => Some(tx.seal(NAME, id.as_bytes(), &contact.key, name.expose().as_bytes())?),
        None => None,
    };
    let username = match &profile.username {
        Some(username) => {
            Some(tx.seal(USERNAME, id.as_bytes(), &contact.key, username.expose().as_bytes())?)
        }
        None => None,
    };
    tx.execute(&INSERT, values![id, contact.key.0, name, username, now]).await?;
    tx.execute(&INSERT_KEY, values![id, contact.key.0]).await?;
    if insert_aliases(tx, &contact, &hashed.iter().collect::<Vec<_>>()).await? {
        return Ok(Some(contact));
    }
    tx.execute(&FORGET_ALIASES, values![id]).await?;
    tx.execute(&FORGET_KEYS, values![id]).await?;
    tx.execute(&FORGET, values![id]).await?;
    Ok(None)
}

/// Gives a contact aliases. Those that somebody has already stay theirs; `false` when there was such a one.
async fn insert_aliases(tx: &mut Tx, contact: &WritableContact, hashed: &[&HashedAlias]) -> Result<bool> {
    let now = tx.now();
    let mut rows = Vec::with_capacity(hashed.len());
    for alias in hashed {
        let value = tx.seal(ALIAS_VALUE, &alias.hash, &contact.key, alias.value.expose().as_bytes())?;
        rows.push(values![Value::word(&alias.kind), alias.hash, contact.id, value, now]);
    }
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    Ok(tx.execute_rows(&INSERT_ALIASES, values![], rows).await? == count)
}
