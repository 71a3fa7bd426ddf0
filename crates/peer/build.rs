//! Generates the gRPC code from the `.proto` file without needing `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = "proto/muster/peer/v1/peer.proto";
    println!("cargo:rerun-if-changed={proto}");
    let descriptors = protox::compile([proto], ["proto"])?;
    tonic_prost_build::configure().bytes(".").build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
