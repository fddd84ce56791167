//! The TypeScript side of the command list.

use std::fmt::Write as _;

use ts_rs::{Config, TS};

use crate::api::{
    ApiError, ApiErrorCode, Assignee, AttachmentView, COMMANDS, Connection, ConversationList,
    ConversationRef, ConversationRow, DeliveryView, Done, ListGroup, ListGroupKind, ListQuery, ListView,
    MessageQuery, MessageRef, MessageView, Nothing, OlderMessages, Preferences, Preview, Reply, ReplyQueued,
    SaveDraft, SessionState, SessionView, SignIn, SignOut, SignOutResult, StatusView, StorageKind, Theme,
    ThreadQuery, ThreadView, Unsent, UserView, View, ViewsChanged, WindowView,
};

macro_rules! declarations {
    ($config:ident, $($name:ty),+ $(,)?) => {
        vec![$((<$name as TS>::decl(&$config), <$name as TS>::docs())),+]
    };
}

/// The file `ui/src/lib/platform/bindings.ts`, whole.
pub fn typescript() -> String {
    let config = Config::default();
    let declarations = declarations![
        config,
        ApiError,
        ApiErrorCode,
        Assignee,
        AttachmentView,
        Connection,
        ConversationList,
        ConversationRef,
        ConversationRow,
        DeliveryView,
        Done,
        ListGroup,
        ListGroupKind,
        ListQuery,
        ListView,
        MessageQuery,
        MessageRef,
        MessageView,
        Nothing,
        OlderMessages,
        Preferences,
        Preview,
        Reply,
        ReplyQueued,
        SaveDraft,
        SessionState,
        SessionView,
        SignIn,
        SignOut,
        SignOutResult,
        StatusView,
        StorageKind,
        Theme,
        ThreadQuery,
        ThreadView,
        Unsent,
        UserView,
        View,
        ViewsChanged,
        WindowView,
    ];
    let mut file = String::from(
        "// Generated from the command list in crates/console/src/api.rs by `cargo xtask bindings`. Not edited by hand.\n",
    );
    for (declaration, docs) in declarations {
        let _ = write!(file, "\n{}export {declaration}\n", docs.unwrap_or_default());
    }
    file.push_str("\n/** What the window may ask of the engine. */\nexport interface Commands {\n");
    for command in COMMANDS {
        let doc = command.doc.trim();
        let _ = writeln!(
            file,
            "  /** {doc} */\n  {}: {{ request: {}; response: {} }};",
            command.name, command.request, command.response
        );
    }
    file.push_str("}\n");
    file
}
