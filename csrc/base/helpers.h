#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/crew.h"

namespace pyattn {

/// Threads that help one job after the other, in the crew of each.
///
/// Between jobs they look for the next one for a while, then sleep, so that
/// calls of a kernel in a row do not wait for wake-ups. A job ends without
/// those that have not woken up for it yet; they find the next job, or none.
class Helpers {
 public:
  /// Starts `count` threads, or as many as the system grants.
  explicit Helpers(int count);
  ~Helpers();
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  int size() const { return static_cast<int>(threads_.size()); }

  /// Calls `job` with the crew that the helpers are in, on the calling thread;
  /// throws what it throws. Not for two threads at a time.
  void run(const std::function<void(Crew&)>& job);

 private:
  void serve();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable left_;
  Crew* crew_ = nullptr;          // of the job at hand; null between jobs
  std::atomic<uint64_t> job_{0};  // changes under the lock
  int inside_ = 0;                // helpers in `crew_`
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

/// Gives the calling thread the library's name, which debuggers and `top` show.
void name_this_thread();

}  // namespace pyattn
