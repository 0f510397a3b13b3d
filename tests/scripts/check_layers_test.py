#!/usr/bin/env python3
"""scripts/check_layers sees what it is there to see: each test plants one violation (or one innocent) in a small tree and reads the verdict."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CHECK = SOURCE / "scripts" / "check_layers"
ROOMS = ("emu", "quant", "vectors", "golden", "reports", "verify", "cli")
# In pieces, so that this file passes the check itself.
HOME = "/" + "home/somebody/model.onnx"


def run(root):
    return subprocess.run([sys.executable, str(CHECK), "--root", str(root)], capture_output=True, text=True, check=False)


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for room in ROOMS:
            self.write(f"{room}/{room}.h", f'#pragma once\n#include "{room}/other.h"\n#include <vector>\n')
        self.write("emu/targets/acme_int8.toml", 'name = "acme_int8"\n')
        self.write("emu/targets/onnx_reference.toml", 'name = "onnx_reference"\n')

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def assert_clean(self):
        result = run(self.root)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def assert_caught(self, path, line, *words):
        """Exactly one problem, at this place, with these words."""
        result = run(self.root)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(len(lines), 1, result.stdout)
        self.assertTrue(lines[0].startswith(f"{path}:{line}: "), lines[0])
        for word in words:
            self.assertIn(word, lines[0])

    def test_a_tree_without_violations_passes(self):
        self.assert_clean()

    def test_a_folder_that_is_not_the_repository_is_refused_not_passed(self):
        with tempfile.TemporaryDirectory() as empty:
            self.assertEqual(run(empty).returncode, 2)

    def test_every_arrow_and_no_other_is_allowed(self):
        allowed = {"emu": "emu", "quant": "quant emu", "vectors": "vectors emu", "golden": "golden emu vectors", "reports": "reports golden emu vectors",
                   "verify": "verify emu quant vectors", "cli": " ".join(ROOMS)}
        for room in ROOMS:
            for other in ROOMS:
                with self.subTest(room=room, other=other):
                    self.write(f"{room}/planted.cc", f'// a comment\n#include "{other}/{other}.h"\n')
                    if other in allowed[room].split():
                        self.assert_clean()
                    else:
                        self.assert_caught(f"{room}/planted.cc", 2, room, f"{other}/{other}.h")
                    (self.root / room / "planted.cc").unlink()

    def test_angle_brackets_and_odd_spacing_hide_no_include(self):
        self.write("emu/arith/planted.h", "  #  include <quant/quant.h>\n")
        self.assert_caught("emu/arith/planted.h", 1, "quant/quant.h")

    def test_an_include_in_a_comment_is_none(self):
        self.write("emu/planted.h", '// #include "quant/quant.h"\n/*\n#include "cli/cli.h"\n*/\n')
        self.assert_clean()

    def test_relative_paths_are_caught(self):
        self.write("emu/ops/planted.cc", '#include "../../quant/quant.h"\n')
        self.assert_caught("emu/ops/planted.cc", 1, "relative")

    def test_a_neighbour_without_its_folder_is_caught(self):
        self.write("golden/planted.cc", '#include "golden.h"\n')
        self.assert_caught("golden/planted.cc", 1, "relative")

    def test_tests_are_no_library(self):
        self.write("cli/planted.cc", '#include "tests/vectors/folder.h"\n')
        self.assert_caught("cli/planted.cc", 1, "tests")

    def test_a_forbidden_link_is_caught(self):
        self.write("golden/CMakeLists.txt", "# not assay_cli\nassay_room(golden assay_emu assay_quant)\n")
        self.assert_caught("golden/CMakeLists.txt", 2, "assay_quant")

    def test_floating_point_in_the_machine_is_caught(self):
        for code in ("float x;", "long double y;", "std::vector<double> z;", "auto a = 1.5;", "auto b = 1e-3;", "auto c = .5f;", "_Float16 d;", "#include <cmath>",
                     "#include <math.h>", "auto e = 2.;"):
            with self.subTest(code=code):
                self.write("emu/arith/planted.cc", f"int first;\n{code}\n")
                self.assert_caught("emu/arith/planted.cc", 2, "integers only")

    def test_floating_point_after_a_digit_separator_is_caught(self):
        self.write("emu/planted.cc", "int a = 1'000; double b = 'x';\n")
        self.assert_caught("emu/planted.cc", 1, "double")

    def test_words_about_floating_point_are_innocent(self):
        self.write("emu/planted.cc", '// a float, 1.5\n/* double\n 2.5 */\nconst char* a = "float 1.5 \\" double";\nconst char* b = R"x(\ndouble)" 1.5\n)x";\n'
                                     "int c = 0x1e5 + 1'000 + 'x' + soft_float(double_rounding);\n")
        self.assert_clean()

    def test_floating_point_is_free_in_kernels_and_other_rooms(self):
        for path in ("emu/kernels/planted.cc", "quant/planted.cc", "vectors/planted.cc"):
            self.write(path, "#include <cmath>\ndouble x = 1.5;\n")
        self.assert_clean()

    def test_chip_names_in_code_are_caught(self):
        for code in ('if (name == "acme_int8") return;', 'if (name.starts_with("acme")) return;', "bool isAcmeChip();", "#define IS_ACME 1", "kAcmeInt8 = 3;", 'x = "acme-int8";'):
            with self.subTest(code=code):
                self.write("emu/machine.cc", f"\n\n{code}\n")
                self.assert_caught("emu/machine.cc", 3, "acme")

    def test_chip_names_in_cmake_are_caught(self):
        self.write("emu/CMakeLists.txt", "# acme is free here\noption(WITH_ACME)\n")
        self.assert_caught("emu/CMakeLists.txt", 2, "acme")

    def test_a_new_target_file_is_enough_to_guard_its_name(self):
        self.write("quant/planted.cc", 'auto x = "zenith_int4";\n')
        self.assert_clean()
        self.write("emu/targets/zenith_int4.toml", "")
        self.assert_caught("quant/planted.cc", 1, "zenith_int4")

    def test_chip_names_are_innocent_where_nothing_is_decided(self):
        self.write("emu/planted.cc", '// acme_int8 rounds so\nauto s = QScale::from_acme(1, 2);\nthrow_error("an Acme shift lies in 0..31");\nint acmeist = onnx;\n')
        self.write("quant/export/planted.cc", 'write("acme_int8");\n')
        self.write("tests/planted_test.cc", 'load("acme_int8");\n')
        self.assert_clean()

    def test_makers_are_not_named_in_comments_or_help_texts_either(self):
        for room in ("emu", "quant", "golden", "cli"):
            for line in ("// as Hexagon's library has it", 'help("assay align -t NXP_thing");'):
                with self.subTest(room=room, line=line):
                    self.write(f"{room}/planted.cc", f"int x;\n{line}\n")
                    self.assert_caught(f"{room}/planted.cc", 2, "in C++")
            (self.root / room / "planted.cc").unlink()

    def test_makers_may_be_named_where_formats_are_called_after_them_and_in_other_rooms(self):
        for path in ("quant/export/planted.cc", "verify/planted.cc", "tests/planted_test.cc"):
            self.write(path, "// the vendor's SNPE format\n")
        self.assert_clean()

    def test_absolute_paths_are_caught_in_any_text_file(self):
        self.write("README.md", f"one\nrun assay {HOME}\n")
        self.assert_caught("README.md", 2, HOME)

    def test_other_paths_are_innocent(self):
        self.write("README.md", "#!/usr/bin/env bash\n../work/x and/or/tmp $HOME/tmp/x ${out}/tmp/ build/tmp https://host.example/home/x\n")
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
