use deskbell_testkit::{Options, simulate};
#[test]
fn one() {
    let seed = std::env::var("SEED").unwrap().parse().unwrap();
    if let Err(failure) = simulate(seed, Options::default()) { println!("{failure}"); }
}
