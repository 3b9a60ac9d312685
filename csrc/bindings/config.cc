#include "bindings/config.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pyattn::bindings {
namespace {

// The value that the name in an attribute stands for.
template <class T>
T choice(py::handle config, const char* name,
         const std::map<std::string, T>& known) {
  const std::string value = field<std::string>(config, name);
  const auto found = known.find(value);
  check_that(found != known.end(), "model", [&] {
    return std::string(name) + " '" + value + "' is not known";
  });
  return found->second;
}

Activation activation(py::handle config, const char* name) {
  return choice<Activation>(config, name,
                            {{"relu", Activation::kRelu},
                             {"gelu", Activation::kGelu},
                             {"gelu_tanh", Activation::kGeluTanh},
                             {"silu", Activation::kSilu}});
}

// The sizes of an attention in all layers, from its heads in each.
std::vector<AttentionSizes> attention_from(py::handle from, const char* name,
                                           const StackConfig& stack) {
  check(stack.heads <= 0 ||
            (stack.kv_heads > 0 && stack.heads % stack.kv_heads == 0),
        "model", "the number of heads is not a multiple of that of kv_heads");
  std::vector<AttentionSizes> sizes;
  int64_t before = 0;
  for (const int64_t heads : field<std::vector<int64_t>>(from, name)) {
    const int64_t group = std::max<int64_t>(stack.heads, 1) /
                          std::max<int64_t>(stack.kv_heads, 1);
    sizes.push_back({.heads = heads,
                     .kv_heads = heads / group,
                     .head_dim = stack.head_dim,
                     .kv_heads_before = before});
    before += sizes.back().kv_heads;
  }
  return sizes;
}

StackConfig stack_from(py::handle config, const char* name) {
  const py::object from =
      call_python(config.attr("stack"), py::make_tuple(name));
  StackConfig stack = {.layers = field<int64_t>(from, "layers"),
                       .heads = field<int64_t>(from, "heads"),
                       .kv_heads = field<int64_t>(from, "kv_heads"),
                       .head_dim = field<int64_t>(from, "head_dim"),
                       .vocab = field<int64_t>(from, "vocab"),
                       .self_attention = {},
                       .cross_attention = {},
                       .ffn = field<std::vector<int64_t>>(from, "layer_ffn"),
                       .attention_scale = 0,
                       .windows = field<std::vector<int64_t>>(from, "windows"),
                       .max_positions = field<int64_t>(from, "max_positions")};
  check(stack.heads <= 0 ||
            stack.heads * stack.head_dim == field<int64_t>(from, "width"),
        "model", "dim is not a multiple of the number of heads");
  stack.self_attention = attention_from(from, "layer_heads", stack);
  stack.cross_attention = attention_from(from, "layer_cross_heads", stack);
  const auto scale = field<std::optional<float>>(config, "attention_scale");
  stack.attention_scale =
      scale ? *scale : 1.0F / std::sqrt(static_cast<float>(stack.head_dim));
  return stack;
}

EncoderPattern pattern_from(py::handle config) {
  return {.kind = choice<Pattern>(config, "encoder_pattern",
                                  {{"windows", Pattern::kWindows},
                                   {"tokens", Pattern::kTokens},
                                   {"aggregates", Pattern::kAggregates},
                                   {"blocks", Pattern::kBlocks},
                                   {"states", Pattern::kStates}}),
          .block = field<int64_t>(config, "encoder_block"),
          .random_blocks = field<int64_t>(config, "encoder_random_blocks"),
          .states = field<int64_t>(config, "encoder_global_states"),
          .staggered = field<bool>(config, "encoder_staggered")};
}

}  // namespace

ModelConfig config_from(py::handle from) {
  ModelConfig config = {};
  config.encoder = stack_from(from, "encoder");
  config.decoder = stack_from(from, "decoder");
  config.dim = field<int64_t>(from, "dim");
  config.pattern = pattern_from(from);
  config.token_types = field<int64_t>(from, "token_types");
  config.start = field<int32_t>(from, "start");
  config.end = field<int32_t>(from, "end");
  config.norm = choice<NormSide>(from, "norm",
                                 {{"post", NormSide::kPost},
                                  {"pre", NormSide::kPre},
                                  {"both", NormSide::kBoth}});
  config.norm_kind =
      choice<NormKind>(from, "norm_kind",
                       {{"layer", NormKind::kLayer}, {"rms", NormKind::kRms}});
  config.first_norm = field<bool>(from, "first_norm");
  config.final_norm = field<bool>(from, "final_norm");
  config.embedding_norm = field<bool>(from, "embedding_norm");
  config.zero_start = field<bool>(from, "zero_start");
  config.gated = field<bool>(from, "gated");
  config.query_key_norm = field<bool>(from, "query_key_norm");
  config.norm_epsilon = field<float>(from, "norm_epsilon");
  config.embedding_scale = field<float>(from, "embedding_scale");
  config.logits_scale = field<float>(from, "logits_scale");
  config.logits_soft_cap = field<float>(from, "logits_soft_cap");
  config.attention_soft_cap = field<float>(from, "attention_soft_cap");
  config.activation = activation(from, "activation");
  config.positions =
      choice<Positions>(from, "positions",
                        {{"sinusoidal", Positions::kAdded},
                         {"sinusoidal_t2t", Positions::kAdded},
                         {"learned", Positions::kAdded},
                         {"relative", Positions::kRelative},
                         {"learned_relative", Positions::kAddedAndRelative},
                         {"rotary", Positions::kRotary}});
  config.rotary_local =
      field<std::optional<float>>(from, "rotary_local_theta").has_value();
  config.relative_per_layer = field<bool>(from, "relative_per_layer");
  config.mixer = choice<Mixer>(from, "mixer",
                               {{"attention", Mixer::kAttention},
                                {"ssru", Mixer::kSsru},
                                {"average", Mixer::kAverage}});
  config.average_ffn = field<int64_t>(from, "average_ffn");
  config.average_activation = activation(from, "average_activation");
  config.average_gates = field<bool>(from, "average_gates");
  return config;
}

}  // namespace pyattn::bindings
