#pragma once

#include <cstdint>

#include "base/cpu.h"
#include "kernels/linear_attention_args.h"
#include "kernels/search_args.h"
#include "kernels/words.h"

// The one door to the kernels: what each computes, on which shapes, and a table
// of pointers to them for each level of instructions. Kernels are
// single-threaded arithmetic on raw pointers; they check nothing, allocate
// nothing and throw nothing. Numbers are float32 and strides are in floats,
// except where a field's comment says otherwise.
namespace pyattn {

enum class Activation { kNone, kRelu, kGelu, kGeluTanh, kSilu };

/// The number types that weights are kept and multiplied in.
enum class DType { kFloat32, kBFloat16, kInt8, kInt4, kInt8Grouped };
inline constexpr int kDTypes = 5;

/// int4 is compressed int8: a weight is scale[column] * s[column][group] * q,
/// where q is in [-8, 7] and s in [-15, 15], so that s * q is an int8 and a sum
/// is exact in int32. A group is so many neighbouring inputs, or steps.
inline constexpr int64_t kInt4Group = 32;
inline constexpr int64_t kInt4Steps = kInt4Group / 4;

/// Where a panel of int4 has a group: its s, a byte for each column, and its q.
struct Int4Place {
  int64_t scale;  // bytes from the panel's start
  int64_t words;  // likewise: [kInt4Steps / 2][panel] words
};

/// Groups whose s share a line lie behind it, so that a panel is one stream:
/// 17 lines for each 16 lines of q. With the s of the whole panel in front,
/// hardware prefetchers saw two streams and followed neither well: a row took
/// 188 us rather than 73 for 8192 x 512 in memory (Zen 4). `User` keeps the
/// levels' symbols apart.
template <class User = void>
constexpr Int4Place int4_place(int64_t group, int64_t panel) {
  const int64_t together = 64 / panel;
  const int64_t q_bytes = kInt4Steps / 2 * panel * 4;
  const int64_t line = group / together * (64 + together * q_bytes);
  const int64_t own = group % together;
  return {line + own * panel, line + 64 + own * q_bytes};
}

/// Bytes of a panel of int4. Each word has a step's four q in the lower halves
/// of its bytes, and the next step's in their upper halves, in two's
/// complement.
template <class User = void>
constexpr int64_t int4_panel_bytes(int64_t steps, int64_t panel) {
  const int64_t last = steps / kInt4Steps - 1;
  return int4_place<User>(last, panel).words + kInt4Steps / 2 * panel * 4;
}

/// What a panel of int4 has as s * q, of one of its columns.
template <class User = void>
constexpr int int4_weight(const char* weights, int64_t panel, int64_t column,
                          int64_t input) {
  const Int4Place place = int4_place<User>(input / kInt4Group, panel);
  const int64_t step = input % kInt4Group / 4;
  const int scale = static_cast<int8_t>(weights[place.scale + column]);
  const int pair = static_cast<uint8_t>(
      weights[place.words + (step / 2 * panel + column) * 4 + input % 4]);
  const int four = step % 2 == 0 ? pair & 15 : pair >> 4;
  return scale * (four < 8 ? four : four - 16);
}

/// y = activation(x W^T + bias) + residual or, where the weights are gated,
/// y = activation(x G^T + gate bias) * (x W^T + bias) + residual (Shazeer
/// 2020): their columns are a vector of G, then one of W, and so on.
///
/// Each y[row][column] is one sum over the words, in an order that depends on
/// nothing but their number, whatever the other rows and columns of the call:
/// a row's bits do not depend on its batch.
struct LinearArgs {
  const void* x;          // [rows, steps] words, x_stride words between rows,
  Words words;            // of this kind
  const void* weight;     // [columns / panel][steps][panel], see KernelTable;
                          // int4: [columns / panel][int4_panel_bytes];
                          // int8_grouped: [columns / panel][groups] of
                          // grouped_bytes
  const void* next;       // what to fetch behind the weights; null: what lies
                          // there, since weights lie in the order of reading
  const float* bias;      // [columns]: out, or twice that if gated, rounded up
  const float* residual;  // [rows, out] or null; may be y itself
  float* y;               // [rows, out], y_stride between rows
  uint16_t* y_bfloat16;   // if not null: takes y, rounded, in the place of y
  int64_t rows, steps, out;
  int64_t x_stride, y_stride, residual_stride;
  Activation activation;
  bool gated;
  // int8 and int4: y is (sum - x_zero * column_sum) * x_scale * scale.
  const float* x_scale;      // [rows]
  const int32_t* x_zero;     // [rows]
  const SplitPart* x_parts;  // [rows, part_stride], split kinds only
  int64_t part_stride;
  const float* scale;         // [columns]; int8_grouped has it, too
  const int32_t* column_sum;  // [columns]: of the column's weights
  const int32_t* bar;         // [rows], for KernelTable::bounds only,
  BoundHits* hits;            // which finds these
};

/// An int4 panel to the int8 panel that it compresses.
struct ExpandArgs {
  const void* weight;  // [int4_panel_bytes(steps, panel)]
  void* words;         // [steps][panel]
  int64_t steps;       // a multiple of kInt4Steps
};

/// Floats to words. bfloat16: to the nearest, ties to even. int8: 256 steps
/// from the row's least value to its greatest, zero among them: q = round(x /
/// scale)
/// + zero; the least is 0 where the instructions take unsigned inputs, else
/// -128. What is not finite makes the scale NaN, so that it is not lost. With
/// groups each has a scale and a zero of its own.
struct PrepareArgs {
  const float* x;  // [rows, dim], x_stride between rows
  WordRows words;
  int64_t rows, dim;
  int64_t x_stride;
};

/// y = (x - mean(x)) / sqrt(var(x) + epsilon) * gamma + beta over each row
/// (Ba et al. 2016); RMS norm leaves out the mean and beta (Zhang and Sennrich
/// 2019).
struct NormArgs {
  const float* x;      // [rows, dim], x_stride between rows
  const float* gamma;  // [dim]
  const float* beta;   // [dim]; not read by RMS norm
  float* y;            // [rows, dim], y_stride between rows; may be x itself
  WordRows words;  // gets y as words too, while it is in L1; data may be null
  int64_t rows, dim;
  int64_t x_stride, y_stride;
  float epsilon;
};

/// Keys that queries see beside those of AttentionArgs, in the same softmax,
/// such as tokens that all see (Beltagy et al. 2020) or sums of blocks of
/// tokens (Guo et al. 2022). To the score of key j and query i is added
/// constant + distances[j - min((query + i) / block, count - 1)], where there
/// are distances.
struct KeySegment {
  const float* k;  // [count, head_dim]
  const float* v;  // [count, head_dim]
  // [count], ascending: where in the band of AttentionArgs these keys stand as
  // well. A query that sees one there does not see it here. Null: nowhere.
  const int32_t* positions;
  const float* distances;  // distance 0, between 1 - count and count - 1; null
  int64_t count, k_stride, v_stride;
  int64_t query, block;  // what distances are from: query 0, queries in a block
  float constant;
};

/// y = softmax(cap(q k^T * scale) + bias, masked) v for one head (Vaswani et
/// al. 2017, eq. 1), where cap(s) = soft_cap * tanh(s / soft_cap). Query i sees
/// key j if i + first <= j <= i + last and mask[i][j] is not 0, and the keys of
/// the segments; one that sees no key gets zeros.
struct AttentionArgs {
  const float* q;       // [time_q, head_dim]
  const float* k;       // [time_k, head_dim]
  const float* v;       // [time_k, head_dim]
  const uint8_t* mask;  // [time_q, time_k] or null
  const float* bias;    // [time_q, time_k] or null
  float* y;             // [time_q, head_dim]
  float* scratch;       // [attention_scratch(head_dim, lanes)]
  int64_t time_q, time_k, head_dim;
  int64_t q_stride, k_stride, v_stride, y_stride;
  int64_t mask_stride, bias_stride;
  int64_t first;  // -time_q or less: every query sees the first key
  int64_t last;   // time_k - 1 or more: every query sees the last key
  const KeySegment* segments;  // each of one key or more
  int64_t segment_count;
  float scale;
  float soft_cap;  // 0: none
};

/// Sums that run side by side wherever elements of a row are added up: of as
/// many on every level, so that their bits are the same.
inline constexpr int kSumLanes = 16;

/// The keys that one pass of the running softmax takes up: those between two
/// multiples of it.
inline constexpr int64_t kKeyBlock = 96;

/// The tiles, of 2 * lanes queries each, that take up a block of keys together.
/// Whoever splits queries splits them behind whole groups of tiles.
inline constexpr int64_t kQueryTiles = 8;

/// Floats of scratch that `attention` needs: for each tile its queries, and two
/// numbers of each; two more, and the scores of a block of keys; that block of
/// K and V in words of two numbers, rows of it in whole vectors.
constexpr int64_t attention_scratch(int64_t head_dim, int64_t lanes) {
  const int64_t whole = (head_dim + lanes - 1) / lanes * lanes;
  return (kQueryTiles * (whole + 2) + 2 + kKeyBlock) * 2 * lanes +
         kKeyBlock * (whole + lanes);
}

/// The same for one query per head of some rows of a decoding step, over keys
/// and values that lie anywhere: those of time t start at element k_offset of
/// keys[row][t] and v_offset of values[row][t], which hold floats, bfloat16 or
/// int8, kv_heads one behind the other. Neighbouring heads / kv_heads query
/// heads share a key head. The first tokens may be the same for all rows, as
/// beams have them; a row's bits do not depend on that, nor on the other rows.
struct AttentionStepArgs {
  const float* q;                    // [rows, heads, head_dim]
  const void* const* const* keys;    // [rows][time]
  const void* const* const* values;  // [rows][time]; may be `keys` itself
  // int8 only: what the numbers of a token and head are multiplied by, [rows]
  // of [kv_heads, time], scale_stride between heads.
  const float* const* k_scales;
  const float* const* v_scales;
  const float* bias;  // [heads, time], bias_stride, or null
  float* y;           // [rows, heads, head_dim]
  float* scratch;     // [rows, attention_step_scratch(...)]
  int64_t rows, time, shared, heads, kv_heads, head_dim;
  int64_t q_stride, y_stride, k_offset, v_offset, bias_stride, scale_stride;
  float scale;
  float soft_cap;  // 0: none
  bool far;        // whether keys and values lie in memory rather than caches
};

/// Floats between the heads' weights of a step.
constexpr int64_t attention_step_stride(int64_t time) {
  return (time + kSumLanes - 1) / kSumLanes * kSumLanes;
}

/// Floats of scratch that `attention_step` needs for a row: each head's
/// weights, query and output, the latter two in whole units of bfloat16.
constexpr int64_t attention_step_scratch(int64_t time, int64_t heads,
                                         int64_t head_dim) {
  constexpr int64_t kUnit = 2 * kSumLanes;
  const int64_t padded = (head_dim + kUnit - 1) / kUnit * kUnit;
  return heads * (attention_step_stride(time) + 2 * padded);
}

/// A token's keys or values to int8, head by head: y = round(x / scale), where
/// the scale makes the greatest of a head 127 or -127. What is not finite makes
/// its head's scale NaN, so that it is not lost.
struct HeadsToInt8Args {
  const float* x;  // [heads, head_dim]
  int8_t* y;       // [heads, head_dim]
  float* scales;   // [heads], scale_stride between them
  int64_t heads, head_dim, scale_stride;
};

/// A token of the simpler simple recurrent unit (Kim et al. 2019):
/// state = f * past + (1 - f) * input, f = sigmoid(forget);
/// y = relu(state) + residual.
struct SsruArgs {
  const float* input;     // [dim]
  const float* forget;    // [dim]
  const float* past;      // [dim] or null: zeros
  float* state;           // [dim]
  const float* residual;  // [dim] or null; may be y itself
  float* y;               // [dim]
  int64_t dim;
};

/// y = sigmoid(x_gate) * x + sigmoid(mixed_gate) * mixed + residual, the end of
/// average attention (Zhang et al. 2018); without gates mixed + residual.
struct GateArgs {
  const float* x;           // [dim]; may be y itself
  const float* mixed;       // [dim]
  const float* x_gate;      // [dim] or null: no gates
  const float* mixed_gate;  // [dim]
  const float* residual;    // [dim] or null; may be y itself
  float* y;                 // [dim]
  int64_t dim;
};

/// x = cap * tanh(x / cap).
struct SoftCapArgs {
  float* x;  // [count]
  int64_t count;
  float cap;
};

/// y[row] = table[ids[row]] * scale + positions[position_ids[row]].
struct EmbedArgs {
  const float* table;           // [vocab, dim]
  const int32_t* ids;           // [rows]
  const float* positions;       // [max_positions, dim] or null: zeros
  const int32_t* position_ids;  // [rows]
  float* y;                     // [rows, dim]
  int64_t rows, dim;
  float scale;
};

/// max(x) and sum(weights * exp(x - max(x))) of one row.
struct LogSumExpArgs {
  const float* x;        // [count]
  const float* weights;  // [count]; null is ones
  int64_t count;
  float* max;
  float* sum;
};

/// Merges x into the best `k` seen so far, ordered from the best down, equal
/// ones by their id. Ids of later calls must be higher. What is -inf or not a
/// number is no candidate; `found` says how many there are.
struct TopKArgs {
  const float* x;  // [count], of ids first_id, first_id + 1, ...
  int64_t count;
  int32_t first_id;
  int32_t k;
  int32_t* found;
  float* scores;  // [k]
  int32_t* ids;   // [k]
};

/// The product of one number type on one level.
struct ProductKernel {
  void (*run)(const LinearArgs&);
  Words words = Words::kFloats;
  // The words of a row are filled up with zeros, on both sides, to a multiple
  // of this. Instructions that take several rows at once also read, but do not
  // use, rows past the last: up to the next multiple of `rows`.
  int steps = 1;
  int rows = 1;
  // int4 only: with more rows it is quicker to expand the weights to int8.
  int most_rows = 0;
};

/// Everything that one level of instructions runs.
struct KernelTable {
  Isa isa;
  int lanes;  // floats of a vector
  int panel;  // output columns that packed weights keep side by side
  int least;  // the least int8 of an input: see PrepareArgs
  ProductKernel products[kDTypes];
  void (*expand)(const ExpandArgs&);
  void (*prepare)(const PrepareArgs&);
  void (*layer_norm)(const NormArgs&);
  void (*rms_norm)(const NormArgs&);
  void (*attention)(const AttentionArgs&);
  // The same with q * scale, k, v and weights rounded to bfloat16 where the
  // level has instructions for it; scores and sums are float32.
  void (*attention_bfloat16)(const AttentionArgs&);
  void (*attention_step)(const AttentionStepArgs&);
  void (*attention_step_bfloat16)(const AttentionStepArgs&);
  void (*attention_step_int8)(const AttentionStepArgs&);
  void (*heads_to_int8)(const HeadsToInt8Args&);
  void (*linear_attention)(const LinearAttentionArgs&);
  void (*ssru)(const SsruArgs&);
  void (*gate)(const GateArgs&);
  void (*soft_cap)(const SoftCapArgs&);
  void (*embed)(const EmbedArgs&);
  void (*log_sum_exp)(const LogSumExpArgs&);
  void (*top_k)(const TopKArgs&);
  // The sums of int8's product alone, less what zeros add to them, where they
  // exceed bar[row]. All rows have the same zero.
  void (*bounds)(const LinearArgs&);
  void (*bound_row)(const BoundRowArgs&);
  void (*dots)(const DotsArgs&);
};

}  // namespace pyattn
