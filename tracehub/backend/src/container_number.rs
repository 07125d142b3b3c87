//! Container numbers, as ISO 6346 has them: owner, category, serial number and a digit that checks the rest.

/// Whether the number has the form of a container's and its check digit fits: `CSQU3054383`.
///
/// Letters count 10 to 38, leaving out the multiples of 11; each place doubles; the sum modulo 11, and that modulo 10.
pub fn is_valid(number: &str) -> bool {
    fitting(number).is_some_and(|fitting| fitting == number)
}

/// The number with the check digit that fits, if it has the form of one.
pub fn fitting(number: &str) -> Option<String> {
    let (first, last) = number.split_at_checked(10)?;
    let (owner, serial) = first.as_bytes().split_at(4);
    let is_well_formed = owner[..3].iter().all(u8::is_ascii_uppercase)
        && b"UJZ".contains(&owner[3])
        && serial.iter().all(u8::is_ascii_digit)
        && last.len() == 1
        && last.bytes().all(|byte| byte.is_ascii_digit());
    is_well_formed.then(|| format!("{first}{}", check_digit(first)))
}

/// As people write it (`csqu 305438-3`), in the form that is stored.
pub fn normalise(written: &str) -> String {
    written.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_ascii_uppercase()
}

fn check_digit(first_ten: &str) -> u32 {
    let sum: u32 = first_ten.bytes().zip(0..).map(|(byte, place)| value(byte) << place).sum();
    sum % 11 % 10
}

fn value(byte: u8) -> u32 {
    if byte.is_ascii_digit() {
        return u32::from(byte - b'0');
    }
    let place = u32::from(byte - b'A');
    // 11, 22 and 33 would weigh nothing modulo 11, so the standard skips them.
    10 + place + place.div_ceil(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_real_containers_are_valid() {
        for number in ["CSQU3054383", "MSKU9070323", "TEMU6079348", "HLXU2008419"] {
            assert!(is_valid(number), "{number}");
        }
    }

    #[test]
    fn letters_count_as_the_standard_s_table_says() {
        let table = [
            10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 34, 35, 36,
            37, 38,
        ];
        assert_eq!((b'A'..=b'Z').map(value).collect::<Vec<_>>(), table);
    }

    #[test]
    fn what_has_another_form_is_not_valid() {
        for number in
            ["", "CSQU305438", "CSQU30543833", "CSQX3054383", "CSQU305438É", "1SQU3054383", "csqu3054383"]
        {
            assert!(!is_valid(number), "{number}");
        }
    }

    proptest! {
        #[test]
        fn one_wrong_digit_never_passes(first in "[A-Z]{3}[UJZ][0-9]{6}", place in 4..10_usize, other in 1..10_u8) {
            let digit = check_digit(&first);
            // A remainder of 10 shares its check digit with 0: the standard advises against such numbers.
            let remainder: u32 = first.bytes().zip(0..).map(|(byte, place)| value(byte) << place).sum::<u32>() % 11;
            prop_assume!(remainder != 10 && remainder != 0);
            let mut bytes = first.into_bytes();
            bytes[place] = b'0' + (bytes[place] - b'0' + other) % 10;
            let wrong = format!("{}{digit}", String::from_utf8(bytes).unwrap());
            prop_assert!(!is_valid(&wrong));
        }

        #[test]
        fn any_text_gets_an_answer(text in ".*") {
            let _ = is_valid(&normalise(&text));
        }
    }
}
