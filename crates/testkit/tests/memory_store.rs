//! The store in memory keeps what every store promises.

use deskbell_sync::MemoryStore;

deskbell_testkit::store_suite!(MemoryStore::new(), pollster::block_on);
