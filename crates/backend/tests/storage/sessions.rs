use deskbell_backend::limits::{LINK_MS, REFRESH_REPEAT_MS};
use deskbell_backend::storage::device::{self, NewDevice, Refreshed, Session};
use deskbell_backend::storage::link::{self, LinkPurpose};
use deskbell_backend::storage::staff::{self, UserStatus};
use deskbell_backend::storage::{TenantToken, queue};
use deskbell_domain::{DeviceId, RefreshId, Role, Scope, Sensitive, UserId};

use crate::harness::{Office, agent, engines};

const ACCESS_MS: i64 = 15 * 60 * 1000;
const LAPTOP: DeviceId = DeviceId::from_bytes([0x1a; 16]);

fn request(byte: u8) -> RefreshId {
    RefreshId::from_bytes([byte; 16])
}

async fn sign_in(office: &Office, user: UserId, device: DeviceId) -> Option<(TenantToken, TenantToken)> {
    let refresh = TenantToken::issue(office.id()).unwrap();
    let mut tx = office.tenant.begin().await.unwrap();
    let new =
        NewDevice { id: device, user, name: Sensitive::from("Alice's laptop"), public_key: vec![5; 32] };
    if !device::sign_in(&mut tx, &new, &refresh).await.unwrap() {
        return None;
    }
    let access = TenantToken::issue(office.id()).unwrap();
    let expires_at = tx.now().plus_ms(ACCESS_MS);
    device::put_access_token(&mut tx, device, &access, &refresh, expires_at).await.unwrap();
    tx.commit().await.unwrap();
    Some((refresh, access))
}

async fn session(office: &Office, access: &TenantToken) -> Option<Session> {
    device::authenticate(&mut office.tenant.read().await.unwrap(), access).await.unwrap()
}

async fn refresh(office: &Office, old: &TenantToken, id: RefreshId) -> Refreshed {
    let mut tx = office.tenant.begin().await.unwrap();
    let refreshed = device::refresh(&mut tx, old, id).await.unwrap();
    tx.commit().await.unwrap();
    refreshed
}

fn rotated(refreshed: Refreshed) -> TenantToken {
    match refreshed {
        Refreshed::Rotated { next, .. } => next,
        other => panic!("{other:?}"),
    }
}

/// The client uses an access token that came with this refresh token.
async fn use_access(office: &Office, refresh: &TenantToken) {
    let access = TenantToken::issue(office.id()).unwrap();
    let mut tx = office.tenant.begin().await.unwrap();
    let expires_at = tx.now().plus_ms(ACCESS_MS);
    device::put_access_token(&mut tx, LAPTOP, &access, refresh, expires_at).await.unwrap();
    let session = device::authenticate(&mut tx, &access).await.unwrap().unwrap();
    device::seen(&mut tx, &session).await.unwrap();
    tx.commit().await.unwrap();
}

engines! {
    an_access_token_is_good_for_its_time_and_its_tenant(world) {
        let (office, other) = (world.office("one").await, world.office("other").await);
        let (_, access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let found = session(&office, &access).await.unwrap();
        assert_eq!((found.device, found.user, found.role), (LAPTOP, office.agent, Role::Agent));
        assert!(session(&other, &access).await.is_none());
        assert!(session(&office, &TenantToken::issue(office.id()).unwrap()).await.is_none());
        world.clock.forward(ACCESS_MS);
        assert!(session(&office, &access).await.is_none());
    }

    a_refresh_token_is_spent_for_its_successor(world) {
        let office = world.office("one").await;
        let (first, _) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let second = rotated(refresh(&office, &first, request(1)).await);
        let third = rotated(refresh(&office, &second, request(2)).await);
        assert!(first != second && second != third);
        let unknown = TenantToken::issue(office.id()).unwrap();
        assert!(matches!(refresh(&office, &unknown, request(3)).await, Refreshed::Unknown));
    }

    a_lost_answer_is_given_again_within_a_minute(world) {
        let office = world.office("one").await;
        let (first, _) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let second = rotated(refresh(&office, &first, request(1)).await);
        use_access(&office, &second).await;
        world.clock.forward(REFRESH_REPEAT_MS);
        let again = refresh(&office, &first, request(1)).await;
        assert!(matches!(again, Refreshed::Repeated { next, .. } if next == second));
    }

    a_lost_answer_is_given_again_for_as_long_as_nobody_has_used_it(world) {
        let office = world.office("one").await;
        let (first, _) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let second = rotated(refresh(&office, &first, request(1)).await);
        world.clock.forward(10 * 60 * REFRESH_REPEAT_MS);
        // The old access token is used meanwhile: that does not show that the answer has come.
        use_access(&office, &first).await;
        let again = refresh(&office, &first, request(1)).await;
        assert!(matches!(again, Refreshed::Repeated { next, .. } if next == second));
    }

    a_spent_token_that_comes_again_shuts_the_device_out(world) {
        let office = world.office("one").await;
        let (first, access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let second = rotated(refresh(&office, &first, request(1)).await);
        assert!(session(&office, &access).await.is_some());
        let stolen = refresh(&office, &first, request(2)).await;
        assert!(matches!(stolen, Refreshed::Reused { device, user } if device == LAPTOP && user == office.agent));
        assert!(session(&office, &access).await.is_none());
        assert!(matches!(refresh(&office, &second, request(3)).await, Refreshed::Unknown));
        let mut read = office.tenant.read().await.unwrap();
        assert!(device::by_id(&mut read, LAPTOP).await.unwrap().unwrap().revoked_at.is_some());
    }

    a_repeat_after_the_successor_was_used_is_theft(world) {
        let office = world.office("one").await;
        let (first, _) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let second = rotated(refresh(&office, &first, request(1)).await);
        use_access(&office, &second).await;
        world.clock.forward(REFRESH_REPEAT_MS + 1);
        assert!(matches!(refresh(&office, &first, request(1)).await, Refreshed::Reused { .. }));
    }

    a_repeat_after_the_successor_was_spent_is_theft_even_within_a_minute(world) {
        let office = world.office("one").await;
        let (first, _) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let second = rotated(refresh(&office, &first, request(1)).await);
        rotated(refresh(&office, &second, request(2)).await);
        assert!(matches!(refresh(&office, &first, request(1)).await, Refreshed::Reused { .. }));
    }

    a_device_signs_in_again_and_what_it_had_before_ends(world) {
        let office = world.office("one").await;
        let (old, old_access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let (new, access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        assert!(session(&office, &old_access).await.is_none());
        assert!(session(&office, &access).await.is_some());
        rotated(refresh(&office, &new, request(1)).await);
        assert!(matches!(refresh(&office, &old, request(2)).await, Refreshed::Reused { .. }));
        sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let mut read = office.tenant.read().await.unwrap();
        let devices = device::list(&mut read, office.agent).await.unwrap();
        assert_eq!(devices.len(), 1);
        assert_eq!(devices[0].name, Some(Sensitive::from("Alice's laptop")));
        assert_eq!(devices[0].revoked_at, None);
    }

    a_device_of_somebody_else_is_not_taken_over(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let bob = staff::create(&mut tx, &agent("Bob", "bob@one.example")).await.unwrap();
        tx.commit().await.unwrap();
        let (_, access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        assert!(sign_in(&office, bob, LAPTOP).await.is_none());
        assert_eq!(session(&office, &access).await.unwrap().user, office.agent);
    }

    signing_out_ends_the_session_and_not_the_device(world) {
        let office = world.office("one").await;
        let (token, access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let mut tx = office.tenant.begin().await.unwrap();
        device::sign_out(&mut tx, LAPTOP).await.unwrap();
        tx.commit().await.unwrap();
        assert!(session(&office, &access).await.is_none());
        let mut read = office.tenant.read().await.unwrap();
        assert_eq!(device::by_id(&mut read, LAPTOP).await.unwrap().unwrap().revoked_at, None);
        drop(read);
        assert!(!matches!(refresh(&office, &token, request(1)).await, Refreshed::Rotated { .. }));
    }

    a_changed_password_role_or_status_ends_every_session_and_moves_the_log(world) {
        let office = world.office("one").await;
        for change in 0..3 {
            let (_, access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
            let mut waiting = office.tenant.watch().await.unwrap();
            waiting.mark_unchanged();
            let mut tx = office.tenant.begin().await.unwrap();
            match change {
                0 => staff::set_password(&mut tx, office.agent, &Sensitive::from("$argon2id$new")).await.unwrap(),
                1 => staff::set_role(&mut tx, office.agent, Role::Manager).await.unwrap(),
                _ => staff::set_status(&mut tx, office.agent, UserStatus::Suspended).await.unwrap(),
            }
            tx.commit().await.unwrap();
            assert!(session(&office, &access).await.is_none());
            assert!(waiting.has_changed().unwrap(), "open sockets look again");
        }
        let mut read = office.tenant.read().await.unwrap();
        let alice = staff::by_id(&mut read, office.agent).await.unwrap().unwrap();
        assert_eq!((alice.role, alice.status), (Role::Manager, UserStatus::Suspended));
        assert_eq!(alice.password_hash, Some(Sensitive::from("$argon2id$new")));
        drop(read);
        let (_, access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        assert!(session(&office, &access).await.is_none(), "a suspended person has no session");
    }

    other_queues_mean_other_scopes_and_a_new_access_token(world) {
        let office = world.office("one").await;
        let (token, access) = sign_in(&office, office.agent, LAPTOP).await.unwrap();
        let mut tx = office.tenant.begin().await.unwrap();
        let service = queue::create(&mut tx, "Service").await.unwrap();
        staff::set_queues(&mut tx, office.agent, &[service, service]).await.unwrap();
        tx.commit().await.unwrap();
        assert!(session(&office, &access).await.is_none());
        rotated(refresh(&office, &token, request(1)).await);
        let mut read = office.tenant.read().await.unwrap();
        let scopes = staff::scopes_of(&mut read, office.agent).await.unwrap();
        assert_eq!(scopes, [Scope::Tenant, Scope::User(office.agent), Scope::Queue(service)]);
    }

    a_link_is_good_once_for_a_day_and_the_newest_one_only(world) {
        let office = world.office("one").await;
        let create = async || {
            let mut tx = office.tenant.begin().await.unwrap();
            let (token, _) = link::create(&mut tx, LinkPurpose::Reset, office.agent).await.unwrap();
            tx.commit().await.unwrap();
            token
        };
        let use_once = async |token: &TenantToken| {
            let mut tx = office.tenant.begin().await.unwrap();
            let used = link::use_once(&mut tx, token).await.unwrap();
            tx.commit().await.unwrap();
            used
        };
        let old = create().await;
        let new = create().await;
        assert_eq!(use_once(&old).await, None);
        let used = use_once(&new).await.unwrap();
        assert_eq!((used.purpose, used.user), (LinkPurpose::Reset, office.agent));
        assert_eq!(use_once(&new).await, None);
        let late = create().await;
        world.clock.forward(LINK_MS);
        assert_eq!(use_once(&late).await, None);
    }
}
