//! The notebook, run as a script.

use std::process::Command;

use crate::python;

/// Exits with the code that tells of missing modules if one of those that the notebook imports is not installed.
const MODULES: &str = "
import importlib.util, sys
has = lambda name: importlib.util.find_spec(name) is not None
missing = [name for name in ('matplotlib', 'numpy', 'SimpleITK') if not has(name)]
if not has('polars') and not (has('pandas') and has('pyarrow')):
    missing.append('polars, or pandas with pyarrow')
if sys.version_info < (3, 11) and not has('tomli'):
    missing.append('tomli')
print(', '.join(missing))
sys.exit(77 if missing else 0)
";

#[test]
fn the_notebook_runs_from_an_empty_folder() {
    let mut modules = Command::new(python::program());
    if python::output(modules.args(["-c", MODULES])).is_none() {
        return;
    }
    let repository = env!("CARGO_MANIFEST_DIR");
    let place = tempfile::tempdir().unwrap();
    let mut notebook = Command::new(python::program());
    notebook.arg(format!("{repository}/docs/notebook.py")).current_dir(place.path());
    notebook.env("PYTHONPATH", format!("{repository}/python")).env("PYTHONDONTWRITEBYTECODE", "1");
    notebook
        .env("SEGSPEC_PROGRAM", env!("CARGO_BIN_EXE_segspec"))
        .env("SEGSPEC_DEVICE", "cpu")
        .env_remove("SEGSPEC_DATA");
    notebook.env("MPLBACKEND", "Agg").env("MPLCONFIGDIR", place.path().join("matplotlib"));
    let told = python::output(&mut notebook).unwrap();
    assert!(told.contains("voxels, values [0"), "{told}");
    for (file, width) in [("dice.png", 600), ("case.png", 800)] {
        let picture = image::open(place.path().join(file)).unwrap().to_rgb8();
        assert_eq!(picture.width(), width, "{file}");
        let first = picture.get_pixel(0, 0);
        assert!(picture.pixels().any(|pixel| pixel != first), "{file} is empty");
    }
}
