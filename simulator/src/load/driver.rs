//! One driver on a live stream: carries out what the driver's behaviour says, and passes on what the
//! tracker says.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::Timestamp;
use domain::hold::{HoldKey, Offer};
use drive::agents::{AcknowledgedPings, KeptAccounts};
use identity::Subject;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use wire::grpc::v1::driver_message::Message as Up;
use wire::grpc::v1::tracker_message::Message as Down;
use wire::grpc::{self, v1};
use workload::driver::{AnswerOutcome, Driver, DriverAction, DriverEvent, ReportOutcome};
use workload::supply::DriverPlan;

use super::limits::{OPEN_MAX, PINGS_UNACKNOWLEDGED_MAX, STREAM_BACKLOG_MAX};
use super::pass::Pass;
use super::streams::authorized;
use super::{Shared, wait};

/// An open stream.
struct Stream {
    up: mpsc::Sender<v1::DriverMessage>,
    down: Streaming<v1::TrackerMessage>,
}

struct Agent {
    shared: Arc<Shared>,
    driver: Driver,
    pass: Pass,
    stream: Option<Stream>,
    /// Pings on this stream that wait for their acknowledgement: sequence, and when each was due.
    pings: VecDeque<(u64, Timestamp)>,
    acknowledged: AcknowledgedPings,
    /// What was offered last, for the way to the pick-up.
    offered: Option<(HoldKey, Offer)>,
    accounts: KeptAccounts,
}

/// Drives until the shift is over or the run is quiet.
pub(super) async fn drive(
    shared: Arc<Shared>,
    plan: DriverPlan,
    under_way: Option<(HoldKey, Offer)>,
    mut quiet: watch::Receiver<bool>,
) {
    let world = shared.world.clone();
    let driver = match (&plan.under_way, under_way) {
        (Some(ride), Some((key, offer))) => Driver::under_way(&world, &plan, ride, key, offer),
        _ => Driver::new(&world, &plan),
    };
    let pass = Pass::new(Subject::Driver(plan.driver.0), &shared);
    let stream = None;
    let mut agent = Agent {
        shared,
        driver,
        pass,
        stream,
        pings: VecDeque::new(),
        acknowledged: AcknowledgedPings::default(),
        offered: under_way,
        accounts: KeptAccounts::default(),
    };
    agent.shared.recorder.turned(None, agent.driver.activity());
    while !agent.driver.is_gone() {
        let event = tokio::select! {
            biased;
            _ = quiet.wait_for(|quiet| *quiet) => break,
            event = agent.next() => event,
        };
        if let Some(event) = event {
            agent.step(event).await;
        }
    }
    agent.finish();
}

impl Agent {
    /// What happens next: the stream says something, or time has come, for the driver or for a fresh token.
    async fn next(&mut self) -> Option<DriverEvent> {
        let wake = wait::until_some(&self.shared.clock, self.driver.wake_at());
        let Some(stream) = &mut self.stream else {
            wake.await;
            return Some(DriverEvent::Wake);
        };
        let message = tokio::select! {
            biased;
            message = stream.down.message() => message,
            () = wake => return Some(DriverEvent::Wake),
            () = wait::until(&self.shared.clock, self.pass.renew_at()) => return self.renew(),
        };
        match message {
            Ok(Some(v1::TrackerMessage {
                message: Some(message),
            })) => self.heard(message),
            Ok(Some(_)) => None,
            Ok(None) | Err(_) => Some(self.lost()),
        }
    }

    /// Shows the tracker a fresh token, so that the stream outlives the one that it was opened with.
    fn renew(&mut self) -> Option<DriverEvent> {
        let token = self.pass.token(&self.shared).to_owned();
        self.send(Up::Authenticate(v1::Authenticate { token }))
    }

    fn lost(&mut self) -> DriverEvent {
        self.stream = None;
        self.pings.clear();
        DriverEvent::StreamLost
    }

    /// What the tracker says, in the driver's terms; none where there is nothing to do about it.
    fn heard(&mut self, message: Down) -> Option<DriverEvent> {
        let now = self.shared.now();
        match message {
            Down::PingAck(ack) => {
                while let Some(&(sequence, due_at)) = self.pings.front() {
                    if sequence > ack.sequence {
                        break;
                    }
                    self.pings.pop_front();
                    if sequence == ack.sequence {
                        let recorder = &self.shared.recorder;
                        self.acknowledged
                            .acknowledged(recorder, &self.driver, due_at, now);
                    }
                }
                None
            }
            Down::Offer(offer) => {
                let key = grpc::hold_key(offer.key).ok()?;
                let ride = grpc::offered_ride(offer.ride).ok()?;
                let sent_at = Timestamp::from_micros(offer.sent_at_us);
                self.shared.recorder.offer_received(key.trip, sent_at, now);
                self.offered = Some((key, ride));
                let deadline = Timestamp::from_micros(offer.deadline_us);
                Some(DriverEvent::Offered {
                    key,
                    offer: ride,
                    deadline,
                })
            }
            Down::Answered(answered) => {
                let key = grpc::hold_key(answered.key.clone()).ok()?;
                let outcome = match answered.outcome() {
                    v1::AnswerOutcome::Accepted => {
                        let way_m = self.offered.filter(|(known, _)| *known == key);
                        let way_m = way_m.map_or(0.0, |(_, offer)| offer.pickup_distance_m);
                        self.shared.recorder.accepted(key, way_m, now);
                        AnswerOutcome::Accepted {
                            at: Timestamp::from_micros(answered.accepted_at_us),
                        }
                    }
                    v1::AnswerOutcome::Declined => AnswerOutcome::Declined,
                    v1::AnswerOutcome::Late => AnswerOutcome::Late,
                    v1::AnswerOutcome::NotOffered => AnswerOutcome::NotOffered,
                    v1::AnswerOutcome::TryAgain | v1::AnswerOutcome::Unspecified => {
                        AnswerOutcome::TryAgain
                    }
                };
                Some(DriverEvent::Answered { key, outcome })
            }
            Down::ProgressAck(ack) => {
                let key = grpc::hold_key(ack.key.clone()).ok()?;
                let outcome = match ack.outcome() {
                    v1::ProgressOutcome::Recorded => ReportOutcome::Recorded,
                    v1::ProgressOutcome::NotYours => ReportOutcome::NotYours,
                    v1::ProgressOutcome::TryAgain | v1::ProgressOutcome::Unspecified => {
                        ReportOutcome::TryAgain
                    }
                };
                Some(DriverEvent::Reported {
                    key,
                    sequence: ack.sequence,
                    outcome,
                })
            }
            Down::Released(released) => {
                let key = grpc::hold_key(released.key).ok()?;
                Some(DriverEvent::Released { key })
            }
            // Renewed before its time, with nothing else to do about it.
            Down::Authenticated(_) => None,
            Down::Closing(_) => Some(self.lost()),
        }
    }

    /// Lets the behaviour decide, and carries out what it says, until it has nothing more to say.
    async fn step(&mut self, event: DriverEvent) {
        let mut events = VecDeque::from([event]);
        let mut actions = Vec::new();
        while let Some(event) = events.pop_front() {
            let now = self.shared.now();
            let before = self.driver.activity();
            let (recorder, world) = (&self.shared.recorder, &self.shared.world);
            self.accounts.keep(recorder, &self.driver, world, now);
            self.driver
                .step(&self.shared.world, event, now, &mut actions);
            self.shared.recorder.turned(before, self.driver.activity());
            for action in std::mem::take(&mut actions) {
                if let Some(event) = self.act(action).await {
                    events.push_back(event);
                }
            }
        }
    }

    async fn act(&mut self, action: DriverAction) -> Option<DriverEvent> {
        let message = match action {
            DriverAction::Connect => {
                return Some(if self.connect().await {
                    DriverEvent::Connected
                } else {
                    self.lost()
                });
            }
            DriverAction::Leave => {
                self.stream = None;
                return None;
            }
            DriverAction::LookForSurge => {
                let now = self.shared.now();
                let surging = self.shared.heat.surging(now);
                let drawn = self.driver.drawn_to(&self.shared.world, &surging, now);
                return drawn.map(DriverEvent::SurgeAt);
            }
            DriverAction::GoOnline { place, vehicle } => Up::GoOnline(v1::GoOnline {
                place: Some(place.into()),
                vehicle_class: vehicle.number(),
            }),
            DriverAction::GoOffline => Up::GoOffline(v1::GoOffline {}),
            DriverAction::Ping {
                sequence,
                place,
                scheduled_at,
            } => {
                let now = self.shared.now();
                self.shared.recorder.ping_sent(scheduled_at, now);
                // That one is acknowledged with a later one.
                if self.pings.len() >= PINGS_UNACKNOWLEDGED_MAX {
                    self.pings.pop_front();
                }
                self.pings.push_back((sequence, scheduled_at));
                Up::Ping(v1::Ping {
                    sequence,
                    place: Some(place.into()),
                    sent_at_us: now.as_micros(),
                })
            }
            DriverAction::Answer { key, accept } => Up::Answer(v1::Answer {
                key: Some(key.into()),
                accept,
            }),
            DriverAction::Report(event) => {
                let kind = grpc::progress_kind_of(event.kind)?;
                Up::Progress(v1::Progress {
                    key: Some(event.key.into()),
                    sequence: event.sequence,
                    kind: kind.into(),
                    at_us: event.at.as_micros(),
                    stamps: Some((&event.stamps).into()),
                })
            }
        };
        self.send(message)
    }

    fn send(&mut self, message: Up) -> Option<DriverEvent> {
        let stream = self.stream.as_ref()?;
        let sent = stream.up.try_send(v1::DriverMessage {
            message: Some(message),
        });
        // Full or closed: the tracker does not read, or is gone.
        sent.is_err().then(|| self.lost())
    }

    async fn connect(&mut self) -> bool {
        let (up, outbound) = mpsc::channel(STREAM_BACKLOG_MAX);
        let request = authorized(ReceiverStream::new(outbound), self.pass.token(&self.shared));
        let mut client = self.shared.streams.driver(self.driver.id().0);
        let opened = tokio::time::timeout(OPEN_MAX, client.track(request)).await;
        let Ok(Ok(answer)) = opened else {
            return false;
        };
        self.shared.recorder.stream_opened();
        self.stream = Some(Stream {
            up,
            down: answer.into_inner(),
        });
        true
    }

    fn finish(self) {
        let (shared, now) = (&self.shared, self.shared.now());
        self.acknowledged
            .hand_over(&shared.recorder, &self.driver, now);
        self.accounts
            .hand_over(&shared.recorder, &self.driver, &shared.world, now);
    }
}
