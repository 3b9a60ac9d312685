// What one core can do at most, as lines `name unit value`: the rate of each
// instruction that kernels of matrix products are made of, with its operands in
// registers, and the rate of reading a buffer of each size that the arguments
// name, as in
//
//   peaks 64 L1=16384 L2=524288 DRAM=268435456
//
// Of so many short trials the best counts. Each measurement is guarded by the
// CPU's own account of what it has and runs in a process of its own, so that an
// instruction which is promised and not kept costs its line alone. The
// instructions are written out in assembly: no compiler can drop, fuse or hoist
// what is to be counted.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "peaks.h"
#if defined(__x86_64__)
#include "peaks_x86.h"
#elif defined(__aarch64__)
#include "peaks_arm.h"
#else
#error "the probe knows x86-64 and AArch64"
#endif

namespace {

// What other programs take of the core is not counted.
double cpu_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

double seconds_of(const Probe& probe, int64_t count) {
  const double begin = cpu_seconds();
  probe.run(count);
  return cpu_seconds() - begin;
}

// Work in 10^9 per second, of the best trial. A trial takes a millisecond: long
// next to the clock, short next to a time slice.
double best_rate(const Probe& probe, int trials) {
  constexpr double kTrialSeconds = 1e-3;
  int64_t count = 1;
  double taken = seconds_of(probe, count);
  while (taken < kTrialSeconds) {
    count *= 2;
    taken = seconds_of(probe, count);
  }
  for (int trial = 0; trial < trials; ++trial) {
    const double again = seconds_of(probe, count);
    taken = again < taken ? again : taken;
  }
  return probe.work * static_cast<double>(count) / taken * 1e-9;
}

// In a child, which may die of it; nothing is printed then.
void report(const Probe& probe, int trials) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    std::printf("%s %s %.4g\n", probe.name, probe.unit,
                best_rate(probe, trials));
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
}

// Over pages that exist, huge ones where the system gives them, as pyattn's
// weights lie.
void report_bandwidth(const char* name, int64_t bytes, int trials) {
  constexpr int64_t kHuge = 2 << 20;
  const int64_t whole = (bytes + 511) / 512 * 512;
  const int64_t mapped = (whole + kHuge - 1) / kHuge * kHuge;
  void* const memory = std::aligned_alloc(kHuge, mapped);
  if (memory == nullptr) {
    return;
  }
  madvise(memory, mapped, MADV_HUGEPAGE);
  std::memset(memory, 1, mapped);
  g_memory = {static_cast<const char*>(memory), whole};
  report(reading(name), trials);
  std::free(memory);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: peaks TRIALS [NAME=BYTES ...]\n");
    return 2;
  }
  const int trials = std::atoi(arguments[1]);
  for (const Probe& probe : probes()) {
    if (probe.supported) {
      report(probe, trials);
    }
  }
  for (int i = 2; i < count; ++i) {
    const std::string argument = arguments[i];
    const size_t equals = argument.find('=');
    const int64_t bytes = std::atoll(argument.c_str() + equals + 1);
    // A buffer of memory is read for tens of milliseconds a trial.
    const int few = bytes > (64 << 20) && trials > 8 ? 8 : trials;
    report_bandwidth(argument.substr(0, equals).c_str(), bytes, few);
  }
  return 0;
}
