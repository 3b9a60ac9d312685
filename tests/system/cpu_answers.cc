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

int cpuid(int leaf, uint32_t* d) {
  *d = leaf == 7 && answer(tiles, "has") ? 1U << 22 | 1U << 24 | 1U << 25 : 0;
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

#define __get_cpuid_count(leaf, subleaf, a, b, c, d) cpuid(leaf, d)
#define __builtin_cpu_supports(feature) answer(vectors, "has")
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
