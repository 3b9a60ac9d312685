#pragma once

// What the facts in facts_*.cc stand on: searches that ask a script
// instead of a model, and the slow definitions that they are compared with.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "search/search.h"

namespace search_test {

using pyattn::FinishReason;
using pyattn::Found;
using pyattn::SearchOptions;
using Sequence = std::vector<int32_t>;

inline constexpr int32_t kVocab = 6;
inline constexpr int32_t kEnd = 0;
inline constexpr int32_t kStart = 5;

/// The logits [kVocab] of the token after a target, which begins with kStart.
using Model = std::function<std::vector<float>(const Sequence& target)>;
/// The attention of a target's last token to the source's tokens.
using Attention = std::function<std::vector<float>(const Sequence& target)>;

/// Logits that depend on all tokens of the target, but for that of the end,
/// which has this one.
Model random_model(uint32_t seed, float end_logit);
/// Weights that add up to 1, over so many source tokens.
Attention random_attention(uint32_t seed, size_t source);

/// What pyattn.options.GenerationOptions has by default, with at most 6 new
/// tokens.
SearchOptions default_options();

struct Task {
  Model model;
  SearchOptions options;
  Sequence source = {1, 2};
  Attention attention = nullptr;  // needed if options have alignment heads
};

/// A search that the script answers. Its rows are never the first of a step.
class Session {
 public:
  explicit Session(const Task& task);

  bool is_over() const { return search_->rows().empty(); }
  void step();
  pyattn::Search& search() { return *search_; }

 private:
  const Task task_;
  std::unique_ptr<pyattn::Search> search_;
  std::vector<Sequence> targets_;  // of each row
};

struct Outcome {
  std::vector<Found> found;
  int steps;
};

/// The search from its beginning to its end.
Outcome run(const Task& task);

/// The new tokens of a target and their scores, its end included if it has one.
struct Target {
  Sequence tokens;
  std::vector<double> scores;
  Sequence returned;  // the tokens that options want returned
  FinishReason reason = FinishReason::kTimeout;
  double rank = 0;  // what it is ranked by

  double total() const;
};

/// The score of each token after a target: its log-probability, as options edit
/// it. Computed from all logits at once, as the options' documentation says.
std::vector<double> slow_scores(const Task& task, const Sequence& new_tokens);

/// Greedy search by `slow_scores`.
Target slow_greedy(const Task& task, const Sequence& first_tokens);

/// Beam search by `slow_scores` and sorted lists of everything.
struct SlowBeam {
  std::vector<Target> found;
  int steps;
};
SlowBeam slow_beam(const Task& task);

/// Every target that the model may produce, best first.
std::vector<Target> all_targets(const Task& task);

// Throw std::runtime_error, which begins with `what`, unless things are so.

void expect(bool fact, const std::string& what);
void expect_near(double found, double wanted, const std::string& what);
void expect_tokens(const Sequence& found, const Sequence& wanted,
                   const std::string& what);
/// The same tokens, scores, reasons, in the same order.
void expect_same(const std::vector<Found>& found,
                 const std::vector<Target>& wanted, const std::string& what);

struct Fact {
  const char* name;
  void (*check)();
};

std::vector<Fact> facts_of_searches();
std::vector<Fact> facts_of_options();
std::vector<Fact> facts_of_chance();

}  // namespace search_test
