#include "model/source_memory.h"

#include <algorithm>
#include <utility>

#include "base/threads.h"
#include "ops/linear.h"

namespace pyattn {
namespace {

// Tokens whose keys and values are computed together: their floats stay in a
// cache until they are stored, and each layer's weights are read for many.
constexpr int64_t kTogether = 1024;

int64_t scale_count(const ModelWeights& weights, int64_t tokens) {
  const StackConfig& stack = weights.config.decoder;
  return source_type(weights) == DType::kInt8
             ? 2 * StackConfig::kv_heads_of(stack.cross_attention) * tokens
             : 0;
}

}  // namespace

DType source_type(const ModelWeights& weights) {
  DType type = DType::kInt8;
  for (const DecoderLayerWeights& layer : weights.decoder) {
    type = std::min(type, layer.cross_attention.key_value.dtype());
  }
  return type;
}

int64_t source_row(const ModelConfig& config) {
  int64_t widest = 0;
  for (const AttentionSizes& layer : config.decoder.cross_attention) {
    widest = std::max(widest, layer.kv_width());
  }
  return (widest + 1) / 2 * 2;
}

int64_t SourceMemory::bytes(const ModelWeights& weights, int64_t tokens) {
  return 2 * weights.config.decoder.layers * tokens *
             source_row(weights.config) *
             cache_element_bytes(source_type(weights)) +
         scale_count(weights, tokens) * static_cast<int64_t>(sizeof(float));
}

SourceMemory::SourceMemory(const ModelWeights& weights, TokenPool& pool,
                           int64_t tokens)
    : pool_(&pool),
      row_(source_row(weights.config)),
      bytes_(bytes(weights, tokens)),
      scales_(scale_count(weights, tokens)) {
  const int64_t of_scales =
      scales_.size() * static_cast<int64_t>(sizeof(float));
  const int64_t stride = row_ * cache_element_bytes(source_type(weights));
  data_ = Buffer<char>(bytes_ - of_scales);
  for (int64_t t = 0; t < tokens; ++t) {
    rows_.push_back(data_.data() + t * stride);
  }
  pool_->set_aside(bytes_);
}

SourceMemory::~SourceMemory() {
  if (pool_ != nullptr) {
    pool_->return_bytes(bytes_);
  }
}

SourceMemory::SourceMemory(SourceMemory&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      row_(other.row_),
      bytes_(other.bytes_),
      data_(std::move(other.data_)),
      scales_(std::move(other.scales_)),
      rows_(std::move(other.rows_)) {}

SourceMemory& SourceMemory::operator=(SourceMemory&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(row_, other.row_);
  std::swap(bytes_, other.bytes_);
  std::swap(data_, other.data_);
  std::swap(scales_, other.scales_);
  std::swap(rows_, other.rows_);
  return *this;
}

StepMemory SourceMemory::memory() const {
  return {rows_.data(), tokens(), tokens(),
          scales_.size() == 0 ? nullptr : scales_.data()};
}

void SourceMemory::store(const ModelWeights& weights, int64_t layer,
                         int64_t token, const float* key_value) {
  const AttentionSizes& sizes = weights.config.decoder.cross_attention[layer];
  const DType type = source_type(weights);
  for (int64_t side = 0; side < 2; ++side) {
    const int64_t block = 2 * layer + side;
    const float* const x = key_value + side * sizes.kv_width();
    char* const to = data_.data() + (block * tokens() + token) * row_ *
                                        cache_element_bytes(type);
    if (type != DType::kInt8) {
      store_row(weights.table, type, x, sizes.kv_width(), to);
      continue;
    }
    weights.table.heads_to_int8(
        {.x = x,
         .y = reinterpret_cast<int8_t*>(to),
         .scales =
             scales_.data() +
             (2 * sizes.kv_heads_before + side * sizes.kv_heads) * tokens() +
             token,
         .heads = sizes.kv_heads,
         .head_dim = sizes.head_dim,
         .scale_stride = tokens()});
  }
}

void store_sources(const ModelWeights& weights, const float* encoded,
                   std::span<SourceMemory* const> sources) {
  struct Token {
    SourceMemory* source;
    int64_t index;
  };
  std::vector<Token> tokens;
  for (SourceMemory* const source : sources) {
    for (int64_t t = 0; t < source->tokens(); ++t) {
      tokens.push_back({source, t});
    }
  }
  const int64_t count = static_cast<int64_t>(tokens.size());
  const int64_t dim = weights.config.dim;
  const StackConfig& stack = weights.config.decoder;
  Buffer<float> scratch(std::min(count, kTogether) * 2 *
                        source_row(weights.config));
  LinearInput input;
  for (int64_t first = 0; first < count; first += kTogether) {
    const int64_t rows = std::min(count - first, kTogether);
    const ConstRows from = {encoded + first * dim, dim};
    const PackedLinear* prepared = nullptr;
    for (int64_t n = 0; n < stack.layers; ++n) {
      const int64_t width = 2 * stack.cross_attention[n].kv_width();
      const Rows to = {scratch.data(), width};
      const PackedLinear& product =
          weights.decoder[n].cross_attention.key_value;
      // Layers mostly read their input in one form.
      if (prepared == nullptr || prepared->dtype() != product.dtype()) {
        input.prepare(product, from, rows);
        prepared = &product;
      }
      linear(product, input, rows, to, {});
      parallel_for(rows, grain(width), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const Token& token = tokens[first + row];
          token.source->store(weights, n, token.index, to.from(row).data);
        }
      });
    }
  }
}

}  // namespace pyattn
