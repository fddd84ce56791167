//! What users do.

use deskbell_domain::{ConversationId, ConversationStatus, Entity, Scope, UserId, UtcMs};
use deskbell_protocol::command::{Act, Command, Outcome, RejectCode};
use deskbell_protocol::entity::{ConversationBody, Kind};

use super::{Backend, Done, Key, Row};
use crate::fixtures::{self, json};

impl Done {
    pub(super) const fn took_effect(&self) -> bool {
        matches!(self.outcome, Outcome::Applied { .. })
    }
}

impl Backend {
    /// Carries a command out, once. A repeat gets the outcome of the first time.
    pub fn command(&mut self, user: UserId, command: &Command, now: UtcMs) -> Outcome {
        let act = json(command);
        if let Some(done) = self.data.done.get(&command.id) {
            let same = done.user == user && done.act == act;
            return if same { done.outcome } else { rejected(RejectCode::CommandIdReused) };
        }
        let outcome = match self.carry_out(user, command, now) {
            Ok(()) => {
                *self.effects.entry(command.id).or_default() += 1;
                Outcome::Applied { seq: self.data.head }
            }
            Err(code) => rejected(code),
        };
        let done = Done { user, act, outcome, seq: self.data.head };
        self.data.done.insert(command.id, done);
        outcome
    }

    fn carry_out(&mut self, user: UserId, command: &Command, now: UtcMs) -> Result<(), RejectCode> {
        let id = command.act.conversation();
        if self.data.erased.values().any(|root| *root == id.entity()) {
            return Err(RejectCode::Erased);
        }
        if !self.sees(user, &Key::conversation(id)) {
            return Err(RejectCode::NotFound);
        }
        let mut body = self.conversation(id).ok_or(RejectCode::NotFound)?;
        match &command.act {
            Act::SendText { message, text, .. } => {
                let assignee = body.assignee.filter(|assignee| *assignee != user);
                if command.seen.is_some_and(|seen| seen.assignee != body.assignee && assignee.is_some()) {
                    return Err(RejectCode::ContextChanged);
                }
                let sent = fixtures::outbound_body(id, user, text.expose(), now);
                self.put_follower(Key::message(*message), Key::conversation(id), json(&sent));
                body.waiting_since = None;
                body.last_message_at = now;
                self.save(id, &body, vec![Key::message(*message)]);
            }
            Act::MarkRead { through, .. } => self.mark_read(user, id, *through),
            Act::Claim { .. } => {
                if body.assignee.is_some_and(|assignee| assignee != user) {
                    return Err(RejectCode::TakenByOther);
                }
                body.assignee = Some(user);
                self.save(id, &body, Vec::new());
            }
            Act::Release { .. } => {
                body.assignee = None;
                self.save(id, &body, Vec::new());
            }
            Act::Resolve { .. } => self.set_status(id, body, ConversationStatus::Resolved),
            Act::Reopen { .. } => self.set_status(id, body, ConversationStatus::Open),
        }
        Ok(())
    }

    fn set_status(&mut self, id: ConversationId, mut body: ConversationBody, status: ConversationStatus) {
        body.status = status.into();
        self.save(id, &body, Vec::new());
    }

    fn mark_read(&mut self, user: UserId, conversation: ConversationId, through: UtcMs) {
        let id = conversation.entity();
        let key = Key { kind: Kind::ReadMark.as_str().to_owned(), id, owner: Some(user) };
        let before = self.data.rows.get(&key).map(|row| row.scopes.clone()).unwrap_or_default();
        let body = json(&fixtures::read_mark_body(conversation, through));
        let scopes = [Scope::User(user)].into();
        let row = Row { version: self.data.head, root: key.clone(), body, scopes };
        self.data.rows.insert(key.clone(), row);
        self.commit(&[(key, Some(before))]);
    }
}

fn rejected(code: RejectCode) -> Outcome {
    Outcome::Rejected { code: code.into() }
}
