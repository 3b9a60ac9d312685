// base/cpu.cc on machines that are not at hand: prints why the level amx does
// not run where CPU and Linux answer what the arguments say, "has" or "lacks"
// for the vectors and for the tiles, "saves" or "ignores", and Linux's errno.
// They are asked in the order of the arguments; to ask one that should not be
// asked any more is an error.
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

std::string tiles, vectors, saved, error;

bool answer(const std::string& said, const char* yes) {
  if (said.empty()) {
    std::puts("a question too many");
    std::exit(1);
  }
  return said == yes;
}

// Leaf 1 is the first that vectors need, and leaf 7 has the rest of them.
int answer_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t* a, uint32_t* b,
                 uint32_t* c, uint32_t* d) {
  const uint32_t rest = vectors == "has" ? ~0U : 0U;
  *a = *b = *c = rest;
  *d = 0;
  if (leaf == 1) {
    *c = answer(vectors, "has") ? ~0U : 0U;
  } else if (leaf == 7 && subleaf == 0) {
    *a = 1;  // the last subleaf
    *d = answer(tiles, "has") ? 1U << 22 | 1U << 24 | 1U << 25 : 0;
  }
  return 1;
}

uint64_t enabled() { return answer(saved, "saves") ? 0x600E7 : 0xE7; }

long permission(long function, long feature) {
  if (answer(error, "0")) {
    return function == 0x1023 && feature == 18 ? 0 : -1;
  }
  errno = std::stoi(error);
  return -1;
}

}  // namespace

#define __get_cpuid_count answer_cpuid
#define _xgetbv(index) enabled()
#define syscall(number, function, feature) permission(function, feature)
#include "base/cpu.cc"

int main(int count, char** arguments) {
  std::string* const answers[] = {&tiles, &vectors, &saved, &error};
  for (int i = 1; i < count; ++i) {
    *answers[i - 1] = arguments[i];
  }
  std::puts(pyattn::obstacle(pyattn::Isa::kAmx).c_str());
}
