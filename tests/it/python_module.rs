//! The Python module reads what a run wrote, and calls the program.

use std::process::Command;

use crate::lab::Lab;

#[test]
fn the_python_module_reads_a_run() {
    let python = std::env::var("SEGSPEC_PYTHON").unwrap_or_else(|_| "python3".into());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/python");
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let mut command = Command::new(&python);
    command.args(["-m", "unittest", "-v", "tests.test_segspec"]).current_dir(source).env("PYTHONPATH", source);
    // Nothing is written beside the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("SEGSPEC_DEVICE", "cpu");
    command.env("SEGSPEC_PROGRAM", env!("CARGO_BIN_EXE_segspec")).env("SEGSPEC_TEST_FOLDER", lab.path(""));
    let Ok(done) = command.output() else {
        println!("skipped: no {python} (set SEGSPEC_PYTHON)");
        return;
    };
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    println!("{said}");
}
