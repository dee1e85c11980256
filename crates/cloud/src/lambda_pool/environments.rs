//! The environments that exist: found by their id, the idle ones in the order in which they fell idle and
//! in the order in which the routing takes them.
//!
//! A study makes millions of calls a second, so a step takes the same time however many there are. The
//! one exception is the newest idle environment: the idle ones are then kept sorted by id, which moves
//! only those that are newer than the one that falls idle, and these are few as long as they are taken first.

use domain::Timestamp;

use super::{EnvironmentId, Routing};

/// No slot: the end of a list, an empty place of the table.
const NONE: u32 = u32::MAX;
/// Places of a table that has just been made; a power of two.
const TABLE_PLACES_FIRST: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Busy,
    Idle,
    Free,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    environment: EnvironmentId,
    state: State,
    /// From when a running call is billed, or since when the environment is idle.
    since: Timestamp,
    /// Neighbours among the idle ones, by the time at which they fell idle.
    before: u32,
    after: u32,
    /// Where it stands in [`Environments::choice`] under random routing.
    place: usize,
}

/// All environments of a function, busy and idle.
#[derive(Debug, Clone)]
pub(super) struct Environments {
    routing: Routing,
    slots: Vec<Slot>,
    free: Vec<u32>,
    table: Table,
    /// The idle ones, longest first; those that fell idle at one moment by id.
    longest_idle: u32,
    last_idle: u32,
    idle: usize,
    /// The idle ones, for a routing that does not take the longest idle: sorted by id for the newest, in
    /// no order for any.
    choice: Vec<(EnvironmentId, u32)>,
}

impl Environments {
    pub(super) fn new(routing: Routing) -> Self {
        Self {
            routing,
            slots: Vec::new(),
            free: Vec::new(),
            table: Table::new(),
            longest_idle: NONE,
            last_idle: NONE,
            idle: 0,
            choice: Vec::new(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// How many of them are idle.
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    /// Since when the one that has been idle for longest is.
    pub(super) fn longest_idle_since(&self) -> Option<Timestamp> {
        self.slots
            .get(self.longest_idle as usize)
            .map(|slot| slot.since)
    }

    /// A new one, which runs a call. Its id was never used before.
    pub(super) fn create(&mut self, environment: EnvironmentId, now: Timestamp) {
        let slot = Slot {
            environment,
            state: State::Busy,
            since: now,
            before: NONE,
            after: NONE,
            place: 0,
        };
        let index = if let Some(index) = self.free.pop() {
            self.slots[index as usize] = slot;
            index
        } else {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).expect("concurrency is a u32")
        };
        self.table.insert(&self.slots, index);
    }

    /// From when the call that an environment runs is billed; nothing if it runs none.
    pub(super) fn billed_from(&mut self, environment: EnvironmentId) -> Option<&mut Timestamp> {
        let index = self.busy(environment)?;
        Some(&mut self.slots[index as usize].since)
    }

    /// A busy one falls idle. Gives from when its call was billed; nothing if it runs none.
    pub(super) fn rest(&mut self, environment: EnvironmentId, now: Timestamp) -> Option<Timestamp> {
        let index = self.busy(environment)?;
        let slot = &mut self.slots[index as usize];
        let from = std::mem::replace(&mut slot.since, now);
        slot.state = State::Idle;
        self.link(index);
        match self.routing {
            Routing::NewestIdle => {
                let newer = self.choice.iter().rev();
                let newer = newer.take_while(|(other, _)| *other > environment).count();
                let place = self.choice.len() - newer;
                self.choice.insert(place, (environment, index));
            }
            Routing::Random(_) => {
                self.slots[index as usize].place = self.choice.len();
                self.choice.push((environment, index));
            }
            Routing::LeastRecentlyUsed => {}
        }
        Some(from)
    }

    /// A busy one is destroyed. Gives from when its call was billed; nothing if it runs none.
    pub(super) fn destroy(&mut self, environment: EnvironmentId) -> Option<Timestamp> {
        let index = self.busy(environment)?;
        self.remove(index);
        Some(self.slots[index as usize].since)
    }

    /// The idle one that the routing takes runs a call now. `draw` gives a number below its argument.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        draw: impl FnOnce(usize) -> Option<usize>,
    ) -> Option<EnvironmentId> {
        let index = match self.routing {
            Routing::NewestIdle => self.choice.pop()?.1,
            Routing::LeastRecentlyUsed if self.longest_idle == NONE => return None,
            Routing::LeastRecentlyUsed => self.longest_idle,
            Routing::Random(_) => {
                let place = draw(self.choice.len())?;
                self.swap_out(place)
            }
        };
        self.unlink(index);
        let slot = &mut self.slots[index as usize];
        slot.state = State::Busy;
        slot.since = now;
        Some(slot.environment)
    }

    /// Removes the one that has been idle for longest, and says since when.
    pub(super) fn expire_longest_idle(&mut self) -> Option<(EnvironmentId, Timestamp)> {
        let index = self.longest_idle;
        let slot = *self.slots.get(index as usize)?;
        match self.routing {
            Routing::NewestIdle => {
                let found = self
                    .choice
                    .binary_search_by_key(&slot.environment, |(other, _)| *other);
                self.choice
                    .remove(found.expect("an idle environment may be chosen"));
            }
            Routing::Random(_) => {
                self.swap_out(slot.place);
            }
            Routing::LeastRecentlyUsed => {}
        }
        self.unlink(index);
        self.remove(index);
        Some((slot.environment, slot.since))
    }

    fn busy(&self, environment: EnvironmentId) -> Option<u32> {
        let index = self.table.find(&self.slots, environment)?;
        (self.slots[index as usize].state == State::Busy).then_some(index)
    }

    fn remove(&mut self, index: u32) {
        self.table.remove(&self.slots, index);
        self.slots[index as usize].state = State::Free;
        self.free.push(index);
    }

    fn swap_out(&mut self, place: usize) -> u32 {
        let (_, index) = self.choice.swap_remove(place);
        if let Some((_, moved)) = self.choice.get(place) {
            self.slots[*moved as usize].place = place;
        }
        index
    }

    /// Time only moves on, so a place near the end is the right one.
    fn link(&mut self, index: u32) {
        let slot = self.slots[index as usize];
        let mut before = self.last_idle;
        while let Some(other) = self.slots.get(before as usize) {
            if (other.since, other.environment) < (slot.since, slot.environment) {
                break;
            }
            before = other.before;
        }
        let after = match self.slots.get(before as usize) {
            Some(other) => other.after,
            None => self.longest_idle,
        };
        self.slots[index as usize].before = before;
        self.slots[index as usize].after = after;
        *self.after(before) = index;
        *self.before(after) = index;
        self.idle += 1;
    }

    fn unlink(&mut self, index: u32) {
        let Slot { before, after, .. } = self.slots[index as usize];
        *self.after(before) = after;
        *self.before(after) = before;
        self.idle -= 1;
    }

    /// What points onwards from a slot, or to the first if there is no slot.
    fn after(&mut self, index: u32) -> &mut u32 {
        match self.slots.get_mut(index as usize) {
            Some(slot) => &mut slot.after,
            None => &mut self.longest_idle,
        }
    }

    fn before(&mut self, index: u32) -> &mut u32 {
        match self.slots.get_mut(index as usize) {
            Some(slot) => &mut slot.before,
            None => &mut self.last_idle,
        }
    }
}

/// From an id to its slot: open addressing by the low bits of the id. Ids count up, so that those which
/// live at one time hardly ever meet.
#[derive(Debug, Clone)]
struct Table {
    /// A power of two of places, at most half of them taken.
    places: Vec<u32>,
    taken: usize,
}

impl Table {
    fn new() -> Self {
        Self {
            places: vec![NONE; TABLE_PLACES_FIRST],
            taken: 0,
        }
    }

    fn home(&self, environment: EnvironmentId) -> usize {
        let mask = self.places.len() - 1;
        usize::try_from(environment.0 & mask as u64).expect("a place of the table")
    }

    fn next(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    fn find(&self, slots: &[Slot], environment: EnvironmentId) -> Option<u32> {
        let mut place = self.home(environment);
        loop {
            // There is always an empty place to end at.
            let slot = slots.get(self.places[place] as usize)?;
            if slot.environment == environment {
                return Some(self.places[place]);
            }
            place = self.next(place);
        }
    }

    fn insert(&mut self, slots: &[Slot], index: u32) {
        if (self.taken + 1) * 2 > self.places.len() {
            let larger = vec![NONE; self.places.len() * 2];
            for moved in std::mem::replace(&mut self.places, larger) {
                if moved != NONE {
                    self.put(slots, moved);
                }
            }
        }
        self.put(slots, index);
        self.taken += 1;
    }

    fn put(&mut self, slots: &[Slot], index: u32) {
        let mut place = self.home(slots[index as usize].environment);
        while self.places[place] != NONE {
            place = self.next(place);
        }
        self.places[place] = index;
    }

    /// Closes the gap it leaves, so that what was put behind it is still found (Knuth 6.4, algorithm R).
    fn remove(&mut self, slots: &[Slot], index: u32) {
        let mask = self.places.len() - 1;
        let mut gap = self.home(slots[index as usize].environment);
        while self.places[gap] != index {
            gap = self.next(gap);
        }
        let mut place = self.next(gap);
        while let Some(slot) = slots.get(self.places[place] as usize) {
            let home = self.home(slot.environment);
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(gap) & mask {
                self.places[gap] = self.places[place];
                gap = place;
            }
            place = self.next(place);
        }
        self.places[gap] = NONE;
        self.taken -= 1;
    }
}
