#!/usr/bin/env python3
"""A device on a pipe: the arithmetic of nxp_int8 in exact fractions. One case a line in, one result a line out (verify/device/pipe.h).

    assay verify --target nxp_int8 --pipe "python3 pipe_dut.py"
    assay verify --target nxp_int8 --pipe "python3 pipe_dut.py --bug ties"      ties go to the even neighbour
Other bugs: die (ends after 100 cases), garbage (answers with a word), silent (stops answering), short (leaves out the last answer).
"""
import argparse
import math
import struct
import sys
from fractions import Fraction

MODES = {
    "floor": math.floor,
    "ceil": math.ceil,
    "toward_zero": math.trunc,
    "away_from_zero": lambda q: math.ceil(q) if q > 0 else math.floor(q),
    "half_up": lambda q: math.floor(q + Fraction(1, 2)),
    "half_down": lambda q: math.ceil(q - Fraction(1, 2)),
    "half_even": round,
    "half_odd": lambda q: 2 * math.floor(q / 2) + 1 if (2 * q).denominator == 1 and q.denominator == 2 else round(q),
    "half_away": lambda q: math.floor(q + Fraction(1, 2)) if q > 0 else math.ceil(q - Fraction(1, 2)),
    "half_toward_zero": lambda q: math.ceil(q - Fraction(1, 2)) if q > 0 else math.floor(q + Fraction(1, 2)),
}


def clamp(value, low, high):
    return max(low, min(high, value))


def binary32(word):
    return struct.unpack("<f", struct.pack("<I", word))[0]


def quotient_in_binary32(x, scale):
    """Rounded once to binary64 and once to binary32: the same as once to binary32, because binary64 has more than twice its digits."""
    try:
        return struct.unpack("<f", struct.pack("<f", x / scale))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def quantize(x_word, scale_word, zero_point, low, high):
    q = quotient_in_binary32(binary32(x_word), binary32(scale_word))
    rounded = 0 if math.isnan(q) else (2**31 - 1 if q > 0 else -(2**31)) if math.isinf(q) else clamp(MODES["half_up"](Fraction(q)), -(2**31), 2**31 - 1)
    return clamp(rounded + zero_point, low, high)


class Device:
    def __init__(self, ties):
        self.round = MODES[ties]

    def finish(self, value, left, right, zero_point, low, high):
        return clamp(clamp(self.round(Fraction(value * 2**left, 2**right)), -128, 127), low, high)

    def answer(self, op, o):
        if op == "rounding":
            return list(MODES.values())[o[2]](Fraction(o[0], 2 ** o[1]))
        if op == "quantize":
            return quantize(*o)
        if op == "requantize":
            return self.finish(o[0] + o[1], o[3], o[4], *o[9:12])
        if op == "add":
            return self.finish((o[0] - o[2]) + (o[1] - o[3]), o[11], o[12], *o[13:16])
        if op == "mul":
            return self.finish((o[0] - o[2]) * (o[1] - o[3]), o[5], o[6], *o[11:14])
        if op == "average_pool":
            mean = MODES["half_up"](Fraction((o[0] - o[1] * o[2]) * o[3] * 2 ** o[4], o[1] * 2 ** o[5]))
            return clamp(clamp(mean, -128, 127), *o[7:9])
        if op == "table":
            return o[1 + o[0] + 128]
        return None  # dot is left out: "unsupported"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bug", choices=["ties", "die", "garbage", "silent", "short"])
    bug = parser.parse_args().bug
    device = Device("half_even" if bug == "ties" else "half_up")
    for number, line in enumerate(sys.stdin):
        if number == 100 and bug == "die":
            sys.exit(3)
        if number == 100 and bug == "garbage":
            print("about four", flush=True)
            continue
        if number >= 100 and bug == "silent":
            continue
        op, *operands = line.split()
        result = device.answer(op, [int(word) for word in operands])
        # Without the flush the answers would wait in this program's buffer while the other side waits for them.
        print("unsupported" if result is None else result, flush=True)
        if number == 100 and bug == "short":
            sys.exit(0)


main()
