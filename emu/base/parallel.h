// Work over independent items. Threads split outputs, never sums: item i is always computed whole by one thread, so the result does not depend on their number.
#pragma once

#include <cstddef>
#include <functional>

namespace assay {

// Calls work(i) for every i in [0, count), on up to `threads` threads (1 = on the caller's). The first exception, by item number, is thrown again here.
void parallel_for(size_t count, int threads, const std::function<void(size_t)>& work);

}  // namespace assay
