use super::arrangement::{KEY, Running};
use reqwest::Method;
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

pub async fn walking_the_pages_meets_every_order_once(running: &Running) {
    let mut placed = Vec::new();
    for _ in 0..7 {
        placed.push(running.place_for("Walker").await);
    }
    placed.reverse();
    let (mut walked, mut path) = (Vec::new(), format!("/api/orders?customer=Walker&limit=3&code={KEY}"));
    loop {
        // The key comes by the query, and no link carries it on.
        let page = running.knock(Method::GET, &path, &[], "").await;
        assert_eq!(page.status, 200, "{}", page.text);
        let body = page.json();
        walked.extend(ids(&body));
        let Some(cursor) = body["nextCursor"].as_str() else {
            assert_eq!(page.header("link"), "");
            break;
        };
        let next = page.header("link").strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        assert_eq!(next, format!("/api/orders?customer=Walker&limit=3&cursor={cursor}"));
        path = format!("{next}&code={KEY}");
    }
    assert_eq!(walked, placed);
}

pub async fn filters_choose_alone_and_together(running: &Running) {
    let (one, two) = (running.place_for("Zoë Filter").await, running.place_for("Zoë Filter").await);
    assert_eq!(running.patch(&one, 1, &json!({ "status": "confirmed" })).await.status, 200);
    for (query, expected) in [
        ("customer=Zo%C3%AB+Filter", vec![&two, &one]),
        ("customer=Zo%C3%AB%20Filter&status=confirmed", vec![&one]),
        ("customer=Zo%C3%AB%20Filter&createdFrom=2020-01-01T01:00:00%2B01:00", vec![&two, &one]),
        ("customer=Zo%C3%AB%20Filter&createdTo=2020-01-01T00:00:00Z", vec![]),
        ("customer=Nobody", vec![]),
    ] {
        let answer = running.get(&format!("/api/orders?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(ids(&answer.json()).iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

pub async fn a_query_with_faults_is_refused(running: &Running) {
    // A host that forwards makes one parameter of two with the same name: `placed,shipped`.
    let twice = running.by("conflict", "format", "conflict");
    for (query, code) in [("colour=red", "unknown"), ("limit=0", "format"), ("status=placed&status=shipped", twice), ("cursor=x", "format")]
    {
        let refused = running.get(&format!("/api/orders?{query}")).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (400, "query"), "{query}");
        assert_eq!(refused.json()["errors"][0]["code"], code, "{query}");
    }
}
