use deskbell_backend::storage::directory::{NewMetaApp, Route};
use deskbell_domain::{ChannelAccountId, Sensitive, UserId};

use crate::harness::engines;

fn app(secret: &str, previous: Option<&str>) -> NewMetaApp {
    NewMetaApp {
        app: "main".to_owned(),
        secret: Sensitive::from(secret),
        previous_secret: previous.map(Sensitive::from),
        verify_token: Sensitive::from("agreed on"),
    }
}

engines! {
    a_number_leads_to_one_tenant_and_an_account_to_all_that_share_it(world) {
        let (one, other) = (world.tenant("one").await.id(), world.tenant("other").await.id());
        let directory = world.db.directory();
        let route = |tenant, byte| Route { tenant, account: ChannelAccountId::from_bytes([byte; 16]) };
        directory.add_phone_number("1", "waba", route(one, 1)).await.unwrap();
        directory.add_phone_number("2", "waba", route(other, 2)).await.unwrap();
        assert_eq!(directory.by_phone_number("1").await.unwrap(), Some(route(one, 1)));
        assert_eq!(directory.by_phone_number("3").await.unwrap(), None);
        let mut tenants = directory.by_waba("waba").await.unwrap();
        tenants.sort();
        let mut expected = vec![one, other];
        expected.sort();
        assert_eq!(tenants, expected);
        directory.add_phone_number("1", "waba", route(other, 3)).await.unwrap();
        assert_eq!(directory.by_phone_number("1").await.unwrap(), Some(route(other, 3)));
        directory.remove_phone_number("1").await.unwrap();
        assert_eq!(directory.by_phone_number("1").await.unwrap(), None);
    }

    an_address_signs_one_person_in_however_it_is_written(world) {
        let tenant = world.tenant("one").await.id();
        let directory = world.db.directory();
        let (alice, bob) = (UserId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
        let email = Sensitive::from("Alice@One.example");
        assert!(directory.set_sign_in(&email, tenant, alice).await.unwrap());
        assert!(!directory.set_sign_in(&email, tenant, bob).await.unwrap(), "it is taken");
        let typed = Sensitive::from(" alice@one.EXAMPLE ");
        assert_eq!(directory.sign_in(&typed).await.unwrap(), Some((tenant, alice)));
        directory.remove_sign_in(&email, bob).await.unwrap();
        assert_eq!(directory.sign_in(&typed).await.unwrap(), Some((tenant, alice)), "not bob's to take");
        directory.remove_sign_in(&email, alice).await.unwrap();
        assert_eq!(directory.sign_in(&typed).await.unwrap(), None);
        world.restart().await;
        assert!(world.db.directory().set_sign_in(&email, tenant, bob).await.unwrap());
        assert_eq!(world.db.directory().sign_in(&typed).await.unwrap(), Some((tenant, bob)));
    }

    an_app_has_two_secrets_while_one_is_being_replaced(world) {
        let directory = world.db.directory();
        directory.put_meta_app(&app("first", None)).await.unwrap();
        let found = directory.meta_app("main").await.unwrap().unwrap();
        assert_eq!(found.secrets, [Sensitive::from("first")]);
        directory.put_meta_app(&app("second", Some("first"))).await.unwrap();
        let found = directory.meta_app("main").await.unwrap().unwrap();
        assert_eq!(found.secrets, [Sensitive::from("second"), Sensitive::from("first")]);
        assert!(directory.meta_app("another").await.unwrap().is_none());
    }

    the_verify_token_is_the_app_s_own(world) {
        let directory = world.db.directory();
        directory.put_meta_app(&app("first", None)).await.unwrap();
        directory.put_meta_app(&NewMetaApp { app: "other".to_owned(), ..app("first", None) }).await.unwrap();
        assert!(directory.verify_token_matches("main", "agreed on").await.unwrap());
        assert!(!directory.verify_token_matches("main", "agreed on ").await.unwrap());
        assert!(!directory.verify_token_matches("unknown", "agreed on").await.unwrap());
    }
}
