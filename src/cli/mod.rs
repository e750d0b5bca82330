//! Floor 7: words and flags in, tables out.
