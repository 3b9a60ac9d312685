#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/table.h"

namespace pyattn {

/// Rows of a panel before they are turned, `stride` bytes apart.
struct PanelRows {
  const char* data;
  int64_t panel, words, stride;
};

// [panel, words] to [words, panel], so many words at a time.
template <class Word, int64_t kCount>
void turn_words(const PanelRows& from, int64_t begin, char* to) {
  constexpr int64_t kSize = sizeof(Word);
  for (int64_t column = 0; column < from.panel; ++column) {
    for (int64_t word = begin; word < begin + kCount; ++word) {
      std::memcpy(to + (word * from.panel + column) * kSize,
                  from.data + column * from.stride + word * kSize, kSize);
    }
  }
}

using Four = uint32_t __attribute__((vector_size(16)));

inline Four load_four(const char* from) {
  Four four;
  std::memcpy(&four, from, sizeof(four));
  return four;
}

// Four words of four bytes, of four columns at a time, in registers.
inline void turn_squares(const PanelRows& from, int64_t begin, char* to) {
  for (int64_t column = 0; column < from.panel; column += 4) {
    const char* const first = from.data + column * from.stride + begin * 4;
    const Four a = load_four(first);
    const Four b = load_four(first + from.stride);
    const Four c = load_four(first + 2 * from.stride);
    const Four d = load_four(first + 3 * from.stride);
    const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const Four turned[4] = {
        __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
        __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
        __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
    for (int64_t word = 0; word < 4; ++word) {
      std::memcpy(to + ((begin + word) * from.panel + column) * 4,
                  &turned[word], sizeof(Four));
    }
  }
}

/// Words [begin, end), to their places from `to` on.
template <class Word>
void turn(const PanelRows& from, int64_t begin, int64_t end, char* to) {
  int64_t word = begin;
  for (; word + 4 <= end; word += 4) {
    if (sizeof(Word) == 4 && from.panel % 4 == 0) {
      turn_squares(from, word, to);
    } else {
      turn_words<Word, 4>(from, word, to);
    }
  }
  for (; word < end; ++word) {
    turn_words<Word, 1>(from, word, to);
  }
}

/// A panel of int8_grouped: the words of each group, and the sums behind them.
inline void turn_groups(const PanelRows& from, char* to) {
  const int64_t panel = from.panel;
  for (int64_t begin = 0; begin < from.words; begin += kInputGroupSteps) {
    turn<uint32_t>(from, begin, begin + kInputGroupSteps, to);
    // The next group's words are so much further on than they would be alone.
    char* const sums = to + (begin + kInputGroupSteps) * panel * 4;
    for (int64_t column = 0; column < panel; ++column) {
      const char* const group = from.data + column * from.stride + begin * 4;
      int32_t sum = 0;
      for (int64_t i = 0; i < kInputGroup; ++i) {
        sum += static_cast<int8_t>(group[i]);
      }
      std::memcpy(sums + column * 4, &sum, sizeof(sum));
    }
    to += panel * 4;
  }
}

}  // namespace pyattn
