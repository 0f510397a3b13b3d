#!/usr/bin/env python3
"""scripts/mutate places its mistakes where its list says and nowhere else, refuses a list that does not fit, and counts right."""
import importlib.machinery
import importlib.util
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LOADER = importlib.machinery.SourceFileLoader("mutate", str(SOURCE / "scripts" / "mutate"))
mutate = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutate", LOADER))
sys.modules["mutate"] = mutate
LOADER.exec_module(mutate)

CODE = "int f(int a, int b) {\n  if (a == 0) return b;\n  return a + b;\n}\n"


def entry(find, replace, what="a mistake", **more):
    keys = {"file": "emu/arith/f.cc", "find": find, "replace": replace, "what": what} | more
    return "[[mutant]]\n" + "".join(f"{key} = '{value}'\n" for key, value in keys.items())


class Mutate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "emu/arith").mkdir(parents=True)
        (self.root / "emu/arith/f.cc").write_text(CODE)

    def mutated(self, *entries):
        mutants = mutate.read_list("\n".join(entries))
        return mutants, mutate.mutate_all(mutants, self.root)["emu/arith/f.cc"]

    def assert_refused(self, words, *entries):
        with self.assertRaises(mutate.ListError) as caught:
            self.mutated(*entries)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_an_expression_becomes_a_choice(self):
        (m,), code = self.mutated(entry("a + b", "a - b"))
        self.assertIn(f"return (assay_mutant == {m.key} ? (a - b) : (a + b));", code)
        self.assertEqual((m.line, m.folder), (3, "emu/arith"))

    def test_a_statement_becomes_a_branch(self):
        (m,), code = self.mutated(entry("if (a == 0) return b;", "", kind="statement"))
        self.assertIn(f"if (assay_mutant == {m.key}) {{  }} else {{ if (a == 0) return b; }}", code)

    def test_marks_leave_the_words_around_alone(self):
        (m,), code = self.mutated(entry("return a + «b»;", "a"))
        self.assertIn(f"return a + (assay_mutant == {m.key} ? (a) : (b));", code)

    def test_mutants_of_one_place_make_a_chain(self):
        (m, n), code = self.mutated(entry("a + b", "a - b"), entry("return «a + b»;", "b - a"))
        self.assertIn(f"return (assay_mutant == {m.key} ? (a - b) : assay_mutant == {n.key} ? (b - a) : (a + b));", code)

    def test_several_places_and_no_other_character_change(self):
        mutants, code = self.mutated(entry("a == 0", "a != 0"), entry("a + b", "a - b"))
        for m in mutants:
            self.assertEqual(code.count(str(m.key)), 1)
            code = code.replace(f"(assay_mutant == {m.key} ? ({m.replace}) : ({m.find}))", m.find)
        self.assertEqual(code, CODE)

    def test_a_text_that_is_absent_is_refused_by_name(self):
        self.assert_refused(["emu/arith/f.cc", "no such sum", "found 0 times", "a * b"], entry("a * b", "a", "no such sum"))

    def test_a_text_that_occurs_twice_is_refused(self):
        self.assert_refused(["found 2 times"], entry("return", "throw"))

    def test_overlapping_places_are_refused_with_both_names(self):
        self.assert_refused(["the whole", "the part", "overlap"], entry("a + b", "a", "the whole"), entry("return a + «b»", "a", "the part"))

    def test_one_place_has_one_kind(self):
        self.assert_refused(["kind"], entry("return a + b;", "return a;", kind="statement"), entry("return a + b;", "0"))

    def test_all_problems_are_told_at_once(self):
        self.assert_refused(["a * b", "a / b", "missing.cc"], entry("a * b", "a"), entry("a / b", "a"), entry("a", "b", file="missing.cc"))

    def test_wrong_entries_are_refused(self):
        self.assert_refused(["'find' is missing"], "[[mutant]]\nfile = 'x'\nreplace = 'y'\nwhat = 'z'\n")
        self.assert_refused(["unknown key 'finds'"], entry("a + b", "a", finds="c"))
        self.assert_refused(["kind is 'word'"], entry("a + b", "a", kind="word"))
        self.assert_refused(["the same mistake"], entry("a + b", "a"), entry("a + b", "a"))
        self.assert_refused(["one «"], entry("a + «b", "a"))

    def test_a_key_depends_on_its_entry_alone(self):
        (m,), _ = self.mutated(entry("a + b", "a - b"))
        (_, n), _ = self.mutated(entry("a == 0", "a != 0"), entry("a + b", "a - b"))
        self.assertEqual(m.key, n.key)

    def test_the_score_leaves_explained_survivors_out(self):
        def mutant(file, equivalent=""):
            return mutate.Mutant(file, "", "", "", "expression", equivalent, 1)

        rows = mutate.score([(mutant("emu/ops/a.cc"), "A.B"), (mutant("emu/ops/a.cc"), None), (mutant("emu/ops/b.cc", "equal"), None), (mutant("emu/arith/a.cc"), "A.B"),
                             (mutant("emu/arith/a.cc", "wrongly"), "A.C"), (mutant("emu/arith/a.cc"), "A.B")])
        self.assertEqual(list(rows), ["emu/arith", "emu/ops", "all"])
        self.assertEqual(rows["emu/ops"], {"killed": 1, "survived": 1, "explained": 1, "score": 50.0})
        self.assertEqual(rows["emu/arith"], {"killed": 3, "survived": 0, "explained": 0, "score": 100.0})
        self.assertEqual(rows["all"], {"killed": 4, "survived": 1, "explained": 1, "score": 80.0})

    def test_the_killer_is_the_first_failed_test_or_the_one_that_was_running(self):
        self.assertEqual(mutate.killer("[ RUN      ] A.B\n[  FAILED  ] A.B (3 ms)\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] A.B\n"), "A.B")
        self.assertEqual(mutate.killer("[ RUN      ] A.B\n[       OK ] A.B (3 ms)\n[ RUN      ] P/C.D/0\n"), "P/C.D/0")
        self.assertEqual(mutate.killer("[  FAILED  ] P/C.D/0, where GetParam() = 3 (1 ms)\n"), "P/C.D/0")

    def test_slow_tests_come_last(self):
        plan = mutate.stages({"A.B": 0.01, "A.C": 9.0, "A.D": 0.02, "A.E": 0.05})
        self.assertEqual([tests for tests, _ in plan], ["A.B:A.D", "A.E", "A.C"])
        self.assertGreater(plan[2][1], 9)
        self.assertEqual([tests for tests, _ in mutate.stages({"A.B": 3.0})], ["", "", "A.B"])

    def test_the_list_fits_the_sources(self):
        mutants = mutate.read_list(mutate.LIST.read_text())
        mutate.mutate_all(mutants, SOURCE)
        self.assertGreaterEqual(len(mutants), 120)


if __name__ == "__main__":
    unittest.main()
