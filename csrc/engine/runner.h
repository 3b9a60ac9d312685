#pragma once

#include <memory>

#include "base/process.h"
#include "base/threads.h"
#include "engine/queue.h"
#include "engine/request.h"
#include "engine/state_sample.h"
#include "model/weights.h"

namespace pyattn {

/// Takes requests from any number of threads and runs them, step by step, as a
/// job on a team's thread. The job ends when no sentence is left, and after a
/// step for which other jobs of the team wait; then it is posted again behind
/// them.
///
/// Thread-safe. Queue and batch are used by the job alone; what it shares with
/// callers, the requests, is guarded by one lock, under which those of the
/// requests may be taken. All of it is of one process: a forked child has its
/// own.
class Runner {
 public:
  Runner(const ModelWeights& weights, StateSample& sample, const Limits& limits,
         Team& team);
  /// Cancels all requests, and waits for the end of the job.
  ~Runner();

  /// Returns at once.
  void submit(std::shared_ptr<Request> request);

  /// Cancels a request, and abandons the current step if all requests in it are
  /// cancelled.
  void cancel(Request& request);

 private:
  struct State;
  State& state();

  const ModelWeights& weights_;
  StateSample& sample_;
  const Limits limits_;
  Team& team_;
  PerProcess<State> state_;
};

}  // namespace pyattn
