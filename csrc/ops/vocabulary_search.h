#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/buffer.h"
#include "ops/packed_linear.h"
#include "ops/rows.h"
#include "ops/vocabulary.h"

namespace pyattn {

/// Inputs of a product of bounds that hold norms instead of coordinates.
inline constexpr int64_t kNorms = 8;

/// What pyattn.running.vocabulary_search derives from a model; it says why
/// bounds made of these hold.
struct SearchParts {
  /// The coordinates of a state x, as the output's product reads it: x A^T. Of
  /// the output's number type; its numbers are exact in that.
  LinearPart axes;  // [dim, dim]
  /// How many coordinates are multiplied; norms stand for the others.
  int64_t kept;
  /// For each token its first coordinates, then its norms divided by `factors`
  /// and rounded up: integers, with the output's bias.
  LinearPart bounds;           // [vocab, kept + kNorms], int8
  std::vector<float> factors;  // [kNorms]: what a state's norms are times
  /// By how much rounding can lift a logit over its bound: a constant, a
  /// multiple of the norm of a state's coordinates, and one of the scale of
  /// their integers.
  float slack, slack_per_norm, slack_per_scale;
  float most_norm;  // of a state's coordinates: beyond it sums may overflow
};

/// A row that the product of bounds can read, or one that it cannot.
struct BoundedRow {
  float slack;  // by how much rounding can lift a logit over its bound
  bool whole;   // whether it needs the whole product
};

/// The best token of a row from a part of the product with the vocabulary.
///
/// A cheaper product yields a bound that no logit of a row exceeds. The exact
/// logits of the panels with the highest bounds are computed first; panels
/// whose bounds do not reach the best of those are never computed. So the
/// answer is the whole product's, and so are the bits of its logit. A row that
/// would need much of the product has it computed whole.
///
/// Thread-safe: any number of threads may use it. `output` must outlive it.
class VocabularySearch {
 public:
  VocabularySearch(const PackedLinear& output, const SearchParts& parts);

  /// Whether it can answer a question.
  static bool suits(const Question& question);

  /// Whether to use it for the next `rows` rows. Where rows of late needed many
  /// panels it pauses for some thousands. The answer changes no result.
  bool pays(int64_t rows) const;

  /// The same as `best_tokens` of all columns, for questions that it suits.
  Answers best(ConstRows x, const std::vector<Question>& questions) const;

  const PackedLinear& output() const { return output_; }
  int64_t bytes() const { return axes_.bytes() + bounds_.bytes(); }

  /// How much it has computed; for tests and benchmarks.
  struct Counts {
    int64_t rows, whole_rows, panels;
  };
  Counts counts() const;

 private:
  friend class SearchRun;

  void count(const Counts& counts) const;

  /// Makes the words of a row, [kept + kNorms] inputs of the bounds, from its
  /// coordinates; `kept` is memory for as many floats.
  BoundedRow bound(const float* z, float* kept, const WordRows& words) const;

  const PackedLinear& output_;
  const std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();
  const PackedLinear axes_, bounds_;
  const int64_t kept_;
  const std::vector<float> factors_;
  const float slack_, slack_per_norm_, slack_per_scale_, most_norm_;
  mutable std::atomic<int64_t> rows_{0}, whole_rows_{0}, panels_{0};
  // Of the current stretch of rows, for `pays`.
  mutable std::atomic<int64_t> recent_rows_{0}, recent_panels_{0};
  mutable std::atomic<int64_t> pause_{0};  // rows that do without
};

}  // namespace pyattn
