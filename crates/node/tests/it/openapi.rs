//! The description of the HTTP interface that stands in `docs/openapi.json`, against which the
//! dashboard's tests hold what the page reads.

use std::fs;
use std::path::Path;

#[test]
fn the_description_of_the_api_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let written = fs::read_to_string(path).expect("docs/openapi.json");
    let described = muster_node::http::openapi_json();
    let line = described.lines().zip(written.lines()).take_while(|(now, then)| now == then).count();
    assert!(
        written.trim_end() == described,
        "docs/openapi.json is out of date from line {}: run `cargo run --release -p muster-node \
         --example openapi > docs/openapi.json`, then `npm test` in web/",
        line + 1
    );
}
