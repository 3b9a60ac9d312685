#include "base/crew.h"

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

}  // namespace

void pause_spinning() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

namespace {

// Returns once `word` is not `old` any more: spins for a while, then sleeps.
template <class T>
void wait_for_change(const std::atomic<T>& word, T old) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (word.load(std::memory_order_acquire) != old) {
      return;
    }
    pause_spinning();
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
    wait_for_change(done_, done);
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
      wait_for_change(ticket_, seen);
    }
  }
}

void Crew::dismiss() {
  dismissed_.store(true, std::memory_order_release);
  // A ticket without parts: whoever waits for a change looks up.
  ticket_.fetch_add(uint64_t{1} << kLoopShift, std::memory_order_acq_rel);
  ticket_.notify_all();
}

}  // namespace pyattn
