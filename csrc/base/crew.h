#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

namespace pyattn {

/// How often a thread looks for work before it sleeps. About 0.1 ms: longer
/// than the leader's own work between two loops of a decoding step, short
/// enough not to be noticed by other programs.
constexpr int kSpins = 2000;

/// Between two looks: lets the core's other thread run.
void pause_spinning();

/// Shares the parts of one loop after the other between a leader and helpers.
///
/// A loop is over when its parts are done, not when everybody has passed a
/// barrier: the leader takes parts itself, and a helper that the system has
/// put aside costs nothing unless it was put aside in the middle of a part. On
/// a busy machine that is the difference between a loop of microseconds and one
/// of a scheduler's time slice.
class Crew {
 public:
  using Call = void (*)(void* body, int64_t begin, int64_t end);

  /// Calls `call(body, begin, end)` on `parts` parts of [0, count), at most
  /// kMostParts, here and on the helpers. Throws what a part threw first.
  void lead(int64_t count, int parts, void* body, Call call);

  /// A helper's work, until the crew is dismissed.
  void help();

  /// Lets the helpers go, for good.
  void dismiss();

  static constexpr int kMostParts = 4096;

 private:
  bool take_part();

  // Which loop it is, how many parts it has, and the next to be taken: one
  // word, so that who takes a part knows that it is still of that loop.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> done_{0};
  std::atomic<bool> dismissed_{false};

  // The loop at hand; what is read of a loop that is over is not used.
  std::atomic<int64_t> count_{0};
  std::atomic<void*> body_{nullptr};
  std::atomic<Call> call_{nullptr};

  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

}  // namespace pyattn
