#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "ops/linear.h"
#include "ops/vocabulary.h"

namespace pyattn {

/// A little less than `score`, also where denormal numbers count as zero.
float below(float score);

/// For every chunk of a row's columns, without those apart: the largest
/// exponent and the sum of exp(x - largest).
struct ChunkSums {
  std::span<const float> maxima, sums;  // [chunks]
};

/// The product in `best_tokens`, a chunk of columns at a time. Neighbouring
/// chunks are a group, which one thread computes, with a list of the best
/// tokens. The sums of each chunk are stored, so that a draw computes only the
/// one chunk that it falls into.
///
/// Immutable after `take`: any number of threads may use it.
class Projection {
 public:
  Projection(const Vocabulary& vocabulary, ConstRows x,
             const std::vector<Question>& questions);

  void run();

  /// Call once, after `run`.
  Answers take();

  /// Answers another question about one of the rows.
  Answers ask(int64_t row, const Question& question) const;

  float inverse_temperature(int64_t row) const { return tempers_[row]; }

  /// The sums for logits * inverse_temperature; the row's question must want
  /// draws.
  ChunkSums tempered(int64_t row) const;

  /// The logits of a chunk, computed again; minus infinity for those apart.
  std::vector<float> logits(int64_t row, int64_t chunk) const;

  int64_t first_column(int64_t chunk) const { return chunk * chunk_columns_; }
  int32_t id_of(int64_t column) const;

 private:
  // A column that a row's question lists separately, and the place of its
  // logit.
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
  std::vector<Apart> apart_;           // by rows, columns ascending
  std::vector<int64_t> apart_starts_;  // [rows + 1], in apart_
  std::vector<float> tempers_;         // [rows]: inverse temperatures
  std::vector<char> summed_;           // [rows]: whether sums are wanted
  Answers answers_;
  Sums sums_;
  Sums tempered_;          // of logits * inverse temperature, if wanted
  Buffer<int32_t> found_;  // [groups, rows], at most k
  // -1 for entries that stand for a bar, not for a column.
  Buffer<int32_t> columns_;  // [groups, rows, k]
  Buffer<float> scores_;     // [groups, rows, k]: logits
  // [rows]: a logit that at least k columns reach, in whatever group. Without
  // it every list would begin empty, and most insertions into a list are from
  // its first chunks.
  std::vector<std::atomic<float>> bars_;
};

}  // namespace pyattn
