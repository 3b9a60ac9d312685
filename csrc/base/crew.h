#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

namespace pyattn {

/// Shares the parts of one loop after the other between a leader and helpers.
///
/// A loop is over when its parts are done, not when everybody has passed a
/// barrier: the leader takes parts itself, and a helper that the system has
/// put aside costs nothing unless it was put aside in the middle of a part. On
/// a busy machine that is the difference between a loop of microseconds and one
/// of a scheduler's time slice.
///
/// Who waits looks for work for a while before sleeping, since to wake a
/// thread takes longer than most loops.
class Crew {
 public:
  using Call = void (*)(void* body, int64_t begin, int64_t end);

  /// Calls `call(body, begin, end)` on `parts` parts of [0, count), at most
  /// kMostParts, here and on the helpers. Throws what a part threw first, when
  /// none is under way any more. Not for two threads at a time.
  void lead(int64_t count, int parts, void* body, Call call);

  /// A helper's work, until the crew is dismissed.
  void help();

  /// The leader's, outside of loops: from now on helpers look for a loop for a
  /// long or for a short time before they sleep. Wakes none that sleeps.
  void set_patient(bool patient);

  /// Lets the helpers go, for good.
  void dismiss();

  static constexpr int kMostParts = 4096;

 private:
  bool take_part();
  void skip_loop();

  // Which loop it is, how many parts it has, and the next to be taken: one
  // word, so that who takes a part knows that it is still of that loop.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> done_{0};
  std::atomic<bool> dismissed_{false};
  std::atomic<bool> patient_{false};

  // The loop at hand; what is read of a loop that is over is not used.
  std::atomic<int64_t> count_{0};
  std::atomic<void*> body_{nullptr};
  std::atomic<Call> call_{nullptr};

  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

}  // namespace pyattn
