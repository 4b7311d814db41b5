use super::{admin, put, texts};

#[tokio::test]
async fn a_rule_with_a_correlation_filter_comes_back_as_it_was_put() {
    let admin = admin().await;
    let body = put(
        "RuleDescription",
        "<Filter i:type=\"CorrelationFilter\"><CorrelationId>c &lt; 1 &amp; é</CorrelationId><Label>l</Label><To/><Properties>\
         <KeyValueOfstringanyType><Key>text</Key><Value i:type=\"d6p1:string\" xmlns:d6p1=\"http://www.w3.org/2001/XMLSchema\">a]]&gt;</Value></KeyValueOfstringanyType>\
         <KeyValueOfstringanyType><Key>whole</Key><Value i:type=\"l28:int\">7</Value></KeyValueOfstringanyType>\
         <KeyValueOfstringanyType><Key>long</Key><Value i:type=\"l28:long\">5000000000</Value></KeyValueOfstringanyType>\
         <KeyValueOfstringanyType><Key>part</Key><Value i:type=\"l28:double\">1.5</Value></KeyValueOfstringanyType>\
         <KeyValueOfstringanyType><Key>flag</Key><Value i:type=\"l28:boolean\">true</Value></KeyValueOfstringanyType>\
         <KeyValueOfstringanyType><Key>at</Key><Value i:type=\"l28:dateTime\">2026-01-01T01:00:00+01:00</Value></KeyValueOfstringanyType>\
         </Properties></Filter><Action i:type=\"EmptyRuleAction\"/><Name>ignored</Name>",
    );
    let made = admin.put("/orders/subscriptions/notify/rules/Mine", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let entry = admin.get("/Orders/Subscriptions/Notify/Rules/mine").await.xml();
    assert_eq!(texts(&entry, &["id", "title"]), [&format!("{}/Orders/Subscriptions/Notify/Rules/Mine", made.base), "Mine"]);
    let rule = &entry.child("content").unwrap().children[0];
    assert_eq!((rule.name.as_str(), texts(rule, &["Name", "CreatedAt"])), ("RuleDescription", vec!["Mine", "2026-01-01T00:00:00Z"]));
    let filter = rule.child("Filter").unwrap();
    assert_eq!((filter.kind.as_deref(), texts(filter, &["CorrelationId", "Label"])), (Some("CorrelationFilter"), vec!["c < 1 & é", "l"]));
    assert!(filter.child("To").is_none() && filter.child("SqlExpression").is_none());
    let pairs = filter.child("Properties").unwrap().children.iter();
    let pairs: Vec<_> = pairs.map(|pair| (pair.value("Key").unwrap(), pair.child("Value").unwrap())).collect();
    let shown: Vec<_> = pairs.iter().map(|(key, value)| (*key, value.kind.as_deref().unwrap(), value.text())).collect();
    assert_eq!(
        shown,
        [
            ("text", "string", "a]]>"),
            ("whole", "int", "7"),
            ("long", "long", "5000000000"),
            ("part", "double", "1.5"),
            ("flag", "boolean", "true"),
            ("at", "dateTime", "2026-01-01T00:00:00Z"),
        ]
    );
    assert_eq!(rule.child("Action").unwrap().kind.as_deref(), Some("EmptyRuleAction"));
    // JavaScript's client reads the type by cutting five characters off this attribute.
    assert!(
        made.body.contains("<Value i:type=\"d6p1:string\" xmlns:d6p1=\"http://www.w3.org/2001/XMLSchema\">a]]&gt;</Value>"),
        "{}",
        made.body
    );
}

#[tokio::test]
async fn a_rule_with_sql_is_made_listed_replaced_and_deleted() {
    let admin = admin().await;
    let rule = |expression: &str| {
        let parameters =
            "<Parameters><KeyValueOfstringanyType><Key>@n</Key><Value i:type=\"l28:int\">3</Value></KeyValueOfstringanyType></Parameters>";
        put(
            "RuleDescription",
            &format!(
                "<Filter i:type=\"SqlFilter\"><SqlExpression>{expression}</SqlExpression>{parameters}</Filter>\
                 <Action i:type=\"SqlRuleAction\"><SqlExpression>SET a = 1</SqlExpression></Action><Name>big</Name>"
            ),
        )
    };
    assert_eq!(admin.put("/orders/subscriptions/notify/rules/big", &rule("n &gt; @n")).await.status, 201);
    assert_eq!(admin.put("/orders/subscriptions/notify/rules/BIG", &rule("n &gt; @n")).await.status, 409);
    assert_eq!(admin.replace("/orders/subscriptions/notify/rules/big", &rule("n &gt;= @n")).await.status, 200);
    let feed = admin.get("/orders/subscriptions/notify/rules?$skip=0&$top=100").await.xml();
    let entries: Vec<_> = feed.all("entry").collect();
    assert_eq!(entries.len(), 1);
    let found = texts(entries[0], &["content/RuleDescription/Filter/SqlExpression", "content/RuleDescription/Action/SqlExpression"]);
    assert_eq!(found, ["n >= @n", "SET a = 1"]);
    let parameters = "content/RuleDescription/Filter/Parameters/KeyValueOfstringanyType";
    assert_eq!(texts(entries[0], &[&format!("{parameters}/Key"), &format!("{parameters}/Value")]), ["@n", "3"]);

    let wrong = admin.put("/orders/subscriptions/notify/rules/other", &rule("n &gt;")).await;
    assert_eq!(
        (wrong.status, wrong.detail()),
        (400, "SubCode=40000. The filter can't be used: character 4: a value is missing before the end.".into())
    );
    assert_eq!(admin.delete("/orders/subscriptions/notify/rules/big").await.status, 200);
    for gone in [admin.delete("/orders/subscriptions/notify/rules/big").await, admin.get("/orders/subscriptions/notify/rules/big").await] {
        assert_eq!(
            (gone.status, gone.detail()),
            (404, "SubCode=40400. The messaging entity 'orders/Subscriptions/notify/Rules/big' could not be found.".into())
        );
    }
    assert_eq!(admin.get("/orders/subscriptions/none/rules").await.status, 404);
}

#[tokio::test]
async fn a_subscription_begins_with_the_rule_that_it_is_given() {
    let admin = admin().await;
    let rule = "<DefaultRuleDescription><Filter xmlns:p4=\"http://www.w3.org/2001/XMLSchema-instance\" p4:type=\"SqlFilter\"><SqlExpression>n > 1</SqlExpression></Filter>\
                <Action xmlns:p4=\"http://www.w3.org/2001/XMLSchema-instance\" p4:type=\"EmptyRuleAction\"/><Name>some</Name></DefaultRuleDescription>";
    assert_eq!(admin.put("/orders/subscriptions/some", &put("SubscriptionDescription", rule)).await.status, 201);
    let some = admin.get("/orders/subscriptions/some/rules").await.xml();
    assert_eq!(texts(&some, &["entry/title", "entry/content/RuleDescription/Filter/SqlExpression"]), ["some", "n > 1"]);
    assert_eq!(admin.put("/orders/subscriptions/all", &put("SubscriptionDescription", "")).await.status, 201);
    let all = admin.get("/orders/subscriptions/all/rules").await.xml();
    assert_eq!(texts(&all, &["entry/title", "entry/content/RuleDescription/Filter/SqlExpression"]), ["$Default", "1=1"]);
    let kind = all.child("entry").unwrap().child("content").unwrap().children[0].child("Filter").unwrap().kind.as_deref();
    assert_eq!(kind, Some("TrueFilter"));
}
