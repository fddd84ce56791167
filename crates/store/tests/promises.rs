//! What every store promises, kept by the encrypted one. Between two openings it is killed: the next one finds the
//! files as the steps before left them, and nothing was closed.

#![allow(clippy::unwrap_used, reason = "the whole program is a test")]

mod common;

use std::cell::RefCell;

use common::Place;
use deskbell_store::SealedStore;
use deskbell_testkit::store_suite;
use deskbell_testkit::suite::Bench;

/// The folders of one test; the last one is opened next.
struct Killed(RefCell<Vec<Place>>);

impl Bench for Killed {
    type Store = SealedStore;

    async fn open(&self) -> SealedStore {
        let image = self.0.borrow().last().map_or_else(Place::new, Place::image);
        let files = image.files();
        self.0.borrow_mut().push(image);
        SealedStore::open(files).await.unwrap()
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

store_suite!(Killed(RefCell::new(Vec::new())), block_on);
