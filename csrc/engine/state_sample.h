#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace pyattn {

/// Copies of states on their way to the vocabulary: what a search of it is made
/// for. It takes up those that come, until it has as many as were wanted.
///
/// Thread-safe.
class StateSample {
 public:
  /// Wants `rows` states of `dim` numbers, in the place of what it has.
  void want(int64_t rows, int64_t dim);

  /// Takes from rows, [rows, dim], what is still wanted.
  void add(const float* states, int64_t rows);

  /// All that were wanted, [rows, dim]; empty while some are missing. They are
  /// given out once.
  std::vector<float> take();

 private:
  std::mutex mutex_;
  std::vector<float> states_;
  int64_t dim_ = 0, wanted_ = 0;      // wanted: numbers
  std::atomic<bool> missing_{false};  // some of them; without the lock
};

}  // namespace pyattn
