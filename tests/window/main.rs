//! The real window, driven as a person drives it: by keyboard and mouse, through WebKit's own WebDriver, with a real
//! keyring, against the practice tenant. `cargo xtask test` starts it in a session that is thrown away afterwards.

mod closed;
mod conversing;
mod killed;
mod limits;
mod line;
mod offline;
mod pictures;
mod practice;
mod process;
mod signing_in;
mod stage;
mod wait;
mod webdriver;
mod window;
