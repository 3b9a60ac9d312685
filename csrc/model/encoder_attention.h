#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "model/source.h"
#include "model/weights.h"
#include "ops/ragged_attention.h"
#include "ops/rows.h"

namespace pyattn {

/// The self-attention of an encoder's layers, by the model's pattern: which
/// keys the tokens of a sentence see. What is added to windows are segments of
/// keys and pieces of queries (ops/ragged_attention.h), so no pattern has a
/// kernel of its own.
class EncoderAttention {
 public:
  EncoderAttention(const ModelWeights& weights, const Ragged& sources)
      : weights_(weights), stack_(weights.config.encoder), sources_(sources) {}

  /// Layer n. `input`: what the products read, [rows, dim]; `qkv`: queries,
  /// keys and values of all rows, one behind the other in a row; `heads`: gets
  /// the outputs of all heads. Rows of states stand behind those of tokens.
  void run(int64_t n, ConstRows input, ConstRows qkv, Rows heads);

 private:
  RaggedCall call(const SelfAttentionWeights& attention, int64_t n, ConstRows q,
                  ConstRows key_value, Rows y) const;
  AttentionPiece sentence(int64_t s) const;
  void add_windows(int64_t n);
  void add_tokens(const SelfAttentionWeights& attention, int64_t n,
                  ConstRows input, RaggedCall& call);
  void run_globals(const SelfAttentionWeights& attention, int64_t n,
                   ConstRows input, Rows heads);
  void add_aggregates(const SelfAttentionWeights& attention, int64_t n,
                      ConstRows input, RaggedCall& call);
  void sum_blocks(ConstRows input, Rows sums) const;
  void add_blocks(RaggedCall& call);
  void add_states(int64_t n, RaggedCall& call);

  const ModelWeights& weights_;
  const StackConfig& stack_;
  const Ragged& sources_;
  AttentionSizes sizes_ = {};  // of the current layer
  std::vector<AttentionPiece> pieces_;
  // Of the current layer: rows that further keys are made of, and those keys.
  Buffer<float> rows_, keys_, queries_, outputs_;
};

}  // namespace pyattn
