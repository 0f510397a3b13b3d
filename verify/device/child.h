// A child process with time limits: started, spoken to, and gone when its owner is.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>

namespace assay::verify {

using Clock = std::chrono::steady_clock;

// How a process ended, in words: "exit code 3", "signal 11 (Segmentation fault)". Waits for it.
std::string ending_of(pid_t pid);

// Kills the process (with its group, if it leads one) and waits for it.
void kill_and_wait(pid_t pid, bool group);

// Milliseconds until `deadline`, at least 0, for poll().
int milliseconds_until(Clock::time_point deadline);

}  // namespace assay::verify
