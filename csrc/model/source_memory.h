#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "model/cache.h"
#include "model/weights.h"
#include "ops/attention_step.h"

namespace pyattn {

/// The type of a source's keys and values: that of the products that compute
/// them. Of several types it is the one with the most digits.
DType source_type(const ModelWeights& weights);

/// Numbers from one token of a source to the next: the kv_width of the widest
/// layer's cross-attention, made even as bfloat16 wants it.
int64_t source_row(const ModelConfig& config);

/// The keys and values that cross-attention reads of one source, of all layers,
/// in one piece: [layers][keys, values][tokens][source_row], and for int8 a
/// scale of each token and head, [layers][keys, values][kv_heads][tokens]. A
/// step reads a layer from its beginning to its end, which takes a fifth less
/// time than reading it token by token from slots.
class SourceMemory {
 public:
  /// Uninitialised; counted against the pool's limit.
  SourceMemory(const ModelWeights& weights, TokenPool& pool, int64_t tokens);
  ~SourceMemory();
  SourceMemory(SourceMemory&& other) noexcept;
  SourceMemory& operator=(SourceMemory&& other) noexcept;

  /// The bytes of a source of so many tokens.
  static int64_t bytes(const ModelWeights& weights, int64_t tokens);

  /// What a decoder's row reads, for as long as this lives.
  StepMemory memory() const;

  int64_t tokens() const { return static_cast<int64_t>(rows_.size()); }

  /// Takes the keys and the values of a token in a layer, its kv_width each.
  void store(const ModelWeights& weights, int64_t layer, int64_t token,
             const float* key_value);

 private:
  TokenPool* pool_;
  int64_t row_, bytes_;
  Buffer<char> data_;
  Buffer<float> scales_;
  std::vector<const void*> rows_;  // of each token, in the first layer
};

/// Computes the keys and values of sources that were encoded together, which
/// are the same at every step.
void store_sources(const ModelWeights& weights, const float* encoded,
                   std::span<SourceMemory* const> sources);

}  // namespace pyattn
