#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/threads.h"
#include "model/weights.h"
#include "search/search.h"

namespace pyattn {

using Sequence = std::vector<int32_t>;

/// How much runs at a time. None of it changes a result.
struct Limits {
  int64_t batch_tokens;  // source tokens that are encoded together
  int64_t rows;          // hypotheses that are decoded together
};

/// A model and the threads that run it. Calls from several threads are served
/// one after the other.
class Engine {
 public:
  Engine(const ModelConfig& config, const ModelPacking& packing,
         const TensorSource& tensors, int threads)
      : weights_(config, packing, tensors), team_(threads) {}

  const ModelWeights& weights() const { return weights_; }
  int threads() const { return team_.size(); }

  /// Throw ArgumentError unless the model can take them; the calls below do so
  /// themselves.
  void check_sources(const char* operation,
                     const std::vector<Sequence>& sources) const;
  void check_pairs(const char* operation, const std::vector<Sequence>& sources,
                   const std::vector<Sequence>& targets) const;

  /// Asked every few milliseconds by the waiting thread; no means stop, and
  /// the call throws Cancelled. Must not throw.
  using GoOn = std::function<bool()>;

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

  /// The targets of every source. `found` is called from the team's thread as
  /// they are done, in any order.
  void generate(const std::vector<Sequence>& sources,
                const SearchOptions& options, const Limits& limits,
                const std::function<void(size_t, std::vector<Found>)>& found,
                const GoOn& go_on);

 private:
  ModelWeights weights_;
  Team team_;
};

}  // namespace pyattn
