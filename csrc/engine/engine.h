#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/threads.h"
#include "engine/request.h"
#include "engine/runner.h"
#include "engine/state_sample.h"
#include "model/weights.h"

namespace pyattn {

/// Where the result of the i-th sequence is written.
using OutputOf = std::function<float*(size_t)>;

/// A computation whose arguments have passed all checks, so that its caller may
/// allocate memory for its results. The engine must outlive it.
struct Computation {
  std::vector<std::vector<int64_t>> shapes;  // of each sequence's result
  std::function<void(const OutputOf& output, const KeepWaiting& keep_waiting)>
      run;
};

/// A model and the threads that run it.
///
/// Thread-safe: the requests of all threads are decoded together; the other
/// computations take turns with the steps of that. All functions throw
/// ArgumentError unless the model accepts their arguments; all but `encode`, if
/// it has no decoder.
class Engine {
 public:
  Engine(const ModelConfig& config, const ModelPacking& packing,
         const TensorSource& tensors, int threads, const Limits& limits)
      : weights_(config, packing, tensors),
        team_(threads),
        runner_(weights_, sample_, limits, team_) {}

  const ModelWeights& weights() const { return weights_; }

  /// Greedy searches without scores use it from their next step on. Call once,
  /// unless the logits are capped.
  void set_search(std::unique_ptr<const VocabularySearch> search);

  /// Keeps copies of the next states that greedy searches project.
  StateSample& sample() { return sample_; }
  int threads() const { return team_.size(); }

  /// The encoder's output of every source, [time, dim].
  Computation encode(std::vector<Source> sources);

  /// The logits of every target, [target + 1, vocab]: row t is of the token
  /// after the first t tokens.
  Computation logits(std::vector<Source> sources,
                     std::vector<Sequence> targets);

  /// The log-probability of every target's tokens and of the end after them,
  /// [target + 1].
  Computation score(std::vector<Source> sources, std::vector<Sequence> targets);

  /// The attention of every row of a target to each token of its source,
  /// averaged over these heads, [target + 1, source].
  Computation align(std::vector<Source> sources, std::vector<Sequence> targets,
                    AlignmentHeads heads);

  /// Begins to search for the targets of sentences, and returns at once.
  /// `watched`: whether the caller will use Request::next_token.
  std::shared_ptr<Request> submit(std::vector<Sentence> sentences,
                                  bool watched);

  /// Cancels a request; unlike Request::cancel it also abandons the current
  /// step, if no other request needs it.
  void cancel(Request& request) { runner_.cancel(request); }

 private:
  ModelWeights weights_;
  StateSample sample_;
  Team team_;
  Runner runner_;
};

}  // namespace pyattn
