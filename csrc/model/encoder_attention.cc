#include "model/encoder_attention.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "model/sublayer.h"
#include "ops/linear.h"

namespace pyattn {
namespace {

RowSegment segment_of(ConstRows key_value, int64_t count) {
  return {.key_value = key_value,
          .positions = nullptr,
          .distances = nullptr,
          .count = count,
          .distances_stride = 0,
          .block = 1,
          .constant = 0};
}

}  // namespace

void EncoderAttention::run(int64_t n, ConstRows input, ConstRows qkv,
                           Rows heads) {
  const SelfAttentionWeights& attention = weights_.encoder[n].self_attention;
  sizes_ = stack_.self_attention[n];
  const ConstRows key_value = {qkv.data + sizes_.width(), qkv.stride};
  RaggedCall all = call(attention, n, qkv, key_value, heads);
  pieces_.clear();
  switch (weights_.config.pattern.kind) {
    case Pattern::kWindows:
      add_windows(n);
      break;
    case Pattern::kTokens:
      add_tokens(attention, n, input, all);
      break;
    case Pattern::kAggregates:
      add_aggregates(attention, n, input, all);
      break;
    case Pattern::kBlocks:
      add_blocks(all);
      break;
    case Pattern::kStates:
      add_states(n, all);
      break;
  }
  ragged_attention(weights_.table, pieces_, all);
  if (!sources_.globals.empty()) {
    run_globals(attention, n, input, heads);
  }
}

// Attention computes in the type of its products, as the inputs have no more
// digits than that. The bias table's middle is distance zero.
RaggedCall EncoderAttention::call(const SelfAttentionWeights& attention,
                                  int64_t n, ConstRows q, ConstRows key_value,
                                  Rows y) const {
  return {.q = q,
          .key_value = key_value,
          .y = y,
          .heads = sizes_.heads,
          .kv_heads = sizes_.kv_heads,
          .head_dim = sizes_.head_dim,
          .scale = stack_.attention_scale,
          .soft_cap = weights_.config.attention_soft_cap,
          .bias = weights_.encoder_bias.of(n),
          .bias_stride = weights_.encoder_bias.stride,
          .bias_middle = stack_.max_positions - 1,
          .dtype = attention.qkv.dtype(),
          .segments = {}};
}

// All of a sentence's tokens, as queries and as keys.
AttentionPiece EncoderAttention::sentence(int64_t s) const {
  return {.query = sources_.starts[s],
          .queries = sources_.time(s),
          .key = sources_.starts[s],
          .keys = sources_.time(s),
          .first = 0,
          .last = 0,
          .segment = 0,
          .segments = 0};
}

void EncoderAttention::add_windows(int64_t n) {
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    add_pieces(weights_.table, sentence(s), stack_.windows[n], pieces_);
  }
}

// The global tokens of each sentence, which lie anywhere in it, are gathered.
void EncoderAttention::add_tokens(const SelfAttentionWeights& attention,
                                  int64_t n, ConstRows input,
                                  RaggedCall& call) {
  const int64_t width = 2 * sizes_.kv_width();
  const int64_t dim = weights_.config.dim;
  const int64_t count = static_cast<int64_t>(sources_.globals.size());
  const Rows keys = {keys_.at_least(count * width), width};
  const Rows rows = {rows_.at_least(count * dim), dim};
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    AttentionPiece whole = sentence(s);
    const int64_t first = sources_.global_starts[s];
    const int64_t end = sources_.global_starts[s + 1];
    for (int64_t g = first; g < end; ++g) {
      const int64_t row = whole.key + sources_.globals[g];
      std::copy_n(call.key_value.from(row).data, width, keys.from(g).data);
      std::copy_n(input.from(row).data, dim, rows.from(g).data);
    }
    if (first < end) {
      whole.segment = static_cast<int64_t>(call.segments.size());
      whole.segments = 1;
      RowSegment globals = segment_of(keys.from(first).read(), end - first);
      globals.positions = sources_.globals.data() + first;
      call.segments.push_back(globals);
    }
    add_pieces(weights_.table, whole, stack_.windows[n], pieces_);
  }
  if (count > 0) {
    const Rows queries = {queries_.at_least(count * sizes_.width()),
                          sizes_.width()};
    linear(attention.global_query, rows.read(), count, queries, {});
  }
}

// Global tokens see all, by queries, keys and values of their own.
void EncoderAttention::run_globals(const SelfAttentionWeights& attention,
                                   int64_t n, ConstRows input, Rows heads) {
  const int64_t width = 2 * sizes_.kv_width();
  const int64_t count = static_cast<int64_t>(sources_.globals.size());
  const Rows keys = {keys_.at_least(sources_.tokens() * width), width};
  linear(attention.global_key_value, input, sources_.tokens(), keys, {});
  const ConstRows queries = {queries_.data(), sizes_.width()};
  const Rows outputs = {outputs_.at_least(count * sizes_.width()),
                        sizes_.width()};
  pieces_.clear();
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    AttentionPiece whole = sentence(s);
    whole.query = sources_.global_starts[s];
    whole.queries = sources_.global_starts[s + 1] - whole.query;
    add_pieces(weights_.table, whole, 0, pieces_);
  }
  ragged_attention(weights_.table, pieces_,
                   call(attention, n, queries, keys.read(), outputs));
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    for (int64_t g = sources_.global_starts[s];
         g < sources_.global_starts[s + 1]; ++g) {
      const int64_t row = sources_.starts[s] + sources_.globals[g];
      std::copy_n(outputs.from(g).data, sizes_.width(), heads.from(row).data);
    }
  }
}

// A sentence has as many blocks as fit into it, and the tokens behind them
// belong to the last one. An aggregate's query is computed too, and nobody asks
// it: one row in sixteen is not worth another product.
void EncoderAttention::add_aggregates(const SelfAttentionWeights& attention,
                                      int64_t n, ConstRows input,
                                      RaggedCall& call) {
  const int64_t block = weights_.config.pattern.block;
  const int64_t dim = weights_.config.dim;
  const int64_t joined = sizes_.width() + 2 * sizes_.kv_width();
  int64_t count = 0;
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    count += sources_.time(s) / block;
  }
  const Rows sums = {rows_.at_least(count * dim), dim};
  const Rows qkv = {keys_.at_least(count * joined), joined};
  if (count > 0) {
    sum_blocks(input, sums);
    apply_norm(weights_, attention.aggregate_norm, count, sums.read(), sums,
               {});
    linear(attention.qkv, sums.read(), count, qkv, {});
  }
  const int64_t stride = weights_.aggregate_bias.stride;
  int64_t first = 0;
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    AttentionPiece whole = sentence(s);
    const int64_t own = sources_.time(s) / block;
    if (own > 0) {
      whole.segment = static_cast<int64_t>(call.segments.size());
      whole.segments = 1;
      RowSegment aggregates =
          segment_of({qkv.from(first).data + sizes_.width(), joined}, own);
      aggregates.distances = weights_.aggregate_bias.of(n) + (stride - 1) / 2;
      aggregates.distances_stride = stride;
      aggregates.block = block;
      call.segments.push_back(aggregates);
    }
    first += own;
    add_pieces(weights_.table, whole, stack_.windows[n], pieces_);
  }
}

void EncoderAttention::sum_blocks(ConstRows input, Rows sums) const {
  const int64_t block = weights_.config.pattern.block;
  const int64_t dim = weights_.config.dim;
  int64_t first = 0;
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    const int64_t time = sources_.time(s);
    const int64_t own = time / block;
    const ConstRows tokens = input.from(sources_.starts[s]);
    parallel_for(own, grain(block * dim), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        float* const sum = sums.from(first + b).data;
        const int64_t last = b + 1 == own ? time : (b + 1) * block;
        std::copy_n(tokens.from(b * block).data, dim, sum);
        for (int64_t t = b * block + 1; t < last; ++t) {
          const float* const token = tokens.from(t).data;
          for (int64_t i = 0; i < dim; ++i) {
            sum[i] += token[i];
          }
        }
      }
    });
    first += own;
  }
}

// The first and the last block are segments of all others, and their own
// queries see all.
void EncoderAttention::add_blocks(RaggedCall& call) {
  const EncoderPattern& pattern = weights_.config.pattern;
  const int64_t block = pattern.block;
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    const AttentionPiece whole = sentence(s);
    if (whole.keys <= (5 + 2 * pattern.random_blocks) * block) {
      add_pieces(weights_.table, whole, 0, pieces_);
      continue;
    }
    const int64_t blocks = (whole.keys + block - 1) / block;
    const auto row = [&](int64_t b) {
      return whole.key + std::min(b * block, whole.keys);
    };
    const int64_t segment = static_cast<int64_t>(call.segments.size());
    call.segments.push_back(segment_of(call.key_value.from(row(0)), block));
    call.segments.back().constant =
        std::log1p(static_cast<float>(pattern.random_blocks));
    call.segments.push_back(segment_of(call.key_value.from(row(blocks - 1)),
                                       row(blocks) - row(blocks - 1)));
    for (int64_t b = 0; b < blocks; ++b) {
      AttentionPiece piece = whole;
      piece.query = row(b);
      piece.queries = row(b + 1) - row(b);
      if (b > 0 && b + 1 < blocks) {
        piece.key = row(std::max<int64_t>(b - 1, 1));
        piece.keys = row(std::min(b + 2, blocks - 1)) - piece.key;
        piece.segment = segment;
        piece.segments = 2;
      }
      add_pieces(weights_.table, piece, 0, pieces_);
    }
  }
}

void EncoderAttention::add_states(int64_t n, RaggedCall& call) {
  const EncoderPattern& pattern = weights_.config.pattern;
  const int64_t shift = pattern.staggered && n % 2 == 1 ? pattern.block / 2 : 0;
  for (int64_t s = 0; s < sources_.sequences(); ++s) {
    const AttentionPiece whole = sentence(s);
    const int64_t states = sources_.tokens() + s * pattern.states;
    call.segments.push_back(
        segment_of(call.key_value.from(states), pattern.states));
    AttentionPiece piece = whole;
    piece.segment = s;
    piece.segments = 1;
    for (int64_t end = 0, next = pattern.block - shift; end < whole.keys;
         next += pattern.block) {
      piece.query = piece.key = whole.key + end;
      piece.queries = piece.keys = std::min(next, whole.keys) - end;
      add_pieces(weights_.table, piece, 0, pieces_);
      end = std::min(next, whole.keys);
    }
    piece = whole;
    piece.query = states;
    piece.queries = pattern.states;
    piece.segment = s;
    piece.segments = 1;
    add_pieces(weights_.table, piece, 0, pieces_);
  }
}

}  // namespace pyattn
