//! What a person sees in the window and does at it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::practice::User;
use crate::webdriver::{WebDriver, key};

/// The bubble of a message, by its text.
const BUBBLE: &str = "const bubble = [...document.querySelectorAll('[data-message]')]
    .find((bubble) => bubble.innerText.includes(arguments[0]));";

/// The row of a conversation, by the customer's name.
const ROW: &str = "const row = [...document.querySelectorAll('[role=option]')]
    .find((row) => row.innerText.includes(arguments[0]));";

/// An open window. Dropped, it is killed.
pub(crate) struct Window {
    pub(crate) page: WebDriver,
}

/// The fields of the sign-in screen.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Fields {
    pub(crate) email: String,
    pub(crate) password: String,
    /// Id of the field that has the focus.
    pub(crate) focus: String,
}

impl Window {
    /// Opens the window and waits until it shows something. It offers this backend, and keeps its data in this folder.
    pub(crate) async fn open(backend: &str, data: &Path) -> Result<Self> {
        let data = data.to_str().context("a folder whose name is text")?;
        let environment = [("DESKBELL_BACKEND", backend), ("DESKBELL_DATA_DIR", data)];
        let page = WebDriver::start(Path::new(env!("CARGO_BIN_EXE_deskbell")), &environment).await?;
        page.until::<bool>("the window is drawn", "return document.querySelector('main') ? true : null", &[])
            .await?;
        Ok(Self { page })
    }

    /// Opens the sign-in screen's form with the keyboard alone, and sends it.
    pub(crate) async fn tries_to_sign_in(&self, email: &str, password: &str) -> Result<()> {
        let ready = "return document.activeElement?.id === 'email' ? true : null";
        self.page.until::<bool>("the e-mail field has the focus", ready, &[]).await?;
        self.page.types(&format!("{email}{}{password}{}", key::TAB, key::ENTER)).await
    }

    /// Signs in, and waits for the inbox.
    pub(crate) async fn signs_in(&self, user: &User) -> Result<()> {
        self.tries_to_sign_in(&user.email, &user.password).await?;
        self.shows_the_inbox().await
    }

    /// Waits for the inbox.
    pub(crate) async fn shows_the_inbox(&self) -> Result<()> {
        let inbox = "return document.querySelector('main[aria-label=Inbox]') ? true : null";
        self.page.until::<bool>("the inbox is drawn", inbox, &[]).await.map(drop)
    }

    /// What stands in the fields of the sign-in screen.
    pub(crate) async fn fields(&self) -> Result<Fields> {
        let fields = "const value = (id) => document.getElementById(id).value;
            const focus = document.activeElement.id;
            return { email: value('email'), password: value('password'), focus };";
        self.page.script(fields, &[]).await
    }

    /// Turns to the view of all open conversations.
    pub(crate) async fn shows_all(&self) -> Result<()> {
        self.page.types("ga").await?;
        self.heading("All open").await
    }

    /// Turns to the view of conversations that are nobody's.
    pub(crate) async fn shows_unassigned(&self) -> Result<()> {
        self.page.types("gu").await?;
        self.heading("Unassigned").await
    }

    /// Turns to the view of one's own conversations.
    pub(crate) async fn shows_mine(&self) -> Result<()> {
        self.page.types("gm").await?;
        self.heading("Mine").await
    }

    async fn heading(&self, view: &str) -> Result<()> {
        let heading = "return document.querySelector('h1')?.innerText.includes(arguments[0]) ? true : null";
        self.page.until::<bool>("the view is shown", heading, &[view]).await.map(drop)
    }

    /// Waits until a customer's row contains this, and gives all that stands in it.
    pub(crate) async fn row(&self, customer: &str, containing: &str) -> Result<String> {
        let row = format!("{ROW} return row?.innerText.includes(arguments[1]) ? row.innerText : null");
        self.page.until("the row says so", &row, &[customer, containing]).await
    }

    /// Waits until nothing in a customer's row is unread.
    pub(crate) async fn row_is_read(&self, customer: &str) -> Result<()> {
        let read =
            format!("{ROW} return row !== undefined && !row.innerText.includes('unread') ? true : null");
        self.page.until::<bool>("the conversation is read", &read, &[customer]).await.map(drop)
    }

    /// Opens a customer's conversation by a click on its row.
    pub(crate) async fn opens(&self, customer: &str) -> Result<()> {
        self.page.clicks("the row is there", &format!("{ROW} return row ?? null"), &[customer]).await?;
        let thread = "const thread = document.querySelector('section.thread');
            return thread?.querySelector('h2')?.innerText === arguments[0]
                && thread.querySelector('[role=log]') ? true : null";
        self.page.until::<bool>("the thread is open", thread, &[customer]).await.map(drop)
    }

    /// Waits until the open thread shows a text. The state of its message: `received`, or how far it has come.
    pub(crate) async fn message(&self, text: &str) -> Result<String> {
        self.page
            .until("the thread shows it", &format!("{BUBBLE} return bubble?.dataset.state ?? null"), &[text])
            .await
    }

    /// Waits until a message of the open thread has come exactly so far.
    pub(crate) async fn ticks(&self, text: &str, state: &str) -> Result<()> {
        let ticks = format!("{BUBBLE} return bubble?.dataset.state === arguments[1] ? true : null");
        self.page.until::<bool>(&format!("the message is {state}"), &ticks, &[text, state]).await.map(drop)
    }

    /// The word that a reader of the screen hears for a message's tick.
    pub(crate) async fn tick_word(&self, text: &str) -> Result<String> {
        let word = format!("{BUBBLE} return bubble.querySelector('[role=img]').getAttribute('aria-label')");
        self.page.script(&word, &[text]).await
    }

    /// From now on notes every state that a message of the open thread is shown in.
    pub(crate) async fn follows_the_ticks(&self, text: &str) -> Result<()> {
        let follow = "const text = arguments[0];
            window.ticks = [];
            const note = () => {
                const bubble = [...document.querySelectorAll('[data-message]')]
                    .find((bubble) => bubble.innerText.includes(text));
                const state = bubble?.dataset.state;
                if (state !== undefined && state !== window.ticks.at(-1)) window.ticks.push(state);
            };
            new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
            return null;";
        self.page.script::<Option<()>>(follow, &[text]).await.map(drop)
    }

    /// The states noted since then.
    pub(crate) async fn followed_ticks(&self) -> Result<Vec<String>> {
        self.page.script("return window.ticks", &[]).await
    }

    /// How often a text stands in the open thread.
    pub(crate) async fn count(&self, text: &str) -> Result<usize> {
        let count = "return [...document.querySelectorAll('[data-message]')]
            .filter((bubble) => bubble.innerText.includes(arguments[0])).length";
        self.page.script(count, &[text]).await
    }

    /// Types into the composer.
    pub(crate) async fn writes(&self, text: &str) -> Result<()> {
        let writing = "return document.activeElement instanceof HTMLTextAreaElement ? true : null";
        if self.page.script::<Option<bool>>(writing, &[]).await?.is_none() {
            let composer = "return document.querySelector('textarea')";
            self.page.clicks("the composer is there", composer, &[]).await?;
            self.page.until::<bool>("the composer has the focus", writing, &[]).await?;
        }
        self.page.types(text).await
    }

    /// Writes a reply and sends it, by keyboard.
    pub(crate) async fn replies(&self, text: &str) -> Result<()> {
        self.writes(text).await?;
        self.page.presses(&[key::CONTROL, key::ENTER]).await
    }

    /// Goes back to the list.
    pub(crate) async fn leaves_the_composer(&self) -> Result<()> {
        self.page.presses(&[key::ESCAPE]).await?;
        let left = "return document.activeElement instanceof HTMLTextAreaElement ? null : true";
        self.page.until::<bool>("the composer is left", left, &[]).await.map(drop)
    }

    /// Takes the open conversation on, by its button.
    pub(crate) async fn claims(&self) -> Result<()> {
        let claim = "const thread = document.querySelector('.thread');
            if (thread.querySelector('.sub')?.innerText.includes('Assigned to you')) return true;
            const buttons = [...thread.querySelectorAll('.act button')];
            buttons.find((button) => button.innerText.includes('Claim'))?.click();
            return null;";
        self.page.until::<bool>("the conversation is one's own", claim, &[]).await.map(drop)
    }

    /// Waits until the window is drawn in a theme.
    pub(crate) async fn theme(&self, theme: &str) -> Result<()> {
        let drawn = "return document.documentElement.dataset.theme === arguments[0] ? true : null";
        self.page.until::<bool>(&format!("the window is {theme}"), drawn, &[theme]).await.map(drop)
    }

    /// What stands in the composer.
    pub(crate) async fn composer(&self) -> Result<String> {
        self.page.script("return document.querySelector('textarea').value", &[]).await
    }

    /// What the button that sends says.
    pub(crate) async fn send_button(&self) -> Result<String> {
        self.page
            .script(
                "return document.querySelector('textarea').parentElement.querySelector('button').innerText",
                &[],
            )
            .await
    }

    /// Waits until the status bar says this.
    pub(crate) async fn status(&self, says: &str) -> Result<()> {
        let status = "const status = document.querySelector('footer.status')?.innerText;
            return status?.includes(arguments[0]) ? true : null";
        self.page.until::<bool>(&format!("the status bar says {says}"), status, &[says]).await.map(drop)
    }

    /// Leaves a sign in the page that a reload would take away.
    pub(crate) async fn marks_the_page(&self) -> Result<()> {
        self.page.script::<Option<()>>("window.marked = true; return null", &[]).await.map(drop)
    }

    /// Fails when the page was loaded anew since it was marked.
    pub(crate) async fn is_the_same_page(&self) -> Result<()> {
        let marked: bool = self.page.script("return window.marked === true", &[]).await?;
        ensure!(marked, "the page was loaded anew");
        Ok(())
    }
}
