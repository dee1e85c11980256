//! Who gets which driver: policies over a sparse cost graph.
