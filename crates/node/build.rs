//! Rebuilds when the dashboard that is embedded changes. Creates nothing.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A missing path would be looked at, and everything compiled again, in every build: the
    // variable is how whoever builds the dashboard for the first time says so.
    println!("cargo:rerun-if-env-changed=MUSTER_DASHBOARD");
    let dist = Path::new("../../web/dist");
    if dist.exists() {
        println!("cargo:rerun-if-changed=../../web/dist");
    }
}
