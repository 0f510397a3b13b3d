// One source, several instruction sets: the compiler makes a copy of a marked function for each and the right one is chosen when the program is loaded. Marked
// functions treat integers, or binary32 numbers one by one, so every copy gives the same bits. (Under AddressSanitizer the choice would run before the sanitizer does.)
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define ASSAY_VECTORIZE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define ASSAY_VECTORIZE
#endif
