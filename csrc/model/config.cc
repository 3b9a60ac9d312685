#include "model/config.h"

#include <cmath>

#include "base/check.h"

namespace pyattn {
namespace {

void check_layers(const ModelConfig& config, const StackConfig& stack) {
  const auto layers = static_cast<size_t>(stack.layers);
  check(stack.self_attention.size() == layers &&
            stack.cross_attention.size() == layers &&
            stack.ffn.size() == layers,
        "model", "there are more sizes of layers than layers");
  for (size_t n = 0; n < layers; ++n) {
    check(stack.ffn[n] > 0, "model", "the ffn of a layer must be positive");
    for (const auto* all : {&stack.self_attention, &stack.cross_attention}) {
      const AttentionSizes& one = (*all)[n];
      check(one.heads > 0 && one.kv_heads > 0 && one.head_dim > 0 &&
                one.heads % one.kv_heads == 0,
            "model", "the heads of a layer do not suit its kv_heads");
    }
    // Its table has a row for each head of the stack.
    check(!config.has_relative_bias() ||
              stack.self_attention[n].heads == stack.heads,
          "model", "a bias by distance needs the same heads in all layers");
  }
}

void check_stack(const ModelConfig& config, const StackConfig& stack) {
  const auto positive = [](int64_t value) { return value > 0; };
  check(stack.layers >= 0 && positive(stack.heads) &&
            positive(stack.kv_heads) && positive(stack.vocab) &&
            positive(stack.max_positions),
        "model", "sizes of a stack must be positive");
  check(positive(stack.head_dim), "model", "head_dim must be positive");
  check(stack.heads % stack.kv_heads == 0, "model",
        "the number of heads is not a multiple of that of kv_heads");
  check(static_cast<int64_t>(stack.windows.size()) == stack.layers, "model",
        "there are more windows than layers");
  check_layers(config, stack);
  check(std::isfinite(config.attention_soft_cap) &&
            config.attention_soft_cap >= 0 && config.logits_soft_cap >= 0,
        "model", "soft caps must not be negative");
}

// What the patterns of attention can be combined with.
void check_pattern(const ModelConfig& config) {
  const EncoderPattern& pattern = config.pattern;
  const bool blocks = pattern.kind == Pattern::kAggregates ||
                      pattern.kind == Pattern::kBlocks ||
                      pattern.kind == Pattern::kStates;
  check(blocks ? pattern.block > 0 : pattern.block == 0, "model",
        "encoder_block does not suit the pattern");
  check(pattern.random_blocks >= 0 && pattern.states >= 0, "model",
        "sizes of a pattern must not be negative");
  check(pattern.kind != Pattern::kStates ||
            (pattern.states > 0 && config.norm == NormSide::kPre &&
             !config.embedding_norm && config.positions != Positions::kRotary),
        "model", "states need norms before the blocks alone");
  check(pattern.kind == Pattern::kWindows ||
            pattern.kind == Pattern::kAggregates || !config.has_relative_bias(),
        "model", "this pattern has no bias by distance");
  check(pattern.kind != Pattern::kAggregates || config.has_relative_bias(),
        "model", "aggregates need a bias by distance");
}

}  // namespace

void check_config(const ModelConfig& config) {
  const auto positive = [](int64_t value) { return value > 0; };
  check(positive(config.dim), "model", "dim must be positive");
  check(config.token_types >= 0, "model", "token_types must not be negative");
  check_stack(config, config.reader());
  check_pattern(config);
  check(config.positions != Positions::kRotary ||
            config.reader().head_dim % 2 == 0,
        "model", "rotary positions need heads of an even width");
  check(config.has_encoder() ||
            (config.encoder.layers == 0 && config.mixer == Mixer::kAttention),
        "model", "a decoder that stands alone needs attention as its mixer");
  if (!config.has_decoder()) {
    check(config.decoder.layers == 0, "model",
          "a decoder has layers, but no vocabulary");
    return;
  }
  check_stack(config, config.decoder);
  check(config.positions != Positions::kRotary ||
            config.reader().head_dim == config.decoder.head_dim,
        "model", "rotary positions need heads of one width");
  const auto in_vocab = [&config](int32_t id) {
    return id >= 0 && id < config.decoder.vocab;
  };
  check(in_vocab(config.start) && in_vocab(config.end), "model",
        "start or end is not an id of the target vocabulary");
}

}  // namespace pyattn
