//! What must never change while chains run by it: the hashes of encodings, and the roots of the
//! fixed sequence of blocks.

use muster_ledger::protocol::Version;

/// The hash of what all parameters mean: names, defaults, ranges, versions.
pub const PARAMETERS: &str = "42fa508b41789c0c52071ea47524716a619d7e798bc04584fdbcb3ba916b8985";

/// Hashes of the encodings of one sample each. A change means that old data can no longer be
/// read; to regenerate, run the test and copy what it prints.
pub const PINNED: &[(&str, &str)] = &[
    ("block", "3bd7c6a84274ce4aaf8a106fa5c46c10e1fd3e5d508ddc2554c63763d355b61d"),
    ("entry Account Account", "d4ebc8e3748f08dc3bd01455baede23e0948078f42a473555e9b0b1f88e95e69"),
    ("entry Chain Clock", "a045753d720b01af416034ab98d81374b6b623de6f922bc23051b002f35cbdca"),
    ("entry Chain Committee", "189b5ffbe734bf7cdd7a1ff2eb83ab7bdf9336ef8a53a0a183a46163de928671"),
    ("entry Chain Counters", "b99e4d995d690522cb1294f63e124fb7c2357fdc05b2c893437acce250a62bfd"),
    ("entry Chain Due", "0d6fd1a87730a9ec5ca8a8be2dfcea62ae7b6a32fde1dab17e8b09e7c344352f"),
    ("entry Chain Escrow", "3a722e24f6f4d7f1d48dc2256f7508fdade0789b4acea45448d7600a64dc288f"),
    ("entry Chain EscrowFor", "f398797ed25792b04d1746fae05e84bd71070aa14898138ad242649fbe182b67"),
    ("entry Chain Parameters", "f8539101ef4ab1f07c7df0a98a438b6d0e9e4b627e416daa9cb5678e7a1171d0"),
    ("entry Chain Protocol", "8845399c4afa97e9b2796e064ec87ec19b820ec983696e94a79d75d73d55964c"),
    ("entry Chain Supply", "df03ac5b73258f3e52bb640e1b87d53fa4037ee3fa4e27b192b6e525dc0d643f"),
    ("entry Chain Validators", "f8aa8b7099cd9a49956453b49920c3ceada863c345fc574b1f59ba097563a811"),
    ("entry Governance Agreed", "bf039f1e09b5bdba0dca943f423109a8df5214510491304326cbe36b6b5e849d"),
    (
        "entry Governance Proposal",
        "868e785737e016df7b99f0adcd493182dd77c90ad7c661edfa86b09af49e0a9f",
    ),
    (
        "entry Governance Proposals",
        "f98402f0704a855693e83e03647f65a665b6384f11898b0e75e31c77d771f527",
    ),
    ("entry Governance Vote", "7c4fa29c1e3eadf89f2f0420051a5108fbbad841603fa1caef7dd924f98d80e8"),
    ("entry Market Commitment", "a81e403d233ca8acc0f19baa6d292e0b960ed53e8236459df78e855c716dbe94"),
    (
        "entry Market Displaceable",
        "d517d7e417aa02f63ee86010a5b44639a50864e5033eff8544e36cf0647f0aa1",
    ),
    ("entry Market HotKeySet", "746c93c88df9bec6a2facf7fce8de1936981036d92178d12337da701042d74bf"),
    ("entry Market Payout", "661f90af589ee12475430fe2ead75d4584d00e7f0ea52485bab0ce6400156b74"),
    ("entry Market Peer", "6d75221eebdb65c27629c4d488c4db095151f71e2da36bdad33272114d466d14"),
    ("entry Market PeerByHot", "1c575141fe2e2623a783f52bb0c574a9f198711e986d9c6380230d65d0aba70a"),
    ("entry Market Places", "6ef3063e433e5bfcf481c86a4ccf3245c156ea1092ef43011798a1a6b83d1df3"),
    (
        "entry Market Registration",
        "d57e8ae7dcb9cb3b58eac3cfe426e8383f666da09879fc664a4c3c8ed68c4b62",
    ),
    ("entry Market Report", "ab173b21f5b95c603805e19e4cac1c50c449f52b66b8918aef3407358887c920"),
    ("entry Market Weights", "75febc93eab110079056d687e82445a57b3d0e8136dac9cc959ee5a9aa7166ca"),
    ("entry Market Worked", "4be336f4dc59669bf230b4348e532a89a2d94350ac211fb9a971ead7a3099f33"),
    ("entry Stake Delegation", "e04f723f2394d13a5db570a0b164822420783642347567f2fd7056d4b4a72538"),
    (
        "entry Stake DelegationOf",
        "d080838ed44395ec357329f7834fda29c2294cee21275ccb4daeef906ccabd50",
    ),
    ("entry Stake Retired", "cb56930bc3b987e325ca97bf3791cb29bc838d827b194729e8e211f491bec428"),
    ("event", "2e01d3300cd27a54ee6214970f038de866ccbab5ed9246c42b42df0e47b616eb"),
    ("genesis", "327a6285b33aac027b71d10e7ad4672afab6ad481fe7121d10d63b63e3819fb2"),
    ("header", "133d3cd09f8a12f827d0bc0beb1fca9d3e83e81b3a7c313010c405a6f2bca5bd"),
    ("parameters", "b336977b417181d258db68e0885374200765893cae21bb21ce3179235a67be71"),
    ("proof", "6c446fec22e6903572effdba1c87eec2518b7e3bd2260228c66ad10aa8839008"),
    ("receipt", "04746fe92f49e8086cc8c6430918ec101a664420e9bd1475b496fe1f96c21d55"),
    ("receipts", "1dd6ae4e4aa679c0986b48a964b94b8ca809eacb2352d6b92884c7d62aac3e99"),
    ("transaction close", "9e14c3842e94583644b08fbc0ba10d97e886ebcb7627f3095e3d79807824ea06"),
    (
        "transaction commit weights",
        "eb47de0248cba5ffe2d573f98a98bf759713a168628304f8f9cf45ce108183a8",
    ),
    ("transaction emit", "2d3edc9e6b9986115cd04eafefe014ddc0829d486d950614247af01bff9f310d"),
    ("transaction leave", "d9709b5512e087aa2aa0b882a4db0fc7a0151fa8c32fa397f6ead9c337acbfa7"),
    (
        "transaction propose a parameter",
        "9375aa825184f674cc71489472ec4f79f90ff302de01357360e557efdf4df25b",
    ),
    (
        "transaction propose an upgrade",
        "3f75db4b129a82d34e379cc7bfa9491a9d2dd8dfbf919efbf9d5c4da64a00a2d",
    ),
    (
        "transaction register by burning",
        "b222ded69e4230ae9cadf3717df51c680c3cf4b3d7b7a63c6391dc2580e7c304",
    ),
    (
        "transaction register by work",
        "fa7665132aebf12dc7ea2e672d89b6f31f83edf44f3ce97e1bb8505418af4e5d",
    ),
    (
        "transaction replace hot key",
        "81cf12f37266f74249403687c2fc265efe1e2c32ac3c07f6c8f95aee92d18ce7",
    ),
    (
        "transaction reveal weights",
        "811053a374404c2a655925aff7ddfb19ca1434be13147edaf965d8a8fad41fb7",
    ),
    (
        "transaction set endpoint",
        "723a2b905a658b2c14700356c8ccb9a71b5d0a8005c7e6ec451e2b94e314a61c",
    ),
    ("transaction set weights", "b3f1483b426de66f7de6365e6370b7bbf55d8e4bdec02381739cb911d0c224e2"),
    ("transaction stake", "a7ba7d7417fb965cb0551111aa3b2d75cef5f3f330003609c4c110931e2e0956"),
    ("transaction transfer", "a285a7238dfd01157ece44716bbe10580e34016a47b7988dbdfd9cf49df68a5d"),
    ("transaction unstake", "a2cd1a0a3e44668574785bdaac0bc099f91e44a427d111370dfd3ed69fc8f215"),
    ("transaction vote", "8cd399a8a2c26055c15fd6905a84d3b6ef6d6cd938189a20e45bbfb352667b22"),
];

/// The root after the sequence, by protocol version. A change means that programs disagree about
/// blocks that exist: the one of a version that chains run never changes, new rules come with a
/// new version. The failing test prints the new one.
pub const ROOTS: &[(Version, &str)] = &[
    (Version(1), "903f25a7bb82e2c30fc62776a588113f0da9b59bfbd9a1b1c7677710ad19db71"),
    (Version(2), "188bac2ed2326e394ae082d25d2b7fdf38c693c25cf811e0910d0e0d488e6489"),
];
