#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/threads.h"
#include "engine/request.h"
#include "engine/runner.h"
#include "model/weights.h"

namespace pyattn {

/// Where the result of the i-th sequence is written.
using OutputOf = std::function<float*(size_t)>;

/// A model and the threads that run it.
///
/// Thread-safe: the requests of all threads are decoded together; the other
/// calls take turns with the steps of that.
class Engine {
 public:
  Engine(const ModelConfig& config, const ModelPacking& packing,
         const TensorSource& tensors, int threads, const Limits& limits)
      : weights_(config, packing, tensors),
        team_(threads),
        runner_(weights_, limits, team_) {}

  const ModelWeights& weights() const { return weights_; }
  int threads() const { return team_.size(); }

  /// Throw ArgumentError unless the model accepts the sequences or heads, as
  /// the calls below do.
  void check_sources(const char* operation,
                     const std::vector<Sequence>& sources) const;
  void check_pairs(const char* operation, const std::vector<Sequence>& sources,
                   const std::vector<Sequence>& targets) const;
  void check_heads(const char* operation, const AlignmentHeads& heads) const;

  /// The encoder's output of every source, [time, dim], into output(i).
  void encode(const std::vector<Sequence>& sources, const OutputOf& output,
              const KeepWaiting& keep_waiting);

  /// The logits [target + 1, vocab] of every target, into output(i): row t is
  /// of the token after the first t tokens.
  void logits(const std::vector<Sequence>& sources,
              const std::vector<Sequence>& targets, const OutputOf& output,
              const KeepWaiting& keep_waiting);

  /// The log-probability of every target's tokens and of the end after them,
  /// [target + 1], into output(i).
  void score(const std::vector<Sequence>& sources,
             const std::vector<Sequence>& targets, const OutputOf& output,
             const KeepWaiting& keep_waiting);

  /// The attention of every row of a target to each token of its source,
  /// averaged over these heads, [target + 1, source], into output(i).
  void align(const std::vector<Sequence>& sources,
             const std::vector<Sequence>& targets, const AlignmentHeads& heads,
             const OutputOf& output, const KeepWaiting& keep_waiting);

  /// Begins to search for the targets of sentences, and returns at once.
  /// `watched`: whether the caller will use Request::next_token.
  std::shared_ptr<Request> submit(std::vector<Sentence> sentences,
                                  bool watched);

  /// Cancels a request; unlike Request::cancel it also abandons the current
  /// step, if no other request needs it.
  void cancel(Request& request) { runner_.cancel(request); }

 private:
  ModelWeights weights_;
  Team team_;
  Runner runner_;
};

}  // namespace pyattn
