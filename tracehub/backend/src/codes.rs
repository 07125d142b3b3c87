//! Codes that standards define: countries, traders, goods, sizes and types of containers. Each as people write it, in the form
//! that is stored, or nothing when it can't be one.

/// ISO 3166-1, with Kosovo's XK, which customs use.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC \
    CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD \
    GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH \
    KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW \
    MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC \
    SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY \
    UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// What ISO 6346 calls a container of which no more than its group is known.
const GROUPS: [&[u8; 2]; 19] = [
    b"GP", b"VH", b"RE", b"RT", b"RS", b"HR", b"HI", b"UT", b"PL", b"PF", b"PC", b"PS", b"TN", b"TD", b"TG",
    b"BU", b"BK", b"SN", b"AS",
];

/// As nobody means another by: without what groups are set apart with, and in capitals.
fn bare(written: &str) -> String {
    written
        .chars()
        .filter(|c| !c.is_whitespace() && !".-".contains(*c))
        .collect::<String>()
        .to_ascii_uppercase()
}

/// A country, by its two letters.
pub fn country(written: &str) -> Option<String> {
    let code = bare(written);
    COUNTRIES.split(' ').any(|country| country == code).then_some(code)
}

/// An EORI number: the country that has given it (XI is Northern Ireland), and up to 15 letters and digits.
pub fn eori(written: &str) -> Option<String> {
    let code = bare(written);
    let (from, rest) = code.split_at_checked(2)?;
    let is_from = from == "XI" || country(from).is_some();
    let is_rest = (1..=15).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_from && is_rest).then_some(code)
}

/// A code of the Harmonized System: six digits that all countries share, and up to two of the country's own. The first two
/// are one of its chapters.
pub fn hs_code(written: &str) -> Option<String> {
    let code = bare(written);
    let is_long_enough = (6..=8).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
    // 77 is kept free for what is to come, and 98 and 99 for what countries make of them.
    let is_chapter = is_long_enough && !["00", "77"].contains(&&code[..2]);
    is_chapter.then_some(code)
}

/// A container's size and type, as ISO 6346 has it: length, height, and two for the type.
pub fn container_kind(written: &str) -> Option<String> {
    let code = bare(written);
    let [length, height, group, kind] = *code.as_bytes() else { return None };
    let is_one = (b"1234".contains(&length) || (b'A'..=b'P').contains(&length))
        && (height.is_ascii_digit() || (b'C'..=b'F').contains(&height))
        && (b"GVRHUTBPSAN".contains(&group) && kind.is_ascii_digit() || GROUPS.contains(&&[group, kind]));
    is_one.then_some(code)
}

/// A weight as people read it: `24000.5 kg` for 24,000,500 g.
pub fn kilograms(grams: i64) -> String {
    let (whole, part) = (grams / 1000, grams % 1000);
    let text = format!("{whole}.{part:03}");
    format!("{} kg", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_taken_as_people_write_them() {
        assert_eq!(country(" ng "), Some("NG".into()));
        assert_eq!(eori("de 1234 567"), Some("DE1234567".into()));
        assert_eq!(eori("XI123456789000"), Some("XI123456789000".into()));
        assert_eq!(hs_code("1801.00"), Some("180100".into()));
        assert_eq!(hs_code("0801 32 00"), Some("08013200".into()));
        for kind in ["22G1", "45g1", "L5G1", "22R1", "45R1", "22T6", "2EG1", "22U1", "42P3", "45GP"] {
            assert_eq!(container_kind(kind), Some(kind.to_uppercase()));
        }
    }

    #[test]
    fn what_is_no_such_code_is_none() {
        for wrong in ["", "N", "NGA", "ZZ", "UK", "É"] {
            assert_eq!(country(wrong), None, "{wrong}");
        }
        for wrong in ["", "DE", "ZZ123", "DE1234567890123456", "DE12é", "1D123", "é1"] {
            assert_eq!(eori(wrong), None, "{wrong}");
        }
        for wrong in ["", "18010", "180100000", "18010A", "000000", "770000", "١٨٠١٠٠"] {
            assert_eq!(hs_code(wrong), None, "{wrong}");
        }
        for wrong in ["", "40HC", "22G", "22G11", "52G1", "2ZG1", "éG1"] {
            assert_eq!(container_kind(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_weight_shows_no_digit_that_says_nothing() {
        for (grams, shown) in
            [(24_000_000, "24000 kg"), (12_500, "12.5 kg"), (1, "0.001 kg"), (10_000, "10 kg")]
        {
            assert_eq!(kilograms(grams), shown);
        }
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer_that_is_taken_again(text in ".{0,20}") {
            for read in [country, eori, hs_code, container_kind] {
                if let Some(code) = read(&text) {
                    prop_assert_eq!(read(&code), Some(code.clone()));
                }
            }
        }

        #[test]
        fn each_code_of_this_form_is_one(code in "[01][1-9][0-9]{4,6}", rest in "[A-Z0-9]{1,15}") {
            prop_assert!(hs_code(&code).is_some());
            let number = format!("NG{rest}");
            prop_assert!(eori(&number).is_some());
        }
    }
}
