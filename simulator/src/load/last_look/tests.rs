use std::cell::Cell;
use std::time::Duration;

use domain::Timestamp;
use report::trips::Seen;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A function that answers so many at once and turns all others away.
struct Reserved {
    free: Cell<u32>,
    turned_away: Cell<u32>,
}

impl Reserved {
    fn new(environments: u32) -> Self {
        Self {
            free: Cell::new(environments),
            turned_away: Cell::new(0),
        }
    }

    async fn ask(&self) -> Option<()> {
        sleep(Duration::from_millis(2)).await;
        if self.free.get() == 0 {
            self.turned_away.set(self.turned_away.get() + 1);
            return None;
        }
        self.free.set(self.free.get() - 1);
        sleep(Duration::from_millis(100)).await;
        self.free.set(self.free.get() + 1);
        Some(())
    }
}

fn in_time() -> Instant {
    Instant::now() + LOOK_MAX
}

#[tokio::test(start_paused = true)]
async fn all_are_answered_by_a_function_with_few_environments() {
    for (environments, within_s) in [(16, 3), (10, 6), (3, 20), (1, 60)] {
        let function = Reserved::new(environments);
        let began = Instant::now();
        let answers = until_answered((0..320).collect(), in_time(), async |_| {
            function.ask().await
        })
        .await;
        let mut answered: Vec<i32> = answers.into_iter().map(|(who, ())| who).collect();
        answered.sort_unstable();
        assert!(answered.into_iter().eq(0..320), "{environments}");
        let took = began.elapsed();
        assert!(took.as_secs() < within_s, "{environments}: {took:?}");
        let turned_away = function.turned_away.get();
        assert!(turned_away < 2 * 320, "{environments}: {turned_away}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_turned_away_for_a_while_is_answered_in_the_end() {
    let began = Instant::now();
    let ask = async |_| (began.elapsed() > Duration::from_secs(20)).then_some(());
    let answers = until_answered((0..40).collect::<Vec<u8>>(), in_time(), ask).await;
    assert_eq!(answers.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_for_ever() {
    let asking = || (0..1_000).collect::<Vec<u16>>();
    let began = Instant::now();
    let turned_away = until_answered(asking(), in_time(), async |_| None::<()>).await;
    assert_eq!((turned_away.len(), began.elapsed()), (0, LOOK_SILENCE_MAX));

    let began = Instant::now();
    let left_waiting = until_answered(asking(), in_time(), async |who| {
        if who < 500 {
            sleep(Duration::from_secs(1)).await;
            return Some(());
        }
        std::future::pending().await
    });
    assert_eq!(left_waiting.await.len(), 500);
    assert!(began.elapsed() < LOOK_SILENCE_MAX * 2);

    let began = Instant::now();
    let slowly = async |_| {
        sleep(Duration::from_secs(30)).await;
        Some(())
    };
    let slow = until_answered(asking(), in_time(), slowly).await;
    assert_eq!((slow.len(), began.elapsed()), (16 * 10, LOOK_MAX));
}

const ENDED: TripId = TripId(1);
const UNREADABLE: TripId = TripId(2);

/// Turns everybody away at first; then tells of one trip that it has ended, and of another nothing to be read.
async fn serve(mut stream: TcpStream, opens_at: Instant) {
    let mut asked = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut asked).await {
        let asked = String::from_utf8_lossy(&asked[..read]);
        let (status, body) = if Instant::now() < opens_at {
            ("503 Service Unavailable", "{}")
        } else if asked.contains(&format!("/trips/{ENDED}")) {
            (
                "200 OK",
                r#"{"trip_id":"","state":"completed","attempts":1,"total_minor":900,"charged_minor":900,"currency":"USD","requested_at_ms":0}"#,
            )
        } else {
            ("400 Bad Request", "{}")
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn riders_ask_until_they_are_answered_and_who_was_not_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Longer than ten asks at 200 ms.
    let opens_at = Instant::now() + Duration::from_millis(2_500);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, opens_at));
        }
    });
    let mut seen = SeenTrips::default();
    for trip in [ENDED, UNREADABLE] {
        let first = seen.get_or_insert(trip, || Seen::scheduled(RiderId(7), Timestamp::ZERO));
        first.answered_at = Some(Timestamp::ZERO);
        first.state = Some(TripState::PickedUp);
    }
    let api = Api::new(&url, calls::Calls::default()).unwrap();
    let issuer = Issuer::development(b"a secret of at least 32 bytes ---").unwrap();
    let last = look(&api, &issuer, &mut seen).await;
    assert_eq!(seen.get(ENDED).unwrap().state, Some(TripState::Completed));
    assert_eq!(
        seen.get(ENDED).unwrap().charged_total,
        Some(Money::from_minor(900))
    );
    assert_eq!(
        seen.get(UNREADABLE).unwrap().state,
        Some(TripState::PickedUp)
    );
    assert!(last.unanswered.into_iter().eq([UNREADABLE]));
}
