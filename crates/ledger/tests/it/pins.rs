//! What must never change while chains run by it: the hashes of encodings, and the roots of the
//! fixed sequence of blocks.

use muster_ledger::protocol::Version;

/// The hash of what all parameters mean: names, defaults, ranges, versions.
pub const PARAMETERS: &str = "d557045b4e744b9b8c68dfbf8bafbc4ab49178a5a5c298df114618003bdf1aa8";

/// Hashes of the encodings of one sample each. A change means that old data can no longer be
/// read; to regenerate, run the test and copy what it prints.
pub const PINNED: &[(&str, &str)] = &[
    ("block", "7817e0f5c53ec854168c42150845843a74ab5cb6bde90eaf4116d8576c01e2a6"),
    ("entry Account Account", "d4ebc8e3748f08dc3bd01455baede23e0948078f42a473555e9b0b1f88e95e69"),
    ("entry Chain Clock", "46ca00ed65de76589a3c7c26c220c45f649c346bad26c9a273ec7446df29bf75"),
    ("entry Chain Committee", "189b5ffbe734bf7cdd7a1ff2eb83ab7bdf9336ef8a53a0a183a46163de928671"),
    ("entry Chain Counters", "de397d3fb003b8ef5ddb41521961316d84421b78aa45d38878d56a1c01ec0856"),
    ("entry Chain Due", "0d6fd1a87730a9ec5ca8a8be2dfcea62ae7b6a32fde1dab17e8b09e7c344352f"),
    ("entry Chain Escrow", "3a722e24f6f4d7f1d48dc2256f7508fdade0789b4acea45448d7600a64dc288f"),
    ("entry Chain EscrowFor", "f398797ed25792b04d1746fae05e84bd71070aa14898138ad242649fbe182b67"),
    ("entry Chain Parameters", "f8539101ef4ab1f07c7df0a98a438b6d0e9e4b627e416daa9cb5678e7a1171d0"),
    ("entry Chain Protocol", "c1e4b7fbc050d42f3b828f52b15672663410c0e4f7bbf6373f46a2ff2c5e2051"),
    ("entry Chain Supply", "78ca3a1f0a6ff629fab5ba49d1ce2dc3e917493d6e7776efd26357e20de2d209"),
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
        "d8cbacf4c9babf81557064c2c764d39a6fe879a909f79fa1c3321267c2204b7d",
    ),
    ("entry Market Report", "ab173b21f5b95c603805e19e4cac1c50c449f52b66b8918aef3407358887c920"),
    ("entry Market Weights", "75febc93eab110079056d687e82445a57b3d0e8136dac9cc959ee5a9aa7166ca"),
    ("entry Market Worked", "4be336f4dc59669bf230b4348e532a89a2d94350ac211fb9a971ead7a3099f33"),
    ("entry Presence Design", "540892f47fd7da3e59e0eb694ea3a39a8be2e14c532ab875e9bf31bc50f14945"),
    ("entry Presence Round", "dc218e63d9ac9eab9b29c1062bbeb87e1537e35e703ce2a83169e315c3ff969d"),
    ("entry Presence Rounds", "8b688937287c87fdf3915435e4d14685db3f35c55d7fd16ec48566c033bf5c77"),
    ("entry Stake Delegation", "e04f723f2394d13a5db570a0b164822420783642347567f2fd7056d4b4a72538"),
    (
        "entry Stake DelegationOf",
        "d080838ed44395ec357329f7834fda29c2294cee21275ccb4daeef906ccabd50",
    ),
    ("entry Stake Retired", "cb56930bc3b987e325ca97bf3791cb29bc838d827b194729e8e211f491bec428"),
    ("event", "2e01d3300cd27a54ee6214970f038de866ccbab5ed9246c42b42df0e47b616eb"),
    ("genesis", "670e73fab6e79bd5d8cdd02e8e387a21a28ef8d5dce55a840073cccf71bd2105"),
    ("header", "bb306591f88d721a7c2012843648bfb257e27563b32341d98950b19ab6caeb00"),
    ("parameters", "12f5fe8dbe71c9201586502c9ba983061089c43fab20d8734c4369f6213a106e"),
    ("proof", "97894416b4e4518abef624cc2f30c602e4e5a126619b5e31a6d49aa15b6e9ac6"),
    ("receipt", "04746fe92f49e8086cc8c6430918ec101a664420e9bd1475b496fe1f96c21d55"),
    ("receipts", "93298c463b11b15ac381a63269f42f95049d5598811ba71db31995a671829387"),
    (
        "transaction claim a prize",
        "231762e97770a217a7a66cfb0aed7fc784e368883e420fbb6b87bd9b0e4fda8d",
    ),
    ("transaction close", "1104282ff0d4879133085698bead269b8270e961014b7ec35dee492f7a3df216"),
    (
        "transaction commit weights",
        "81d71caaf3374c9a4985ee8eb2aad8a353a964486f4fbfe7e8cf6651e4e031ff",
    ),
    ("transaction emit", "2f4c064d9abc7ebc61b1df3a613a6e6a957fc1f2f8b9771bc743f836aaa8531f"),
    ("transaction leave", "5eedf6093f17e52480c581c6134eb037cdf9ce66797774b3b1664ad0a8cc7ec2"),
    (
        "transaction open a round",
        "fbcd01ee333e234c2a2d4c6817f535857b149c9cfafce592d482bf84c5e54e37",
    ),
    (
        "transaction propose a parameter",
        "2486bca24a7b2994a29f82de499c742a21c0a7bef651f23061fde2d474c34764",
    ),
    (
        "transaction propose an upgrade",
        "50f6db0051757dd45776ba7635cb1feab8942e9e112d9094a6cd97cf256a6dd8",
    ),
    (
        "transaction register by burning",
        "f77db30c87cab1572cb769d42c848ba495a4c1d9d47cd9fde9aa23a3c0049eb6",
    ),
    (
        "transaction register by work",
        "1ca17d0d8b7fe83f84e75770447ac8ac2ee47976bcd020df4be453394bab7393",
    ),
    (
        "transaction replace hot key",
        "1ac8ce4c94e293218de24d6d55130b25d8b72cd34c50c76c4f8ffca16912cbc1",
    ),
    (
        "transaction reveal weights",
        "234d2b59409c79ca9108850c35f31e644ae43ca8d28bbb1ea1dd05d20c290105",
    ),
    (
        "transaction set endpoint",
        "2a631ce6a4e34dbcd7aa34e2391ac6c8d8788d4edb9d2df896c24d7d536e8174",
    ),
    ("transaction set weights", "79360f0e8a3b5d30786dfb3655cf27307ac433c5453642805c56f78c8aa36a73"),
    (
        "transaction solve a round",
        "3e8c1ff17e81f6a833c0bb1a0a9af6ee18b332f60e66dbfe3ed83a5dffbd9d64",
    ),
    ("transaction stake", "d778e4f9e99ca82e873fe127f37af9a8500ddb6c69808259ada4e352d23ad702"),
    ("transaction transfer", "e2b5c0fe45ca4d587a7cc4932e29bdfb5d79d960aea2fbc8ec3747c78c67fa4b"),
    ("transaction unstake", "63f7b30eabe1586f3a6b0df9ba4e525b957c9eb41f28185f35331235f96d7517"),
    ("transaction vote", "3b659f303ee3e3b8a0a66321ebb8523a126018ee9561bc25e9f05943da853f40"),
];

/// The root after the sequence, by protocol version. A change means that programs disagree about
/// blocks that exist: the one of a version that chains run never changes, new rules come with a
/// new version. The failing test prints the new one.
pub const ROOTS: &[(Version, &str)] = &[
    (Version(1), "903f25a7bb82e2c30fc62776a588113f0da9b59bfbd9a1b1c7677710ad19db71"),
    (Version(2), "188bac2ed2326e394ae082d25d2b7fdf38c693c25cf811e0910d0e0d488e6489"),
    (Version(3), "0a9cce37fb0ccc5e5b7339889883fc02948997860516e2af6aa1fcb1c08d6f0f"),
];
