//! Where values lie in a panel.

use super::scale::Scale;

/// A rectangle in which values are drawn, and how they get there.
pub struct Plot {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub x: Scale,
    pub y: Scale,
}

impl Plot {
    /// The place of a point, also of one outside.
    pub fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (x, y) = (self.x.place(x)?, self.y.place(y)?);
        Some((self.left + x * self.width, self.top + (1.0 - y) * self.height))
    }
}
