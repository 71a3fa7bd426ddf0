//! The dashboard, embedded in the program where it was built before.

use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};

use super::problems::HttpProblem;

/// The files of the built dashboard; empty when it was not built.
#[derive(rust_embed::RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Assets;

const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<title>Muster</title><body><h1>The dashboard was not built</h1>\
<p>This program was compiled without it. Run <code>cargo xtask up</code>, which builds it first, \
or <code>npm ci && npm run build</code> in <code>web/</code> and compile again with the variable \
<code>MUSTER_DASHBOARD</code> set. The API is at <a href=\"/v1/status\">/v1/status</a>, described \
at <a href=\"/openapi.json\">/openapi.json</a>.</p></body></html>";

/// What a page may load: only from here.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Any path that is not the API: a file of the dashboard, or its page.
pub async fn serve(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("v1/") || path == "v1" {
        return HttpProblem::not_found(format!("there is nothing at /{path}; see /openapi.json"))
            .into_response();
    }
    let path = if path.is_empty() { "index.html" } else { path };
    match Assets::get(path) {
        Some(file) => {
            // The names of built assets hold a hash of their content.
            let cache = if path.starts_with("assets/") {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            };
            let headers = [
                (header::CONTENT_TYPE, file.metadata.mimetype().to_string()),
                (header::CACHE_CONTROL, cache.to_string()),
                (header::CONTENT_SECURITY_POLICY, POLICY.to_string()),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_string()),
            ];
            (headers, file.data.into_owned()).into_response()
        }
        None if path == "index.html" => (StatusCode::OK, Html(MISSING)).into_response(),
        None => HttpProblem::not_found(format!("there is nothing at /{path}")).into_response(),
    }
}
