//! What users do: each command in a transaction of its own, its outcome stored with its effects.

mod context;
mod send_text;
mod work;

use std::collections::BTreeMap;

use deskbell_domain::{CommandId, Permission, Scope, UserId};
use deskbell_protocol::command::{Act, Command, CommandResult, CommandsResponse, Outcome, RejectCode};
use deskbell_protocol::limits::COMMANDS_MAX;
use deskbell_protocol::problem::ProblemCode;
use deskbell_seal::{LookupHash, keyed_hash};
use serde::Deserialize;
use serde_json::Value;

use crate::auth::Caller;
use crate::limits::{COMMAND_RETRY_MS, TRANSACTION_TRIES};
use crate::problem::{Answer, Failure};
use crate::serve::Backend;
use crate::storage::command_outcome::{self, Found, NewOutcome};
use crate::storage::staff::{self, UserStatus};
use crate::storage::{self, StorageError, Tx};
use crate::sync::seq_of;

/// The permission an act needs.
pub(crate) const fn permission(act: &Act) -> Permission {
    match act {
        Act::SendText { .. } => Permission::Reply,
        Act::MarkRead { .. } => Permission::ReadConversations,
        Act::Claim { .. } | Act::Release { .. } | Act::Resolve { .. } | Act::Reopen { .. } => {
            Permission::WorkConversations
        }
    }
}

/// Commands as they came: one that this version does not know must not keep the others from being carried out.
#[derive(Deserialize)]
pub(crate) struct Commands {
    commands: Vec<Value>,
}

#[derive(Deserialize)]
struct Named {
    id: CommandId,
}

/// What an act came to: applied, or refused for good with nothing done.
type Decision = Result<(), RejectCode>;

/// Who acts, with the rights of this moment.
struct Actor {
    user: UserId,
    scopes: Vec<Scope>,
}

/// Carries out commands in their order.
///
/// # Errors
/// [`ProblemCode::BadRequest`], when there are too many, or one has no id; nothing was done then.
pub(crate) async fn carry_out(
    backend: &Backend,
    caller: &Caller,
    request: Commands,
) -> Answer<CommandsResponse> {
    if request.commands.len() > COMMANDS_MAX {
        return Err(ProblemCode::BadRequest.into());
    }
    let ids = request
        .commands
        .iter()
        .map(|command| Named::deserialize(command).map(|named| named.id))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Failure::new(ProblemCode::BadRequest))?;
    let mut results = Vec::with_capacity(ids.len());
    // A command that has to be sent again keeps the later ones of its conversation waiting, or they would overtake it.
    let mut waiting = BTreeMap::new();
    for (id, command) in ids.into_iter().zip(request.commands) {
        let outcome = match Command::deserialize(command) {
            Err(_) => rejected(RejectCode::BadCommand),
            Ok(command) => match waiting.get(&command.act.conversation()) {
                Some(outcome) => *outcome,
                None => {
                    let outcome = one(backend, caller, &command).await?;
                    if matches!(outcome, Outcome::Retry { .. }) {
                        waiting.insert(command.act.conversation(), outcome);
                    }
                    outcome
                }
            },
        };
        results.push(CommandResult { id, outcome });
    }
    Ok(CommandsResponse { results })
}

fn rejected(code: RejectCode) -> Outcome {
    Outcome::Rejected { code: code.into() }
}

async fn one(backend: &Backend, caller: &Caller, command: &Command) -> Answer<Outcome> {
    let hash = body_hash(backend, caller, command).await?;
    for _ in 0..TRANSACTION_TRIES {
        match attempt(backend, caller, command, &hash).await {
            Err(error) if error.is_retryable() => {}
            Err(error) => return Err(error.into()),
            Ok(outcome) => return Ok(outcome),
        }
    }
    Ok(Outcome::Retry { after_ms: COMMAND_RETRY_MS })
}

/// Tells one body of a command from another without keeping it. Keyed, because a short text could be guessed from a
/// plain digest.
async fn body_hash(backend: &Backend, caller: &Caller, command: &Command) -> Answer<LookupHash> {
    let body = serde_json::to_vec(command).map_err(|_| Failure::internal("a command has no text"))?;
    let key = backend.token_key(caller.tenant).await?;
    Ok(keyed_hash(&key, "command.body", &body))
}

async fn attempt(
    backend: &Backend,
    caller: &Caller,
    command: &Command,
    hash: &LookupHash,
) -> storage::Result<Outcome> {
    let mut tx = backend.db().tenant(caller.tenant).begin().await?;
    match command_outcome::find(&mut tx, command.id, caller.user(), hash.as_bytes()).await? {
        Found::New => {}
        Found::Reused => return Ok(rejected(RejectCode::CommandIdReused)),
        Found::Stored { outcome, seq } => return Ok(stored(outcome, seq)),
    }
    let code = decide(&mut tx, caller, command).await?.err();
    let outcome = NewOutcome {
        command: command.id,
        user: caller.user(),
        device: caller.device(),
        body_hash: *hash.as_bytes(),
        outcome: serde_json::to_value(code).map_err(|_| StorageError::Shape("an outcome"))?,
    };
    command_outcome::store(&mut tx, &outcome).await?;
    let head = tx.commit().await?.head;
    Ok(match code {
        None => Outcome::Applied { seq: seq_of(head.unwrap_or(0)) },
        Some(code) => rejected(code),
    })
}

/// What was kept of an outcome: nothing where it was applied, or the code, which an older or newer version may have
/// written.
fn stored(outcome: Value, seq: i64) -> Outcome {
    match outcome {
        Value::Null => Outcome::Applied { seq: seq_of(seq) },
        code => Outcome::Rejected {
            code: serde_json::from_value(code).unwrap_or_else(|_| RejectCode::BadCommand.into()),
        },
    }
}

/// The rights are read in the transaction of the effects: those of the token are up to a request old.
async fn decide(tx: &mut Tx, caller: &Caller, command: &Command) -> storage::Result<Decision> {
    let Some(user) = staff::by_id(tx, caller.user()).await? else { return Ok(Err(RejectCode::Forbidden)) };
    if user.status != UserStatus::Active || !user.role.may(permission(&command.act)) {
        return Ok(Err(RejectCode::Forbidden));
    }
    let scopes = staff::scopes_of(tx, caller.user()).await?;
    let actor = Actor { user: caller.user(), scopes };
    match &command.act {
        Act::SendText { conversation, message, text } => {
            send_text::send_text(tx, &actor, command.seen, *conversation, *message, text).await
        }
        Act::MarkRead { conversation, through } => work::mark_read(tx, &actor, *conversation, *through).await,
        Act::Claim { conversation } => work::claim(tx, &actor, *conversation).await,
        Act::Release { conversation } => work::release(tx, &actor, *conversation).await,
        Act::Resolve { conversation } => work::resolve(tx, &actor, *conversation).await,
        Act::Reopen { conversation } => work::reopen(tx, &actor, *conversation).await,
    }
}
