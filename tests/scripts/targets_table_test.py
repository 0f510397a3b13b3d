#!/usr/bin/env python3
"""scripts/targets_table tells a low cosine, a missing operator and a crash apart, runs nothing twice, and writes no table where a pair failed. A small program stands in for assay."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]

# Answers as the target's file says: its first line is the exit code, then cosine, simulator's cosine, differing elements and the greatest difference.
PROGRAM = """#!{python}
import json, pathlib, sys
words = sys.argv[1:]
with open("{log}", "a") as log: log.write(pathlib.Path(words[words.index("-t") + 1]).stem + "\\n")
code, emu, ppq, differing, farthest = pathlib.Path(words[words.index("-t") + 1]).read_text().split()[1:]
out = pathlib.Path(words[words.index("-o") + 1])
out.mkdir()
layer = {{"is_output": True, "emu_vs_ppq": {{"verdict": "EQUAL" if differing == "0" else "NOT_EQUAL", "why": "", "elements": 1000, "differing": int(differing),
          "off_by": [[-int(farthest), int(differing)]] if differing != "0" else []}}}}
(out / "align.json").write_text(json.dumps({{"layers": [layer], "verdicts": {{"emu_fp32": float(emu), "ppq_fp32": float(ppq)}}}}))
if code == "3": print("no ops.table", file=sys.stderr)
sys.exit(int(code))
"""


class TargetsTable(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "scripts").mkdir()
        (self.root / "docs").mkdir()
        self.script = self.root / "scripts" / "targets_table"
        self.script.write_bytes((SOURCE / "scripts" / "targets_table").read_bytes())
        for name in ("emu/targets", "vectors/models/calibration", "vectors/models/inputs", "models"):
            (self.root / name).mkdir(parents=True)
        (self.root / "vectors/models/digits.onnx").write_text("model")
        self.log = self.root / "log"
        self.program = self.root / "assay"
        self.program.write_text(PROGRAM.format(python=sys.executable, log=self.log))
        os.chmod(self.program, 0o755)

    def target(self, name, *answer):
        (self.root / "emu/targets" / f"{name}.toml").write_text("# " + " ".join(map(str, answer)) + "\n")

    def run_script(self, *arguments):
        return subprocess.run([sys.executable, "-B", str(self.script), "--assay", str(self.program), "--models", str(self.root / "models"), *arguments], capture_output=True,
                              text=True, check=False)

    def rows(self):
        result = self.run_script()
        self.assertEqual(result.returncode, 0, result.stderr)
        return {line.split("|")[1].strip(): line.split("|")[2].strip() for line in result.stdout.split("\n") if line.startswith("| ")}

    def test_verdicts(self):
        self.target("a", 0, 0.99999, 1, 0, 0)
        self.target("b", 0, 0.995, 1, 7, 1)
        self.target("c", 0, 0.995, 1, 500, 12)
        rows = self.rows()
        self.assertEqual(rows["a"], "0.9999 EQUAL, 1/1")
        self.assertEqual(rows["b"], "0.9950 CLOSE 0.7 %, 0/1")
        self.assertEqual(rows["c"], "0.9950 off by 12, 50 %, 0/1")

    def test_a_low_cosine_stands_beside_the_simulators(self):
        self.target("a", 1, 0.98, 0.981, 0, 0)
        self.assertEqual(self.rows()["a"], "**0.9800** (ppq 0.9810) EQUAL, 1/1")

    def test_arithmetic_that_loses_needs_a_reason(self):
        self.target("a", 1, 0.9, 0.999, 9, 3)
        result = self.run_script()
        self.assertEqual(result.returncode, 0)
        self.assertIn("no reason in docs/targets_notes.toml: digits on a", result.stderr)
        (self.root / "docs/targets_notes.toml").write_text('[[note]]\ntarget = "a"\ntext = "It sums in 16 bits."\n')
        result = self.run_script()
        self.assertNotIn("no reason", result.stderr)
        self.assertIn("3, 0.9 %, 0/1 [1] |", result.stdout)
        self.assertIn("[1] It sums in 16 bits.", result.stdout)

    def test_what_the_target_lacks_is_told_with_its_key(self):
        self.target("a", 3, 1, 1, 0, 0)
        self.assertEqual(self.rows()["a"], "unsupported [1]")
        self.assertIn("[1] no ops.table", self.run_script().stdout)

    def test_other_exit_codes_are_errors_and_told_all(self):
        for name, code in (("a", 4), ("b", 2), ("c", 139)):
            self.target(name, code, 1, 1, 0, 0)
        result = self.run_script()
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        for words in ("digits on a: exit code 4", "digits on b: exit code 2", "digits on c: exit code 139"):
            self.assertIn(words, result.stderr)

    def test_nothing_is_run_twice_until_the_file_changes(self):
        self.target("a", 0, 1, 1, 0, 0)
        self.target("b", 0, 1, 1, 0, 0)
        self.rows()
        self.rows()
        self.assertEqual(sorted(self.log.read_text().split()), ["a", "b"])
        self.target("b", 0, 0.999, 1, 0, 0)
        self.assertEqual(self.rows()["b"], "0.9990 EQUAL, 1/1")
        self.assertEqual(sorted(self.log.read_text().split()), ["a", "b", "b"])

    def test_what_is_kept_makes_a_table_without_a_run(self):
        self.target("a", 0, 1, 1, 0, 0)
        self.rows()
        self.target("b", 0, 1, 1, 0, 0)
        table = self.run_script("--kept").stdout
        self.assertIn("| a | 1.0000 EQUAL, 1/1 |", table)
        self.assertIn("| b | not run |", table)
        self.assertEqual(self.log.read_text().split(), ["a"])

    def test_check_wants_one_row_for_each_file(self):
        self.target("a", 0, 1, 1, 0, 0)
        self.assertEqual(self.run_script("--check").returncode, 1)
        (self.root / "docs/targets.md").write_text("| target | digits |\n|---|---|\n| a | 1 |\n")
        self.assertEqual(self.run_script("--check").returncode, 0)
        self.target("b", 0, 1, 1, 0, 0)
        self.assertIn("b has no row", self.run_script("--check").stdout)
        (self.root / "emu/targets/a.toml").unlink()
        self.assertIn("a is no target file", self.run_script("--check").stdout)


if __name__ == "__main__":
    unittest.main()
