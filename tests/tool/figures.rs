//! Laws of figures: what a picture shows of what was found.

use crate::markup::{Element, elements};
use dbm::experiment::report::{mathml, svg};
use dbm::studies::{Axis, Figure, Mark};

const ODD: &str = "p < q & \"r\" > 's' \u{7}";

fn drawn(figure: &Figure) -> Vec<Element> {
    elements(&svg(figure).unwrap())
}

fn named<'a>(elements: &'a [Element], name: &str) -> Vec<&'a Element> {
    elements.iter().filter(|element| element.name == name).collect()
}

fn texts(elements: &[Element]) -> Vec<&str> {
    named(elements, "text").into_iter().map(|element| element.text.as_str()).collect()
}

/// One mark of every kind that has a name.
fn every_kind(name: impl Fn(&str) -> String) -> Figure {
    Figure::new(name("title"), name("caption"), Axis::log(name("across")), Axis::linear(name("up")))
        .line(name("line"), [(0.1, 1.0), (1.0, 2.0)])
        .dashed(name("dashed"), [(0.1, 1.0), (1.0, 2.0)])
        .with(Mark::Dots { name: name("dots"), points: vec![(0.5, 1.5)], errors: vec![0.1] })
        .with(Mark::Labels { points: vec![(0.5, 1.5, name("label"))] })
        .with(Mark::Band { name: name("band"), points: vec![(0.1, 1.0, 2.0), (1.0, 1.0, 2.0)] })
        .level(name("level"), 1.2)
}

#[test]
fn every_series_and_word_is_in_the_picture_escaped() {
    let figure = every_kind(|word| format!("{word} {ODD}"));
    let picture = drawn(&figure);
    // A picture that holds no control character is still read by every browser.
    let shown = ODD.replace('\u{7}', "\u{fffd}");
    for word in ["title", "across", "up", "line", "dashed", "dots", "label", "band", "level"] {
        let expected = format!("{word} {shown}");
        assert!(texts(&picture).contains(&expected.as_str()), "{word} is not in {:?}", texts(&picture));
    }
    assert!(picture[0].get("aria-label").unwrap().contains("caption"));
    let bars = Figure::new("", "", Axis::default(), Axis::linear("nats"))
        .bars(format!("one {ODD}"), [(format!("a {ODD}"), 1.0), ("b".into(), 2.0)])
        .bars("other", [("b", 3.0), ("c", -1.0)]);
    let picture = drawn(&bars);
    for word in [format!("one {shown}"), format!("a {shown}"), "other".into(), "b".into(), "c".into(), "nats".into()] {
        assert!(texts(&picture).contains(&word.as_str()), "{word} is not in {:?}", texts(&picture));
    }
    // The ground, a sample in the legend for each name, and four bars.
    assert_eq!(named(&picture, "rect").len(), 1 + 2 + 4);
}

#[test]
fn marks_of_one_name_share_a_colour_and_a_place_in_the_legend() {
    let figure = Figure::new("", "", Axis::linear("x"), Axis::linear("y"))
        .line("one", [(0.0, 0.0), (1.0, 1.0)])
        .line("two", [(0.0, 1.0), (1.0, 0.0)])
        .dots("one", [(0.5, 0.5)]);
    let picture = drawn(&figure);
    assert_eq!(texts(&picture).iter().filter(|text| **text == "one").count(), 1);
    let lines = named(&picture, "path");
    assert_ne!(lines[0].get("stroke"), lines[1].get("stroke"));
    let dot = named(&picture, "circle").into_iter().next_back().unwrap();
    assert_eq!(dot.get("fill"), lines[0].get("stroke"));
}

/// Places of the points of a cloud.
fn places(x: Axis, y: Axis, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let figure = Figure::new("", "", x, y).dots("", points.to_vec());
    named(&drawn(&figure), "circle").iter().map(|dot| (dot.number("cx"), dot.number("cy"))).collect()
}

#[test]
fn equal_steps_are_equal_lengths_and_on_a_logarithmic_axis_equal_ratios_are() {
    let linear = places(Axis::linear("x"), Axis::linear("y"), &[(1.0, -1.0), (2.0, 0.0), (3.0, 1.0), (4.0, 2.0)]);
    let log = places(Axis::log("x"), Axis::log("y"), &[(1e-12, 1.0), (1e-11, 3.0), (1e-10, 9.0), (1e-9, 27.0)]);
    for places in [linear, log] {
        let steps: Vec<(f64, f64)> =
            places.windows(2).map(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1)).collect();
        assert_eq!(steps.len(), 3);
        for (right, down) in &steps {
            assert!(*right > 50.0 && *down < -50.0, "larger values lie to the right and above: {steps:?}");
            assert!((right - steps[0].0).abs() < 0.25 && (down - steps[0].1).abs() < 0.25, "{steps:?}");
        }
    }
}

#[test]
fn the_values_on_an_axis_stand_where_points_of_those_values_do() {
    let axes = || (Axis::log("x"), Axis::linear("y"));
    let figure = Figure::new("", "", axes().0, axes().1).dots("", [(0.01, 10.0), (1.0, 20.0), (100.0, 30.0)]);
    let picture = drawn(&figure);
    let dots: Vec<(f64, f64)> =
        named(&picture, "circle").iter().map(|dot| (dot.number("cx"), dot.number("cy"))).collect();
    let place = |word: &str| {
        let found = named(&picture, "text").into_iter().find(|text| text.text == word);
        found
            .map(|text| (text.number("x"), text.number("y")))
            .unwrap_or_else(|| panic!("{word}: {:?}", texts(&picture)))
    };
    for (word, dot) in [("0.01", dots[0]), ("1", dots[1]), ("100", dots[2])] {
        assert!((place(word).0 - dot.0).abs() < 0.2, "{word}");
    }
    // Letters stand a little below the middle of their line.
    for (word, dot) in [("10", dots[0]), ("20", dots[1]), ("30", dots[2])] {
        assert!((place(word).1 - dot.1 - 4.0).abs() < 0.2, "{word}");
    }
}

#[test]
fn what_an_axis_cannot_show_is_left_out_and_nothing_else() {
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0];
    let points: Vec<(f64, f64)> =
        bad.iter().flat_map(|&bad| [(1.0, 1.0), (2.0, bad), (bad, 3.0), (4.0, 4.0)]).collect();
    let figure = Figure::new("", "", Axis::log("x"), Axis::log("y")).line("line", points.clone()).dots("dots", points);
    let text = svg(&figure).unwrap();
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    let squares = named(&elements(&text), "polygon").len();
    assert_eq!(squares, 2 * bad.len() + 1, "two points of four, and the sample in the legend");
    // Nothing at all to show still makes a picture.
    for figure in [every_kind(|word| word.to_string()), Figure::default()] {
        let mut empty = figure;
        empty.marks.iter_mut().for_each(|mark| {
            if let Mark::Line { points, .. } | Mark::Dots { points, .. } = mark {
                points.clear();
            }
        });
        drawn(&empty);
    }
}

#[test]
fn a_long_curve_is_thinned_and_keeps_its_extremes() {
    let spike = |at: usize| if at == 54_321 { 9.0 } else { (at as f64).sin() };
    let figure = Figure::new("", "", Axis::linear("x"), Axis::linear("y"))
        .line("", (0..100_000).map(|at| (at as f64, spike(at))))
        .dots("", [(54_321.0, 9.0)]);
    let text = svg(&figure).unwrap();
    assert!(text.len() < 60_000, "{} bytes", text.len());
    let picture = elements(&text);
    let peak =
        named(&picture, "polygon")[0].get("points").unwrap().split([',', ' ']).nth(1).unwrap().parse::<f64>().unwrap();
    let path = named(&picture, "path")[0].get("d").unwrap();
    let heights = path.split(['M', 'L']).filter_map(|pair| pair.split(' ').nth(1)?.parse::<f64>().ok());
    let highest = heights.fold(f64::INFINITY, f64::min);
    assert!((highest - (peak + 3.6)).abs() < 0.3, "the top of the square is its radius above {highest}");
}

#[test]
fn a_matrix_has_a_cell_for_every_value_and_small_pictures_are_one() {
    let rows = vec![vec![0.0, 0.5, f64::NAN], vec![-1.0, 1.0, 0.25]];
    let heat = Figure::new("", "", Axis::linear("column"), Axis::linear("row")).with(Mark::Heat { rows });
    let picture = drawn(&heat);
    let cells: Vec<_> =
        named(&picture, "rect").into_iter().filter(|cell| cell.number("height") > 40.0).skip(1).collect();
    assert_eq!(cells.len(), 6);
    assert_eq!(cells[0].get("fill"), Some("#ffffff"), "nothing is white");
    assert_ne!(cells[3].get("fill"), cells[4].get("fill"), "signs have colours of their own");
    assert!(cells[3].number("y") > cells[0].number("y"), "the first row is on top");
    let tiles = Figure::tiles("atoms", "", vec![vec![0.0, 1.0, -1.0, 0.5]; 5], [2, 2], 3, true);
    let picture = drawn(&tiles);
    let image = named(&picture, "image")[0];
    assert!(image.get("href").unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"), "a PNG by its first bytes");
    assert_eq!(texts(&picture), ["atoms"]);
}

#[test]
fn an_equation_is_set_and_one_that_cannot_be_is_shown_as_it_stands() {
    let set = elements(&mathml(r"\log p(v) = \mathcal{L} + D_{\mathrm{KL}}(q \| p) \ge \sum_h q(h)"));
    assert_eq!(set[0].name, "math");
    let left = elements(&mathml(r"\nosuchcommand{a < b"));
    assert_eq!((left[0].name.as_str(), left[0].text.as_str()), ("code", r"\nosuchcommand{a < b"));
}
