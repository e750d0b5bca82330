//! The fused element-wise functions against the formulas they stand for.

use crate::kernels::{levels, values};
use crate::support::{assert_all_close, assert_close};
use candle_core::Var;
use dbm::math::kernels::{AdamStep, Level, adam, hyperbolic_tangents, means, soft_pluses};
use dbm::math::{
    DType, Device, Result, Stream, Tensor, composed, entropy_of_binary, host, ln_one_plus_exp, sample_binary, sigmoid,
    soft_plus, tanh, total_entropy_of_binary, total_ln_one_plus_exp,
};

type Function = fn(&Tensor) -> Result<Tensor>;

/// Name, fused function, the formula in candle operations (`f64`, moderate inputs).
const FUNCTIONS: [(&str, Function, Function); 4] = [
    ("sigmoid", sigmoid, candle_nn::ops::sigmoid),
    ("ln_one_plus_exp", ln_one_plus_exp, |x| (x.exp()? + 1.0)?.log()),
    ("tanh", tanh, Tensor::tanh),
    ("entropy_of_binary", entropy_of_binary, |x| {
        let (one, zero) = (candle_nn::ops::sigmoid(x)?, candle_nn::ops::sigmoid(&x.neg()?)?);
        ((&one * one.log()?)? + (&zero * zero.log()?)?)?.neg()
    }),
];

/// Inputs spread over (-15, 15), few or more than one thread takes on its own.
fn inputs(rows: usize, columns: usize) -> Tensor {
    let uniform = Stream::new(1).uniform(rows, columns, DType::F64, &Device::Cpu).unwrap();
    uniform.affine(30.0, -15.0).unwrap()
}

#[test]
fn fused_functions_equal_the_composed_formulas() {
    for (name, fused, composed) in FUNCTIONS {
        for (rows, columns) in [(1, 1), (3, 5), (400, 100)] {
            let x = inputs(rows, columns);
            let (fused, composed) = (fused(&x).unwrap(), composed(&x).unwrap());
            assert_eq!(fused.dims(), [rows, columns], "{name}");
            assert_all_close(name, &host(&fused).unwrap(), &host(&composed).unwrap(), 1e-13);
        }
    }
}

#[test]
fn single_precision_is_double_precision_rounded() {
    for (name, fused, _) in FUNCTIONS {
        // From large inputs to those where what is left of a difference would show.
        let x = (inputs(400, 100) / 15.0).unwrap().powf(3.0).unwrap();
        let x = (x * 15.0).unwrap().to_dtype(DType::F32).unwrap();
        let narrow = fused(&x).unwrap();
        assert_eq!(narrow.dtype(), DType::F32, "{name}");
        let wide = host(&fused(&x.to_dtype(DType::F64).unwrap()).unwrap()).unwrap();
        for (narrow, wide) in host(&narrow).unwrap().iter().zip(wide) {
            assert_close(name, *narrow, wide, 5e-7 * wide.abs());
        }
    }
}

#[test]
fn totals_of_an_example_are_sums_over_its_units() {
    let totals: [(&str, Function, Function); 2] = [
        ("ln_one_plus_exp", total_ln_one_plus_exp, ln_one_plus_exp),
        ("entropy_of_binary", total_entropy_of_binary, entropy_of_binary),
    ];
    for (name, total, each) in totals {
        // Fewer and more units than one logarithm serves, few and many rows.
        for (rows, columns) in [(1, 1), (3, 5), (60, 1100)] {
            let x = inputs(rows, columns);
            let sums = host(&each(&x).unwrap().sum(1).unwrap()).unwrap();
            let found = total(&x).unwrap();
            assert_eq!((found.dims(), found.dtype()), (&[rows][..], DType::F64), "{name}");
            assert_all_close(name, &host(&found).unwrap(), &sums, 1e-10);
            let narrow = host(&total(&x.to_dtype(DType::F32).unwrap()).unwrap()).unwrap();
            narrow.iter().zip(&sums).for_each(|(narrow, sum)| assert_close(name, *narrow, *sum, 5e-7 * sum));
        }
        for dtype in [DType::F32, DType::F64] {
            let at = |row: [f64; 2]| {
                host(&total(&Tensor::new(&[row], &Device::Cpu).unwrap().to_dtype(dtype).unwrap()).unwrap()).unwrap()[0]
            };
            // The product of all their factors would overflow.
            let zeros = total(&Tensor::zeros((1, 1100), dtype, &Device::Cpu).unwrap()).unwrap();
            assert_close(name, host(&zeros).unwrap()[0], 1100.0 * 2_f64.ln(), 1e-10);
            let limit = if name == "ln_one_plus_exp" { 1e30 } else { 0.0 };
            assert_close(name, at([1e30, -1e30]), limit, 1e-7 * limit);
            assert_close(name, at([f64::NEG_INFINITY, -800.0]), 0.0, 0.0);
            assert!(at([f64::NAN, 0.0]).is_nan() && at([0.0, f64::NAN]).is_nan(), "{name}");
        }
    }
}

#[test]
fn huge_inputs_reach_the_limits() {
    for dtype in [DType::F32, DType::F64] {
        for large in [800.0, 1e30, f64::INFINITY] {
            let x = Tensor::new(&[large, -large], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let at = |function: Function| host(&function(&x).unwrap()).unwrap();
            let what = format!("{large} in {dtype:?}");
            let rounded = host(&x).unwrap()[0];
            assert_eq!(at(sigmoid), [1.0, 0.0], "{what}");
            assert_eq!(at(ln_one_plus_exp), [rounded, 0.0], "{what}");
            assert_eq!(at(tanh), [1.0, -1.0], "{what}");
            assert_eq!(at(entropy_of_binary), [0.0, 0.0], "{what}");
        }
    }
}

#[test]
fn what_other_devices_compose_is_what_the_processor_fuses() {
    for (dtype, rounding) in [(DType::F32, f64::from(f32::EPSILON)), (DType::F64, f64::EPSILON)] {
        let x = (inputs(400, 100) * 8.0).unwrap().to_dtype(dtype).unwrap();
        let twins: [(&str, Function, Function); 3] = [
            ("sigmoid", sigmoid, composed::sigmoid),
            ("ln_one_plus_exp", ln_one_plus_exp, composed::ln_one_plus_exp),
            ("entropy_of_binary", entropy_of_binary, composed::entropy_of_binary),
        ];
        for (name, fused, composed) in twins {
            let (fused, composed) = (host(&fused(&x).unwrap()).unwrap(), host(&composed(&x).unwrap()).unwrap());
            for (fused, composed) in fused.iter().zip(composed) {
                assert_close(name, composed, *fused, 4.0 * rounding * (1.0 + fused.abs()));
            }
        }
        // One draw in ten million falls between the roundings of the two.
        let states =
            |sample: fn(&Tensor, Stream) -> Result<Tensor>| host(&sample(&x, Stream::new(3)).unwrap()).unwrap();
        let (fused, composed) = (states(sample_binary), states(composed::sample_binary));
        assert!(fused.iter().zip(&composed).filter(|(fused, composed)| fused != composed).count() <= 1, "{dtype:?}");
    }
}

#[test]
fn small_values_keep_their_digits() {
    for x in [20.0, 30.0, 300.0, 700.0_f64] {
        let at = |function: Function, x: f64| {
            host(&function(&Tensor::new(&[x], &Device::Cpu).unwrap()).unwrap()).unwrap()[0]
        };
        let (small, tolerance) = ((-x).exp(), 1e-8 * (-x).exp());
        assert_close("sigmoid", at(sigmoid, -x), small, tolerance);
        assert_close("ln_one_plus_exp", at(ln_one_plus_exp, -x), small, tolerance);
        // Up to a term of e^-2x, which is 2e-9 of the whole at 20.
        for x in [x, -x] {
            assert_close("entropy", at(entropy_of_binary, x), (1.0 + x.abs()) * small, tolerance * (1.0 + x.abs()));
        }
    }
}

#[test]
fn what_is_no_number_stays_none() {
    for (name, fused, _) in FUNCTIONS {
        for dtype in [DType::F32, DType::F64] {
            let x = Tensor::new(&[f64::NAN], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            assert!(host(&fused(&x).unwrap()).unwrap()[0].is_nan(), "{name}");
        }
    }
}

#[test]
fn views_into_other_tensors_are_read_in_their_own_order() {
    let whole = inputs(60, 50);
    let row = whole.narrow(0, 3, 1).unwrap();
    for (what, view) in [
        ("transposed", whole.t().unwrap()),
        ("columns", whole.narrow(1, 7, 20).unwrap()),
        ("rows", whole.narrow(0, 7, 20).unwrap()),
        ("rows of the transposed", whole.t().unwrap().narrow(0, 7, 20).unwrap()),
        ("one row for all", row.broadcast_as((60, 50)).unwrap()),
    ] {
        let copy = Tensor::from_vec(host(&view).unwrap(), view.dims(), &Device::Cpu).unwrap();
        for (name, fused, _) in FUNCTIONS {
            assert_eq!(host(&fused(&view).unwrap()).unwrap(), host(&fused(&copy).unwrap()).unwrap(), "{name}, {what}");
        }
        let sample = |x: &Tensor| host(&sample_binary(x, Stream::new(2)).unwrap()).unwrap();
        assert_eq!(sample(&view), sample(&copy), "sample_binary, {what}");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads_or_rows() {
    for (name, fused, _) in FUNCTIONS {
        let x = inputs(400, 100);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| host(&fused(&x).unwrap()).unwrap())
        };
        let one = on(1);
        assert!(on(2) == one && on(4) == one, "{name}");
        let single: Vec<f64> =
            (0..400).flat_map(|row| host(&fused(&x.narrow(0, row, 1).unwrap()).unwrap()).unwrap()).collect();
        assert!(single == one, "{name}, row by row");
    }
}

#[test]
fn states_are_one_with_the_probability_of_the_sigmoid() {
    let (rows, columns) = (4000, 25);
    for dtype in [DType::F32, DType::F64] {
        for (index, x) in [-8.0, -3.0, -1.0, 0.0, 0.5, 2.0, 6.0].into_iter().enumerate() {
            let input = Tensor::full(x, (rows, columns), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let states = sample_binary(&input, Stream::new(3).at(index as u64)).unwrap();
            assert_eq!((states.dtype(), states.dims()), (dtype, &[rows, columns][..]));
            let states = host(&states).unwrap();
            assert!(states.iter().all(|s| *s == 0.0 || *s == 1.0));
            let (n, p) = ((rows * columns) as f64, 1.0 / (1.0 + f64::exp(-x)));
            let frequency = states.iter().sum::<f64>() / n;
            assert_close(&format!("at {x} in {dtype:?}"), frequency, p, 4.0 * (p * (1.0 - p) / n).sqrt());
        }
    }
}

#[test]
fn a_state_is_one_where_the_uniform_draw_lies_below_the_sigmoid() {
    let (x, stream) = (inputs(400, 100), Stream::new(4));
    let uniform = host(&stream.uniform(400, 100, DType::F64, &Device::Cpu).unwrap()).unwrap();
    let below: Vec<f64> =
        host(&sigmoid(&x).unwrap()).unwrap().iter().zip(uniform).map(|(p, u)| f64::from(u8::from(u < *p))).collect();
    assert_eq!(host(&sample_binary(&x, stream).unwrap()).unwrap(), below);
}

#[test]
fn other_number_types_are_refused_by_name() {
    let whole = Tensor::zeros((2, 2), DType::U32, &Device::Cpu).unwrap();
    let half = Tensor::zeros((2, 2), DType::F16, &Device::Cpu).unwrap();
    for (input, name) in [(whole, "U32"), (half, "F16")] {
        for function in
            [sigmoid, ln_one_plus_exp, entropy_of_binary, |x| sample_binary(x, Stream::new(0))] as [Function; 4]
        {
            let message = function(&input).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("f32 or f64"), "{message}");
        }
    }
}

#[test]
fn functions_on_a_tape_have_the_slope_of_their_values() {
    for (name, function) in [("soft_plus", soft_plus as Function), ("tanh", tanh)] {
        let x = Var::from_tensor(&inputs(30, 10)).unwrap();
        let value = function(x.as_tensor()).unwrap();
        let slopes = host(value.backward().unwrap().get(&x).unwrap()).unwrap();
        let step = 1e-5;
        let at = |by: f64| host(&function(&(x.as_tensor().detach() + by).unwrap()).unwrap()).unwrap();
        let differences: Vec<f64> =
            at(step).iter().zip(at(-step)).map(|(up, down)| (up - down) / (2.0 * step)).collect();
        // Rounding of the values over the step, and the third derivative times its square.
        assert_all_close(name, &slopes, &differences, 15.0 * f64::EPSILON / step + step * step);
    }
}

#[test]
fn functions_of_single_values_and_steps_of_adam_are_the_same_bits_at_every_level() {
    // More than one thread takes, and no whole register.
    let count = 10_007;
    let x: Vec<f32> = values("x", 1, count).iter().map(|x| 20.0 * x).collect();
    let (m, v) = (values("m", 1, count), values("v", 1, count).iter().map(|v| v.abs()).collect::<Vec<_>>());
    let by = AdamStep { kept: [0.9, 0.999], new: [0.1, 0.001], rate: 0.01, unbias: 1.5, epsilon: 1e-8 };
    let found = |level: Level| {
        let functions = [means, soft_pluses, hyperbolic_tangents].map(|function| {
            let mut values = x.clone();
            function(level, &mut values);
            values
        });
        let (mut at, mut m, mut v) = (x.clone(), m.clone(), v.clone());
        adam(level, by, &values("uphill", 1, count), &mut at, &mut m, &mut v);
        functions.into_iter().chain([at, m, v]).flatten().map(f32::to_bits).collect::<Vec<_>>()
    };
    let expected = found(Level::Portable);
    levels().into_iter().for_each(|level| assert!(found(level) == expected, "{level:?}"));
}
