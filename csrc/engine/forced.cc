#include "engine/forced.h"

#include <algorithm>
#include <cmath>

#include "base/buffer.h"
#include "model/decoder.h"
#include "model/encoder.h"

namespace pyattn {
namespace {

constexpr int64_t kGroupTokens = 1024;

// Rows of logits that exist at a time.
constexpr int64_t kScoreRows = 64;

// Feeds the targets of sources [begin, end) as a whole: the decoder's output
// for the start and every token, [rows, dim], sequence behind sequence.
Buffer<float> feed(const ModelWeights& weights,
                   const std::vector<Sequence>& sources,
                   const std::vector<Sequence>& targets, size_t begin,
                   size_t end) {
  Ragged ragged;
  for (size_t i = begin; i < end; ++i) {
    ragged.add(sources[i]);
  }
  const Buffer<float> encoded = encode(weights, ragged);
  const CrossMemory memory(weights, encoded.data(), ragged.tokens());
  std::vector<const void*> source_tokens;
  for (int64_t t = 0; t < ragged.tokens(); ++t) {
    source_tokens.push_back(memory.token(t));
  }

  int64_t count = 0;
  for (size_t i = begin; i < end; ++i) {
    count += static_cast<int64_t>(targets[i].size()) + 1;
  }
  const int64_t stride = token_bytes(weights);
  Buffer<char> slots(count * stride);
  std::vector<const void*> past;
  for (int64_t r = 0; r < count; ++r) {
    past.push_back(slots.data() + r * stride);
  }

  std::vector<DecoderRow> rows;
  for (size_t i = begin; i < end; ++i) {
    const int64_t first = static_cast<int64_t>(rows.size());
    const int64_t source = ragged.starts[i - begin];
    const StepMemory cross = {source_tokens.data() + source,
                              ragged.starts[i - begin + 1] - source, nullptr};
    for (int64_t t = 0; t <= static_cast<int64_t>(targets[i].size()); ++t) {
      rows.push_back({t == 0 ? weights.config.start : targets[i][t - 1],
                      static_cast<int32_t>(t),
                      slots.data() + (first + t) * stride,
                      {past.data() + first, t + 1, nullptr},
                      cross});
    }
  }
  return decode(weights, rows);
}

}  // namespace

void by_groups(size_t count, const std::function<int64_t(size_t)>& size,
               const std::function<void(size_t, size_t)>& body) {
  size_t begin = 0;
  while (begin < count) {
    size_t end = begin;
    int64_t tokens = 0;
    while (end < count &&
           (end == begin || tokens + size(end) <= kGroupTokens)) {
      tokens += size(end++);
    }
    body(begin, end);
    begin = end;
  }
}

void feed_targets(
    const ModelWeights& weights, const std::vector<Sequence>& sources,
    const std::vector<Sequence>& targets,
    const std::function<void(size_t, const float*, int64_t)>& body) {
  const auto size = [&](size_t i) {
    return static_cast<int64_t>(sources[i].size() + targets[i].size());
  };
  by_groups(sources.size(), size, [&](size_t begin, size_t end) {
    const Buffer<float> states = feed(weights, sources, targets, begin, end);
    const float* state = states.data();
    for (size_t i = begin; i < end; ++i) {
      const int64_t rows = static_cast<int64_t>(targets[i].size()) + 1;
      body(i, state, rows);
      state += rows * weights.config.dim;
    }
  });
}

void token_scores(const ModelWeights& weights, const float* states,
                  const Sequence& target, float* scores) {
  const int64_t dim = weights.config.dim;
  const int64_t vocab = weights.config.decoder.vocab;
  const int64_t rows = static_cast<int64_t>(target.size()) + 1;
  Buffer<float> logits(std::min(kScoreRows, rows) * vocab);
  for (int64_t row = 0; row < rows; row += kScoreRows) {
    const int64_t count = std::min(kScoreRows, rows - row);
    linear(weights.output, {states + row * dim, dim}, count,
           {logits.data(), vocab}, {});
    for (int64_t r = 0; r < count; ++r) {
      const float* x = logits.data() + r * vocab;
      float most = 0;
      float sum = 0;
      weights.table.log_sum_exp({.x = x,
                                 .weights = nullptr,
                                 .count = vocab,
                                 .max = &most,
                                 .sum = &sum});
      const int32_t id =
          row + r + 1 < rows ? target[row + r] : weights.config.end;
      scores[row + r] = (x[id] - most) - std::log(sum);
    }
  }
}

}  // namespace pyattn
