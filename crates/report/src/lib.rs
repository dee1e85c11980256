//! Histograms, the summary and its schema, the audit, text, JSON and HTML output.
