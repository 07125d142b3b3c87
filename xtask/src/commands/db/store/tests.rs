use super::*;

#[test]
fn an_environment_has_a_folder_of_its_own_and_a_copy_is_found_by_its_address() {
    let of = |address: &str| parts(address, "staging").unwrap();
    assert_eq!(of("s3://copies/here/"), ("copies/here/staging".to_owned(), None));
    assert_eq!(of("s3://copies"), ("copies/staging".to_owned(), None));
    // By the name that a store's copies are compared with.
    let there = of("s3://copies/here/production/20260103t120000z-1-1.dump.age");
    assert_eq!(there, ("copies/here/production".to_owned(), Some("20260103t120000z-1-1".to_owned())));
    assert!(parts("s3://../up", "staging").is_err());
}

#[test]
fn of_two_hosts_copies_the_one_is_taken_that_is_meant_and_else_none() {
    let copies = [
        "20260105t120000z-1-aaaaaaa1",
        "20260103t120000z-1-aaaaaaa1",
        "20260104t120000z-1-bbbbbbb2",
        "notes-aaaaaaa1",
    ];
    let newest_of = |names: &[&str], whose: Whose| {
        newest(names.iter().map(|name| ((*name).to_owned(), 1)).collect(), &whose).map(|it| it.map(|it| it.0))
    };
    let rather = |owner: &str| Whose::Rather(owner.to_owned());
    let only = |owner: &str| Whose::Only(owner.to_owned());
    let is = |name: &str| Ok(Some(name.to_owned()));
    assert_eq!(newest_of(&copies, Whose::Anybodys), Err(vec![copies[0].to_owned(), copies[2].to_owned()]));
    assert_eq!(newest_of(&copies, rather("bbbbbbb2")), is(copies[2]));
    assert!(newest_of(&copies, rather("ccccccc3")).is_err());
    assert_eq!(newest_of(&copies, only("ccccccc3")), Ok(None));
    assert_eq!(newest_of(&copies[..2], rather("ccccccc3")), is(copies[0]));
    // By hand, a day later.
    let by_hand = [copies[0], "20260106t120000z-4242-1"];
    for whose in [Whose::Anybodys, rather("aaaaaaa1"), only("aaaaaaa1")] {
        assert_eq!(newest_of(&by_hand, whose), is(copies[0]), "it has papers, and that has none");
    }
    assert_eq!(newest_of(&by_hand[1..], rather("aaaaaaa1")), is(by_hand[1]));
    assert_eq!(newest_of(&by_hand[1..], only("aaaaaaa1")), Ok(None));
}

#[test]
fn a_copy_of_later_than_now_is_not_the_newest() {
    let now = time_of("20260103t120000z-1").unwrap();
    assert!(!is_ahead("20260103t125900z-1-aaaaaaa1", now), "clocks differ");
    assert!(is_ahead("20260103t130100z-1-aaaaaaa1", now) && !is_ahead("notes", now));
}

#[test]
fn of_each_host_that_has_sent_there_the_newest_is_found() {
    let names = [
        "20260103t120000z-host-aaaa.host.age",
        "20260105t120000z-host-aaaa.host.age",
        "20260104t120000z-host-bbbb.host.age",
        "20260106t120000z-1-bbbb.dump.age",
        "notes.host.age",
    ];
    let newest = newest_of_each(names.map(str::to_owned).into_iter(), ".host.age");
    assert_eq!(newest, [names[1], names[2]]);
}

#[test]
fn what_has_no_room_here_is_not_begun() {
    assert!(check_room(10 << 20, 11 << 20, "/tmp".into()).is_err());
    assert!(check_room(10 << 20, 12 << 20, "/tmp".into()).is_ok());
}
