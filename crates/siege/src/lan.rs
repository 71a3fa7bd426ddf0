//! A network of machines inside this one: each process in a network namespace of its own, wired to
//! a bridge, with an address of its own. Nothing of it can be seen or reached from outside, nothing
//! outside from it, and it is gone with the last process.
//!
//! It needs no rights: a user may make namespaces of their own where the system allows it.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::SiegeError;

/// Set inside the network.
const INSIDE: &str = "MUSTER_SIEGE_LAN";
/// The bridge's name.
const BRIDGE: &str = "market";
/// The address of whoever holds the siege.
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// How long a new process may take to leave our network for its own.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to the strangers' addresses: all are behind one machine, whose neighbours need to know
/// no other.
const STRANGERS: &str = "10.6.0.0/16 via 10.6.0.1";

/// What a new machine does before its program: it waits for its wire, and takes its addresses.
const BOOT: &str = "ip link set lo up; \
    until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done; \
    ip address add \"$1/8\" dev eth0; \
    ip link set eth0 up; \
    if [ -n \"$2\" ]; then ip address add \"$2\" dev lo; else ip route add $3; fi; \
    shift 3; exec \"$@\"";

/// Whether this process is inside.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Starts this program again, with the same arguments, in an empty network; comes back only where
/// that fails.
pub fn enter() -> SiegeError {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(source) => {
            return SiegeError::System { what: "cannot find this program".into(), source };
        }
    };
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--"]).arg(program);
    let error = command.args(std::env::args_os().skip(1)).env(INSIDE, "1").exec();
    SiegeError::Network { command: "unshare".into(), reason: error.to_string() }
}

/// Lays the wires' other end: the bridge, and our own address.
///
/// # Errors
/// [`SiegeError::Network`].
pub fn open() -> Result<(), SiegeError> {
    ip("link set lo up")?;
    ip(&format!("link add {BRIDGE} type bridge"))?;
    ip(&format!("address add {OURS}/8 dev {BRIDGE}"))?;
    ip(&format!("link set {BRIDGE} up"))?;
    ip(&format!("route add {STRANGERS}"))
}

/// The command that starts a program as a machine with an address; `more` are further addresses of
/// it, a whole prefix of them. Its network is there only after [`plug`].
pub fn machine(address: Ipv4Addr, more: Option<&str>, program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--", "sh", "-c", BOOT, "sh"]);
    command.arg(address.to_string()).arg(more.unwrap_or_default()).arg(STRANGERS).arg(program);
    command
}

/// Wires a machine that was started. Every start has a `number` of its own: a wire goes with its
/// process, but not at once.
///
/// # Errors
/// [`SiegeError::Network`], [`SiegeError::System`].
pub fn plug(process: u32, address: Ipv4Addr, number: u32) -> Result<(), SiegeError> {
    let namespace = |of: &dyn AsRef<OsStr>| {
        std::fs::read_link(Path::new("/proc").join(of.as_ref()).join("ns/net"))
    };
    let ours =
        namespace(&"self").map_err(SiegeError::system("cannot see this process's network"))?;
    let start = Instant::now();
    while namespace(&process.to_string()).is_ok_and(|theirs| theirs == ours) {
        if start.elapsed() > PATIENCE {
            let reason = format!("process {process} stays in the network it was started in");
            return Err(SiegeError::Network { command: "unshare --net".into(), reason });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // Its own for each address: nobody has to find out that somebody came back.
    let [a, b, c, d] = address.octets();
    let station = format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}");
    let wire = format!("wire{number}");
    ip(&format!("link add {wire} type veth peer name eth0 address {station} netns {process}"))?;
    ip(&format!("link set {wire} master {BRIDGE} up"))
}

fn ip(arguments: &str) -> Result<(), SiegeError> {
    let command = format!("ip {arguments}");
    let fault = |reason: String| SiegeError::Network { command: command.clone(), reason };
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|error| fault(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(fault(String::from_utf8_lossy(&output.stderr).trim().to_string())),
    }
}
