#include "base/crew.h"

#include <chrono>
#include <thread>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pyattn {
namespace {

// A ticket is [loop: 32][parts: 16][next part: 16].
constexpr int kPartsShift = 16;
constexpr int kLoopShift = 32;

int parts_of(uint64_t ticket) {
  return static_cast<int>(ticket >> kPartsShift & 0xFFFF);
}
int next_of(uint64_t ticket) { return static_cast<int>(ticket & 0xFFFF); }

// Lets the core's other thread run for some cycles.
void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// How long a thread looks for work before it sleeps. In a job it keeps its core
// for longer than the leader's own work between two loops of a decoding step,
// then lets others go before: it may be the leader whom it keeps from its core.
// Between jobs it looks as long as GCC's OpenMP runtime, which shared the loops
// before, or somewhat less; a program that calls a kernel now and then has it
// in half of the time.
struct Patience {
  std::chrono::microseconds keeps_core, looks;
};
constexpr Patience kInJob = {std::chrono::microseconds(50),
                             std::chrono::microseconds(1000)};
constexpr Patience kBetweenJobs = {std::chrono::milliseconds(5),
                                   std::chrono::milliseconds(5)};

// A look at the clock for about a microsecond of pauses.
constexpr int kPauses = 32;

// Returns once `word` is not `old` any more: looks for a while, then sleeps.
template <class T>
void wait_for_change(const std::atomic<T>& word, T old,
                     const Patience& patience) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  while (true) {
    for (int n = 0; n < kPauses; ++n) {
      if (word.load(std::memory_order_acquire) != old) {
        return;
      }
      pause();
    }
    const Clock::duration waited = Clock::now() - start;
    if (waited >= patience.looks) {
      break;
    }
    if (waited >= patience.keeps_core) {
      std::this_thread::yield();
    }
  }
  word.wait(old, std::memory_order_acquire);
}

}  // namespace

void Crew::lead(int64_t count, int parts, void* body, Call call) {
  count_.store(count, std::memory_order_relaxed);
  body_.store(body, std::memory_order_relaxed);
  call_.store(call, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  const uint64_t loop =
      (ticket_.load(std::memory_order_relaxed) >> kLoopShift) + 1;
  ticket_.store(loop << kLoopShift | static_cast<uint64_t>(parts)
                                         << kPartsShift,
                std::memory_order_seq_cst);
  ticket_.notify_all();
  while (take_part()) {
  }
  for (int done = done_.load(std::memory_order_acquire); done < parts;
       done = done_.load(std::memory_order_acquire)) {
    wait_for_change(done_, done, kInJob);
  }
  if (failed_.load(std::memory_order_relaxed)) {
    failed_ = false;
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

bool Crew::take_part() {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (next_of(ticket) < parts_of(ticket)) {
    const int64_t count = count_.load(std::memory_order_relaxed);
    void* const body = body_.load(std::memory_order_relaxed);
    const Call call = call_.load(std::memory_order_relaxed);
    // Success says that the loop was the same before and after these reads.
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1,
                                       std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      continue;
    }
    const int64_t part = next_of(ticket);
    const int64_t parts = parts_of(ticket);
    try {
      call(body, count * part / parts, count * (part + 1) / parts);
    } catch (...) {
      if (!failed_.exchange(true)) {
        error_ = std::current_exception();
      }
    }
    done_.fetch_add(1, std::memory_order_acq_rel);
    done_.notify_one();
    return true;
  }
  return false;
}

void Crew::help() {
  while (!dismissed_.load(std::memory_order_acquire)) {
    const uint64_t seen = ticket_.load(std::memory_order_acquire);
    if (next_of(seen) < parts_of(seen)) {
      take_part();
    } else if (!dismissed_.load(std::memory_order_acquire)) {
      const bool patient = patient_.load(std::memory_order_relaxed);
      wait_for_change(ticket_, seen, patient ? kBetweenJobs : kInJob);
    }
  }
}

void Crew::set_patient(bool patient) {
  patient_.store(patient, std::memory_order_relaxed);
  skip_loop();
}

void Crew::dismiss() {
  dismissed_.store(true, std::memory_order_release);
  skip_loop();
  ticket_.notify_all();
}

// A ticket without parts: whoever looks for a change sees one.
void Crew::skip_loop() {
  const uint64_t loop = ticket_.load(std::memory_order_relaxed) >> kLoopShift;
  ticket_.store((loop + 1) << kLoopShift, std::memory_order_seq_cst);
}

}  // namespace pyattn
