#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

#include "base/process.h"

namespace pyattn {

/// Thrown by a job that was told to stop.
struct Cancelled {};

/// How often a waiting caller looks up: well below what a person notices when
/// pressing Ctrl-C, and rare enough to cost nothing.
constexpr std::chrono::milliseconds kWaitingSlice(20);

/// A thread that runs jobs one after the other, and the helpers that
/// `parallel_for` splits a job's loops over.
///
/// Parallel regions run on this thread alone, never on the caller's: OpenMP's
/// runtime keeps its pool with the thread that opened the region, and a child
/// process forked from that thread would wait for a pool that it does not
/// have.
class Team {
 public:
  /// Starts no thread; the first job does. `threads` counts the helpers and
  /// the team's own thread.
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return threads_; }

  /// Runs `job` on the team's thread and waits for its end; what it throws is
  /// thrown here. Every few milliseconds the caller asks `go_on`, which must
  /// not throw; once it says no, the job's next `parallel_for` throws
  /// Cancelled, and the job is still waited for.
  void run(const std::function<void()>& job,
           const std::function<bool()>& go_on);

  /// Runs `job`, which must not throw, on the team's thread behind those that
  /// wait already, and returns at once. While `stop` is true its next
  /// `parallel_for` throws Cancelled. The team ends after it.
  void post(std::function<void()> job, const std::atomic<bool>& stop);

  /// Whether jobs wait for the one that runs. For that one to ask.
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

/// Threads that `parallel_for` would use here; 1 outside a team's job.
int parallel_width();

/// Threads that this process may use: the smaller of its CPU affinity and its
/// cgroup's quota, at least 1.
int available_threads();

/// PYATTN_NUM_THREADS where it is set, else available_threads().
int default_threads();

}  // namespace pyattn
