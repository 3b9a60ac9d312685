#include "engine/engine.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "base/check.h"
#include "engine/forced.h"
#include "model/encoder.h"
#include "ops/linear.h"

namespace pyattn {
namespace {

void check_sequence(const char* operation, const char* what, size_t index,
                    const Sequence& sequence, int64_t vocab, int64_t shortest,
                    int64_t longest) {
  const int64_t size = static_cast<int64_t>(sequence.size());
  const auto name = [&] { return what + (" " + std::to_string(index)); };
  check_that(size >= shortest, operation,
             [&] { return name() + " is empty, expected at least one id"; });
  check_that(size <= longest, operation, [&] {
    return name() + " has " + std::to_string(size) +
           " tokens, expected at most " + std::to_string(longest);
  });
  for (const int32_t id : sequence) {
    check_that(id >= 0 && id < vocab, operation, [&] {
      return name() + " has id " + std::to_string(id) + ", expected 0 to " +
             std::to_string(vocab - 1);
    });
  }
}

void check_sequences(const char* operation, const char* what,
                     const std::vector<Sequence>& sequences, int64_t vocab,
                     int64_t shortest, int64_t longest) {
  for (size_t i = 0; i < sequences.size(); ++i) {
    check_sequence(operation, what, i, sequences[i], vocab, shortest, longest);
  }
}

// A prompt and a certain prefix leave a position to a new token.
void check_room(const ModelConfig& config, size_t index,
                const Sentence& sentence) {
  const int64_t fed = static_cast<int64_t>(sentence.source.ids.size()) +
                      sentence.options->certain_prefix();
  check_that(fed < config.decoder.max_positions, "generate", [&] {
    return "prompt " + std::to_string(index) +
           " has, with the target_prefix, " + std::to_string(fed) +
           " tokens, expected fewer than the model's " +
           std::to_string(config.decoder.max_positions) + " positions";
  });
}

// A search needs an end, and another token that may come.
void check_shortlist(const ModelConfig& config, size_t index,
                     const Sentence& sentence) {
  const Sequence& ids = *sentence.shortlist;
  const auto name = [&] { return "shortlist " + std::to_string(index); };
  const int64_t vocab = config.decoder.vocab;
  check_sequence("generate", "shortlist", index, ids, vocab, 1, vocab);
  const auto descent =
      std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<int32_t>());
  check_that(descent == ids.end(), "generate", [&] {
    return name() + " has " + std::to_string(descent[1]) + " behind " +
           std::to_string(descent[0]) + ", expected ascending ids";
  });
  const std::vector<int32_t>& suppressed = sentence.options->suppress_tokens;
  std::vector<int32_t> ends = sentence.options->end_tokens;
  if (ends.empty()) {
    ends.push_back(config.end);
  }
  const auto is_end = [&ends](int32_t id) {
    return std::find(ends.begin(), ends.end(), id) != ends.end();
  };
  check_that(std::any_of(ids.begin(), ids.end(), is_end), "generate", [&] {
    return name() + " lacks " + std::to_string(ends.front()) +
           ", the end, expected it among the ids";
  });
  check_that(std::any_of(ids.begin(), ids.end(),
                         [&](int32_t id) {
                           return !is_end(id) &&
                                  !std::binary_search(suppressed.begin(),
                                                      suppressed.end(), id);
                         }),
             "generate", [&] {
               return name() +
                      " has nothing but the end and suppressed ids, expected "
                      "some to be left";
             });
}

// Each token has one of the model's types, if any are given.
void check_types(const char* operation, const ModelConfig& config, size_t index,
                 const Source& source) {
  const Sequence& types = source.types;
  if (types.empty()) {
    return;
  }
  const auto name = [&] { return "types " + std::to_string(index); };
  check(config.token_types > 0, operation,
        "types are given, but the model has no token types");
  check_that(types.size() == source.ids.size(), operation, [&] {
    return name() + " are " + std::to_string(types.size()) + ", expected " +
           std::to_string(source.ids.size()) + ", one for each token";
  });
  for (const int32_t type : types) {
    check_that(type >= 0 && type < config.token_types, operation, [&] {
      return name() + " has " + std::to_string(type) + ", expected 0 to " +
             std::to_string(config.token_types - 1);
    });
  }
}

// Python has checked them with better messages.
void check_globals(const char* operation, const ModelConfig& config,
                   const Source& source) {
  const Sequence& globals = source.globals;
  check(
      globals.empty() ||
          (config.pattern.kind == Pattern::kTokens && globals.front() >= 0 &&
           globals.back() < static_cast<int64_t>(source.ids.size()) &&
           std::adjacent_find(globals.begin(), globals.end(),
                              std::greater_equal<int32_t>()) == globals.end()),
      operation, "global_tokens are not ascending positions of a source");
}

void check_source(const char* operation, const ModelConfig& config,
                  size_t index, const Source& source) {
  // A prompt leaves a position to its target.
  const StackConfig& reader = config.reader();
  const bool alone = !config.has_encoder();
  check_sequence(operation, alone ? "prompt" : "source", index, source.ids,
                 reader.vocab, 1, reader.max_positions - (alone ? 1 : 0));
  check_types(operation, config, index, source);
  check_globals(operation, config, source);
}

void check_sources(const char* operation, const ModelConfig& config,
                   const std::vector<Source>& sources) {
  for (size_t i = 0; i < sources.size(); ++i) {
    check_source(operation, config, i, sources[i]);
  }
}

void check_decoder(const char* operation, const ModelConfig& config) {
  check(config.has_decoder(), operation, "the model has no decoder");
}

void check_pairs(const char* operation, const ModelConfig& config,
                 const std::vector<Source>& sources,
                 const std::vector<Sequence>& targets) {
  check_decoder(operation, config);
  check_that(sources.size() == targets.size(), operation, [&] {
    return "there are " + std::to_string(targets.size()) +
           " targets, expected " + std::to_string(sources.size()) +
           ", one for each source";
  });
  check_sources(operation, config, sources);
  // The start takes a position too.
  const int64_t longest = config.decoder.max_positions;
  check_sequences(operation, "target", targets, config.decoder.vocab, 0,
                  longest - 1);
  for (size_t i = 0; !config.has_encoder() && i < targets.size(); ++i) {
    const size_t prompt = sources[i].ids.size();
    check_that(static_cast<int64_t>(prompt + targets[i].size()) <= longest,
               operation, [&] {
                 return "target " + std::to_string(i) + " has " +
                        std::to_string(targets[i].size()) +
                        " tokens behind a prompt of " + std::to_string(prompt) +
                        ", expected at most " + std::to_string(longest) +
                        " together";
               });
  }
}

void check_encoder(const char* operation, const ModelConfig& config) {
  check(config.has_encoder(), operation, "the model has no encoder");
}

void check_heads(const char* operation, const StackConfig& decoder,
                 const AlignmentHeads& heads) {
  for (const AlignmentHead& one : heads) {
    const auto refuse = [&](const char* what, int64_t count) {
      return "alignment_heads has layer " + std::to_string(one.layer) +
             ", head " + std::to_string(one.head) + ", expected " + what +
             std::to_string(count - 1);
    };
    check_that(one.layer >= 0 && one.layer < decoder.layers, operation,
               [&] { return refuse("layers 0 to ", decoder.layers); });
    const int64_t heads = decoder.cross_attention[one.layer].heads;
    check_that(one.head >= 0 && one.head < heads, operation,
               [&] { return refuse("heads of this layer from 0 to ", heads); });
  }
}

int64_t length_of(const Sequence& sequence) {
  return static_cast<int64_t>(sequence.size());
}

// Rows of teacher forcing: the start and every token.
int64_t rows_of(const Sequence& target) { return length_of(target) + 1; }

}  // namespace

Computation Engine::encode(std::vector<Source> sources) {
  const int64_t dim = weights_.config.dim;
  check_encoder("encode", weights_.config);
  check_sources("encode", weights_.config, sources);
  Computation made;
  for (const Source& source : sources) {
    made.shapes.push_back({length_of(source.ids), dim});
  }
  made.run = [this, dim, sources = std::move(sources)](
                 const OutputOf& output, const KeepWaiting& keep_waiting) {
    const auto size = [&](size_t i) { return length_of(sources[i].ids); };
    const auto group = [&](size_t begin, size_t end) {
      Ragged ragged;
      for (size_t i = begin; i < end; ++i) {
        ragged.add(sources[i]);
      }
      const Buffer<float> encoded = pyattn::encode(weights_, ragged);
      for (size_t i = begin; i < end; ++i) {
        std::copy(encoded.data() + ragged.starts[i - begin] * dim,
                  encoded.data() + ragged.starts[i - begin + 1] * dim,
                  output(i));
      }
    };
    team_.run([&] { by_groups(sources.size(), size, group); }, keep_waiting);
  };
  return made;
}

Computation Engine::logits(std::vector<Source> sources,
                           std::vector<Sequence> targets) {
  const ModelConfig& config = weights_.config;
  const int64_t vocab = config.decoder.vocab;
  check_pairs("logits", config, sources, targets);
  Computation made;
  for (const Sequence& target : targets) {
    made.shapes.push_back({rows_of(target), vocab});
  }
  made.run = [this, vocab, sources = std::move(sources),
              targets = std::move(targets)](const OutputOf& output,
                                            const KeepWaiting& keep_waiting) {
    const float cap = weights_.config.logits_soft_cap;
    const auto project = [&](size_t i, const Fed& fed) {
      linear(weights_.output, {fed.states, weights_.config.dim}, fed.rows,
             {output(i), vocab}, {});
      if (cap > 0) {
        weights_.table.soft_cap(
            {.x = output(i), .count = fed.rows * vocab, .cap = cap});
      }
    };
    team_.run(
        [&] { feed_targets(weights_, sources, targets, nullptr, project); },
        keep_waiting);
  };
  return made;
}

Computation Engine::score(std::vector<Source> sources,
                          std::vector<Sequence> targets) {
  check_pairs("score", weights_.config, sources, targets);
  Computation made;
  for (const Sequence& target : targets) {
    made.shapes.push_back({rows_of(target)});
  }
  made.run = [this, sources = std::move(sources), targets = std::move(targets)](
                 const OutputOf& output, const KeepWaiting& keep_waiting) {
    const auto score = [&](size_t i, const Fed& fed) {
      token_scores(weights_, fed.states, targets[i], output(i));
    };
    team_.run([&] { feed_targets(weights_, sources, targets, nullptr, score); },
              keep_waiting);
  };
  return made;
}

Computation Engine::align(std::vector<Source> sources,
                          std::vector<Sequence> targets, AlignmentHeads heads) {
  check_encoder("align", weights_.config);
  check_pairs("align", weights_.config, sources, targets);
  check(!heads.empty(), "align", "there are no heads, expected one or more");
  check_heads("align", weights_.config.decoder, heads);
  Computation made;
  for (size_t i = 0; i < sources.size(); ++i) {
    made.shapes.push_back({rows_of(targets[i]), length_of(sources[i].ids)});
  }
  made.run = [this, sources = std::move(sources), targets = std::move(targets),
              heads = std::move(heads)](const OutputOf& output,
                                        const KeepWaiting& keep_waiting) {
    const auto copy = [&](size_t i, const Fed& fed) {
      std::copy(fed.alignment.begin(), fed.alignment.end(), output(i));
    };
    team_.run([&] { feed_targets(weights_, sources, targets, &heads, copy); },
              keep_waiting);
  };
  return made;
}

void Engine::set_search(std::unique_ptr<const VocabularySearch> search) {
  check(weights_.config.logits_soft_cap == 0, "search",
        "the model caps its logits, expected none to be capped");
  check(weights_.search.get() == nullptr, "search", "there is one already");
  weights_.search.set(std::move(search));
}

std::shared_ptr<Request> Engine::submit(std::vector<Sentence> sentences,
                                        bool watched) {
  const ModelConfig& config = weights_.config;
  check_decoder("generate", config);
  const SearchOptions* checked = nullptr;
  for (size_t i = 0; i < sentences.size(); ++i) {
    check_source("generate", config, i, sentences[i].source);
    // Sentences mostly share theirs.
    if (sentences[i].options.get() != checked) {
      checked = sentences[i].options.get();
      check_options(
          {config.decoder.vocab, config.decoder.max_positions, config.end},
          *checked);
      check_heads("generate", config.decoder, checked->alignment_heads);
      check(checked->alignment_heads.empty() || config.has_encoder(),
            "generate", "alignment_heads: the model has no encoder");
    }
    if (!config.has_encoder()) {
      check_room(config, i, sentences[i]);
    }
    if (sentences[i].shortlist != nullptr) {
      check_shortlist(config, i, sentences[i]);
    }
  }
  auto request = std::make_shared<Request>(std::move(sentences), watched);
  runner_.submit(request);
  return request;
}

}  // namespace pyattn
