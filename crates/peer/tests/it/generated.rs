//! The gRPC code in the sources is what its `.proto` file gives. It is not generated in each build:
//! what generates it takes far longer to compile than what it generates.

use std::fs;
use std::path::Path;

#[test]
fn the_grpc_code_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let descriptors =
        protox::compile([folder.join("proto/muster/peer/v1/peer.proto")], [folder.join("proto")])
            .expect("it can be read");
    tonic_prost_build::configure()
        .bytes(".")
        .build_transport(false)
        .out_dir(fresh)
        .compile_fds(descriptors)
        .expect("it can be generated");
    let fresh = fresh.join("muster.peer.v1.rs");
    let kept = folder.join("src/exchange/muster.peer.v1.rs");
    let read = |path: &Path| fs::read_to_string(path).expect("it is there");
    assert!(
        read(&fresh) == read(&kept),
        "the gRPC code is out of date: run `cp {} {}`",
        fresh.display(),
        kept.display()
    );
}
