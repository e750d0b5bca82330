//! Equations: from LaTeX to MathML, which browsers set by themselves.

use super::svg::escaped;
use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

/// The equation as MathML; where it cannot be understood, its text as it stands.
pub fn mathml(latex: &str) -> String {
    let converted = LatexToMathML::new(MathCoreConfig::default())
        .ok()
        .and_then(|converter| converter.convert_with_local_counter(latex, MathDisplay::Block).ok());
    converted.unwrap_or_else(|| format!("<code>{}</code>", escaped(latex)))
}
