//! What must never change while chains run by it: the hashes of encodings, and the roots of the
//! fixed sequence of blocks.

use muster_ledger::protocol::Version;

/// The hash of what all parameters mean: names, defaults, ranges, versions.
pub const PARAMETERS: &str = "3e1b8f4b32cda51c41f9c70530ddd64edc78dec3f2d66c11aec4e8d47e25e227";

/// Hashes of the encodings of one sample each. A change means that old data can no longer be
/// read; to regenerate, run the test and copy what it prints.
pub const PINNED: &[(&str, &str)] = &[
    ("block", "6ed0fc4f596e58286dd51cc319efc1791ebf521aed700ab1c132cf998e9ddc88"),
    ("entry Account Account", "5d8fce62e83a05ba0bce3fe1b4349b5bd63b0dcdd051f979d763403b75a36199"),
    ("entry Chain Clock", "bc7466f2acbe66b4565be95a1a6919e3592a6b7416917a287ab18d77fc22cf8b"),
    ("entry Chain Committee", "189b5ffbe734bf7cdd7a1ff2eb83ab7bdf9336ef8a53a0a183a46163de928671"),
    ("entry Chain Counters", "d4f007ce7898e598f1cfd1cd115469c2ace3f2b03389b126389a11163747cf94"),
    ("entry Chain Due", "ba413f0231ea2305d4ba8176856c5eb5c9f3dd87b23c01be32333f8ef2ef41e5"),
    ("entry Chain Escrow", "d255bc9c0422879de94911c5a08d5a71d839db5bde51cb16377b1a7b958118bc"),
    ("entry Chain EscrowFor", "4d61574e543bdbf6afb20be1920baf316570f80672f7d508b463e71ac179d8d8"),
    ("entry Chain Parameters", "cbc907318eb838a81ef7dd1cd1a663196681d59253602cdf37ba132022e099e5"),
    ("entry Chain Protocol", "8845399c4afa97e9b2796e064ec87ec19b820ec983696e94a79d75d73d55964c"),
    ("entry Chain Supply", "2bd6a5c57f35491050fb93c607b89e59fb470375131db138dafa78cedbba8277"),
    ("entry Chain Validators", "f8aa8b7099cd9a49956453b49920c3ceada863c345fc574b1f59ba097563a811"),
    (
        "entry Governance Proposal",
        "4c38042eb96bf59f0b2f4da3d9509804e8b04c875beac382dfb2b51df05f3ee4",
    ),
    (
        "entry Governance Proposals",
        "2a2a6e2937a900316fe6d05e76be697e4a6cee7be6acca47ba4c89ea08064f92",
    ),
    ("entry Governance Vote", "27d1e04a145d16dc82b661d99ee365c792e58225318a250f9a90768b1e3d1619"),
    ("entry Market Commitment", "09bb8832e85c4e4d4b14f015a885d3b999d901ee5241e622238c0c175394b434"),
    (
        "entry Market Displaceable",
        "0c24700a31dabca5e85b37e2d1c6d004830fdd09f17f0f55a8a1a7a923d0f585",
    ),
    ("entry Market HotKeySet", "5996ce183b14ad987e65d62d9c6cc584890f3c0fd09bd7b98d2e104631f7c7b9"),
    ("entry Market Payout", "661f90af589ee12475430fe2ead75d4584d00e7f0ea52485bab0ce6400156b74"),
    ("entry Market Peer", "e4f86f2408bab06e0c0800494acdaf723866a37fd2654a02bb854fa9bacbad56"),
    ("entry Market PeerByHot", "5d25530d15f9ff5d5079cebf42ad8db9d590ce5e68eacd4fad5f79022606d773"),
    ("entry Market Places", "b1d61b26efd6a2d2969ef34d66d499325eb89815fdd62b92ce1824c3c6b6948c"),
    (
        "entry Market Registration",
        "c2af25531d8c87430e6e0cfab9630a1b22c8298c59b0342ec49a507d2f96252c",
    ),
    ("entry Market Report", "0ae032277c1fbdf7dd6bc454132d3b077d3f88ca8309f20ee9936a45943736a6"),
    ("entry Market Weights", "75febc93eab110079056d687e82445a57b3d0e8136dac9cc959ee5a9aa7166ca"),
    ("entry Stake Delegation", "8f35c8d5b8253da690188e6af358d7bad1d3aba696d617db5ee439e3f05b5442"),
    (
        "entry Stake DelegationOf",
        "d080838ed44395ec357329f7834fda29c2294cee21275ccb4daeef906ccabd50",
    ),
    ("entry Stake Retired", "bcc915d17da292d018f1a6c8f166435307025d9db22783d396768bfa4335faa8"),
    ("event", "2e01d3300cd27a54ee6214970f038de866ccbab5ed9246c42b42df0e47b616eb"),
    ("genesis", "327a6285b33aac027b71d10e7ad4672afab6ad481fe7121d10d63b63e3819fb2"),
    ("header", "478cfb15e24711666d9461891e3ffd1b69b1d186805062a1b702597e06351917"),
    ("parameters", "c0a7e8bbc78cd0d4c1424dece0c0abd161dd2089c950cf0eb6d6b61b382a71d5"),
    ("proof", "14f9197053e1db155c424e7e70cd1c6c28ad7e9617f0dea27a49cefaff9aa8cb"),
    ("receipt", "04746fe92f49e8086cc8c6430918ec101a664420e9bd1475b496fe1f96c21d55"),
    ("receipts", "530d9239e89e5655e91cb29c93d3272814673a3d3db948bb6afdeffbbb2b8209"),
    (
        "transaction commit weights",
        "10d2437a0a207b66a156e5bfc9b9991b64e868b662ac683ad7673cc1535f535a",
    ),
    ("transaction emit", "ab3fd1de7d1a574627b6ac91d633c81e0688c1d8031da1344de4c4d2c2966e5c"),
    (
        "transaction propose a parameter",
        "3934d0ae3427ff86a585956de86c601cce2290a22af07a232e4e8cd84404b973",
    ),
    (
        "transaction propose an upgrade",
        "825d01f758cd16b9b53b4059beac2a82a63ff6f6ab67303c6639b4e994259a63",
    ),
    (
        "transaction register by burning",
        "159bdda9c740d82bc7bd0f57140a63ef94838cc9e54e295730038ff3ad963d4b",
    ),
    (
        "transaction register by work",
        "42e253ce9f9e13b38d98dfaf774705469ce9eebabae165734d6920693fa1e9dd",
    ),
    (
        "transaction replace hot key",
        "ae4a733d7dbdfb25a72644e5dca564ea83826eaf6215925fbbe1dbb51bbdcdd5",
    ),
    (
        "transaction reveal weights",
        "88b41d86042ebbd253f37a2b7624766a3c66d5e129914e71d1c178e95fdacfd0",
    ),
    (
        "transaction set endpoint",
        "affff76bae66b148ff3f614b1cc557d8237066c811232f015bbca9742982ec74",
    ),
    ("transaction set weights", "7b502a0efaa3fe66381912ebdfbc026d156087b4a07290708714af3dbd8012be"),
    ("transaction stake", "01bc4fe1bb5d2c3066f4682d8f4cff4eab24f2905bb09927bd2d9c4b8051bb63"),
    ("transaction transfer", "8e72d1183b79030585bfb8f2128362a41fda9908444595e2aec701efb98d3575"),
    ("transaction unstake", "b7a3901f002562c7f53fdfbc3e50d59261343c3fc4a445053e404ba420b747b6"),
    ("transaction vote", "b3508ea9586598c2810a621eeac5e0a694c577c60f29995b94bbdcc8dc80013d"),
];

/// The root after the sequence, by protocol version. A change means that programs disagree about
/// blocks that exist: the one of a version that chains run never changes, new rules come with a
/// new version. The failing test prints the new one.
pub const ROOTS: &[(Version, &str)] = &[
    (Version(1), "d95a68a73ee51197b615bd6509bd2541f863fab61a53b15fc0e54987e7f18671"),
    (Version(2), "214f9105b68c2c5b28993796a4227f698de37e7276ba2c81d8df874e904b6abd"),
];
