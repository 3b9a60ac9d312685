#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

#include "base/process.h"

namespace pyattn {

/// Thrown in a job that is cancelled, and by a wait that is given up.
struct Cancelled {};

/// Called every `kWaitingSlice` by a thread that waits; false gives up. Must
/// not throw.
using KeepWaiting = std::function<bool()>;

/// How often a waiting thread checks whether to give up: well below what a
/// person notices when pressing Ctrl-C, and rare enough to cost nothing.
constexpr std::chrono::milliseconds kWaitingSlice(20);

/// A thread that runs jobs one after the other, and the helpers that
/// `parallel_for` splits a job's loops over. Thread-safe. A forked child has
/// neither thread nor helpers, and makes its own.
class Team {
 public:
  /// Starts no thread; the first job does. `threads` counts the helpers and
  /// the team's own thread.
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return threads_; }

  /// Runs `job` on the team's thread and waits for its end; rethrows what it
  /// throws. After `keep_waiting` has returned false, the job's next
  /// `parallel_for` throws Cancelled; the wait for its end goes on.
  void run(const std::function<void()>& job, const KeepWaiting& keep_waiting);

  /// Runs `job` on the calling thread, if the helpers are free; returns whether
  /// it did. Nothing cancels it: for jobs that take less time than to hand them
  /// over and back, or not much more.
  bool run_here(const std::function<void()>& job);

  /// Runs `job`, which must not throw, on the team's thread after the jobs that
  /// wait already, and returns at once. While `stop` is true, the job's next
  /// `parallel_for` throws Cancelled. The team's destructor waits for the job.
  void post(std::function<void()> job, const std::atomic<bool>& stop);

  /// Whether other jobs wait for the job that calls this.
  bool jobs_wait();

 private:
  struct Worker;
  Worker& worker();

  const int threads_;
  PerProcess<Worker> worker_;
};

namespace detail {
void parallel_for(int64_t count, int64_t grain, void* body,
                  void (*call)(void*, int64_t, int64_t));
}

/// Calls `body(begin, end)` on consecutive parts of [0, count), in parallel if
/// this is a team's thread and there are at least two parts of `grain`.
/// Which part a thread gets says nothing about what is computed: bodies write
/// disjoint outputs and no sum is split. What a body throws is thrown here.
/// Throws Cancelled if the job that this thread runs is to stop.
template <class Body>
void parallel_for(int64_t count, int64_t grain, Body&& body) {
  // A plain pointer and a trampoline: std::function would allocate.
  detail::parallel_for(
      count, grain, &body, [](void* erased, int64_t begin, int64_t end) {
        (*static_cast<std::remove_reference_t<Body>*>(erased))(begin, end);
      });
}

/// The rows that a part of a loop should have at least, where a row costs so
/// much `work`: floats that are read, changed and written, or multiply-adds.
///
/// 64 Ki of them take about 9 us (layer_norm on a Zen 4 core). To share a loop
/// costs its leader less than 0.5 us, but a helper that has gone to sleep takes
/// a few to wake up.
inline int64_t grain(int64_t work) {
  constexpr int64_t kWorkPerPart = 64 * 1024;
  return kWorkPerPart / std::max<int64_t>(work, 1) + 1;
}

/// Threads that `parallel_for` would use here; 1 outside a team's job.
int parallel_width();

/// Threads that this process may use: the smaller of its CPU affinity and its
/// cgroup's quota, at least 1.
int available_threads();

/// PYATTN_NUM_THREADS where it is set, else available_threads().
int default_threads();

}  // namespace pyattn
