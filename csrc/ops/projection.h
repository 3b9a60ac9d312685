#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "ops/linear.h"
#include "ops/vocabulary.h"

namespace pyattn {

/// Of every chunk of a row's columns that are not apart, the greatest exponent
/// and the sum of exponentials over its own.
struct ChunkSums {
  std::span<const float> maxima, sums;  // [chunks]
};

/// The product behind `best_tokens`, a chunk of columns at a time. Neighbouring
/// chunks are a group, which one thread computes and has a list of the best
/// for. Of each chunk its sums are kept, so that a draw need compute but the
/// one chunk that it falls into.
class Projection {
 public:
  Projection(const Vocabulary& vocabulary, ConstRows x,
             const std::vector<Question>& questions);

  void run();

  /// Call once, after `run`.
  Answers take();

  /// The answer to another question about one of the rows.
  Answers ask(int64_t row, const Question& question) const;

  float inverse_temperature(int64_t row) const { return tempers_[row]; }

  /// The sums of logits * inverse_temperature; the row's question wants draws.
  ChunkSums tempered(int64_t row) const;

  /// The logits of a chunk, computed once more; minus infinity what is apart.
  std::vector<float> logits(int64_t row, int64_t chunk) const;

  int64_t first_column(int64_t chunk) const { return chunk * chunk_columns_; }
  int32_t id_of(int64_t column) const;

 private:
  // A column that a row's question has apart, and where its logit goes.
  struct Apart {
    int32_t column;
    int64_t at;
  };
  // The maximum and the sum of exponentials of every chunk, [rows, chunks].
  struct Sums {
    Buffer<float> maxima, sums;
  };

  void set_apart(const std::vector<Question>& questions);
  std::span<const Apart> apart_of(int64_t row, int32_t first,
                                  int64_t count) const;
  LinearArgs chunk_args(int64_t chunk) const;
  void multiply(const LinearArgs& args) const;
  void run_chunk(int64_t group, int64_t chunk, float* logits);
  void sum(Sums& sums, int64_t row, int64_t chunk, const float* logits,
           int64_t count) const;
  LogSum total(const Sums& sums, int64_t row) const;
  void choose(int64_t group, int64_t chunk, int64_t row, float* logits,
              int64_t count);
  int64_t best_group(int64_t row, const std::vector<int32_t>& taken) const;

  const Vocabulary vocabulary_;
  const ConstRows x_;
  const int64_t rows_, k_;
  const LinearInput input_;
  const int64_t panels_, chunk_panels_, chunk_columns_, chunks_, groups_;
  std::vector<Apart> apart_;           // row behind row, columns ascending
  std::vector<int64_t> apart_starts_;  // [rows + 1], in apart_
  std::vector<float> tempers_;         // [rows]: inverse temperatures
  Answers answers_;
  Sums sums_;
  Sums tempered_;          // of logits * inverse temperature; none if not asked
  Buffer<int32_t> found_;  // [groups, rows], at most k
  // -1 behind the candidates of a list that began with a bar.
  Buffer<int32_t> columns_;  // [groups, rows, k]
  Buffer<float> scores_;     // [groups, rows, k]: logits
  // [rows]: at least k elements are as good, whoever has found them. Without
  // it every list would begin from nothing, and most insertions of a list are
  // those into its first chunks.
  std::vector<std::atomic<float>> bars_;
};

}  // namespace pyattn
