//! Switches to the rules of another protocol version, at heights that were agreed.

use crate::outcome::{Event, Rejection, governance};
use crate::protocol::{Protocol, Switch, Version};
use crate::state::{Read, chain};
use crate::transition::Transition;
use crate::types::Height;

/// Checks that a switch could be agreed in the block of a height: to the next version, not before
/// notice was given, and only one at a time.
pub(crate) fn check(
    transition: &Transition,
    switch: Switch,
    decided: Height,
) -> Result<(), Rejection> {
    let Protocol { version, next } = *transition.the(chain::protocol());
    if let Some(agreed) = next {
        return Err(governance::Rejection::UpgradeAgreed(agreed).into());
    }
    if switch.version != Version(version.0.saturating_add(1)) {
        return Err(governance::Rejection::UpgradeVersion { version }.into());
    }
    let notice = transition.parameters().upgrade_notice_blocks;
    let (height, from) = (switch.height, decided.after(notice));
    if height < from {
        return Err(governance::Rejection::UpgradeNotice { height, from }.into());
    }
    Ok(())
}

/// Agrees on a switch that passed its check.
pub(crate) fn agree(transition: &mut Transition, switch: Switch) {
    let protocol = Protocol { next: Some(switch), ..*transition.the(chain::protocol()) };
    transition.set(chain::protocol(), protocol);
}

/// Switches, where this is the height that was agreed. Whether the program knows the rules was
/// checked before.
pub(crate) fn begin_block(transition: &mut Transition, height: Height) {
    let Protocol { next: Some(switch), .. } = *transition.the(chain::protocol()) else {
        return;
    };
    if switch.height <= height {
        transition.set(chain::protocol(), Protocol { version: switch.version, next: None });
        transition.event(Event::Upgraded(switch));
    }
}
