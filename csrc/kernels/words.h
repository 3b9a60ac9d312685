#pragma once

#include <cstdint>

// What the inputs of packed products come in. `User` keeps the symbols of
// levels apart.
namespace pyattn {

/// int8_grouped: int8 weights whose inputs have a scale and a zero for each
/// group, rather than for the row, so that a channel far above the others costs
/// only its neighbours their precision. A group is so many inputs, or steps.
inline constexpr int64_t kInputGroup = 64;
inline constexpr int64_t kInputGroupSteps = kInputGroup / 4;

/// Words of a row of inputs: whole groups.
template <class User = void>
constexpr int64_t grouped_steps(int64_t inputs) {
  return (inputs + kInputGroup - 1) / kInputGroup * kInputGroupSteps;
}

/// Bytes of a group in a panel: its words, [kInputGroupSteps][panel], and the
/// sums of each column's weights, [panel] of int32.
template <class User = void>
constexpr int64_t grouped_bytes(int64_t panel) {
  return (kInputGroupSteps + 1) * panel * 4;
}

/// What the input of a product comes in: words of four bytes, which hold one
/// float, or two bfloat16 or four int8 of neighbouring inputs. Behind the words
/// of int8 with groups are the scale of each group, a float, and what stands
/// for 0 in each, an int32. Words of split kinds hold inputs less what stands
/// for 0, as far as two neighbours go together: see SplitRest.
enum class Words {
  kFloats,
  kBFloat16,
  kInt8,
  kInt8Groups,
  kInt8Split,
  kInt8GroupsSplit
};

/// Inputs to be added to those of a step.
struct SplitPart {
  int32_t step;
  int8_t inputs[4];
};

/// Behind the words of split kinds: what the sums of the row begin with, and
/// the parts that are missing from its words, by their steps. They lie behind
/// this, or, where there are more than most rows have, in WordRows::parts. With
/// groups, what the sums of each begin with lies in front of this, and behind
/// the parts is one whose step is past all others.
struct SplitRest {
  int32_t start;
  int32_t parts;
  int32_t apart;      // whether they lie there
  int32_t int8_zero;  // what would stand for 0 in kInt8
};

inline constexpr int32_t kPastSteps = INT32_MAX;

/// A step has so many at most: its word and they make up twice 255 + 255.
inline constexpr int64_t kMostSplitParts = 3;

/// Parts that there is room for behind a row.
template <class User = void>
constexpr int64_t split_room(int64_t steps) {
  return steps / 4 + 4;
}

/// Rows in the form that a product reads.
struct WordRows {
  Words kind;
  void* data;      // [rows, stride] words; weights are zero behind a row's end
  float* scale;    // [rows], int8 only
  int32_t* zero;   // [rows], int8 only: what stands for 0
  int64_t stride;  // words
  SplitPart* parts = nullptr;  // [rows, part_stride], split kinds only
  int64_t part_stride = 0;     // kMostSplitParts for each step, and one
};

}  // namespace pyattn
