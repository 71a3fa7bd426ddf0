//! Nodes in network namespaces of their own: cut apart, and behind bad links.
//!
//! Where the system lets a user make namespaces (Linux, with `unshare`, `ip` and `tc`), this test
//! binary starts itself again inside a fresh one, the yard: the nodes are connected to a bridge
//! there, each by a pair of virtual interfaces.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_node::Gossip;

use crate::network::{Network, PATIENCE, genesis, user_key};

/// The variable that says that this process is inside the yard.
const YARD: &str = "MUSTER_TEST_YARD";
/// What must be possible for the yard to be made.
const PROBE: &str = "mount -t tmpfs none /run && ip link add yard type bridge && ip netns add probe \
                     && ip link add port type veth peer name eth0 netns probe \
                     && tc qdisc add dev port root tbf rate 1mbit burst 3kb limit 6kb";
/// The bridge at which everybody is who can be reached, and the one of those who are cut off.
const BRIDGES: [&str; 2] = ["yard", "island"];
const NODES: usize = 4;

/// A command in namespaces of its own, as whose root it may do what it likes there.
fn unshared() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount"]).stdin(Stdio::null());
    command
}

#[test]
fn nodes_outlast_partitions_and_bad_links() {
    let probe = unshared().args(["sh", "-c", PROBE]).output();
    if !probe.as_ref().is_ok_and(|output| output.status.success()) {
        let reason = probe.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        eprintln!("skipped: this system makes no network namespaces here: {reason:?}");
        return;
    }
    let inside = unshared()
        .arg(std::env::current_exe().expect("known"))
        .args(["namespaces::yard", "--exact", "--nocapture", "--test-threads=1"])
        .env(YARD, "1")
        .output()
        .expect("it was probed");
    let words =
        [inside.stdout, inside.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(inside.status.success(), "{}", words.join("\n"));
    assert!(words[0].contains("1 passed"), "it ran: {}", words[0]);
}

/// What happens inside; this test does nothing unless told that it is there.
#[test]
fn yard() {
    if std::env::var_os(YARD).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(cut_and_spoil());
}

/// Runs a command of the system; what it is to do stands in one line.
fn system(line: &str) {
    let mut words = line.split_whitespace();
    let program = words.next().expect("a program");
    let output = Command::new(program).args(words).output().expect("it was probed");
    let reason = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {reason}");
}

fn address(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, node as u8 + 1)
}

/// Two bridges, of which this process is at the first, and everybody's link to it.
fn lay_out() {
    system("mount -t tmpfs none /run");
    system("ip link set lo up");
    for bridge in BRIDGES {
        system(&format!("ip link add {bridge} type bridge"));
        system(&format!("ip link set {bridge} up"));
    }
    system("ip addr add 10.77.0.254/24 dev yard");
    for node in 0..NODES {
        let own = address(node);
        system(&format!("ip netns add node{node}"));
        system(&format!("ip link add port{node} type veth peer name eth0 netns node{node}"));
        system(&format!("ip link set port{node} master yard up"));
        system(&format!("ip -n node{node} addr add {own}/24 dev eth0"));
        system(&format!("ip -n node{node} link set eth0 up"));
        system(&format!("ip -n node{node} link set lo up"));
    }
}

/// Moves nodes to the bridge of those who are cut off, or back.
fn move_to(bridge: &str, nodes: &[usize]) {
    for node in nodes {
        system(&format!("ip link set port{node} master {bridge}"));
    }
}

/// A link of half a megabit a second, both ways, that drops what comes faster; where the kernel
/// has it, each packet to the node is also late, or lost one time in ten.
fn spoil(node: usize) {
    let slow = "root tbf rate 512kbit burst 4kb limit 16kb";
    system(&format!("tc qdisc add dev port{node} {slow}"));
    let lossy = format!("tc -n node{node} qdisc add dev eth0 root netem delay 40ms 20ms loss 10%");
    let done = Command::new("sh").args(["-c", &lossy]).stderr(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        system(&format!("tc -n node{node} qdisc add dev eth0 {slow}"));
    }
}

async fn cut_and_spoil() {
    lay_out();
    let mut network = Network::at(genesis(NODES, 200), Gossip::Relay, address);
    for node in 0..NODES {
        network.start_in_namespace(node, &format!("node{node}"));
    }
    network.same_block(&[0, 1, 2, 3], 3).await;

    // One is cut off: the others go on, and it comes after them when it is back.
    move_to("island", &[3]);
    let cut = network.wait_height(0, 3).await.height;
    network.same_block(&[0, 1, 2], cut + 5).await;
    move_to("yard", &[3]);
    network.same_block(&[0, 1, 2, 3], cut + 8).await;

    // Two and two: nobody has a quorum, so at most what was on the way is decided.
    move_to("island", &[2, 3]);
    let cut = network.wait_height(0, cut + 8).await.height;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let halted = network.wait_height(0, cut).await.height;
    assert!(halted <= cut + 1, "half of the committee decided from height {cut} to {halted}");
    move_to("yard", &[2, 3]);
    for height in cut..=halted + 3 {
        network.same_block(&[0, 1, 2, 3], height).await;
    }

    // Bad links everywhere: it goes on, and a transfer is decided.
    (0..NODES).for_each(spoil);
    let bad = network.wait_height(1, halted + 3).await.height;
    let transfer = network.transfer(&user_key(0), 0, &user_key(1), 7);
    let hash = network.client(2).submit(&transfer).await.expect("taken");
    let receipt = network.client(3).wait(&hash, PATIENCE).await.expect("decided");
    assert_eq!(receipt.result, Ok(()));
    network.same_block(&[0, 1, 2, 3], bad + 3).await;
}
