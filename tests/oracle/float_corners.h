// Binary32 words at which float arithmetic goes wrong, each with its reason; the tests take them with both signs.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace assay::oracle {

struct FloatCorner {
  uint32_t bits;
  const char* reason;
};

inline constexpr std::array kFloatCorners = {
    FloatCorner{0x00000000, "zero"},
    FloatCorner{0x00000001, "smallest subnormal"},
    FloatCorner{0x00000002, "second subnormal: half of it is exact"},
    FloatCorner{0x00000003, "third subnormal: half of it is a tie"},
    FloatCorner{0x007ffffe, "largest subnormal, less one"},
    FloatCorner{0x007fffff, "largest subnormal"},
    FloatCorner{0x00800000, "smallest normal"},
    FloatCorner{0x00800001, "smallest normal and one ulp"},
    FloatCorner{0x00ffffff, "last of the first binade: half of it is a tie at the border of subnormals"},
    FloatCorner{0x01000000, "twice the smallest normal"},
    FloatCorner{0x0c800000, "2^-102: 2^24 subnormal units"},
    FloatCorner{0x1a000000, "2^-75: its square is a tie below the smallest subnormal"},
    FloatCorner{0x1a000001, "2^-75 and one ulp: its square is just above that tie"},
    FloatCorner{0x19ffffff, "2^-75 less one ulp: its square is just below that tie"},
    FloatCorner{0x20000000, "2^-63: its square is the smallest normal"},
    FloatCorner{0x1fffffff, "2^-63 less one ulp: its square rounds up to the smallest normal"},
    FloatCorner{0x33000000, "2^-25: half of fp16's smallest subnormal; a quarter ulp of 1"},
    FloatCorner{0x337fffff, "just below half an ulp of 1"},
    FloatCorner{0x33800000, "2^-24: half an ulp of 1; fp16's smallest subnormal"},
    FloatCorner{0x33800001, "just above half an ulp of 1"},
    FloatCorner{0x34000000, "2^-23: the ulp of 1"},
    FloatCorner{0x38800000, "2^-14: fp16's smallest normal"},
    FloatCorner{0x3c800000, "2^-6: e4m3's smallest normal"},
    FloatCorner{0x3effffff, "just below 1/2"},
    FloatCorner{0x3f000000, "1/2: a tie between integers"},
    FloatCorner{0x3f000001, "just above 1/2"},
    FloatCorner{0x3eaaaaab, "1/3 rounded: no product with 3 is exact"},
    FloatCorner{0x3f7fffff, "1 less one ulp"},
    FloatCorner{0x3f800000, "1"},
    FloatCorner{0x3f800001, "1 and one ulp"},
    FloatCorner{0x3f800003, "1 and three ulps: odd, so ties show"},
    FloatCorner{0x3fc00000, "1.5: a tie between integers"},
    FloatCorner{0x3fffffff, "2 less one ulp: the square has all its bits"},
    FloatCorner{0x40000000, "2"},
    FloatCorner{0x40200000, "2.5: a tie between integers"},
    FloatCorner{0x40400000, "3"},
    FloatCorner{0x43e00000, "448: e4m3's largest"},
    FloatCorner{0x43e7ffff, "just below 464"},
    FloatCorner{0x43e80000, "464: e4m3's tie with overflow"},
    FloatCorner{0x43e80001, "just above 464"},
    FloatCorner{0x43f00000, "480: e4m3's NaN, were it a number"},
    FloatCorner{0x47600000, "57344: e5m2's largest"},
    FloatCorner{0x47700000, "61440: e5m2's tie with overflow"},
    FloatCorner{0x477fe000, "65504: fp16's largest"},
    FloatCorner{0x477fefff, "just below 65520"},
    FloatCorner{0x477ff000, "65520: fp16's tie with overflow"},
    FloatCorner{0x47800000, "65536: the first beyond e5m2 and fp16"},
    FloatCorner{0x4affffff, "2^23 - 1/2: the largest with a half"},
    FloatCorner{0x4b000000, "2^23: from here on all are integers"},
    FloatCorner{0x4b000001, "2^23 + 1"},
    FloatCorner{0x4b7fffff, "2^24 - 1: the last odd integer"},
    FloatCorner{0x4b800000, "2^24"},
    FloatCorner{0x4b800001, "2^24 + 2: 2^24 + 1 is no binary32 number"},
    FloatCorner{0x4effffff, "the largest below 2^31"},
    FloatCorner{0x4f000000, "2^31: the first beyond int32"},
    FloatCorner{0x4f000001, "just above 2^31"},
    FloatCorner{0x4f800000, "2^32"},
    FloatCorner{0x5effffff, "the largest below 2^63"},
    FloatCorner{0x5f000000, "2^63"},
    FloatCorner{0x5f7fffff, "2^64 less one ulp: its square is nearly the largest"},
    FloatCorner{0x5f800000, "2^64: its square overflows"},
    FloatCorner{0x73000000, "2^103: half an ulp of the largest"},
    FloatCorner{0x72ffffff, "just below half an ulp of the largest"},
    FloatCorner{0x7e800000, "2^126: its inverse is the smallest normal"},
    FloatCorner{0x7f000000, "2^127: its inverse is subnormal"},
    FloatCorner{0x7f7f0000, "bf16's largest"},
    FloatCorner{0x7f7f7fff, "just below bf16's tie with overflow"},
    FloatCorner{0x7f7f8000, "bf16's tie with overflow"},
    FloatCorner{0x7f7fe000, "tf32's largest"},
    FloatCorner{0x7f7ff000, "tf32's tie with overflow"},
    FloatCorner{0x7f7ffffe, "the largest, less one ulp"},
    FloatCorner{0x7f7fffff, "the largest"},
    FloatCorner{0x7f800000, "infinity"},
    FloatCorner{0x7f800001, "a signalling NaN"},
    FloatCorner{0x7fc00000, "the quiet NaN"},
    FloatCorner{0x7fffffff, "a NaN with all bits"},
};

inline std::vector<uint32_t> float_corners() {
  std::vector<uint32_t> words;
  for (const FloatCorner& corner : kFloatCorners) words.push_back(corner.bits), words.push_back(corner.bits | 0x80000000U);
  return words;
}

// For triples: one of each kind. (1 + ulp) * 1.5 is a tie, which the smallest third term decides.
inline std::vector<uint32_t> few_float_corners() {
  std::vector<uint32_t> words;
  for (const uint32_t bits : {0x00000000U, 0x00000001U, 0x007fffffU, 0x00800000U, 0x1a000000U, 0x1fffffffU, 0x33800000U, 0x34000000U, 0x3f7fffffU, 0x3f800000U, 0x3f800001U,
                              0x3fc00000U, 0x3fffffffU, 0x40400000U, 0x4b7fffffU, 0x5f7fffffU, 0x5f800000U, 0x73000000U, 0x7f7fffffU, 0x7f800000U, 0x7fc00000U}) {
    words.push_back(bits), words.push_back(bits | 0x80000000U);
  }
  return words;
}

}  // namespace assay::oracle
