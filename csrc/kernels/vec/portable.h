#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// Four floats in the compiler's own vector type: SSE2 on x86-64, NEON on
// 64-bit Arm, plain code elsewhere.
namespace pyattn::portable {

struct Vec {
  static constexpr int kWidth = 4;
  // 4 x 2 accumulators, 2 weights and a broadcast fit the 16 registers of
  // SSE2 without a fused multiply-add's saving of one.
  static constexpr int kTileRows = 4;
  static constexpr int kPanelVecs = 2;

  typedef float Lanes __attribute__((vector_size(16)));
  typedef int32_t Bits __attribute__((vector_size(16)));

  Lanes v;

  static Vec zero() { return {Lanes{}}; }
  static Vec broadcast(float x) { return {Lanes{x, x, x, x}}; }
  static Vec load(const float* p) {
    Vec a;
    std::memcpy(&a.v, p, sizeof(a.v));
    return a;
  }
  static Vec load_first(const float* p, int n) {
    Vec a = zero();
    std::memcpy(&a.v, p, static_cast<size_t>(n) * sizeof(float));
    return a;
  }
  void store(float* p) const { std::memcpy(p, &v, sizeof(v)); }
  void store_first(float* p, int n) const {
    std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(float));
  }

  friend Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
  friend Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
  friend Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
  friend Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
  // Both give b where either is not a number.
  friend Vec max(Vec a, Vec b) { return {a.v > b.v ? a.v : b.v}; }
  friend Vec min(Vec a, Vec b) { return {a.v < b.v ? a.v : b.v}; }
  // Adding 1.5 * 2^23 leaves no bits for a fraction; exact for |a| < 2^22.
  friend Vec round(Vec a) {
    const Vec shift = broadcast(12582912.0F);
    return (a + shift) - shift;
  }
  friend Vec abs(Vec a) { return {(Lanes)((Bits)a.v & ~sign_bit())}; }
  friend Vec copysign(Vec magnitude, Vec sign) {
    return {(Lanes)(((Bits)magnitude.v & ~sign_bit()) |
                    ((Bits)sign.v & sign_bit()))};
  }
  // a * 2^n for whole n in [-126, 127].
  friend Vec ldexp(Vec a, Vec n) {
    const Bits exponent = (__builtin_convertvector(n.v, Bits) + 127) << 23;
    return {a.v * (Lanes)exponent};
  }
  friend Vec where_less(Vec a, Vec b, Vec then, Vec otherwise) {
    return {a.v < b.v ? then.v : otherwise.v};
  }
  // Bit i is set where a[i] > b[i].
  friend uint32_t greater_bits(Vec a, Vec b) {
    const Bits greater = a.v > b.v;
    return static_cast<uint32_t>(-greater[0] - 2 * greater[1] - 4 * greater[2] -
                                 8 * greater[3]);
  }
  friend Vec keep_first(Vec a, int n) {
    const Bits lane = {0, 1, 2, 3};
    return {(Lanes)((Bits)a.v & (lane < n))};
  }
  // The upper halves of four floats.
  static Vec load_bfloat16(const uint16_t* p) {
    const Bits halves = {p[0], p[1], p[2], p[3]};
    return {(Lanes)(halves << 16)};
  }
  // Eight: those of even places, and those of odd ones.
  static void load_bfloat16(const uint16_t* p, Vec& even, Vec& odd) {
    const Bits low = {p[0], p[2], p[4], p[6]};
    const Bits high = {p[1], p[3], p[5], p[7]};
    even.v = (Lanes)(low << 16);
    odd.v = (Lanes)(high << 16);
  }
  static Vec load_int8(const int8_t* p) {
    const Bits bytes = {p[0], p[1], p[2], p[3]};
    return {__builtin_convertvector(bytes, Lanes)};
  }
  // To the nearest, ties to even; a NaN stays one.
  friend void store_bfloat16(Vec a, uint16_t* p) {
    const Bits bits = (Bits)a.v;
    const Bits nearest = bits + 0x7FFF + (bits >> 16 & 1);
    const Bits halves = a.v == a.v ? nearest : bits | 0x400000;
    for (int i = 0; i < kWidth; ++i) {
      p[i] = static_cast<uint16_t>(halves[i] >> 16);
    }
  }
  // Whole numbers in [-128, 127].
  friend void store_bytes(Vec a, int8_t* p) {
    const Bits whole = __builtin_convertvector(a.v, Bits);
    for (int i = 0; i < kWidth; ++i) {
      p[i] = static_cast<int8_t>(whole[i]);
    }
  }
  // rows[i][j] becomes rows[j][i].
  friend void transpose(Vec (&rows)[kWidth]) {
    const Lanes a = rows[0].v, b = rows[1].v, c = rows[2].v, d = rows[3].v;
    for (int i = 0; i < kWidth; ++i) {
      rows[i].v = Lanes{a[i], b[i], c[i], d[i]};
    }
  }
  friend Vec quarter_sums(const Vec (&x)[4]) {
    Vec turned[4] = {x[0], x[1], x[2], x[3]};
    transpose(turned);
    return (turned[0] + turned[2]) + (turned[1] + turned[3]);
  }
  friend void store_sums(const Vec (&quarters)[4], float* sums) {
    ((quarters[0] + quarters[2]) + (quarters[1] + quarters[3])).store(sums);
  }
  friend float reduce_add(Vec a) {
    return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
  }
  friend float reduce_max(Vec a) {
    const float even = a.v[0] > a.v[2] ? a.v[0] : a.v[2];
    const float odd = a.v[1] > a.v[3] ? a.v[1] : a.v[3];
    return even > odd ? even : odd;
  }

 private:
  static Bits sign_bit() {
    const int32_t bit = INT32_MIN;
    return Bits{bit, bit, bit, bit};
  }
};

// Four products of int8 in each of four sums.
struct Dot {
  static constexpr int kLeast = -128;  // of an input
  using Sum = Vec::Bits;
  struct Word {
    Sum terms[4];
  };
  using Weights = Word;

  static Sum zero() { return Sum{}; }
  // terms[j] holds the weights of input j for each column.
  static Weights load(const char* p) {
    Sum columns;
    std::memcpy(&columns, p, sizeof(columns));
    return {{columns << 24 >> 24, columns << 16 >> 24, columns << 8 >> 24,
             columns >> 24}};
  }
  static Word word(int32_t four) {
    Word a;
    for (int j = 0; j < 4; ++j) {
      const int32_t input = static_cast<int8_t>(four >> (8 * j));
      a.terms[j] = Sum{input, input, input, input};
    }
    return a;
  }
  static Sum add(const Word& a, const Weights& w, Sum sum) {
    return sum + (a.terms[0] * w.terms[0] + a.terms[1] * w.terms[1]) +
           (a.terms[2] * w.terms[2] + a.terms[3] * w.terms[3]);
  }
  // sum - zero * columns
  static Vec::Lanes to_floats(Sum sum, const int32_t* columns, int32_t zero) {
    Sum weights;
    std::memcpy(&weights, columns, sizeof(weights));
    return __builtin_convertvector(sum - zero * weights, Vec::Lanes);
  }

  // A search of the vocabulary, see kernels/generic/bounds.h.
  static Sum add_inputs(const char* a, const char* w, Sum sum) {
    return add(load(a), load(w), sum);
  }
  static int32_t total(Sum sum) { return sum[0] + sum[1] + (sum[2] + sum[3]); }
  static Sum times(const int32_t* p, int32_t factor) {
    Sum values;
    std::memcpy(&values, p, sizeof(values));
    return values * factor;
  }
  static Sum minus(Sum a, Sum b) { return a - b; }
  static uint32_t greater_bits(Sum sum, int32_t bar) {
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) {
      bits |= (sum[i] > bar ? 1U : 0U) << i;
    }
    return bits;
  }
  static void store(Sum sum, int32_t* p) { std::memcpy(p, &sum, sizeof(sum)); }

  // int4, see kernels/generic/linear_int4.h.
  static constexpr int kMostInt4Rows = 1;
  using Group = Sum;
  using Scales = Sum;

  static Group group() { return Sum{}; }
  static void nibbles(const char* p, Weights& low, Weights& high) {
    Sum pairs;
    std::memcpy(&pairs, p, sizeof(pairs));
    for (int j = 0; j < 4; ++j) {
      low.terms[j] = pairs << (28 - 8 * j) >> 28;
      high.terms[j] = pairs << (24 - 8 * j) >> 28;
    }
  }
  static Group add_to_group(const Word& a, const Weights& w, Group group) {
    return add(a, w, group);
  }
  static Scales scales(const int8_t* p) { return Sum{p[0], p[1], p[2], p[3]}; }
  static Sum fold(Group group, Scales s, Sum sum) { return sum + group * s; }
};

}  // namespace pyattn::portable
