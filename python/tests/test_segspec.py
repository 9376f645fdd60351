"""Tests of the Python module against a real program and a real run.

SEGSPEC_TEST_FOLDER: a folder in which `segspec run` finished an experiment `tiny`; SEGSPEC_PROGRAM: the program.
"""

import os
import subprocess
import sys
import unittest
from pathlib import Path

import segspec

FOLDER = Path(os.environ["SEGSPEC_TEST_FOLDER"])


def has(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


class Results(unittest.TestCase):
    def setUp(self) -> None:
        (self.run_folder,) = segspec.runs(FOLDER / "runs", "tiny")

    def test_a_run_is_read(self) -> None:
        run = self.run_folder
        self.assertEqual(run.id, run.path.name)
        self.assertTrue(run.finished)
        self.assertEqual(run.manifest["run_id"], run.id)
        self.assertTrue(run.report.is_file())
        self.assertEqual(len(run.predictions), 2)
        self.assertIn(run.id, repr(run))

    @unittest.skipUnless(sys.version_info >= (3, 11) or has("tomli"), "no TOML reader")
    def test_the_plan_has_every_setting(self) -> None:
        self.assertEqual(self.run_folder.plan["work"]["train"]["train"]["batch-size"], 2)

    @unittest.skipUnless(has("polars") or (has("pandas") and has("pyarrow")), "neither polars nor pandas with pyarrow")
    def test_tables_are_data_frames(self) -> None:
        scores, history = self.run_folder.scores, self.run_folder.history
        self.assertEqual(set(scores["structure"]), {"liver", "spleen"})
        self.assertEqual(list(history["epoch"]), [1, 2, 3])

    @unittest.skipUnless(has("numpy"), "no numpy")
    def test_weights_are_arrays(self) -> None:
        weights = self.run_folder.weights()
        count = sum(array.size for array in weights.values())
        self.assertEqual(count, self.run_folder.manifest["training"]["parameters"])

    def test_what_is_missing_is_named(self) -> None:
        with self.assertRaisesRegex(FileNotFoundError, "no run folder"):
            segspec.Run(FOLDER)


class Program(unittest.TestCase):
    def test_labels_are_scored(self) -> None:
        reference = FOLDER / "data" / "set" / "labelsTr"
        found = segspec.evaluate(reference, reference, labels={"liver": 1}, cases=["phantom_000", "phantom_001"])
        self.assertEqual(found["mean"]["dice"]["mean"], 1.0)
        self.assertEqual(found["n_cases"], 2)

    def test_errors_have_code_and_message(self) -> None:
        with self.assertRaises(segspec.SegspecError) as caught:
            segspec.call("check", "nowhere.toml", cwd=FOLDER)
        self.assertEqual(caught.exception.code, 3)
        self.assertIn("nowhere.toml", caught.exception.message)

    def test_a_finished_experiment_is_not_repeated(self) -> None:
        segspec.run("experiments/tiny.toml", cwd=FOLDER)
        self.assertEqual(len(segspec.runs(FOLDER / "runs")), 1)

    def test_the_module_is_the_program(self) -> None:
        done = subprocess.run([sys.executable, "-m", "segspec", "--version"], capture_output=True, text=True)
        self.assertEqual(done.stdout.strip(), f"segspec {segspec.__version__}")


if __name__ == "__main__":
    unittest.main()
