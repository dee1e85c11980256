//! Clients of Redis: who they are, what they may ask, and what they are answered.

use domain::{Place, VehicleClasses};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::*;

/// An answer, its data as text.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Simple(String),
    Error(String),
    Integer(i64),
    Data(String),
    Array(Vec<Answer>),
}

use Answer::{Array, Data, Integer, Simple};

struct Redis(BufReader<TcpStream>);

impl Redis {
    async fn connect(tracker: &FleetTracker) -> Self {
        let stream = TcpStream::connect(tracker.redis.unwrap()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// A part of the system.
    async fn known(tracker: &FleetTracker) -> Self {
        let mut redis = Self::connect(tracker).await;
        let token = issue(Subject::Service, LONG);
        assert_eq!(redis.ask(&format!("AUTH {token}")).await, ok());
        redis
    }

    async fn send(&mut self, bytes: &[u8]) {
        in_time("the tracker to read", self.0.write_all(bytes))
            .await
            .unwrap();
    }

    async fn hear(&mut self) -> Answer {
        in_time("an answer", self.answer()).await
    }

    async fn ask(&mut self, line: &str) -> Answer {
        self.send(&command(line)).await;
        self.hear().await
    }

    async fn has_ended(&mut self) -> bool {
        let mut rest = Vec::new();
        let ended = in_time("the connection to end", self.0.read_to_end(&mut rest)).await;
        ended.is_err() || rest.is_empty()
    }

    async fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        let line = line.strip_suffix("\r\n").unwrap();
        let (kind, rest) = line.split_at(1);
        let count = rest.parse();
        match kind {
            "+" => Simple(rest.to_owned()),
            "-" => Answer::Error(rest.to_owned()),
            ":" => Integer(count.unwrap()),
            "$" => {
                let mut data = vec![0; usize::try_from(count.unwrap()).unwrap() + 2];
                self.0.read_exact(&mut data).await.unwrap();
                assert_eq!(data.split_off(data.len() - 2), b"\r\n");
                Data(String::from_utf8(data).unwrap())
            }
            "*" => {
                let mut all = Vec::new();
                for _ in 0..count.unwrap() {
                    all.push(Box::pin(self.answer()).await);
                }
                Array(all)
            }
            _ => panic!("found {line:?}, expected an answer"),
        }
    }
}

fn command(line: &str) -> Vec<u8> {
    let words: Vec<&str> = line.split(' ').collect();
    let word = |word: &&str| format!("${}\r\n{word}\r\n", word.len());
    let words: Vec<String> = words.iter().map(word).collect();
    format!("*{}\r\n{}", words.len(), words.concat()).into_bytes()
}

fn ok() -> Answer {
    Simple("OK".to_owned())
}

fn error(answer: Answer) -> String {
    match answer {
        Answer::Error(why) => why,
        other => panic!("found {other:?}, expected an error"),
    }
}

/// The members of a bare answer to a search.
fn members(answer: Answer) -> Vec<u64> {
    let Array(all) = answer else {
        panic!("found {answer:?}, expected members");
    };
    let member = |it| match it {
        Data(member) => member.parse().unwrap(),
        other => panic!("found {other:?}, expected a member"),
    };
    all.into_iter().map(member).collect()
}

/// As many drivers at one place.
fn many(drivers: usize) -> String {
    let drivers: String = (0..drivers)
        .map(|it| format!(" -74 40.7128 {it}"))
        .collect();
    format!("GEOADD drivers{drivers}")
}

/// The nearest `count` of New York's City Hall.
fn search(key: &str, count: usize) -> String {
    format!("GEOSEARCH {key} FROMLONLAT -74.006 40.7128 BYRADIUS 100000 m ASC COUNT {count}")
}

#[tokio::test]
async fn what_is_told_over_one_protocol_is_found_over_both() {
    let tracker = start().await;
    let mut redis = Redis::known(&tracker).await;
    let told = redis
        .ask("GEOADD drivers -74.006 40.72 1 -74.006 40.73 2 -73.5 40.7128 3")
        .await;
    assert_eq!(told, Integer(3), "all of them are new");
    let told = redis.ask("GEOADD drivers:5 -74.006 40.74 2 -74 40.7128 4");
    assert_eq!(told.await, Integer(1), "one is, and one has moved");

    let with = format!("{} WITHDIST WITHCOORD", search("drivers", 2));
    let Array(found) = redis.ask(&with).await else {
        panic!("expected an array");
    };
    let City { near, distances } = over_grpc(&tracker).await;
    assert_eq!(near, [4, 1, 2, 3]);
    let nearest = [
        Data("4".to_owned()),
        Data(format!("{:.4}", distances[0])),
        Array(vec![
            Data("-74.0000000".to_owned()),
            Data("40.7128000".to_owned()),
        ]),
    ];
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], Array(nearest.into()));

    let of_class = redis.ask(&search("drivers:5", 10)).await;
    assert_eq!(members(of_class), [4, 2]);
    let of_first = redis.ask(&search("drivers:0", 10)).await;
    assert_eq!(members(of_first), [1, 3]);
    let within = "GEOSEARCH drivers FROMLONLAT -74.006 40.7128 BYRADIUS 2 mi COUNT 10";
    assert_eq!(members(redis.ask(within).await), [4, 1, 2]);

    assert_eq!(redis.ask("ZREM drivers 4 4 99").await, Integer(1));
    assert_eq!(members(redis.ask(&search("drivers", 10)).await), [1, 2, 3]);
    assert_eq!(redis.ask("GEOADD drivers -74 40.7128 4").await, Integer(1));
    let back = redis.ask(&search("drivers:5", 10)).await;
    assert_eq!(members(back), [4, 2], "in the vehicle of before");
    let metrics = tracker.metrics();
    assert_eq!((metrics.pings, metrics.bad_messages), (6, 0));
    tracker.stop().await;
}

struct City {
    near: Vec<u64>,
    distances: Vec<f64>,
}

async fn over_grpc(tracker: &FleetTracker) -> City {
    let here = Place::new(40.7128, -74.006).unwrap();
    let request = wire::grpc::candidates_request([(here, VehicleClasses::ALL, &[][..])], 10, None);
    let token = issue(Subject::Service, LONG);
    let mut client = client(tracker).await;
    let asking = client.candidates(shown(request, &token));
    let reply = in_time("candidates", asking).await.unwrap().into_inner();
    City {
        near: reply.drivers,
        distances: reply.distances_m,
    }
}

#[tokio::test]
async fn only_a_part_of_the_system_is_answered_and_only_while_its_token_is_good() {
    let tracker = start().await;
    let mut redis = Redis::connect(&tracker).await;
    for line in [
        "PING",
        "GEOADD drivers 1 2 3",
        &search("drivers", 1),
        "COMMAND",
    ] {
        let why = error(redis.ask(line).await);
        assert!(why.starts_with("NOAUTH found no token"), "{line}: {why}");
    }
    let why = error(redis.ask("AUTH nonsense").await);
    assert!(why.starts_with("WRONGPASS"), "{why}");
    let driver = issue(Subject::Driver(7), LONG);
    let why = error(redis.ask(&format!("AUTH {driver}")).await);
    assert_eq!(why, "NOPERM found driver-7, expected a part of the system");
    assert!(error(redis.ask("PING").await).starts_with("NOAUTH"));
    assert_eq!(tracker.metrics().messages, 0, "nobody was listened to");

    let short = issue(Subject::Service, SHORT);
    let Array(hello) = redis.ask(&format!("HELLO 2 AUTH default {short}")).await else {
        panic!("expected what the server is");
    };
    assert_eq!(
        hello[0..2],
        [Data("server".into()), Data("rushhour".into())]
    );
    assert_eq!(redis.ask("PING").await, Simple("PONG".to_owned()));
    // What clients ask before they begin.
    for line in ["CLIENT SETINFO LIB-NAME any", "SELECT 0"] {
        assert_eq!(redis.ask(line).await, ok());
    }
    assert_eq!(redis.ask("COMMAND DOCS").await, Array(Vec::new()));
    assert!(matches!(redis.ask("INFO").await, Data(told) if told.contains("loading:0")));
    redis.send(&command("HELLO 3")).await;
    let mut line = String::new();
    redis.0.read_line(&mut line).await.unwrap();
    assert_eq!(line, "%5\r\n", "a map, in the third version");
    for _ in 0..9 {
        redis.hear().await;
    }
    assert_eq!(redis.hear().await, Integer(3));
    assert_eq!(redis.ask("GEOADD drivers -74 40.7128 4").await, Integer(1));
    tokio::time::sleep(SHORT + Duration::from_millis(500)).await;
    // However long the command is that comes too late.
    let why = error(redis.ask(&many(100)).await);
    assert_eq!(
        why,
        "NOAUTH the token expired: connect again with a fresh one"
    );
    assert!(redis.has_ended().await);

    let mut known = Redis::known(&tracker).await;
    assert_eq!(members(known.ask(&search("drivers", 10)).await), [4]);
    assert_eq!(known.ask("QUIT").await, ok());
    assert!(known.has_ended().await);
    // All at once, the long command being none of a stranger.
    let mut hasty = Redis::connect(&tracker).await;
    let auth = command(&format!("AUTH {}", issue(Subject::Service, LONG)));
    hasty.send(&[auth, command(&many(100))].concat()).await;
    assert_eq!(hasty.hear().await, ok());
    assert_eq!(hasty.hear().await, Integer(99), "one is there already");

    // Who is not known is not listened to for long.
    let mut stranger = Redis::connect(&tracker).await;
    stranger.send(b"*17\r\n").await;
    let why = error(stranger.hear().await);
    assert_eq!(
        why,
        "ERR Protocol error: found a command of 17 words, expected at most 16"
    );
    assert!(stranger.has_ended().await);
    tracker.stop().await;
}

#[tokio::test]
async fn a_pipeline_is_answered_in_the_order_of_its_commands_wherever_it_is_cut() {
    const SEARCHES: usize = 200;
    let tracker = start().await;
    let mut redis = Redis::known(&tracker).await;
    let drivers: String = (0..5)
        .map(|it| format!(" -74.0{it} 40.7128 {it}"))
        .collect();
    assert_eq!(
        redis.ask(&format!("GEOADD drivers{drivers}")).await,
        Integer(5)
    );
    // More of one kind than are done together, others between them, and some that cannot be done.
    let count = |number: usize| 1 + (number / 90) % 5;
    let mut all = Vec::new();
    for number in 0..SEARCHES {
        all.extend(command(&search("drivers", count(number))));
        match number % 70 {
            20 => all.extend(command(&format!("PING {number}"))),
            21 => all.extend(command("FLUSHALL")),
            22 => all.extend(b"*0\r\n"),
            _ => {}
        }
    }
    for part in all.chunks(1_777) {
        redis.send(part).await;
        tokio::task::yield_now().await;
    }
    for number in 0..SEARCHES {
        let found = members(redis.hear().await);
        assert_eq!(found.len(), count(number), "search {number}");
        assert_eq!(found[0], 1, "search {number}");
        match number % 70 {
            20 => assert_eq!(redis.hear().await, Data(number.to_string())),
            21 => {
                let why = error(redis.hear().await);
                assert!(why.starts_with("ERR unknown command 'FLUSHALL'"), "{why}");
            }
            _ => {}
        }
    }
    // More than is sent at once, of answers that do not go together.
    assert_eq!(redis.ask(&many(100)).await, Integer(95));
    let far = |count| format!("{} WITHDIST WITHCOORD", search("drivers", count));
    let all = (1..=100).flat_map(|count| [command(&far(count)), command("PING")].concat());
    redis.send(&all.collect::<Vec<_>>()).await;
    for count in 1..=100 {
        let found = redis.hear().await;
        assert!(
            matches!(found, Array(found) if found.len() == count),
            "search of {count}"
        );
        assert_eq!(redis.hear().await, Simple("PONG".to_owned()));
    }
    tracker.stop().await;
}

#[tokio::test]
async fn what_is_no_command_ends_the_connection_and_says_why() {
    let tracker = start().await;
    let mut browser = Redis::connect(&tracker).await;
    browser.send(b"GET / HTTP/1.1\r\n\r\n").await;
    let why = error(browser.hear().await);
    assert_eq!(
        why,
        "ERR Protocol error: found 'G', expected '*': a command is an array of bulk strings"
    );
    assert!(browser.has_ended().await);

    // What cannot be done at all is not done in part.
    let mut redis = Redis::known(&tracker).await;
    let why = error(redis.ask("GEOADD drivers 1 2 7 181 2 8").await);
    assert!(
        why.starts_with("ERR found latitude 2 and longitude 181"),
        "{why}"
    );
    let nobody: [u64; 0] = [];
    assert_eq!(members(redis.ask(&search("drivers", 10)).await), nobody);
    let why = error(redis.ask("ZREM drivers:3 7").await);
    assert!(
        why.starts_with("ERR found 'drivers:3', expected the key `drivers`"),
        "{why}"
    );
    let why = error(redis.ask("GEOADD drivers:16 1 2 7").await);
    assert!(why.starts_with("ERR found 'drivers:16'"), "{why}");
    let metrics = tracker.metrics();
    assert_eq!(
        (metrics.pings, metrics.bad_messages),
        (0, 3),
        "but for the browser's"
    );
    tracker.stop().await;
}

#[tokio::test]
async fn who_sends_too_much_at_once_hears_so() {
    let tracker = start().await;
    let mut redis = Redis::known(&tracker).await;
    // All of it is sent before anything is read.
    let why = error(redis.ask(&many(100_000)).await);
    assert!(why.contains("expected at most 30002"), "{why}");
    assert!(redis.has_ended().await);
    tracker.stop().await;
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_a_stop_ends_the_rest() {
    let tracker = start().await;
    let mut redis = Redis::known(&tracker).await;
    redis.ask(&many(100)).await;
    let mut deaf = Redis::known(&tracker).await;
    let searches = command(&search("drivers", 100)).repeat(1_000);
    let cut_off = async {
        // As long as the tracker reads there is always room for more, and then for none.
        while deaf.0.write_all(&searches).await.is_ok() {}
        while tracker.metrics().slow_readers == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    in_time("who does not read to be cut off", cut_off).await;
    assert_eq!(tracker.metrics().slow_readers, 1);
    assert_eq!(
        redis.ask("PING").await,
        Simple("PONG".to_owned()),
        "others go on"
    );
    in_time("the tracker to stop", tracker.stop()).await;
    assert!(redis.has_ended().await);
}
