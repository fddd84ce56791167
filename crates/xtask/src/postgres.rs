//! A PostgreSQL of our own for the length of a test run: its own folder, an ordinary user, loopback only.

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

use crate::limits::{HELPER_READY, PORT_ATTEMPTS};
use crate::process::{self, Running};

/// The role that migrates, and the role that serves: two, so that the one in daily use owns nothing.
/// The key store has a database of its own, as in production.
fn roles_and_databases(secret: &str) -> String {
    let ordinary = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB";
    format!(
        "CREATE ROLE deskbell_owner {ordinary} PASSWORD '{secret}';\n\
         CREATE ROLE deskbell_app {ordinary} PASSWORD '{secret}';\n\
         CREATE DATABASE deskbell_keys OWNER deskbell_owner;\n"
    )
}

/// What a crash of the machine may cost a server of this kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Nothing is synchronised: faster, and the folder is thrown away with the run.
    Throwaway,
    /// As in production, for figures that mean something.
    Full,
}

/// A running server. Dropping it ends it and deletes its folder.
pub(crate) struct Postgres {
    _server: Running,
    _folder: TempDir,
    port: u16,
    secret: String,
}

impl Postgres {
    /// Starts a server on a free port and makes the two roles and the key store's database.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("deskbell-postgres-").tempdir()?;
        let user = User::for_postgres()?;
        user.own(folder.path())?;
        let secret = random_secret()?;
        let password_file = folder.path().join("password");
        fs::write(&password_file, &secret)?;
        user.own(&password_file)?;
        let data = folder.path().join("data");
        let mut initdb = user.command(&programs.0.join("initdb"), folder.path());
        initdb.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.arg("--no-sync").arg("--pwfile").arg(&password_file).arg("--pgdata").arg(&data);
        process::output_of(&mut initdb).context("creating the PostgreSQL cluster")?;

        let (server, port) = start_server(&programs, &user, folder.path(), durability)?;
        let running = Self { _server: server, _folder: folder, port, secret };
        running.make_roles(&programs)?;
        Ok(running)
    }

    /// Sets what the tests read: the superuser's URL, and that of the key store's own database. The roles
    /// `deskbell_owner` and `deskbell_app` have the same password, so a test only exchanges the name.
    pub(crate) fn announce<'command>(&self, command: &'command mut Command) -> &'command mut Command {
        command.env("DESKBELL_TEST_PG_URL", self.url("postgres"));
        command.env("DESKBELL_TEST_PG_KEYS_URL", self.url("deskbell_keys"))
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.secret, self.port)
    }

    fn make_roles(&self, programs: &Programs) -> Result<()> {
        let mut command = Command::new(programs.0.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]);
        command.args(["--host=127.0.0.1", "--username=postgres", "--dbname=postgres"]);
        command.arg(format!("--port={}", self.port)).env("PGPASSWORD", &self.secret);
        let mut psql = Running::start("psql", command.stdin(Stdio::piped()).stdout(Stdio::null()))?;
        let mut input = psql.child.stdin.take().context("standard input was not piped")?;
        input.write_all(roles_and_databases(&self.secret).as_bytes())?;
        drop(input);
        let status = psql.wait()?;
        if !status.success() {
            bail!("creating the PostgreSQL roles: psql ended with {status}");
        }
        Ok(())
    }
}

fn start_server(
    programs: &Programs,
    user: &User,
    folder: &Path,
    durability: Durability,
) -> Result<(Running, u16)> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let port = free_port()?;
        let log = folder.join("server.log");
        let mut command = server_command(programs, user, folder, port, durability);
        let file = fs::File::create(&log)?;
        command.stdin(Stdio::null()).stderr(file.try_clone()?).stdout(file);
        // SIGINT is PostgreSQL's fast shutdown: SIGTERM would wait for every client to leave.
        let mut server = Running::start_ended_by("PostgreSQL", &mut command, Signal::INT)?;
        let ready = process::wait_for("PostgreSQL's start", HELPER_READY, || {
            server.still_runs()?;
            let mut asked = Command::new(programs.0.join("pg_isready"));
            asked.args(["--quiet", "--host=127.0.0.1"]).arg(format!("--port={port}"));
            Ok(process::output_of(&mut asked).is_ok().then_some(()))
        });
        match ready {
            Ok(()) => return Ok((server, port)),
            // Between finding the port and using it, somebody else may have taken it.
            Err(_) if attempts < PORT_ATTEMPTS && !process::interrupted() => {}
            Err(error) => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(error.context(format!("PostgreSQL said:\n{said}")));
            }
        }
    }
}

fn server_command(
    programs: &Programs,
    user: &User,
    folder: &Path,
    port: u16,
    durability: Durability,
) -> Command {
    let mut command = user.command(&programs.0.join("postgres"), folder);
    command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).arg("-p").arg(port.to_string());
    let mut settings = vec!["listen_addresses=127.0.0.1", "max_connections=200", "log_min_messages=error"];
    if durability == Durability::Throwaway {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
    }
    for setting in settings {
        command.args(["-c", setting]);
    }
    command
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

fn random_secret() -> Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes).context("reading randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The folder of PostgreSQL's programs. Debian keeps them out of the path, one folder per version.
struct Programs(PathBuf);

impl Programs {
    fn find() -> Result<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let newest = versions
            .filter_map(|entry| {
                entry.file_name().to_string_lossy().parse::<u32>().ok().zip(Some(entry.path()))
            })
            .max_by_key(|(version, _)| *version)
            .map(|(_, path)| path.join("bin"));
        let on_path = || {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
        };
        let folder = newest.filter(|folder| folder.join("initdb").is_file()).or_else(on_path);
        folder.map(Self).context("PostgreSQL's programs were not found (looked for `initdb`)")
    }
}

/// Whom the server runs as: it refuses to be root.
struct User(Option<(u32, u32)>);

impl User {
    fn for_postgres() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let id = |flag| -> Result<u32> {
            let text = process::output_of(Command::new("id").args([flag, "postgres"]))?;
            text.trim().parse().context("the id of the user `postgres`")
        };
        Ok(Self(Some((id("-u")?, id("-g")?))))
    }

    fn own(&self, path: &Path) -> Result<()> {
        if let Some((user, group)) = self.0 {
            chown(path, Some(user), Some(group))
                .with_context(|| format!("giving away {}", path.display()))?;
        }
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env("HOME", folder).env("LC_ALL", "C.UTF-8");
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}
