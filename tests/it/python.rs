//! Scripts below `tests/reference/` that check with other programs what segspec wrote.

use std::process::Command;

/// Exit code of a script whose modules are not installed.
const MODULES_MISSING: i32 = 77;

/// A script, run by `SEGSPEC_PYTHON`, else `python3`.
pub fn script(name: &str) -> Command {
    let mut command = Command::new(program());
    command.arg(format!("{}/tests/reference/{name}", env!("CARGO_MANIFEST_DIR")));
    command
}

/// A script that needs nnU-Net, run by `SEGSPEC_NNUNET_PYTHON`, else by the Python of the other scripts.
pub fn nnunet_script(name: &str) -> Command {
    let python = std::env::var("SEGSPEC_NNUNET_PYTHON").unwrap_or_else(|_| program());
    let mut command = Command::new(python);
    command.arg(format!("{}/tests/reference/{name}", env!("CARGO_MANIFEST_DIR")));
    command
}

/// `SEGSPEC_PYTHON`, else `python3`.
pub fn program() -> String {
    std::env::var("SEGSPEC_PYTHON").unwrap_or_else(|_| "python3".into())
}

/// A script that needs onnxruntime and PyTorch, run by `SEGSPEC_NNUNET_PYTHON`. None, with a word to the person, where it is not set.
pub fn networks(name: &str) -> Option<Command> {
    with_networks(&format!("tests/reference/{name}"))
}

/// As [`networks`], for a script of `examples/`.
pub fn example(name: &str) -> Option<Command> {
    let command = with_networks(&format!("examples/{name}"))?;
    let probe = Command::new(command.get_program()).args(["-c", "import numpy, onnxruntime, SimpleITK"]).output();
    if probe.is_ok_and(|done| done.status.success()) {
        return Some(command);
    }
    println!("skipped: SEGSPEC_NNUNET_PYTHON lacks numpy, onnxruntime or SimpleITK");
    None
}

fn with_networks(path: &str) -> Option<Command> {
    let Some(python) = std::env::var_os("SEGSPEC_NNUNET_PYTHON") else {
        println!(
            "skipped: set SEGSPEC_NNUNET_PYTHON to a Python with torch, onnx, onnxruntime, safetensors and SimpleITK"
        );
        return None;
    };
    let mut command = Command::new(python);
    command.arg(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

/// What a script prints. None, with a word to the person, where Python or its modules are missing.
pub fn output(command: &mut Command) -> Option<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Ok(done) = command.output() else {
        println!("skipped: no {program} (set SEGSPEC_PYTHON or SEGSPEC_NNUNET_PYTHON)");
        return None;
    };
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.code() == Some(MODULES_MISSING) {
        println!("skipped: {program} (SEGSPEC_PYTHON, SEGSPEC_NNUNET_PYTHON) lacks a module: {text}");
        return None;
    }
    assert!(done.status.success(), "{text}{}", String::from_utf8_lossy(&done.stderr));
    Some(text)
}
