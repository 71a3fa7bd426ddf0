//! The table by which each mechanism declares its entries, and the typed place of one entry.

use crate::money::Grains;

/// Where an entry of type `T` stands: its key, and how it is put into and found in the value of
/// its mechanism.
#[derive(Clone, Copy)]
pub struct Slot<K, V, T> {
    pub(crate) key: K,
    pub(crate) wrap: fn(T) -> V,
    pub(crate) open: fn(&V) -> Option<&T>,
}

/// The same, for an entry that every state has.
#[derive(Clone, Copy)]
pub struct Singleton<K, V, T>(pub(crate) Slot<K, V, T>);

/// An entry that holds no money.
pub(super) fn nothing<T>(_: &T) -> Grains {
    Grains::ZERO
}

/// What an entry holds, in more bits than any amount: an entry from a damaged disk may hold several
/// that no supply covers. Lets the compiler find the type of a closure's argument.
pub(super) fn held<T, M: Into<u128>>(entry: &T, money: impl Fn(&T) -> M) -> u128 {
    money(entry).into()
}

/// Declares each entry of a mechanism once: its words, the function that gives its place, its
/// name, the parts of its key, its type, and the money that it holds. An entry without a key's
/// parts stands in every state from the genesis on. The order is the order of scans and the
/// numbers of encodings: new ones come last, and have parts.
macro_rules! entries {
    ($(
        #[doc = $about:literal]
        $place:ident: $name:ident $(( $($field:ident: $part:ty),+ ))? => $kind:ty, holds $money:expr;
    )*) => {
        /// Where an entry stands. The order of the variants and of their parts is that of scans.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize,
            BorshDeserialize,
        )]
        pub enum Key { $( #[doc = $about] $name $(( $($part),+ ))?, )* }

        /// What stands under the key of the same name.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
        pub enum Value { $( #[doc = $about] $name($kind), )* }

        impl Value {
            /// Whether this may stand under the key.
            pub(super) fn fits(&self, key: &Key) -> bool {
                match (self, key) {
                    $( (Self::$name(_), Key::$name { .. }) => true, )*
                    #[allow(unreachable_patterns, reason = "where a mechanism has one entry")]
                    _ => false,
                }
            }

            /// The money that the entry holds.
            pub(super) fn money(&self) -> u128 {
                match self {
                    $( Self::$name(entry) => $crate::state::slot::held(entry, $money), )*
                }
            }
        }

        /// The names of all entries, in order.
        pub const NAMES: &[&str] = &[ $( stringify!($name), )* ];

        /// The keys of the entries that every state has.
        pub(super) fn always() -> Vec<Key> {
            let keys = [ $( entries!(@always $name $(, $($part),+)?), )* ];
            keys.into_iter().flatten().collect()
        }

        $( entries!(@place $about, $place: $name $(( $($field: $part),+ ))? => $kind); )*
    };
    (@always $name:ident) => { Some(Key::$name) };
    (@always $name:ident, $($part:ty),+) => { None::<Key> };
    (@place $about:literal, $place:ident: $name:ident => $kind:ty) => {
        #[doc = $about]
        pub fn $place() -> Singleton<Key, Value, $kind> {
            Singleton(Slot {
                key: Key::$name,
                wrap: Value::$name,
                open: |value| match value {
                    Value::$name(entry) => Some(entry),
                    #[allow(unreachable_patterns, reason = "where a mechanism has one entry")]
                    _ => None,
                },
            })
        }
    };
    (@place $about:literal, $place:ident: $name:ident($($field:ident: $part:ty),+) => $kind:ty) => {
        #[doc = $about]
        pub fn $place($($field: $part),+) -> Slot<Key, Value, $kind> {
            Slot {
                key: Key::$name($($field),+),
                wrap: Value::$name,
                open: |value| match value {
                    Value::$name(entry) => Some(entry),
                    #[allow(unreachable_patterns, reason = "where a mechanism has one entry")]
                    _ => None,
                },
            }
        }
    };
}
pub(super) use entries;
