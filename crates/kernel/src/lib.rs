//! Seeded randomness: one independent stream per agent.
