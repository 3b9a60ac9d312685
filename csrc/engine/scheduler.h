#pragma once

#include <memory>

#include "base/process.h"
#include "base/threads.h"
#include "engine/batch.h"
#include "engine/request.h"
#include "model/weights.h"

namespace pyattn {

/// Runs requests of any number of threads as one batch, step by step, on a
/// team's thread; between steps it lets other jobs of the team through.
class Scheduler {
 public:
  Scheduler(const ModelWeights& weights, const Limits& limits, Team& team);
  ~Scheduler();

  /// Returns at once. The request is shared with the engine until it is done.
  void submit(std::shared_ptr<Request> request);

  /// Nobody waits for it any more. The step at hand is given up if it serves
  /// nobody else.
  void cancel(Request& request);

 private:
  struct State;
  State& state();

  const ModelWeights& weights_;
  const Limits limits_;
  Team& team_;
  PerProcess<State> state_;
};

}  // namespace pyattn
