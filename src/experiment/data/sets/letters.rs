//! OCR letters (Kassel 1995; Taskar, Guestrin and Koller 2004): a line a letter, in the random order that its figures are published for.

use super::super::array::{Read, fault};

/// Letters in the file.
const LETTERS: usize = 52_152;

/// Pixels of a letter.
pub const PIXELS: usize = 16 * 8;

/// Fields before the pixels: number, letter, next, word, position, fold.
const FIELDS: usize = 6;

/// The seed of the published split.
const SEED: u32 = 12_345;

/// Pixels (0 and 1) and classes (0 for a, …, 25 for z) in the order of the file.
pub fn read(text: &[u8]) -> Read<(Vec<u8>, Vec<u8>)> {
    const REMEDY: &str = "the file is damaged or another one: fetch it again";
    let (mut pixels, mut classes) = (Vec::with_capacity(LETTERS * PIXELS), Vec::with_capacity(LETTERS));
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let fields: Vec<&[u8]> = line.trim_ascii().split(|&byte| byte == b'\t').collect();
        let letter = match fields.get(1) {
            Some([letter @ b'a'..=b'z']) if fields.len() == FIELDS + PIXELS => letter - b'a',
            _ => {
                let number = classes.len() + 1;
                return fault(format!("line {number} is not a letter a to z and {PIXELS} pixels"), REMEDY);
            }
        };
        classes.push(letter);
        pixels.extend(fields[FIELDS..].iter().map(|pixel| u8::from(*pixel == b"1")));
    }
    if classes.len() != LETTERS {
        return fault(format!("holds {} letters, not {LETTERS}", classes.len()), REMEDY);
    }
    Ok((pixels, classes))
}

/// The rows of the file in the order of Larochelle, Bengio and Turian (2010): what Python 2 makes of `random.seed(12345)` and
/// `random.shuffle`. The first 32,152 train, the next 10,000 validate, the last 10,000 test.
pub fn order() -> Vec<usize> {
    let mut twister = Twister::new(SEED);
    let mut rows: Vec<usize> = (0..LETTERS).collect();
    for last in (1..rows.len()).rev() {
        let other = (twister.uniform() * (last + 1) as f64) as usize;
        rows.swap(last, other);
    }
    rows
}

/// Words of the twister's state, and the distance of those that are mixed.
const WORDS: usize = 624;
const APART: usize = 397;

/// The Mersenne twister MT19937 (Matsumoto and Nishimura 1998), seeded by an array of one number.
struct Twister {
    state: [u32; WORDS],
    next: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut state = [0u32; WORDS];
        state[0] = 19_650_218;
        let mixed = |before: u32| before ^ (before >> 30);
        for i in 1..WORDS {
            state[i] = mixed(state[i - 1]).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        let mut i = 0;
        let mut step = |state: &mut [u32; WORDS], factor: u32, add: &dyn Fn(usize) -> u32| {
            i += 1;
            if i == WORDS {
                state[0] = state[WORDS - 1];
                i = 1;
            }
            state[i] = (state[i] ^ mixed(state[i - 1]).wrapping_mul(factor)).wrapping_add(add(i));
        };
        (0..WORDS).for_each(|_| step(&mut state, 1_664_525, &|_| seed));
        (1..WORDS).for_each(|_| step(&mut state, 1_566_083_941, &|i| (i as u32).wrapping_neg()));
        state[0] = 1 << 31;
        Self { state, next: WORDS }
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            for i in 0..WORDS {
                let joined = (self.state[i] & (1 << 31)) | (self.state[(i + 1) % WORDS] & ((1 << 31) - 1));
                let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + APART) % WORDS] ^ (joined >> 1) ^ odd;
            }
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// Uniform in [0, 1), of 53 bits.
    fn uniform(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }
}
