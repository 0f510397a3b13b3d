// The one alias of the compiler's 128-bit integer: wide enough that no intermediate of a requantization (accumulator 64 x multiplier 32 bits, shifted left by up
// to 31) can leave it.
#pragma once

namespace assay {

__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;

}  // namespace assay
