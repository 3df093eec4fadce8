#[test]
fn one() {
    let Ok(p) = std::env::var("ONE") else { return };
    let t = std::env::var("TARGET").unwrap();
    let o = std::fs::read(p).unwrap();
    fuzz_checks::CHECKS.iter().find(|(n, _)| *n == t).unwrap().1(&o);
}
