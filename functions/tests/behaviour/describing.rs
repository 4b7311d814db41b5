use super::arrangement::Running;
use reqwest::Method;

pub async fn health_docs_and_description_need_no_key(running: &Running) {
    for (path, content_type, holds) in [
        ("/api/health/live", "application/json", "\"live\""),
        ("/api/health/ready", "application/json", "\"ready\""),
        ("/api/openapi.json", "application/json", "\"openapi\""),
        ("/api/docs", "text/html", "<base href=\"/api/docs/\">"),
        ("/api/docs/swagger-ui.css", "text/css", ".swagger-ui"),
    ] {
        let answer = running.knock(Method::GET, path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").starts_with(content_type), "{path}: {}", answer.header("content-type"));
        assert!(answer.text.contains(holds), "{path} lacks {holds}");
    }
}
