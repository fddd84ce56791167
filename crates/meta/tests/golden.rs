//! Bodies of our own, in the shapes Meta uses, against the lines they decode to.

use std::fs;
use std::path::PathBuf;

use deskbell_meta::decode;

const BODIES: [&str; 7] = ["account", "batch", "coexistence", "content", "instagram", "odd", "statuses"];

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect()
}

#[test]
fn each_body_decodes_to_the_lines_written_beside_it() {
    let mut decoded = String::new();
    for body in BODIES {
        let file = format!("{body}.json");
        for line in decode::lines(&file, &fs::read(fixture(&file)).unwrap()).unwrap() {
            decoded.push_str(&serde_json::to_string(&line).unwrap());
            decoded.push('\n');
        }
    }
    let known = fs::read_to_string(fixture("decoded.jsonl")).unwrap_or_default();
    if decoded != known {
        // For whoever changed it on purpose: look at the difference, then keep it.
        let other = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("decoded.jsonl");
        fs::write(&other, &decoded).unwrap();
        panic!("the bodies decode to other lines than tests/fixtures/decoded.jsonl: see {}", other.display());
    }
}
