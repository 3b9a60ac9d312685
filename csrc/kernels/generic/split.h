#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/generic/math.h"
#include "kernels/generic/product.h"
#include "kernels/generic/row_steps.h"
#include "kernels/table.h"

// The int8 product where an instruction multiplies unsigned bytes by signed
// ones and adds two products in 16 bits, which saturate (AVX2's vpmaddubsw).
// Weights of 8 bits, 128 above their own, go through it exactly if each two
// neighbours of an input, less its zero, add up to [-128, 128]. Of most rows
// nearly all do: values gather about zero, and the range is that of the
// farthest. What is missing of others is added to the sums at the end, a part
// of a few bytes at a time, from the same weights. So a product is three
// instructions, where moving a sign from one side to the other makes it four;
// and a weight takes one register, which makes tiles of five rows.
//
// With w + 128 for w, and inputs d, a sum is too large by 128 * sum(d): it
// begins below 0 by as much.
namespace pyattn::kernels {

// As much of two neighbours as go together, which is taken from them. `User`
// keeps the symbols of levels apart.
template <class User>
void take_pair(int32_t* d, int8_t* part) {
  const int32_t first = d[0] < -128 ? -128 : d[0] > 127 ? 127 : d[0];
  const int32_t least = first < 0 ? -128 - first : -128;
  const int32_t room = first > 0 ? 128 - first : 128;
  const int32_t most = room < 127 ? room : 127;
  const int32_t second = d[1] < least ? least : d[1] > most ? most : d[1];
  part[0] = static_cast<int8_t>(first);
  part[1] = static_cast<int8_t>(second);
  d[0] -= first;
  d[1] -= second;
}

// The four inputs of a step: the first part becomes its word, the others go to
// `parts`. How many these are.
template <class User>
int32_t split_step(const float* inputs, int64_t step, int8_t* word,
                   SplitPart* parts) {
  int32_t d[4];
  for (int i = 0; i < 4; ++i) {
    d[i] = static_cast<int32_t>(inputs[i]);
  }
  take_pair<User>(d, word);
  take_pair<User>(d + 2, word + 2);
  int32_t count = 0;
  while ((d[0] | d[1] | d[2] | d[3]) != 0) {
    SplitPart& part = parts[count++];
    part.step = static_cast<int32_t>(step);
    take_pair<User>(d, part.inputs);
    take_pair<User>(d + 2, part.inputs + 2);
  }
  return count;
}

// Where the parts of a row go.
template <class Vec>
struct PartList {
  SplitPart* parts;
  SplitPart* apart;
  int64_t room;
  SplitRest rest = {};

  // Room for those of another step.
  SplitPart* next() {
    if (rest.apart == 0 && rest.parts + kMostSplitParts > room) {
      std::memcpy(apart, parts, rest.parts * sizeof(SplitPart));
      parts = apart;
      rest.apart = 1;
    }
    return parts + rest.parts;
  }
};

// Inputs whose marks are looked at together: a question after each vector would
// be answered wrongly by the processor for one in six.
inline constexpr int64_t kMarked = 512;

// The halves of four bytes, of which the lower are left in the word.
template <class User>
void halve_step(int8_t* word, int8_t* others) {
  uint32_t d;
  std::memcpy(&d, word, sizeof(d));
  const uint32_t half = (d >> 1 & 0x7F7F7F7FU) | (d & 0x80808080U);
  const uint32_t rest =
      ((half & 0x7F7F7F7FU) + (d & 0x01010101U)) ^ (half & 0x80808080U);
  std::memcpy(word, &half, sizeof(half));
  std::memcpy(others, &rest, sizeof(rest));
}

// Splits the steps that have marks, of some inputs from `begin` on. `inputs`
// gives a vector of them.
template <class Vec, class Inputs>
void split_marked(const Inputs& inputs, const uint64_t* marks, int64_t begin,
                  int64_t end, int64_t first_step, int8_t* bytes,
                  PartList<Vec>& list) {
  for (int64_t at = begin; at < end; at += 64) {
    uint64_t own = marks[(at - begin) / 64];
    own |= own >> 2;
    own = (own | own >> 1) & 0x1111111111111111U;
    for (; own != 0; own &= own - 1) {
      const int64_t i = at + __builtin_ctzll(own);
      const int64_t step = first_step + i / 4;
      SplitPart* const parts = list.next();
      const Vec d = inputs(i);
      if ((greater_bits(abs(d), Vec::broadcast(127.0F)) & 15) == 0) {
        // Of what fits a byte, halves go together.
        parts->step = static_cast<int32_t>(step);
        halve_step<Vec>(bytes + i, parts->inputs);
        ++list.rest.parts;
      } else {
        float four[Vec::kWidth];
        d.store(four);
        list.rest.parts += split_step<Vec>(four, step, bytes + i, parts);
      }
    }
  }
}

// What sums of inputs begin with, and what stands for 0 among these.
struct SplitZero {
  int32_t start;
  int32_t zero;
};

// `dim` inputs, of the steps from first_step on, to `count` bytes.
//
// Two neighbours have a window of 256 steps for their sum. Its middle is at
// zero where values are on both sides; else its end is where values end, and a
// row that has nothing below zero has twice the room above.
template <class Vec>
SplitZero split_inputs(const RowSteps<Vec>& steps, const float* x, int64_t dim,
                       int64_t count, int64_t first_step, int8_t* bytes,
                       PartList<Vec>& list) {
  static_assert(Vec::kWidth == 8, "the marks of a vector are a byte");
  const int32_t below = static_cast<int32_t>(reduce_max(steps.below));
  const int32_t zero = below < 64 ? below - 64 : below > 191 ? below - 191 : 0;
  const Vec moved = Vec::broadcast(static_cast<float>(zero));
  // Both ends may have been rounded up.
  const Vec most = Vec::broadcast(static_cast<float>(255 - below + zero));
  const auto inputs = [&](int64_t i) {
    const int64_t left = dim - i;
    const Vec d = min(steps.whole(load_up_to<Vec>(x + i, left)) + moved, most);
    // What pads a row is no part of it.
    return left >= Vec::kWidth ? d : keep_first(d, static_cast<int>(left));
  };
  for (int64_t at = dim; at < count; ++at) {
    bytes[at] = 0;
  }
  const Vec bound = Vec::broadcast(127.0F);
  Vec sum = Vec::zero();  // of whole numbers below 2^24
  for (int64_t begin = 0; begin < dim; begin += kMarked) {
    const int64_t end = begin + kMarked < dim ? begin + kMarked : dim;
    uint64_t marks[kMarked / 64] = {};
    char* mark = reinterpret_cast<char*>(marks);
    // Marked are neighbours that do not go together, or do not fit a byte; and
    // a few that would.
    const auto mark_of = [&](Vec d) {
      sum = sum + d;
      return static_cast<char>(
          greater_bits(max(abs(d), abs(pair_sums(d))), bound));
    };
    int64_t i = begin;
    for (; i + Vec::kWidth <= end; i += Vec::kWidth) {
      const Vec d = inputs(i);
      store_bytes(d, bytes + i);
      *mark++ = mark_of(d);
    }
    if (i < end) {
      const Vec d = inputs(i);
      int8_t rest[Vec::kWidth];
      store_bytes(d, rest);
      for (int64_t at = i; at < end; ++at) {
        bytes[at] = rest[at - i];
      }
      *mark = mark_of(d);
    }
    split_marked<Vec>(inputs, marks, begin, end, first_step, bytes, list);
  }
  return {-128 * static_cast<int32_t>(reduce_add(sum)), zero};
}

template <class Vec>
PartList<Vec> parts_of_row(char* rest, int64_t steps, SplitPart* apart) {
  return {.parts = reinterpret_cast<SplitPart*>(rest + sizeof(SplitRest)),
          .apart = apart,
          .room = split_room<Vec>(steps)};
}

// A row of `dim` inputs to kInt8Split.
template <class Vec, int kLeast>
void row_to_int8_split(const float* x, int64_t dim, char* words,
                       SplitPart* apart, float* row_scale, int32_t* row_zero) {
  const RowSteps<Vec> steps(x, dim);
  *row_scale = steps.scale;
  const int64_t count = (dim + 3) / 4 * 4;
  char* const rest = words + count;
  PartList<Vec> list = parts_of_row<Vec>(rest, count / 4, apart);
  const SplitZero own = split_inputs(steps, x, dim, count, 0,
                                     reinterpret_cast<int8_t*>(words), list);
  *row_zero = own.zero;
  list.rest.start = own.start;
  list.rest.int8_zero = kLeast + static_cast<int32_t>(reduce_max(steps.below));
  std::memcpy(rest, &list.rest, sizeof(list.rest));
}

// The same to kInt8GroupsSplit.
template <class Vec>
void row_to_int8_groups_split(const float* x, int64_t dim, char* words,
                              SplitPart* apart) {
  const int64_t all = grouped_steps<Vec>(dim);
  const int64_t groups = all / kInputGroupSteps;
  float* const scales = reinterpret_cast<float*>(words + all * 4);
  int32_t* const zeros = reinterpret_cast<int32_t*>(scales + groups);
  int32_t* const starts = zeros + groups;
  char* const rest = reinterpret_cast<char*>(starts + groups);
  PartList<Vec> list = parts_of_row<Vec>(rest, all, apart);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t at = g * kInputGroup;
    const int64_t left = dim - at < kInputGroup ? dim - at : kInputGroup;
    const RowSteps<Vec> steps(x + at, left);
    scales[g] = steps.scale;
    const SplitZero own =
        split_inputs(steps, x + at, left, kInputGroup, g * kInputGroupSteps,
                     reinterpret_cast<int8_t*>(words) + at, list);
    zeros[g] = own.zero;
    starts[g] = own.start;
  }
  list.next()->step = kPastSteps;
  std::memcpy(rest, &list.rest, sizeof(list.rest));
}

// Where the parts of a row are; `rest` lies behind its words.
template <class User>
const SplitPart* find_parts(const LinearArgs& args, int64_t row,
                            const char* rest, SplitRest& has) {
  std::memcpy(&has, rest, sizeof(has));
  return has.apart != 0
             ? args.x_parts + row * args.part_stride
             : reinterpret_cast<const SplitPart*>(rest + sizeof(has));
}

// Adds what a part makes with weights, in whose panel it is the one of `step`.
template <class Vec, class Dot>
[[gnu::always_inline]] inline void add_part(const SplitPart& part, int64_t step,
                                            const char* weight,
                                            typename Dot::Sum* sums) {
  constexpr int64_t kVecBytes = Vec::kWidth * 4;
  const typename Dot::Word a =
      Int8Product<Vec, Dot>::word(reinterpret_cast<const char*>(part.inputs));
  weight += step * Vec::kPanelVecs * kVecBytes;
#pragma GCC unroll 4
  for (int c = 0; c < Vec::kPanelVecs; ++c) {
    sums[c] = Dot::add(a, Dot::load(weight + c * kVecBytes), sums[c]);
  }
}

template <class Vec, class Dot>
struct SplitInt8Product : Int8Product<Vec, Dot> {
  using Base = Int8Product<Vec, Dot>;
  using Sum = typename Base::Sum;
  // 5 x 2 accumulators, 2 weights, an input, a product and the ones that sum it
  // up fill the 16 registers.
  static constexpr int kTileRows = 5;

  static Sum start(const char* x, int64_t steps) {
    return Base::word(x + steps * 4);
  }
  // The parts of a row, from the same weights once more.
  [[gnu::always_inline]] static inline void add_rest(const LinearArgs& args,
                                                     int64_t row,
                                                     const char* weight,
                                                     Sum* sums) {
    const char* const behind = static_cast<const char*>(args.x) +
                               (row * args.x_stride + args.steps) * 4;
    SplitRest rest;
    const SplitPart* part = find_parts<Vec>(args, row, behind, rest);
    for (const SplitPart* const end = part + rest.parts; part < end; ++part) {
      add_part<Vec, Dot>(*part, part->step, weight, sums);
    }
  }
};

}  // namespace pyattn::kernels
