//! Streams outlive tokens only if they are renewed.

use identity::{Issuer, Subject};

use super::*;

#[tokio::test]
async fn a_stream_without_a_fresh_token_is_cut_off() {
    let tracker = start().await;
    let token = issue(Subject::Driver(9), SHORT);
    let opened_at = now();
    let mut stream = Stream::open(&tracker, &token).await.unwrap();
    assert!(stream.is_alive().await);
    let said = stream.hear().await;
    let closing = v1::Closing {
        reason: "token_expired".into(),
    };
    assert_eq!(said, Some(Down::Closing(closing)));
    assert_eq!(stream.hear().await, None, "and nothing after it");
    assert!(now().since(opened_at) <= SHORT + WAIT_MAX / 2);
    let again = Stream::open(&tracker, &token).await;
    let refused = again.err().expect("the token is no good any more");
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    tracker.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_renewed_lives_on() {
    let tracker = start().await;
    let token = issue(Subject::Driver(9), SHORT);
    let mut stream = Stream::open(&tracker, &token).await.unwrap();
    let until = stream
        .renew(&issue(Subject::Driver(9), LONG))
        .await
        .unwrap();
    assert!(until.since(now()) > LONG / 2, "{until}");
    tokio::time::sleep(SHORT + Duration::from_millis(500)).await;
    assert!(stream.is_alive().await, "beyond the first token's end");
    // A shorter token is taken at its word too.
    let token = issue(Subject::Driver(9), SHORT);
    assert!(stream.renew(&token).await.unwrap().since(now()) <= SHORT);
    assert!(
        matches!(stream.hear().await, Some(Down::Closing(closing)) if closing.reason == "token_expired")
    );
    tracker.stop().await;
}

#[tokio::test]
async fn only_the_same_driver_s_good_token_renews() {
    let tracker = start().await;
    let long_ago = now() - LONG;
    let expired = Issuer::development(SECRET).unwrap();
    let expired = expired.issue_at(Subject::Driver(9), long_ago, SHORT);
    let forger = Issuer::development(b"another secret of at least 32 bytes").unwrap();
    for (token, reason) in [
        (issue(Subject::Driver(10), LONG), "token_of_another"),
        (issue(Subject::Rider(9), LONG), "token_of_another"),
        (issue(Subject::Service, LONG), "token_of_another"),
        (expired, "token_refused"),
        (forger.issue(Subject::Driver(9), LONG), "token_refused"),
        (String::new(), "token_refused"),
    ] {
        let own = issue(Subject::Driver(9), LONG);
        let mut stream = Stream::open(&tracker, &own).await.unwrap();
        assert_eq!(stream.renew(&token).await, Err(reason.to_owned()));
        assert_eq!(stream.hear().await, None, "{reason}: it has ended");
    }
    tracker.stop().await;
}
