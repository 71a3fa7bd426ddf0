//! Small whole numbers as runs of one number, or packed in few bits each: levels, and places in
//! dictionaries.
//!
//! Source: "Run Length Encoding / Bit-Packing Hybrid", `Encodings.md` of Apache Parquet.

use super::thrift::varint;

/// Where a reader of runs stands in the bytes of a page.
pub struct Runs {
    /// Bits of a number, at most 32.
    width: u32,
    /// The next byte after the run.
    at: usize,
    /// Numbers of the run that are left.
    left: u64,
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    Repeated(u32),
    /// The next bit.
    Packed(usize),
}

impl Runs {
    /// From the byte `at`; `None` if numbers are too wide.
    pub fn new(width: u8, at: usize) -> Option<Self> {
        (width <= 32).then_some(Self { width: width.into(), at, left: 0, run: Run::Repeated(0) })
    }

    /// The next number, or `None` where `bytes` are over.
    pub fn next(&mut self, bytes: &[u8]) -> Option<u32> {
        while self.left == 0 {
            self.begin(bytes)?;
        }
        self.left -= 1;
        match &mut self.run {
            Run::Repeated(number) => Some(*number),
            Run::Packed(bit) => {
                let number = packed(bytes, *bit, self.width)?;
                *bit += self.width as usize;
                Some(number)
            }
        }
    }

    fn begin(&mut self, bytes: &[u8]) -> Option<()> {
        let (header, length) = varint(bytes.get(self.at..)?)?;
        self.at += length;
        if header & 1 == 0 {
            let size = self.width.div_ceil(8) as usize;
            let mut wide = [0; 4];
            wide[..size].copy_from_slice(bytes.get(self.at..)?.get(..size)?);
            self.at += size;
            (self.left, self.run) = (header >> 1, Run::Repeated(u32::from_le_bytes(wide)));
            return Some(());
        }
        // Groups of eight numbers. The last may be cut short.
        let groups = header >> 1;
        self.left = groups.checked_mul(8)?;
        self.run = Run::Packed(self.at.checked_mul(8)?);
        let length = groups.checked_mul(u64::from(self.width))?;
        let end = usize::try_from(length).ok()?.checked_add(self.at)?;
        self.at = end.min(bytes.len());
        Some(())
    }
}

/// The number of `width` bits from the bit `bit` on, the lowest first.
fn packed(bytes: &[u8], bit: usize, width: u32) -> Option<u32> {
    if bit + width as usize > 8 * bytes.len() {
        return None;
    }
    let rest = &bytes[bit / 8..];
    let word = match rest.first_chunk() {
        Some(&chunk) => u64::from_le_bytes(chunk),
        None => {
            let mut chunk = [0; 8];
            chunk[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(chunk)
        }
    };
    Some((word >> (bit % 8) & ((1 << width) - 1)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(width: u8, bytes: &[u8], count: usize) -> Option<Vec<u32>> {
        let mut runs = Runs::new(width, 0)?;
        (0..count).map(|_| runs.next(bytes)).collect()
    }

    /// The example of `Encodings.md`: 0 to 7 in three bits each.
    #[test]
    fn runs_and_packed_numbers() {
        let packed = [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(numbers(3, &packed, 8).expect("valid"), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(numbers(3, &packed, 9), None);
        // Four times 300, then eight times 1 in nine bits.
        let mixed = [8, 0x2c, 0x01, 3, 1, 2, 4, 8, 16, 32, 64, 128, 0];
        let mut expected = vec![300; 4];
        expected.extend([1; 8]);
        assert_eq!(numbers(9, &mixed, 12).expect("valid"), expected);
        // One entry in the dictionary takes no bits.
        assert_eq!(numbers(0, &[3], 8).expect("valid"), [0; 8]);
    }

    #[test]
    fn damage_ends_the_numbers() {
        assert!(Runs::new(33, 0).is_none());
        let endless = [0xff; 12];
        assert_eq!(numbers(32, &endless, 1), None);
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1, 2, 3];
        assert_eq!(numbers(32, &huge, 1), None);
        for width in 0..=32 {
            let zero_runs = [0; 64];
            assert_eq!(numbers(width, &zero_runs, 1), None, "{width}");
        }
    }
}
