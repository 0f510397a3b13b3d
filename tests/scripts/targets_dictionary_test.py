#!/usr/bin/env python3
"""scripts/targets_dictionary fills the column "used by" with what the files say, and --check sees a stale cell."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "targets_dictionary"
HEAD = "| key | type | legal values | meaning | used by |\n|---|---|---|---|---|\n"


class TargetsDictionary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def target(self, name, text):
        (self.folder / f"{name}.toml").write_text(text)

    def run_script(self, *arguments):
        return subprocess.run([sys.executable, "-B", str(SCRIPT), "--folder", str(self.folder), *arguments], capture_output=True, text=True, check=False)

    def cell(self, key):
        """The cell that the script writes for a key."""
        readme = self.folder / "README.md"
        readme.write_text(HEAD + f"| `{key}` | word | | meaning | ? |\n")
        self.assertEqual(self.run_script("--check").returncode, 1)
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual(self.run_script("--check").returncode, 0)
        return readme.read_text().rstrip("\n").split("|")[-2].strip()

    def test_a_key_of_all_with_one_value(self):
        for name in "abc":
            self.target(name, "[multiplier]\nbits = 31\n")
        self.assertEqual(self.cell("multiplier.bits"), "all: `31`")

    def test_values_that_vary_are_grouped_the_largest_as_others(self):
        for name, bits in (("a", 31), ("b", 1), ("c", 31), ("d", 24), ("e", 31)):
            self.target(name, f"[multiplier]\nbits = {bits}\n")
        self.assertEqual(self.cell("multiplier.bits"), "`1`: b; `24`: d; `31`: 3 others")

    def test_a_group_of_many_is_told_by_its_size(self):
        for index in range(20):
            self.target(f"t{index:02}", f'[q]\nround = "{"half_up" if index < 8 else "floor"}"\n')
        self.assertEqual(self.cell("q.round"), "`half_up`: 8; `floor`: 12 others")

    def test_supported_names_those_that_are(self):
        for name in "abcdef":
            self.target(name, f'[ops.add]\nsupported = {"false" if name == "c" else "true"}\n')
        self.assertEqual(self.cell("ops.add.supported"), "all but c")
        for name in "bdef":
            self.target(name, "[ops.add]\nsupported = false\n")
        self.assertEqual(self.cell("ops.add.supported"), "a")
        self.target("a", "[ops.add]\nsupported = false\n")
        self.assertEqual(self.cell("ops.add.supported"), "none")

    def test_lists_are_counted_and_texts_are_not_shown(self):
        self.target("a", '[ops.add]\nsource = "x"\nsteps = ["multiply"]\n')
        self.target("b", '[ops.add]\nsource = "y"\nsteps = ["clamp"]\n')
        self.target("c", '[ops.add]\nsource = "z"\n')
        self.assertEqual(self.cell("ops.add.steps"), "all but c; 2 lists")
        self.assertEqual(self.cell("ops.add.source"), "all")

    def test_keys_of_an_operator_that_some_lack(self):
        for name in "abcdef":
            self.target(name, '[ops.add]\nsupported = true\ninputs = "joint"\nheadroom = ' + ("1" if name == "b" else "0") + "\n")
        self.target("g", "[ops.add]\nsupported = false\n")
        self.assertEqual(self.cell("ops.add.inputs"), "where supported: `joint`")
        self.assertEqual(self.cell("ops.add.headroom"), "`1`: b; `0`: 5 others")

    def test_a_row_without_its_five_cells_is_refused(self):
        self.target("a", 'name = "a"\n')
        (self.folder / "README.md").write_text("| `name` | string | x |\n")
        self.assertEqual(self.run_script().returncode, 2)

    def test_other_tables_and_claims_are_left_alone(self):
        self.target("a", 'name = "a"\n')
        text = "| `multiply` | x the multiplier |\n| `claim.key` | string | | what |\ntext\n"
        (self.folder / "README.md").write_text(text)
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual((self.folder / "README.md").read_text(), text)


if __name__ == "__main__":
    unittest.main()
