//! The vault on a computer that stops between any two steps and forgets what was not made to last.

use std::collections::HashMap;
use std::sync::Mutex;

use zeroize::Zeroizing;

use super::world::World;
use super::*;

/// Whether the step at which the computer stops still happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Before,
    After,
}

/// What a power cut does to a name that was given but not synced. A disk may do either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renames {
    Last,
    AreLost,
}

/// A safeguard that a negative control takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    FileSync,
    FolderSync,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    stop: Stop,
    renames: Renames,
    without: Without,
}

impl Plan {
    fn all(without: Without) -> impl Iterator<Item = Self> {
        [Stop::Before, Stop::After].into_iter().flat_map(move |stop| {
            [Renames::Last, Renames::AreLost].map(|renames| Self { stop, renames, without })
        })
    }
}

/// The computer: its keychain and its disk count steps together, and both stop at once.
#[derive(Debug)]
struct Computer {
    plan: Plan,
    keychain: Arc<MemoryKeychain>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    steps_left: Option<usize>,
    /// Files whose content is not on the disk yet.
    unsynced: Vec<PathBuf>,
    /// What stood under a name before it was given to another file, until the folder is synced.
    replaced: HashMap<PathBuf, Option<Vec<u8>>>,
}

impl Computer {
    fn new(plan: Plan, keychain: Arc<MemoryKeychain>) -> Arc<Self> {
        Arc::new(Self { plan, keychain, state: Mutex::default() })
    }

    fn stop_after(&self, steps: usize) {
        self.state.lock().unwrap().steps_left = Some(steps);
    }

    fn step<E>(&self, stopped: E, act: impl FnOnce(&mut State) -> Result<(), E>) -> Result<(), E> {
        let mut state = self.state.lock().unwrap();
        match &mut state.steps_left {
            None => act(&mut state),
            Some(0) => Err(stopped),
            Some(left) => {
                *left -= 1;
                let stops_here = *left == 0;
                if !stops_here || self.plan.stop == Stop::After {
                    act(&mut state)?;
                }
                if stops_here { Err(stopped) } else { Ok(()) }
            }
        }
    }

    /// The program is started again, on a computer that went on running.
    fn resume(&self) {
        self.state.lock().unwrap().steps_left = None;
    }

    /// The power is cut and comes back.
    fn restart(&self) {
        let mut state = self.state.lock().unwrap();
        state.steps_left = None;
        for path in std::mem::take(&mut state.unsynced) {
            let content = fs::read(&path).unwrap();
            fs::write(&path, &content[..content.len() / 2]).unwrap();
        }
        for (path, before) in std::mem::take(&mut state.replaced) {
            match (self.plan.renames, before) {
                (Renames::Last, _) => {}
                (Renames::AreLost, Some(content)) => fs::write(&path, content).unwrap(),
                (Renames::AreLost, None) => fs::remove_file(&path).unwrap(),
            }
        }
    }

    fn open(self: &Arc<Self>, world: &World) -> Result<Vault, VaultError> {
        let disk = Box::new(ComputersDisk(Arc::clone(self)));
        Vault::open_on(disk, world.profile(), Arc::clone(self) as Arc<dyn Keychain>, world.folder())
    }

    fn open_or_create(self: &Arc<Self>, world: &World) -> Result<Vault, VaultError> {
        let disk = Box::new(ComputersDisk(Arc::clone(self)));
        Vault::open_or_create_on(disk, world.profile(), Arc::clone(self) as Arc<dyn Keychain>, world.folder())
    }
}

impl Keychain for Computer {
    fn get(&self, profile: &Profile, entry: Entry) -> Result<Option<Zeroizing<Vec<u8>>>, KeychainError> {
        self.step(KeychainError::Timeout, |_| Ok(()))?;
        self.keychain.get(profile, entry)
    }

    fn set(&self, profile: &Profile, entry: Entry, secret: &[u8]) -> Result<(), KeychainError> {
        self.step(KeychainError::Timeout, |_| self.keychain.set(profile, entry, secret))
    }

    fn delete(&self, profile: &Profile, entry: Entry) -> Result<(), KeychainError> {
        self.step(KeychainError::Timeout, |_| self.keychain.delete(profile, entry))
    }
}

#[derive(Debug)]
struct ComputersDisk(Arc<Computer>);

impl ComputersDisk {
    fn step(&self, act: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        self.0.step(io::Error::other("stopped"), act)
    }
}

impl Disk for ComputersDisk {
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step(|state| {
            state.unsynced.push(path.to_owned());
            RealDisk.write(path, bytes)
        })
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.step(|state| {
            if self.0.plan.without != Without::FileSync {
                state.unsynced.retain(|unsynced| unsynced != path);
            }
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|state| {
            state.replaced.insert(to.to_owned(), fs::read(to).ok());
            for unsynced in &mut state.unsynced {
                if unsynced == from {
                    to.clone_into(unsynced);
                }
            }
            RealDisk.rename(from, to)
        })
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.step(|state| {
            if self.0.plan.without != Without::FolderSync {
                state.replaced.clear();
            }
            Ok(())
        })
    }
}

/// How a rotation that was stopped came out after the restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Old,
    New,
    Lost,
}

/// Stops a rotation at each of its steps in turn, once more after its last, and opens the vault afterwards.
fn rotations_stopped_everywhere(plan: Plan) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for steps in 1.. {
        let world = World::new();
        let computer = Computer::new(plan, world.keychain());
        let mut vault = computer.open_or_create(&world).unwrap();
        computer.restart_cleanly();
        let old = vault.keys().unwrap().clone();
        let rotation = vault.begin_rotation(&BOTH).unwrap();
        let new = rotation.keys().clone();
        computer.stop_after(steps);
        let committed = vault.commit(rotation);
        let forgotten = committed.is_ok().then(|| vault.forget_old_secret());
        let finished = matches!(forgotten, Some(Ok(())));
        drop(vault);
        computer.restart();
        let outcome = match computer.open(&world) {
            Ok(vault) if vault.keys().unwrap() == &old => Outcome::Old,
            Ok(vault) if vault.keys().unwrap() == &new => Outcome::New,
            Ok(vault) => panic!("neither old nor new: {:?}", vault.keys()),
            Err(VaultError::KeyGone | VaultError::KeyringFileCorrupt) => Outcome::Lost,
            Err(error) => panic!("{plan:?}, {steps} steps: {error:?}"),
        };
        if plan.without == Without::Nothing {
            assert_eq!(world.rotation_secrets(), 1, "{plan:?}, {steps} steps");
            assert!(committed.is_err() || outcome == Outcome::New, "{plan:?}, {steps} steps: undone");
        }
        outcomes.push(outcome);
        if finished {
            return outcomes;
        }
    }
    outcomes
}

impl Computer {
    /// Everything so far has long been on the disk.
    fn restart_cleanly(&self) {
        let mut state = self.state.lock().unwrap();
        state.unsynced.clear();
        state.replaced.clear();
    }
}

#[test]
fn a_rotation_stopped_anywhere_leaves_the_old_keys_or_the_new_ones() {
    for plan in Plan::all(Without::Nothing) {
        let outcomes = rotations_stopped_everywhere(plan);
        assert!(!outcomes.contains(&Outcome::Lost), "{plan:?}: {outcomes:?}");
        assert!(outcomes.contains(&Outcome::Old), "{plan:?}: {outcomes:?}");
        assert_eq!(outcomes.last(), Some(&Outcome::New), "{plan:?}: {outcomes:?}");
    }
}

#[test]
fn without_syncing_the_file_a_rotation_can_lose_the_keys() {
    let lost =
        Plan::all(Without::FileSync).any(|plan| rotations_stopped_everywhere(plan).contains(&Outcome::Lost));
    assert!(lost, "the proof does not notice a missing sync of the file");
}

#[test]
fn without_syncing_the_folder_a_rotation_can_lose_the_keys() {
    let lost = Plan::all(Without::FolderSync)
        .any(|plan| rotations_stopped_everywhere(plan).contains(&Outcome::Lost));
    assert!(lost, "the proof does not notice a missing sync of the folder");
}

#[test]
fn a_program_that_was_restarted_does_not_trust_the_disk_more_than_it_may() {
    for plan in Plan::all(Without::Nothing) {
        for steps in 1.. {
            let world = World::new();
            let computer = Computer::new(plan, world.keychain());
            let mut vault = computer.open_or_create(&world).unwrap();
            let rotation = vault.begin_rotation(&BOTH).unwrap();
            computer.stop_after(steps);
            let committed = vault.commit(rotation);
            drop(vault);
            computer.resume();
            let keys = computer.open(&world).unwrap().keys().unwrap().clone();
            computer.restart();
            let vault = computer.open(&world).unwrap();
            assert_eq!(vault.keys().unwrap(), &keys, "{plan:?}, {steps} steps: seen once, then undone");
            if committed.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn a_vault_whose_creation_was_stopped_anywhere_is_created_the_next_time() {
    for plan in Plan::all(Without::Nothing) {
        for steps in 1.. {
            let world = World::new();
            let computer = Computer::new(plan, world.keychain());
            computer.stop_after(steps);
            let created = computer.open_or_create(&world).map(|vault| vault.keys().unwrap().clone());
            computer.restart();
            let vault = computer.open_or_create(&world).unwrap();
            let Ok(keys) = created else { continue };
            assert_eq!(vault.keys().unwrap(), &keys, "{plan:?}");
            break;
        }
    }
}

#[test]
fn an_unlock_stopped_anywhere_loses_nothing() {
    for plan in Plan::all(Without::Nothing) {
        for steps in 1.. {
            let world = World::new();
            let computer = Computer::new(plan, world.keychain());
            let mut vault = computer.open_or_create(&world).unwrap();
            let rotation = vault.begin_rotation(&BOTH).unwrap();
            let new = rotation.keys().clone();
            vault.commit(rotation).unwrap();
            vault.lock();
            computer.stop_after(steps);
            let unlocked = vault.unlock();
            computer.restart();
            assert_eq!(computer.open(&world).unwrap().keys().unwrap(), &new, "{plan:?}, {steps} steps");
            if unlocked.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn a_commit_that_failed_on_the_disk_locks_the_vault_until_it_is_known_what_counts() {
    let plan = Plan { stop: Stop::After, renames: Renames::Last, without: Without::Nothing };
    let world = World::new();
    let computer = Computer::new(plan, world.keychain());
    let mut vault = computer.open_or_create(&world).unwrap();
    let rotation = vault.begin_rotation(&BOTH).unwrap();
    let new = rotation.keys().clone();
    // The keychain, the write, the sync, and the rename, which happened and is reported as failed.
    computer.stop_after(4);
    assert_eq!(vault.commit(rotation).unwrap_err().code(), "vault_folder");
    assert_eq!(vault.keys().unwrap_err().code(), "vault_locked");
    computer.restart();
    vault.unlock().unwrap();
    assert_eq!(vault.keys().unwrap(), &new);
}
