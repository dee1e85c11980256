//! The sparse graph of who could serve whom at what cost.

/// Riders, drivers, and the cost of each pair that is possible, in compressed rows: one per rider, its
/// candidates from the cheapest to the dearest, equal costs by driver. Costs are in any one unit.
///
/// Riders and drivers are named by their place in the caller's lists, starting at 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostGraph {
    /// Where each rider's candidates start; one more at the end.
    starts: Vec<u32>,
    drivers: Vec<u32>,
    costs: Vec<i64>,
    penalties: Vec<Option<i64>>,
    driver_count: u32,
    /// What leaving a rider without a stated penalty counts for: more than any two assignments differ.
    forfeit: i64,
}

impl CostGraph {
    /// How many riders there are.
    #[must_use]
    pub fn rider_count(&self) -> usize {
        self.penalties.len()
    }

    /// How many drivers there are, candidates or not.
    #[must_use]
    pub fn driver_count(&self) -> usize {
        self.driver_count as usize
    }

    /// How many pairs are possible.
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.costs.len()
    }

    /// A rider's candidates and their costs, cheapest first.
    pub fn candidates(&self, rider: usize) -> impl Iterator<Item = (u32, i64)> + '_ {
        let (drivers, costs) = self.row(rider);
        drivers.iter().copied().zip(costs.iter().copied())
    }

    /// The cost of a rider with a driver, if the pair is possible.
    #[must_use]
    pub fn cost(&self, rider: usize, driver: u32) -> Option<i64> {
        self.candidates(rider)
            .find(|(candidate, _)| *candidate == driver)
            .map(|(_, cost)| cost)
    }

    /// What leaving the rider unserved costs; none: the rider is served wherever that is possible.
    #[must_use]
    pub fn unserved_penalty(&self, rider: usize) -> Option<i64> {
        self.penalties[rider]
    }

    /// The penalty that the optimum is taken under: the stated one, or more than any assignment costs.
    pub(super) fn effective_penalty(&self, rider: usize) -> i64 {
        self.penalties[rider].unwrap_or(self.forfeit)
    }

    /// How much dearer than the cheapest a candidate is, on average over all pairs.
    pub(super) fn spread(&self) -> i64 {
        let excess_of = |rider| {
            let costs = self.row(rider).1;
            costs
                .iter()
                .map(move |cost| i128::from(cost - costs[0]))
                .sum::<i128>()
        };
        let excess: i128 = (0..self.rider_count()).map(excess_of).sum();
        let pairs = i128::try_from(self.edge_count().max(1)).expect("places are 32-bit");
        i64::try_from(excess / pairs).expect("costs are far from the limits of 64 bits")
    }

    /// Where rows start, drivers, and costs.
    pub(super) fn parts(&self) -> (&[u32], &[u32], &[i64]) {
        (&self.starts, &self.drivers, &self.costs)
    }

    fn row(&self, rider: usize) -> (&[u32], &[i64]) {
        let range = self.starts[rider] as usize..self.starts[rider + 1] as usize;
        (&self.drivers[range.clone()], &self.costs[range])
    }
}

/// Why a cost graph cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A candidate is no driver of the graph.
    #[error(
        "found driver {found} among the candidates of rider {rider}, expected one below {driver_count}"
    )]
    UnknownDriver {
        /// The rider's place.
        rider: usize,
        /// The driver's place.
        found: u32,
        /// How many drivers the graph has.
        driver_count: u32,
    },
    /// Sums of such costs might not fit 64 bits.
    #[error(
        "found a cost or penalty of {found}, expected at most {limit} either way for {riders} riders"
    )]
    CostTooLarge {
        /// The cost farthest from zero.
        found: i64,
        /// How far from zero costs may be in a graph of so many riders.
        limit: i64,
        /// How many riders the graph has.
        riders: usize,
    },
    /// More riders, drivers or pairs than 32-bit places can name.
    #[error("found more riders, drivers or pairs than the {} that are expected at most", u32::MAX - 1)]
    TooMany,
}

/// Collects riders with their candidates, in the order in which riders are served first come.
#[derive(Debug, Clone)]
pub struct CostGraphBuilder {
    starts: Vec<u32>,
    drivers: Vec<u32>,
    costs: Vec<i64>,
    penalties: Vec<Option<i64>>,
    driver_count: u32,
    /// The cost or penalty farthest from zero.
    extreme: i64,
    row: Vec<(i64, u32)>,
}

impl CostGraphBuilder {
    /// A graph of so many drivers and no riders yet.
    ///
    /// # Errors
    /// If there are more drivers than 32-bit places can name.
    pub fn new(driver_count: usize) -> Result<Self, GraphError> {
        let driver_count = place(driver_count)?;
        Ok(Self {
            starts: vec![0],
            drivers: Vec::new(),
            costs: Vec::new(),
            penalties: Vec::new(),
            driver_count,
            extreme: 0,
            row: Vec::new(),
        })
    }

    /// Makes room for so many riders and pairs.
    #[must_use]
    pub fn with_room(mut self, riders: usize, pairs: usize) -> Self {
        self.starts.reserve(riders);
        self.penalties.reserve(riders);
        self.drivers.reserve(pairs);
        self.costs.reserve(pairs);
        self
    }

    /// Adds the next rider: candidates with their costs in any order, and what leaving the rider
    /// unserved costs (none: served wherever possible). Of a driver named twice the cheaper cost counts.
    ///
    /// # Errors
    /// If a candidate is no driver of the graph, or there are too many; the builder is then unchanged.
    pub fn rider(
        &mut self,
        candidates: impl IntoIterator<Item = (u32, i64)>,
        unserved_penalty: Option<i64>,
    ) -> Result<&mut Self, GraphError> {
        self.row.clear();
        self.row
            .extend(candidates.into_iter().map(|(driver, cost)| (cost, driver)));
        let rider = self.penalties.len();
        if let Some(&(_, found)) = self
            .row
            .iter()
            .find(|(_, driver)| *driver >= self.driver_count)
        {
            return Err(GraphError::UnknownDriver {
                rider,
                found,
                driver_count: self.driver_count,
            });
        }
        place(rider + 1)?;
        let end = place(self.costs.len() + self.row.len())?;
        if !self.row.is_sorted() {
            self.row.sort_unstable();
        }
        for &(cost, driver) in &self.row {
            self.drivers.push(driver);
            self.costs.push(cost);
        }
        let ends = [self.row.first(), self.row.last()]
            .into_iter()
            .flatten()
            .map(|(cost, _)| *cost);
        for value in ends.chain(unserved_penalty) {
            if value.unsigned_abs() > self.extreme.unsigned_abs() {
                self.extreme = value;
            }
        }
        self.penalties.push(unserved_penalty);
        self.starts.push(end);
        Ok(self)
    }

    /// The graph of all riders added.
    ///
    /// # Errors
    /// If sums of costs might not fit 64 bits: with ten thousand riders, costs above some 10¹³.
    pub fn build(self) -> Result<CostGraph, GraphError> {
        let riders = self.penalties.len();
        // A served rider more must outweigh all that two assignments can differ by, which is twice each
        // rider's extreme. Dual prices and path lengths stay within four such forfeits.
        let weight = 2 * (i64::try_from(riders).map_err(|_| GraphError::TooMany)? + 1);
        let limit = (i64::MAX / 8 - 1) / weight;
        if self.extreme.unsigned_abs() > limit.unsigned_abs() {
            return Err(GraphError::CostTooLarge {
                found: self.extreme,
                limit,
                riders,
            });
        }
        Ok(CostGraph {
            starts: self.starts,
            drivers: self.drivers,
            costs: self.costs,
            penalties: self.penalties,
            driver_count: self.driver_count,
            forfeit: weight * self.extreme.abs() + 1,
        })
    }
}

/// A count as a 32-bit place; the last one stands for "none" in the solver.
fn place(count: usize) -> Result<u32, GraphError> {
    u32::try_from(count)
        .ok()
        .filter(|count| *count < u32::MAX)
        .ok_or(GraphError::TooMany)
}
