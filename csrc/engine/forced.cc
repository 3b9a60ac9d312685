#include "engine/forced.h"

#include <algorithm>

#include "base/buffer.h"
#include "model/cache.h"
#include "model/decoder.h"
#include "model/encoder.h"
#include "model/source_memory.h"
#include "ops/vocabulary.h"

namespace pyattn {
namespace {

constexpr int64_t kGroupTokens = 1024;

// What a target begins with: the start, or the prompt of a decoder alone.
Sequence opening_of(const ModelConfig& config, const Source& source) {
  return config.has_encoder() ? Sequence{config.start} : source.ids;
}

// The keys and values of sources, if there is an encoder.
std::vector<SourceMemory> remember(const ModelWeights& weights,
                                   const std::vector<Source>& sources,
                                   TokenPool& pool, size_t begin, size_t end) {
  std::vector<SourceMemory> memories;
  if (!weights.config.has_encoder()) {
    return memories;
  }
  Ragged ragged;
  for (size_t i = begin; i < end; ++i) {
    ragged.add(sources[i]);
  }
  const Buffer<float> encoded = encode(weights, ragged);
  for (int64_t s = 0; s < ragged.sequences(); ++s) {
    memories.emplace_back(weights, pool, ragged.time(s));
  }
  std::vector<SourceMemory*> stored;
  for (SourceMemory& memory : memories) {
    stored.push_back(&memory);
  }
  store_sources(weights, encoded.data(), stored);
  return memories;
}

// Feeds the targets of sources [begin, end) as a whole: rows are the opening
// and every token, sequence behind sequence.
Decoded feed(const ModelWeights& weights, const std::vector<Source>& sources,
             const std::vector<Sequence>& targets, const AlignmentHeads* heads,
             size_t begin, size_t end) {
  TokenPool pool(token_bytes(weights), INT64_MAX);
  const std::vector<SourceMemory> memories =
      remember(weights, sources, pool, begin, end);
  std::vector<Sequence> fed;
  size_t count = 0;
  for (size_t i = begin; i < end; ++i) {
    fed.push_back(opening_of(weights.config, sources[i]));
    fed.back().insert(fed.back().end(), targets[i].begin(), targets[i].end());
    count += fed.back().size();
  }
  const Slots target_slots(pool, count);
  void* const* const slots = target_slots.all().data();

  std::vector<DecoderRow> rows;
  for (size_t i = 0; i < fed.size(); ++i) {
    const int64_t first = static_cast<int64_t>(rows.size());
    const StepMemory cross =
        memories.empty() ? StepMemory() : memories[i].memory();
    for (int64_t t = 0; t < static_cast<int64_t>(fed[i].size()); ++t) {
      rows.push_back({fed[i][t], static_cast<int32_t>(t), slots[first + t],
                      slots_memory(slots + first, t + 1), cross, heads});
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

void feed_targets(const ModelWeights& weights,
                  const std::vector<Source>& sources,
                  const std::vector<Sequence>& targets,
                  const AlignmentHeads* heads,
                  const std::function<void(size_t, const Fed&)>& body) {
  const auto size = [&](size_t i) {
    return static_cast<int64_t>(sources[i].ids.size() + targets[i].size());
  };
  by_groups(sources.size(), size, [&](size_t begin, size_t end) {
    const Decoded decoded = feed(weights, sources, targets, heads, begin, end);
    int64_t row = 0;
    for (size_t i = begin; i < end; ++i) {
      const int64_t rows = static_cast<int64_t>(targets[i].size()) + 1;
      // All but the last token of the opening come before the rows asked for.
      row +=
          static_cast<int64_t>(opening_of(weights.config, sources[i]).size()) -
          1;
      body(i, {decoded.states.data() + row * weights.config.dim, rows,
               decoded.alignments.of(row, row + rows)});
      row += rows;
    }
  });
}

void token_scores(const ModelWeights& weights, const float* states,
                  const Sequence& target, float* scores) {
  const int64_t dim = weights.config.dim;
  std::vector<int32_t> ids = target;
  ids.push_back(weights.config.end);
  std::vector<Question> questions;
  for (const int32_t& id : ids) {
    questions.push_back({1, {&id, 1}});
  }
  const Answers answers =
      best_tokens(weights.vocabulary(nullptr), {states, dim}, questions);
  for (size_t row = 0; row < ids.size(); ++row) {
    const std::span<const float> logit = answers.apart(row);
    scores[row] = answers.rest[row].with(logit).log_prob(logit[0]);
  }
}

}  // namespace pyattn
