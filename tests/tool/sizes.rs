//! Laws of sizes: what does not fit into memory is refused with the setting that asks for it, before it is allocated.

use crate::bench::{Bench, TINY};
use crate::by_hand::Machine;
use candle_core::Tensor;
use dbm::experiment::config::{Experiment, Source, Train, memory};
use std::collections::BTreeMap;

/// The refusal names the setting, the memory, and what to do.
#[track_caller]
fn is_refused(message: &str, setting: &str) {
    assert!(message.starts_with("exit 2\nerror: "), "{message}");
    assert!(message.contains(&format!("{setting} asks for about ")), "{setting}: {message}");
    assert!(message.contains(" of memory (") && message.contains("and this machine has "), "{message}");
    assert!(message.contains("\n  = ") || message.contains("\n help: "), "{message}");
}

#[test]
fn no_size_in_a_file_is_allocated_that_does_not_fit_into_memory() {
    let bench = Bench::with(&TINY.replace(", \"exact\"", ""));
    let wide = "model.hidden=[2000,1000]";
    let algorithm = "train.algorithm";
    for (changes, setting) in [
        ("model.hidden=[1000000,1000000]".to_string(), "model.hidden"),
        (
            format!("{wide} {algorithm}.maximum_likelihood.chains=1000000000"),
            "train.algorithm.maximum_likelihood.chains",
        ),
        (format!("{wide} {algorithm}.wake_sleep.chains=1000000000"), "train.algorithm.wake_sleep.chains"),
        (format!("{wide} pretrain.chains=persistent pretrain.batch_size=1000000000"), "pretrain.batch_size"),
        (format!("{wide} evaluate.log_partition.ais.chains=1000000000"), "evaluate.log_partition.ais.chains"),
        (
            format!("{wide} evaluate.final_log_partition.ais.chains=1000000000"),
            "evaluate.final_log_partition.ais.chains",
        ),
        ("model.hidden=[20,1000000] evaluate.schemes=[\"exact:max_bits=20\"]".into(), "evaluate.schemes[0]"),
        (
            format!("model.hidden=[20,1000000] {algorithm}.maximum_likelihood.positive=exact:max_bits=20"),
            "train.algorithm.maximum_likelihood.positive",
        ),
    ] {
        for command in ["config check", "run"] {
            is_refused(&bench.refusal(&format!("{command} tiny.toml {changes}")), setting);
        }
    }
    for (changes, message) in [
        ("data.source={bars_and_stripes={height=10000,width=10000,examples=1000000000}}", "too many to hold"),
        ("data.source={shifter={bits=10000}}", "too many to make every one"),
        ("data.source={shifting_bar={pixels=10000,bar=1,examples=1000000000}}", "too many to hold"),
        ("evaluate.schemes=[\"exact:max_bits=21\"]", "set it to 20 at most"),
        ("evaluate.log_partition.exact.max_bits=31", "set it to 30 at most"),
        ("train.batch_size=1000000001", "set it to 1000000000 at most"),
    ] {
        let refusal = bench.refusal(&format!("run tiny.toml {changes}"));
        assert!(refusal.starts_with("exit 2\n") && refusal.contains(message), "{refusal}");
    }
    assert!(!bench.path("runs").exists());
}

#[test]
fn memory_is_what_the_machine_has_or_what_its_control_groups_allow() {
    let system = |files: &[(&str, &str)]| {
        let files: BTreeMap<String, String> =
            files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
        memory::available(|path| files.get(path.to_str().unwrap()).cloned())
    };
    let machine = ("/proc/meminfo", "MemTotal:        1024 kB\nMemFree: 1 kB\n");
    let [unified, old] =
        ["0::/jobs/one\n", "5:cpu:/jobs\n4:cpuset,memory:/jobs/one\n"].map(|g| ("/proc/self/cgroup", g));
    assert_eq!(system(&[]), 16.0 * 1024.0 * 1024.0 * 1024.0);
    assert_eq!(system(&[machine, unified]), 1_048_576.0);
    for (group, around, unlimited) in [
        (unified, "/sys/fs/cgroup/memory.max", "max\n"),
        (unified, "/sys/fs/cgroup/jobs/memory.max", "max\n"),
        (unified, "/sys/fs/cgroup/jobs/one/memory.max", "max\n"),
        (old, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        (old, "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "9223372036854771712\n"),
        (old, "/sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes", "9223372036854771712\n"),
    ] {
        assert_eq!(system(&[machine, group, (around, "4096\n")]), 4096.0, "{around}");
        assert_eq!(system(&[machine, group, (around, unlimited)]), 1_048_576.0, "{around}");
    }
}

#[test]
fn the_examples_that_are_kept_count() {
    let mut experiment = Experiment::new("x", Source::Digits {}, vec![2]);
    experiment.train = Some(Train::default());
    let extent = |bytes| memory::Extent { visible: 64, train: 1, held_out: 1, bytes };
    assert_eq!(memory::too_large(&experiment, Some(extent(0))), None);
    let (path, message, _) = memory::too_large(&experiment, Some(extent(1 << 60))).unwrap();
    assert!(path == "data.split.train" && message.starts_with("asks for about 1048576.0 TiB"), "{path} {message}");
    // A byte for each of 64 counts of ink and for the class.
    let digits = dbm::experiment::setup::dataset(&experiment).unwrap();
    assert_eq!(digits.test.bytes(), 1797 * 65);
}

#[test]
fn a_batch_or_an_evaluation_larger_than_the_data_is_all_of_them() {
    let bench = Bench::with(TINY);
    let [all, more] = ["14", "1000000000"].map(|count| {
        let sizes = ["train.batch_size", "pretrain.batch_size", "evaluate.examples", "checkpoint.keep"];
        bench.run(&sizes.map(|size| format!("{size}={count}")).join(" "))
    });
    crate::bench::assert_same_bits(&all, &more);
}

#[test]
fn sizes_are_weighed_again_when_the_width_of_the_data_is_known() {
    let files = "{ files = { train = \"wide.amat\" } }";
    let text = TINY.replace("{ bars_and_stripes = { height = 3, width = 3 } }", files).replace(", \"exact\"", "");
    let bench = Bench::with(&text);
    bench.write("wide.amat", ("1 ".repeat(100_000) + "\n").repeat(5));
    bench.ok("config check tiny.toml model.hidden=[1000000]");
    is_refused(&bench.refusal("run tiny.toml model.hidden=[1000000]"), "model.hidden");
    assert!(!bench.path("runs").exists());
}

#[test]
fn no_size_on_the_command_line_is_allocated_that_does_not_fit_into_memory() {
    let bench = Bench::with(TINY);
    bench.write("model.safetensors", Machine::random(&[4000, 2], 0.1, 1).file());
    for out in ["samples.png", "samples.npy"] {
        let message = bench.refusal(&format!("sample model.safetensors --count 1000000000 --out {out}"));
        let none_fits = bench.refusal(&format!("sample model.safetensors --count {} --out {out}", usize::MAX));
        is_refused(&none_fits, &format!("--count {}", usize::MAX));
        is_refused(&message, "--count 1000000000");
    }
    let source = "{samples={model=\"model.safetensors\",examples=1000000000}}";
    is_refused(&bench.refusal(&format!("run tiny.toml data.source={source}")), "data.source.samples.examples");
    bench.write("data.amat", "0 1 ".repeat(2000));
    let eval = "eval model.safetensors --data data.amat --log-partition ais";
    is_refused(&bench.refusal(&format!("{eval} --chains 1000000000000")), "ais.chains");
    let message = bench.refusal(&format!("{eval} --temperatures 1000000000000000"));
    is_refused(&message, "ais.temperatures");
    for threads in ["0", "1025", "1000000000"] {
        let message = bench.refusal(&format!("runs --threads {threads}"));
        assert!(message.starts_with("exit 2\nerror: invalid value") && message.contains("1..=1024"), "{message}");
    }
    assert!(!bench.path("runs").exists() && !bench.path("samples.npy").exists());
}

#[test]
fn exact_answers_that_nobody_asked_for_are_left_out_where_they_are_large() {
    let bench = Bench::new();
    bench.write("data.amat", "0 1 0 1\n1 1 0 0\n");
    for (wide, answered) in [(200, true), (20_000, false)] {
        bench.write("model.safetensors", Machine::random(&[4, 12, wide], 0.01, 1).file());
        let words = "eval model.safetensors --data data.amat --scheme mean-field:sweeps=1 --json";
        assert_eq!(bench.json(words)["log_likelihood_nats_mean"].is_number(), answered, "{wide}");
    }
}

#[test]
fn only_a_limit_that_can_be_set_is_advised() {
    let bench = Bench::new();
    let refusal = |sizes: &[usize], words: &str| {
        bench.write("model.safetensors", Machine::random(sizes, 0.1, 1).file());
        bench.write("data.amat", "0 ".repeat(sizes[0]));
        let message = bench.refusal(&format!("eval model.safetensors --data data.amat {words}"));
        assert!(message.starts_with("exit 2\n"), "{message}");
        message
    };
    let exact = "--log-partition exact";
    let message = refusal(&[25, 25], exact);
    assert!(message.contains("2^25 states; the limit is 2^24"), "{message}");
    assert!(message.contains("--max-bits 25, in an experiment file max_bits = 25"), "{message}");
    for words in [exact, "--log-partition exact --max-bits 30"] {
        let message = refusal(&[35, 35], words);
        assert!(message.contains("2^35 states") && message.contains("no limit above 30 bits can be set"), "{message}");
    }
    assert!(refusal(&[4, 18, 18], "--scheme exact").contains("or raise the limit: exact:max-bits=18"));
    assert!(refusal(&[4, 25, 25], "--scheme exact").contains("no limit above 20 bits can be set"));
    assert!(refusal(&[4, 25, 25], "--scheme exact:max-bits=25").contains("set it to 20 at most"));
}

#[test]
fn a_sample_does_not_depend_on_how_many_are_drawn_with_it() {
    let bench = Bench::new();
    bench.write("model.safetensors", Machine::random(&[12, 5], 0.5, 1).file());
    let drawn = |count: usize| {
        bench.ok(&format!("sample model.safetensors --sweeps 3 --states --count {count} --out states.npy"));
        let states = Tensor::read_npy(bench.path("states.npy")).unwrap();
        assert_eq!(states.dims(), [count, 12]);
        states.to_vec2::<f32>().unwrap()
    };
    let (few, many) = (drawn(5), drawn(1500));
    assert_eq!(few, many[..5]);
    // Chains that are swept apart from the first are not the first again.
    assert_ne!(many[..500], many[1000..]);
}
