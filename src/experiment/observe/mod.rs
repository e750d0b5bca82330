//! Observers of a run: TensorBoard events, the metrics archive, the terminal.
