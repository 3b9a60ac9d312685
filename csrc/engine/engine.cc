#include "engine/engine.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "base/check.h"
#include "engine/generation.h"
#include "model/decoder.h"
#include "model/encoder.h"

namespace pyattn {
namespace {

// What encode, logits and score take up at a time, in tokens. Larger gains
// nothing: the products are bound by arithmetic long before.
constexpr int64_t kGroupTokens = 1024;

// Rows of logits that `score` holds at a time.
constexpr int64_t kScoreRows = 64;

void check_sequences(const char* operation, const char* what,
                     const std::vector<Sequence>& sequences, int64_t vocab,
                     int64_t shortest, int64_t longest) {
  for (size_t i = 0; i < sequences.size(); ++i) {
    const int64_t size = static_cast<int64_t>(sequences[i].size());
    const auto name = [&] { return what + (" " + std::to_string(i)); };
    check_that(size >= shortest, operation,
               [&] { return name() + " is empty, expected at least one id"; });
    check_that(size <= longest, operation, [&] {
      return name() + " has " + std::to_string(size) +
             " tokens, expected at most " + std::to_string(longest);
    });
    for (const int32_t id : sequences[i]) {
      check_that(id >= 0 && id < vocab, operation, [&] {
        return name() + " has id " + std::to_string(id) + ", expected 0 to " +
               std::to_string(vocab - 1);
      });
    }
  }
}

void check_suppressed(const ModelConfig& config,
                      const std::vector<int32_t>& suppressed) {
  const int64_t vocab = config.decoder.vocab;
  int64_t left = vocab - 1;  // besides the end
  for (const int32_t id : suppressed) {
    check_that(id >= 0 && id < vocab, "generate", [&] {
      return "suppress_tokens has id " + std::to_string(id) +
             ", expected 0 to " + std::to_string(vocab - 1);
    });
    left -= id == config.end ? 0 : 1;
  }
  check(left > 0, "generate",
        "suppress_tokens has the whole vocabulary, expected some to be left "
        "besides the end");
}

// Calls `body(begin, end)` on consecutive sequences that make up about
// kGroupTokens tokens.
template <class Size, class Body>
void by_groups(size_t count, Size&& size, Body&& body) {
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
  std::vector<const float*> source_tokens;
  for (int64_t t = 0; t < ragged.tokens(); ++t) {
    source_tokens.push_back(memory.token(t));
  }

  int64_t count = 0;
  for (size_t i = begin; i < end; ++i) {
    count += static_cast<int64_t>(targets[i].size()) + 1;
  }
  const int64_t stride = token_floats(weights.config);
  Buffer<float> slots(count * stride);
  std::vector<const float*> past;
  for (int64_t r = 0; r < count; ++r) {
    past.push_back(slots.data() + r * stride);
  }

  std::vector<DecoderRow> rows;
  for (size_t i = begin; i < end; ++i) {
    const int64_t first = static_cast<int64_t>(rows.size());
    const int64_t source = ragged.starts[i - begin];
    const StepMemory cross = {source_tokens.data() + source,
                              ragged.starts[i - begin + 1] - source};
    for (int64_t t = 0; t <= static_cast<int64_t>(targets[i].size()); ++t) {
      rows.push_back({t == 0 ? weights.config.start : targets[i][t - 1],
                      static_cast<int32_t>(t),
                      slots.data() + (first + t) * stride,
                      {past.data() + first, t + 1},
                      cross});
    }
  }
  return decode(weights, rows);
}

}  // namespace

void Engine::check_sources(const char* operation,
                           const std::vector<Sequence>& sources) const {
  const ModelConfig& config = weights_.config;
  check_sequences(operation, "source", sources, config.encoder.vocab, 1,
                  config.max_positions);
}

void Engine::check_pairs(const char* operation,
                         const std::vector<Sequence>& sources,
                         const std::vector<Sequence>& targets) const {
  check_that(sources.size() == targets.size(), operation, [&] {
    return "there are " + std::to_string(targets.size()) +
           " targets, expected " + std::to_string(sources.size()) +
           ", one for each source";
  });
  check_sources(operation, sources);
  // The start takes a position too.
  const ModelConfig& config = weights_.config;
  check_sequences(operation, "target", targets, config.decoder.vocab, 0,
                  config.max_positions - 1);
}

void Engine::encode(const std::vector<Sequence>& sources,
                    const std::function<float*(size_t)>& room,
                    const GoOn& go_on) {
  const ModelConfig& config = weights_.config;
  check_sources("encode", sources);
  const auto job = [&] {
    by_groups(
        sources.size(),
        [&](size_t i) { return static_cast<int64_t>(sources[i].size()); },
        [&](size_t begin, size_t end) {
          Ragged ragged;
          for (size_t i = begin; i < end; ++i) {
            ragged.add(sources[i]);
          }
          const Buffer<float> encoded = pyattn::encode(weights_, ragged);
          for (size_t i = begin; i < end; ++i) {
            std::copy(
                encoded.data() + ragged.starts[i - begin] * config.dim,
                encoded.data() + ragged.starts[i - begin + 1] * config.dim,
                room(i));
          }
        });
  };
  team_.run(job, go_on);
}

void Engine::logits(const std::vector<Sequence>& sources,
                    const std::vector<Sequence>& targets,
                    const std::function<float*(size_t)>& room,
                    const GoOn& go_on) {
  const ModelConfig& config = weights_.config;
  check_pairs("logits", sources, targets);
  const auto job = [&] {
    by_groups(
        sources.size(),
        [&](size_t i) {
          return static_cast<int64_t>(sources[i].size() + targets[i].size());
        },
        [&](size_t begin, size_t end) {
          const Buffer<float> states =
              feed(weights_, sources, targets, begin, end);
          const float* state = states.data();
          for (size_t i = begin; i < end; ++i) {
            const int64_t rows = static_cast<int64_t>(targets[i].size()) + 1;
            linear(weights_.output, {state, config.dim}, rows,
                   {room(i), config.decoder.vocab}, {});
            state += rows * config.dim;
          }
        });
  };
  team_.run(job, go_on);
}

void Engine::score(const std::vector<Sequence>& sources,
                   const std::vector<Sequence>& targets,
                   const std::function<float*(size_t)>& room,
                   const GoOn& go_on) {
  const ModelConfig& config = weights_.config;
  check_pairs("score", sources, targets);
  const int64_t vocab = config.decoder.vocab;
  const auto job = [&] {
    Buffer<float> logits(kScoreRows * vocab);
    by_groups(
        sources.size(),
        [&](size_t i) {
          return static_cast<int64_t>(sources[i].size() + targets[i].size());
        },
        [&](size_t begin, size_t end) {
          const Buffer<float> states =
              feed(weights_, sources, targets, begin, end);
          const float* state = states.data();
          for (size_t i = begin; i < end; ++i) {
            const int64_t rows = static_cast<int64_t>(targets[i].size()) + 1;
            float* scores = room(i);
            for (int64_t row = 0; row < rows; row += kScoreRows) {
              const int64_t count = std::min(kScoreRows, rows - row);
              linear(weights_.output, {state + row * config.dim, config.dim},
                     count, {logits.data(), vocab}, {});
              for (int64_t r = 0; r < count; ++r) {
                const float* x = logits.data() + r * vocab;
                float most = 0;
                float sum = 0;
                weights_.table.log_sum_exp(
                    {.x = x, .count = vocab, .max = &most, .sum = &sum});
                const int32_t id =
                    row + r + 1 < rows ? targets[i][row + r] : config.end;
                scores[row + r] = (x[id] - most) - std::log(sum);
              }
            }
            state += rows * config.dim;
          }
        });
  };
  team_.run(job, go_on);
}

void Engine::generate(
    const std::vector<Sequence>& sources, const SearchOptions& options,
    const Limits& limits,
    const std::function<void(size_t, std::vector<Found>)>& found,
    const GoOn& go_on) {
  const ModelConfig& config = weights_.config;
  check_sources("generate", sources);
  check_that(options.max_new_tokens <= config.max_positions, "generate", [&] {
    return "max_new_tokens is " + std::to_string(options.max_new_tokens) +
           ", expected at most the model's " +
           std::to_string(config.max_positions) + " positions";
  });
  check_suppressed(config, options.suppressed);
  team_.run(
      [&] { Generation(weights_, sources, options, limits, found).run(); },
      go_on);
}

}  // namespace pyattn
