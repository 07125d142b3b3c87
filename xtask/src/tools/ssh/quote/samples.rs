//! Random words to test quoting with: made of pieces that a shell gives a meaning to, and of single characters.

/// What has a meaning for a shell, for `printf` or for a terminal.
const PIECES: &[&str] = &[
    "",
    " ",
    "-",
    "-n",
    "--",
    "'",
    "''",
    "\\",
    "\\'",
    "\"",
    "$HOME",
    "$(reboot)",
    "`reboot`",
    ";",
    "&&",
    "|",
    "\n",
    "\r\n",
    "a\nb\n",
    "*",
    "?",
    "[a]",
    "~",
    "!",
    "!!",
    "#",
    "{a,b}",
    "\t",
    "\u{1b}[0m",
    "é",
    "\u{202e}",
    "%s",
    "\\n",
    "a'b\"c`d$e\\f",
    "\\\n",
];

/// `count` lists of words, each with the seed that makes it again.
pub fn samples(count: u64) -> impl Iterator<Item = (u64, Vec<String>)> {
    (0..count).map(|seed| (seed, words(seed)))
}

fn words(seed: u64) -> Vec<String> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let count = 1 + next(8);
    let mut word = || {
        let parts = next(6);
        let mut word = String::new();
        for _ in 0..parts {
            match next(2) {
                0 => word.push_str(PIECES[next(PIECES.len())]),
                _ => word.push(char::from_u32(1 + next(0x2ff) as u32).unwrap_or('x')),
            }
        }
        word
    };
    (0..count).map(|_| word()).collect()
}
