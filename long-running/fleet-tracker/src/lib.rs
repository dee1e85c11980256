//! The gRPC service around the fleet core: streams of drivers, offers, holds.
