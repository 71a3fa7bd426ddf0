//! What must never change while chains run by it: the hashes of encodings, and the roots of the
//! fixed sequence of blocks.

use muster_ledger::protocol::Version;

/// The hash of what all parameters mean: names, defaults, ranges, versions.
pub const PARAMETERS: &str = "8ee904bdf7e298fb96323dc21ed8880eda72dfd2451b84935ce99f36aaa91fe7";

/// Hashes of the encodings of one sample each. A change means that old data can no longer be
/// read; to regenerate, run the test and copy what it prints.
pub const PINNED: &[(&str, &str)] = &[
    ("block", "ff79385e1018d7479096d7a3a1ee67572e76f112333563262af0934611e7076d"),
    ("entry Account Account", "5d8fce62e83a05ba0bce3fe1b4349b5bd63b0dcdd051f979d763403b75a36199"),
    ("entry Chain Clock", "68703c50260bb6dad48ff1f6267e12c67e031f0d6f2f492b191ee5d2c3a0d27f"),
    ("entry Chain Committee", "189b5ffbe734bf7cdd7a1ff2eb83ab7bdf9336ef8a53a0a183a46163de928671"),
    ("entry Chain Counters", "2d182c2502a544f83d22a4433285b8a0fc347578ae71df5d9290523b864341f3"),
    ("entry Chain Due", "0d6fd1a87730a9ec5ca8a8be2dfcea62ae7b6a32fde1dab17e8b09e7c344352f"),
    ("entry Chain Escrow", "0dae086ca8aa4dc07a14766f1a6353b969480208c5364da5dbe2bfbceb130d20"),
    ("entry Chain EscrowFor", "4d61574e543bdbf6afb20be1920baf316570f80672f7d508b463e71ac179d8d8"),
    ("entry Chain Parameters", "d039fc4cce092a27d7d5ac039ae19c5af512cafffd790a1980fdebd1b524a562"),
    ("entry Chain Protocol", "8845399c4afa97e9b2796e064ec87ec19b820ec983696e94a79d75d73d55964c"),
    ("entry Chain Supply", "ead39723a832bed5a911c56fce93e80574e3269e87f446baf507c3b60a1c69ec"),
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
        "0c24700a31dabca5e85b37e2d1c6d004830fdd09f17f0f55a8a1a7a923d0f585",
    ),
    ("entry Market HotKeySet", "746c93c88df9bec6a2facf7fce8de1936981036d92178d12337da701042d74bf"),
    ("entry Market Payout", "661f90af589ee12475430fe2ead75d4584d00e7f0ea52485bab0ce6400156b74"),
    ("entry Market Peer", "db8c68216f356270b08e0cbbbed8a5bc5ded0d6528d3ccab5b53526112d9dd86"),
    ("entry Market PeerByHot", "5d25530d15f9ff5d5079cebf42ad8db9d590ce5e68eacd4fad5f79022606d773"),
    ("entry Market Places", "b1d61b26efd6a2d2969ef34d66d499325eb89815fdd62b92ce1824c3c6b6948c"),
    (
        "entry Market Registration",
        "7e324719867078274550159d9237436505e7d4a8ef4dc65e65d7ef523d34a330",
    ),
    ("entry Market Report", "f64f8eff7e09ae3a9213df73f4eb0de442915fe4f46b10b1a45fbeaff7adbe9c"),
    ("entry Market Weights", "75febc93eab110079056d687e82445a57b3d0e8136dac9cc959ee5a9aa7166ca"),
    ("entry Stake Delegation", "e04f723f2394d13a5db570a0b164822420783642347567f2fd7056d4b4a72538"),
    (
        "entry Stake DelegationOf",
        "d080838ed44395ec357329f7834fda29c2294cee21275ccb4daeef906ccabd50",
    ),
    ("entry Stake Retired", "cb56930bc3b987e325ca97bf3791cb29bc838d827b194729e8e211f491bec428"),
    ("event", "2e01d3300cd27a54ee6214970f038de866ccbab5ed9246c42b42df0e47b616eb"),
    ("genesis", "327a6285b33aac027b71d10e7ad4672afab6ad481fe7121d10d63b63e3819fb2"),
    ("header", "b8fd17580795353b9b568ff3e586c183668566b5b42c96f287563a1b22a6adc0"),
    ("parameters", "dd4e9ddd014b34edb84b7ef387c60561ab359a8d039049344e5cf4d2a1158e84"),
    ("proof", "439e195242940e500e0ab94be59dbe01e3359e3a542245e052e22f676a06cdb1"),
    ("receipt", "04746fe92f49e8086cc8c6430918ec101a664420e9bd1475b496fe1f96c21d55"),
    ("receipts", "2a75f01f4d7f266ed9c2b0f820d7aa685b8b44e816da6bf02107e5e5d00712d6"),
    (
        "transaction commit weights",
        "3c71c39c0133ff0f8c6e9bfbdc77b0f1602c3faf5faa944bec63eb7f94cb56d8",
    ),
    ("transaction emit", "d09a951a2d361515e0f97fdf5b95afef085d9fb251a88c0745d037ba78624ae4"),
    (
        "transaction propose a parameter",
        "af220e1954ced54097fe40619c83582199bc6361ba36fe09e2c0f31ca95b3ec8",
    ),
    (
        "transaction propose an upgrade",
        "e119bda13e898e2313e2b6963be5acf0ad0317aa04b9da397d9cbfab9c17bdbb",
    ),
    (
        "transaction register by burning",
        "b91bd2b837f65e6965f94e5146936061a163598b6c864bfa76b0f05545895759",
    ),
    (
        "transaction register by work",
        "69665a36de70fc9a308096bb74808ad511efe4d2462f4f3753310acd022b0a33",
    ),
    (
        "transaction replace hot key",
        "7a34ea96a7740ff6f75575c4df78f72d64aad776764eb3bdbeb238d13cdbd3e1",
    ),
    (
        "transaction reveal weights",
        "879139746ccd1b535512a52f6449e7ca1075d89436f7f4e814e197c86f572331",
    ),
    (
        "transaction set endpoint",
        "794070c273bd7798f155a5c707395caddba69e94373b674365495898febaa75d",
    ),
    ("transaction set weights", "a32a5fcaa3e516c50417b0e0790fa851fc8fcbf7a1dafbc5df673ecac42e7505"),
    ("transaction stake", "977008286749c4734b11324b60d3cd144ce2d1d4f668ec91283504b20e5d1fc7"),
    ("transaction transfer", "0dc709eb0bc7681346154119295348abd0aef948dcf61601fb423546b0f71a69"),
    ("transaction unstake", "acf2ed48cfd5ad8a3191e0a27bced7aa6777931d8cf2c9fa3b7ac803d16f1788"),
    ("transaction vote", "dfbc7d98a61c36e3ca1b7af1be9064e6663023c7f4d6489b43271bb922fa429d"),
];

/// The root after the sequence, by protocol version. A change means that programs disagree about
/// blocks that exist: the one of a version that chains run never changes, new rules come with a
/// new version. The failing test prints the new one.
pub const ROOTS: &[(Version, &str)] = &[
    (Version(1), "24328e2c9321c492bac6006d2036d81e33da3257c28e5d7be88a78548f8305d7"),
    (Version(2), "bb7b90bc7e4614afc0e9bd03216e7345e1ef039ddbbcf6f336438897630fc6cf"),
];
