//! The network: requests that may be lost on either way, sockets that lose, double and turn around.

use deskbell_domain::{Entity, ErasureId};
use deskbell_protocol::command::{CommandResult, CommandsResponse, Outcome};
use deskbell_protocol::limits::PING_MS;
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::socket::{ClientMessage, RevokeReason, ServerMessage};
use deskbell_protocol::sync::{EraseNotice, ResyncReason, Seq};
use deskbell_sync::{Answer, Event, Failure, FailureKind, Request, RequestId};

use super::{Broken, Happening, Stores, World};
use crate::backend::Refreshed;

/// A socket, as the backend has it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) device: usize,
    access: u64,
    /// What was sent up to; `None` before the hello.
    position: Option<Seq>,
}

impl<S: Stores> World<S> {
    /// A request leaves a device with its token: perhaps never to arrive, perhaps to arrive twice.
    pub(super) fn depart(&mut self, device: usize, id: RequestId, request: Request) {
        let one = &self.devices[device];
        let is_renewal = matches!(request, Request::Renew { .. });
        let (life, access) = (one.life, if is_renewal { one.refresh } else { one.access });
        if self.is_lost() {
            return self.answer_is_lost(device, life, id);
        }
        if !is_renewal && self.is_lost() {
            let request = request.clone();
            self.after(1, 20_000, Happening::Arrive { device, life, id, request, access, is_copy: true });
        }
        self.after(1, 400, Happening::Arrive { device, life, id, request, access, is_copy: false });
    }

    fn answer_is_lost(&mut self, device: usize, life: u64, id: RequestId) {
        let event = Event::Answered(id, Err(Failure::UNREACHABLE));
        self.after(1_000, 10_000, Happening::Tell { device, life, event });
    }

    pub(super) fn arrive(
        &mut self,
        device: usize,
        life: u64,
        id: RequestId,
        request: Request,
        access: u64,
        is_copy: bool,
    ) {
        let answer = match request {
            Request::Renew { refresh_id } => {
                let rights = self.backend.rights_version(self.devices[device].user);
                match self.backend.sessions.refresh(device, access, refresh_id, rights) {
                    Refreshed::Renewed { refresh, access } if !self.is_lost() => {
                        let tokens = Happening::Tokens { device, life, id, refresh, access };
                        return self.after(1, 400, tokens);
                    }
                    Refreshed::Renewed { .. } => return self.answer_is_lost(device, life, id),
                    Refreshed::Revoked => Err(ProblemCode::DeviceRevoked),
                }
            }
            request => self.answer(device, request, access),
        };
        if is_copy {
            return;
        }
        if self.is_lost() {
            return self.answer_is_lost(device, life, id);
        }
        let answer = answer.map_err(|code| Failure::new(FailureKind::Refused(code)));
        let event = Event::Answered(id, answer);
        self.after(1, 400, Happening::Tell { device, life, event });
    }

    fn answer(&mut self, device: usize, request: Request, access: u64) -> Result<Answer, ProblemCode> {
        let user = self.devices[device].user;
        let rights = self.backend.rights_version(user);
        if self.backend.sessions.is_revoked(device) {
            return Err(ProblemCode::DeviceRevoked);
        }
        if !self.backend.sessions.is_good(access, device, rights) {
            return Err(ProblemCode::Unauthorized);
        }
        if !self.calm && self.random.chance(2) {
            return Err(ProblemCode::Busy);
        }
        match request {
            Request::Hello(hello) => {
                Ok(Answer::Hello(self.backend.hello(user, &self.unproved(device), &hello, self.now)))
            }
            Request::Changes(query) => self.backend.changes(user, &query.cursor).map(Answer::Changes),
            Request::Snapshot(query) => {
                self.backend.snapshot(user, query.page.as_ref()).map(Answer::Snapshot)
            }
            Request::History(query) => {
                let page = query.page.ok_or(ProblemCode::BadRequest)?;
                self.backend.history(user, &page).map(Answer::History)
            }
            Request::Commands(commands) => {
                let mut results = Vec::new();
                for command in &commands.commands {
                    let outcome = if !self.calm && self.random.chance(3) {
                        Outcome::Retry { after_ms: 700 }
                    } else {
                        self.backend.command(user, command, self.now)
                    };
                    results.push(CommandResult { id: command.id, outcome });
                }
                self.push_news();
                Ok(Answer::Commands(CommandsResponse { results }))
            }
            Request::Renew { .. } => Err(ProblemCode::BadRequest),
        }
    }

    fn unproved(&self, device: usize) -> std::collections::BTreeSet<ErasureId> {
        let all = self.backend.erasures();
        all.into_iter().filter(|erasure| !self.proved.contains(&(device, *erasure))).collect()
    }

    pub(super) fn open_socket(&mut self, device: usize) -> Result<(), Broken> {
        self.next_socket += 1;
        let socket = self.next_socket;
        let one = &mut self.devices[device];
        let (life, access) = (one.life, one.access);
        if one.socket.replace(socket).is_some() {
            return Err(Broken(format!("{}: a second socket", one.name)));
        }
        let rights = self.backend.rights_version(one.user);
        let is_good = self.backend.sessions.is_good(access, device, rights);
        if !is_good || self.is_lost() {
            self.after(1, 2_000, Happening::Closed { device, life, socket });
        } else {
            self.sockets.insert(socket, Socket { device, access, position: None });
            self.after(1, 400, Happening::Opened { socket });
        }
        Ok(())
    }

    pub(super) async fn socket_opened(&mut self, socket: u64) -> Result<(), Broken> {
        let Some(open) = self.sockets.get(&socket) else { return Ok(()) };
        let device = open.device;
        self.at(self.now.plus_ms(i64::try_from(PING_MS).unwrap_or(0)), Happening::Ping { socket });
        let life = self.devices[device].life;
        self.hand(device, life, Event::SocketOpened).await
    }

    pub(super) fn close_socket(&mut self, device: usize) {
        let (life, socket) = (self.devices[device].life, self.devices[device].socket);
        if let Some(socket) = socket {
            self.sockets.remove(&socket);
            self.after(0, 50, Happening::Closed { device, life, socket });
        }
    }

    /// A socket breaks.
    pub(super) fn cut(&mut self, socket: u64) {
        if let Some(Socket { device, .. }) = self.sockets.remove(&socket) {
            let life = self.devices[device].life;
            self.after(0, 3_000, Happening::Closed { device, life, socket });
        }
    }

    pub(super) async fn socket_closed(
        &mut self,
        device: usize,
        life: u64,
        socket: u64,
    ) -> Result<(), Broken> {
        let one = &mut self.devices[device];
        if one.life != life || one.socket != Some(socket) {
            return Ok(());
        }
        one.socket = None;
        self.hand(device, life, Event::SocketClosed).await
    }

    pub(super) fn send_up(&mut self, device: usize, message: ClientMessage) {
        if let Some(socket) = self.devices[device].socket
            && !self.is_lost()
        {
            self.after(1, 300, Happening::Up { socket, message });
        }
    }

    pub(super) fn socket_up(&mut self, socket: u64, message: &ClientMessage) {
        let ClientMessage::Hello(hello) = message else { return };
        let Some(device) = self.sockets.get(&socket).map(|open| open.device) else { return };
        if self.end_if_rights_changed(socket) {
            return;
        }
        let user = self.devices[device].user;
        let answer = self.backend.hello(user, &self.unproved(device), hello, self.now);
        // Both are allowed: to go on from the device's cursor, or from the head that the hello names.
        let from_cursor = hello
            .cursor
            .as_ref()
            .filter(|_| self.random.chance(50))
            .and_then(|cursor| self.backend.changes(user, cursor).ok())
            .map(|frame| frame.from);
        let head = self.backend.head();
        if let Some(open) = self.sockets.get_mut(&socket) {
            open.position = Some(from_cursor.unwrap_or(head));
        }
        self.send_down(socket, ServerMessage::Hello(answer));
        self.push_news();
    }

    /// Sends every socket what is new for it.
    pub(super) fn push_news(&mut self) {
        let sockets: Vec<u64> = self.sockets.keys().copied().collect();
        for socket in sockets {
            if self.end_if_rights_changed(socket) {
                continue;
            }
            let Some(open) = self.sockets.get(&socket) else { continue };
            let Some(from) = open.position.filter(|from| *from < self.backend.head()) else { continue };
            let frame = self.backend.frame(self.devices[open.device].user, from);
            let seq = frame.to;
            if let Some(open) = self.sockets.get_mut(&socket) {
                open.position = Some(seq);
            }
            let message = if self.random.chance(15) {
                ServerMessage::Head { seq: self.backend.head() }
            } else if !self.calm && self.random.chance(3) {
                ServerMessage::Resync { reason: ResyncReason::Lagging.into() }
            } else {
                ServerMessage::Frame(frame)
            };
            self.send_down(socket, message);
        }
    }

    fn end_if_rights_changed(&mut self, socket: u64) -> bool {
        let Some(open) = self.sockets.get(&socket) else { return false };
        let (device, access) = (open.device, open.access);
        let rights = self.backend.rights_version(self.devices[device].user);
        if self.backend.sessions.is_good(access, device, rights) {
            return false;
        }
        let reason = RevokeReason::RightsChanged.into();
        self.send_down(socket, ServerMessage::Revoke { reason });
        self.cut(socket);
        true
    }

    /// Tells every socket to erase.
    pub(super) fn push_erasure(&mut self, erasure: ErasureId, conversation: deskbell_domain::ConversationId) {
        let sockets: Vec<u64> = self.sockets.keys().copied().collect();
        for socket in sockets {
            let roots = vec![conversation.entity()];
            self.send_down(socket, ServerMessage::Erase(EraseNotice { erasure, roots }));
        }
    }

    /// A message leaves the backend: messages may overtake each other, get lost, and come twice.
    fn send_down(&mut self, socket: u64, message: ServerMessage) {
        if self.is_lost() {
            return;
        }
        if self.is_lost() {
            self.after(1, 5_000, Happening::Down { socket, message: message.clone() });
        }
        let slowest = if self.calm { 50 } else { 600 };
        self.after(1, slowest, Happening::Down { socket, message });
    }

    pub(super) async fn socket_down(&mut self, socket: u64, message: ServerMessage) -> Result<(), Broken> {
        let Some(device) = self.devices.iter().position(|one| one.socket == Some(socket)) else {
            return Ok(());
        };
        let life = self.devices[device].life;
        self.hand(device, life, Event::SocketMessage(message)).await
    }

    pub(super) fn ping(&mut self, socket: u64) {
        if self.sockets.contains_key(&socket) {
            self.send_down(socket, ServerMessage::Ping);
            self.at(self.now.plus_ms(i64::try_from(PING_MS).unwrap_or(0)), Happening::Ping { socket });
        }
    }
}
