//! The modelled cloud as pure state machines: Lambda pool, event source mapping, stores, queues, prices.
