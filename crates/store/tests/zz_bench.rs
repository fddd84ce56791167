mod common;
use common::*;
use deskbell_domain::*;
use deskbell_protocol::command::Act;
use deskbell_protocol::entity::Kind;
use deskbell_sync::view::*;
use deskbell_sync::*;
use deskbell_testkit::fixtures as fx;
use std::time::Instant;
#[tokio::test]
async fn bench() {
    let place = Place::new();
    let store = place.open().await;
    let mut begins = true;
    for u in 0..20 {
        let items = vec![fx::put_root(Kind::User, fx::user(u).entity(), 1, &fx::user_body("Inés"))];
        let page = fx::page(9, items, Some("x"));
        apply(&store, StoreStep::ApplySnapshotPage { begins, page: Box::new(page) }).await.unwrap();
        begins = false;
    }
    let t = Instant::now();
    for chunk in 0..200u32 {
        let mut items = vec![];
        let mut history = vec![];
        for i in 0..100u32 {
            let n = chunk * 100 + i;
            let c = fx::conversation(n);
            let at = fx::EPOCH_START.plus_ms(i64::from(n) * 1000);
            let mut b = fx::conversation_body(n, fx::queue(n % 2), at);
            if n % 3 == 0 {
                b.assignee = Some(fx::user(n % 20));
            }
            if n % 4 == 0 {
                b.status = ConversationStatus::Resolved.into();
            }
            if n % 5 == 0 {
                b.waiting_since = None;
            }
            items.push(fx::put_conversation(c, 2, &b));
            for m in 0..5 {
                items.push(fx::put_message(
                    fx::message(n * 10 + m),
                    2,
                    &fx::inbound_body(c, "¿Está listo el pedido?", at.plus_ms(i64::from(m))),
                ));
            }
            history.push(fx::history(c, Some("t")));
        }
        let mut page = fx::page(9, items, if chunk == 199 { None } else { Some("x") });
        page.history = history;
        apply(&store, StoreStep::ApplySnapshotPage { begins: false, page: Box::new(page) }).await.unwrap();
    }
    println!("snapshot 20000 conv 100000 msg: {:?}", t.elapsed());
    let t = Instant::now();
    apply(&store, StoreStep::FinishSnapshot { settled: vec![] }).await.unwrap();
    println!("finish {:?}", t.elapsed());

    store.close().await;
    let mut c = keyed(&place.cache(), &cache_key()).await;
    for (name, sql) in [
        (
            "all notin",
            "SELECT count(*) FROM entity WHERE list_group < 2 AND id NOT IN (SELECT unhex(value) FROM json_each($1))",
        ),
        ("all", "SELECT count(*) FROM entity WHERE list_group < 2"),
        ("groups", "SELECT list_group, count(*) FROM entity WHERE list_group < 2 GROUP BY list_group"),
        (
            "unread notin",
            "SELECT count(*) FROM entity INDEXED BY conversation_unread WHERE list_group < 2 AND unread > 0 AND id NOT IN (SELECT unhex(value) FROM json_each($1))",
        ),
        (
            "unread",
            "SELECT count(*) FROM entity INDEXED BY conversation_unread WHERE list_group < 2 AND unread > 0",
        ),
        ("unass", "SELECT count(*) FROM entity WHERE assignee IS NULL AND list_group < 2"),
        (
            "window",
            "SELECT entity.id, version, body, read_through, unread FROM (SELECT id FROM entity WHERE list_group < 2 AND id NOT IN (SELECT unhex(value) FROM json_each($1)) ORDER BY list_group, list_key, id LIMIT 50 OFFSET 0) AS place CROSS JOIN entity ON entity.kind = 'conversation' AND entity.id = place.id",
        ),
        (
            "window 10000",
            "SELECT entity.id, version, body, read_through, unread FROM (SELECT id FROM entity WHERE list_group < 2 AND id NOT IN (SELECT unhex(value) FROM json_each($1)) ORDER BY list_group, list_key, id LIMIT 50 OFFSET 10000) AS place CROSS JOIN entity ON entity.kind = 'conversation' AND entity.id = place.id",
        ),
    ] {
        for _ in 0..2 {
            sqlx::query(sql).bind("[]").fetch_all(&mut c).await.unwrap();
        }
        let t = Instant::now();
        for _ in 0..20 {
            sqlx::query(sql).bind("[]").fetch_all(&mut c).await.unwrap();
        }
        println!("{name} {:?}", t.elapsed() / 20);
    }
}
