#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/threads.h"
#include "engine/request.h"
#include "engine/scheduler.h"
#include "model/alignment.h"
#include "model/weights.h"

namespace pyattn {

/// A model and the threads that run it. Any number of threads may call: their
/// requests are decoded together, the other calls take turns with the steps.
class Engine {
 public:
  Engine(const ModelConfig& config, const ModelPacking& packing,
         const TensorSource& tensors, int threads, const Limits& limits)
      : weights_(config, packing, tensors),
        team_(threads),
        scheduler_(weights_, limits, team_) {}

  const ModelWeights& weights() const { return weights_; }
  int threads() const { return team_.size(); }

  /// Throw ArgumentError unless the model can take them; the calls below do so
  /// themselves.
  void check_sources(const char* operation,
                     const std::vector<Sequence>& sources) const;
  void check_pairs(const char* operation, const std::vector<Sequence>& sources,
                   const std::vector<Sequence>& targets) const;
  void check_heads(const char* operation, const AlignmentHeads& heads) const;

  /// The encoder's output of every source, [time, dim], into room(i).
  void encode(const std::vector<Sequence>& sources,
              const std::function<float*(size_t)>& room, const GoOn& go_on);

  /// The logits [target + 1, vocab] of every target, into room(i): row t is
  /// what follows the first t tokens.
  void logits(const std::vector<Sequence>& sources,
              const std::vector<Sequence>& targets,
              const std::function<float*(size_t)>& room, const GoOn& go_on);

  /// The log-probability of every target's tokens and of the end behind them,
  /// [target + 1], into room(i).
  void score(const std::vector<Sequence>& sources,
             const std::vector<Sequence>& targets,
             const std::function<float*(size_t)>& room, const GoOn& go_on);

  /// How much every row of a target looks at each token of its source, by these
  /// heads' attention, [target + 1, source], into room(i).
  void align(const std::vector<Sequence>& sources,
             const std::vector<Sequence>& targets, const AlignmentHeads& heads,
             const std::function<float*(size_t)>& room, const GoOn& go_on);

  /// Searches for the targets of sentences. Returns at once; the request says
  /// when what is done.
  std::shared_ptr<Request> submit(std::vector<Sentence> sentences,
                                  bool watched);

  /// To be told when nobody waits for a request any more.
  void cancel(Request& request) { scheduler_.cancel(request); }

 private:
  ModelWeights weights_;
  Team team_;
  Scheduler scheduler_;
};

}  // namespace pyattn
