use deskbell_domain::Sensitive;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::PASSWORD_VARIABLE;
use super::line::{RequestLine, Said};
use super::output::Output;
use crate::api::{self, ApiError, Host as _, Nothing, SessionState, SignIn};
use crate::console::{Console, Options, StartError};

/// What a console signs in with, as far as it was given.
pub(super) struct Credentials {
    pub(super) backend: Option<String>,
    pub(super) email: Option<Sensitive<String>>,
    pub(super) password: Option<Sensitive<String>>,
}

/// Why a console is not signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignInError {
    /// There is no session in the folder, and nothing to sign in with.
    #[error("nobody is signed in here: {0} is needed")]
    Missing(&'static str),
    /// The engine or the backend refused.
    #[error("not signed in: {0}")]
    Refused(ApiError),
}

/// One console, and who tells what happens in it.
#[derive(Clone)]
pub(super) struct Desk {
    number: usize,
    console: Console,
    output: Output,
    telling: AbortHandle,
}

impl Desk {
    /// Starts a console, and says from now on which of its views change.
    pub(super) async fn start(number: usize, options: Options, output: Output) -> Result<Self, StartError> {
        let console = Console::start(options).await?;
        let mut changes = console.changes();
        let tell = output.clone();
        let telling = tokio::spawn(async move {
            while let Some(news) = changes.next().await {
                tell.say(Said::Changed { console: number, changed: news.views }).await;
            }
        });
        Ok(Self { number, console, output, telling: telling.abort_handle() })
    }

    /// Goes on with the session that was left in the folder, or signs in.
    pub(super) async fn open(&self, credentials: &Credentials) -> Result<(), SignInError> {
        let reopened = self.is_signed_in().await;
        if !reopened && let Err(error) = self.sign_in(credentials).await {
            if let SignInError::Refused(error) = error {
                self.output.say(Said::NotSignedIn { console: self.number, error }).await;
            }
            return Err(error);
        }
        self.output.say(Said::Ready { console: self.number, ready: true, reopened }).await;
        Ok(())
    }

    async fn is_signed_in(&self) -> bool {
        let view = self.console.session(Nothing {}).await;
        view.is_ok_and(|view| matches!(view.session, SessionState::SignedIn { .. }))
    }

    async fn sign_in(&self, credentials: &Credentials) -> Result<(), SignInError> {
        let request = SignIn {
            backend: credentials.backend.clone().ok_or(SignInError::Missing("--backend"))?,
            email: credentials.email.clone().ok_or(SignInError::Missing("--email"))?,
            password: credentials.password.clone().ok_or(SignInError::Missing(PASSWORD_VARIABLE))?,
        };
        self.console.sign_in(request).await.map(|_| ()).map_err(SignInError::Refused)
    }

    /// Carries out requests, one after the other, until no more can come.
    pub(super) async fn answer(self, mut requests: mpsc::Receiver<RequestLine>) {
        let console = self.number;
        while let Some(RequestLine { id, call, request, .. }) = requests.recv().await {
            let said = match api::dispatch(&self.console, &call, request).await {
                Ok(ok) => Said::Done { console, id, ok },
                Err(error) => Said::Failed { console, id, error },
            };
            self.output.say(said).await;
        }
    }

    /// Stops the console. What waits to be sent stays in the outbox.
    pub(super) async fn stop(self) {
        self.console.stop().await;
        self.telling.abort();
    }
}
