#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

// Four floats: NEON of 64-bit Arm. `Level` tells apart the pages that use
// them, which are compiled with different flags and must not share symbols.
namespace pyattn {

template <class Level>
struct NeonVec {
  using Vec = NeonVec;

  static constexpr int kWidth = 4;
  // A tile of the matrix product holds 6 x 4 accumulators, 4 weights and an
  // input in the 32 registers. With four vectors of columns, rather than 12 x
  // 2, a step reads a whole line of weights, and a single row has four sums in
  // flight.
  static constexpr int kTileRows = 6;
  static constexpr int kPanelVecs = 4;

  float32x4_t v;

  static Vec zero() { return {vdupq_n_f32(0.0F)}; }
  static Vec broadcast(float x) { return {vdupq_n_f32(x)}; }
  static Vec load(const float* p) { return {vld1q_f32(p)}; }
  static Vec load_first(const float* p, int n) {
    const float32x2_t none = vdup_n_f32(0.0F);
    const float32x2_t low = n >= 2   ? vld1_f32(p)
                            : n == 1 ? vld1_lane_f32(p, none, 0)
                                     : none;
    return {vcombine_f32(low, n == 3 ? vld1_lane_f32(p + 2, none, 0) : none)};
  }
  void store(float* p) const { vst1q_f32(p, v); }
  void store_first(float* p, int n) const {
    if (n >= 2) {
      vst1_f32(p, vget_low_f32(v));
    }
    if (n == 1) {
      vst1q_lane_f32(p, v, 0);
    }
    if (n == 3) {
      vst1q_lane_f32(p + 2, v, 2);
    }
  }

  friend Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
  friend Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
  friend Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
  // Both give b where either is not a number; Arm's own max and min do not.
  friend Vec max(Vec a, Vec b) {
    return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)};
  }
  friend Vec min(Vec a, Vec b) {
    return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)};
  }
  friend Vec round(Vec a) { return {vrndnq_f32(a.v)}; }
  friend Vec abs(Vec a) { return {vabsq_f32(a.v)}; }
  friend Vec copysign(Vec magnitude, Vec sign) {
    return {vbslq_f32(vdupq_n_u32(0x80000000U), sign.v, magnitude.v)};
  }
  // a * 2^n for whole n in [-126, 127].
  friend Vec ldexp(Vec a, Vec n) {
    const int32x4_t exponent =
        vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n.v), vdupq_n_s32(127)), 23);
    return {vmulq_f32(a.v, vreinterpretq_f32_s32(exponent))};
  }
  friend Vec where_less(Vec a, Vec b, Vec then, Vec otherwise) {
    return {vbslq_f32(vcltq_f32(a.v, b.v), then.v, otherwise.v)};
  }
  // Bit i is set where a[i] > b[i].
  friend uint32_t greater_bits(Vec a, Vec b) {
    const uint32x4_t bit = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgtq_f32(a.v, b.v), bit));
  }
  friend Vec keep_first(Vec a, int n) {
    const int32x4_t lane = {0, 1, 2, 3};
    return {vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a.v),
                                            vcltq_s32(lane, vdupq_n_s32(n))))};
  }
  // The upper halves of four floats.
  static Vec load_bfloat16(const uint16_t* p) {
    const uint16x8_t halves = vcombine_u16(vld1_u16(p), vdup_n_u16(0));
    return {vreinterpretq_f32_u16(vzip1q_u16(vdupq_n_u16(0), halves))};
  }
  // Eight: those of even places, and those of odd ones.
  static void load_bfloat16(const uint16_t* p, Vec& even, Vec& odd) {
    const uint32x4_t pairs = vreinterpretq_u32_u16(vld1q_u16(p));
    even.v = vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16));
    odd.v = vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xFFFF0000U)));
  }
  static Vec load_int8(const int8_t* p) {
    uint32_t four;
    std::memcpy(&four, p, sizeof(four));
    const int16x8_t shorts = vmovl_s8(vcreate_s8(four));
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(shorts)))};
  }
  // To the nearest, ties to even; a NaN stays one.
  friend void store_bfloat16(Vec a, uint16_t* p) {
    const uint32x4_t bits = vreinterpretq_u32_f32(a.v);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t nearest =
        vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7FFF)), odd);
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    const uint32x4_t number = vceqq_f32(a.v, a.v);
    vst1_u16(p, vshrn_n_u32(vbslq_u32(number, nearest, quiet), 16));
  }
  // Whole numbers in [-128, 127].
  friend void store_bytes(Vec a, int8_t* p) {
    const int16x4_t shorts = vmovn_s32(vcvtq_s32_f32(a.v));
    const int8x8_t bytes = vmovn_s16(vcombine_s16(shorts, shorts));
    std::memcpy(p, &bytes, kWidth);
  }
  friend void transpose(Vec (&rows)[kWidth]) {
    const auto pairs = [](float32x4_t a) { return vreinterpretq_f64_f32(a); };
    const auto floats = [](float64x2_t a) { return vreinterpretq_f32_f64(a); };
    const float64x2_t a = pairs(vtrn1q_f32(rows[0].v, rows[1].v));
    const float64x2_t b = pairs(vtrn2q_f32(rows[0].v, rows[1].v));
    const float64x2_t c = pairs(vtrn1q_f32(rows[2].v, rows[3].v));
    const float64x2_t d = pairs(vtrn2q_f32(rows[2].v, rows[3].v));
    rows[0].v = floats(vtrn1q_f64(a, c));
    rows[1].v = floats(vtrn1q_f64(b, d));
    rows[2].v = floats(vtrn2q_f64(a, c));
    rows[3].v = floats(vtrn2q_f64(b, d));
  }
  friend Vec quarter_sums(const Vec (&x)[4]) {
    const auto pairs = [](float32x4_t a) { return vreinterpretq_f64_f32(a); };
    const auto floats = [](float64x2_t a) { return vreinterpretq_f32_f64(a); };
    const float64x2_t ab = pairs(
        vaddq_f32(vzip1q_f32(x[0].v, x[1].v), vzip2q_f32(x[0].v, x[1].v)));
    const float64x2_t cd = pairs(
        vaddq_f32(vzip1q_f32(x[2].v, x[3].v), vzip2q_f32(x[2].v, x[3].v)));
    return {vaddq_f32(floats(vzip1q_f64(ab, cd)), floats(vzip2q_f64(ab, cd)))};
  }
  friend void store_sums(const Vec (&quarters)[4], float* sums) {
    ((quarters[0] + quarters[2]) + (quarters[1] + quarters[3])).store(sums);
  }
  friend float reduce_add(Vec a) {
    const float32x2_t sum = vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v));
    return vget_lane_f32(vpadd_f32(sum, sum), 0);
  }
  friend float reduce_max(Vec a) { return vmaxvq_f32(a.v); }
};

// Four products of int8 in each of four sums, in what every 64-bit Arm has. Two
// products of at most 128 * 127 add up in 16 bits.
template <class Level>
struct NeonDot {
  static constexpr int kLeast = -128;  // of an input
  using Sum = int32x4_t;
  using Weights = int8x16_t;
  using Word = int8x16_t;

  static Sum zero() { return vdupq_n_s32(0); }
  static Weights load(const char* p) {
    return vld1q_s8(reinterpret_cast<const int8_t*>(p));
  }
  static Word word(int32_t four) {
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
  }
  static Sum add(Word a, Weights w, Sum sum) {
    const int16x8_t pairs = vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(w)),
                                       vmull_high_s8(a, w));
    return vpadalq_s16(sum, pairs);
  }
  // sum - zero * columns
  static float32x4_t to_floats(Sum sum, const int32_t* columns, int32_t zero) {
    return vcvtq_f32_s32(vmlsq_n_s32(sum, vld1q_s32(columns), zero));
  }

  // A search of the vocabulary, see kernels/generic/bounds.h.
  static Sum add_inputs(const char* a, const char* w, Sum sum) {
    return add(load(a), load(w), sum);
  }
  static int32_t total(Sum sum) { return vaddvq_s32(sum); }
  static Sum times(const int32_t* p, int32_t factor) {
    return vmulq_n_s32(vld1q_s32(p), factor);
  }
  static Sum minus(Sum a, Sum b) { return vsubq_s32(a, b); }
  static uint32_t greater_bits(Sum sum, int32_t bar) {
    const uint32_t lanes[4] = {1, 2, 4, 8};
    return vaddvq_u32(
        vandq_u32(vcgtq_s32(sum, vdupq_n_s32(bar)), vld1q_u32(lanes)));
  }
  static void store(Sum sum, int32_t* p) { vst1q_s32(p, sum); }

  // int4, see kernels/generic/linear_int4.h.
  static constexpr int kMostInt4Rows = 6;
  using Group = int32x4_t;
  using Scales = int32x4_t;

  static Group group() { return vdupq_n_s32(0); }
  static void nibbles(const char* p, Weights& low, Weights& high) {
    const int8x16_t pairs = load(p);
    low = vshrq_n_s8(vshlq_n_s8(pairs, 4), 4);
    high = vshrq_n_s8(pairs, 4);
  }
  static Group add_to_group(Word a, Weights w, Group group) {
    return add(a, w, group);
  }
  static Scales scales(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, sizeof(four));
    return vmovl_s16(
        vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)))));
  }
  static Sum fold(Group group, Scales s, Sum sum) {
    return vmlaq_s32(sum, group, s);
  }
};

// The same with the dot product of Armv8.2, which takes both as signed.
#ifdef __ARM_FEATURE_DOTPROD
template <class Level>
struct NeonDotprod : NeonDot<Level> {
  using Word = int8x8_t;

  static Word word(int32_t four) {
    return vcreate_s8(static_cast<uint32_t>(four));
  }
  static int32x4_t add(Word a, int8x16_t w, int32x4_t sum) {
    return vdotq_lane_s32(sum, w, a, 0);
  }
  static int32x4_t add_inputs(const char* a, const char* w, int32x4_t sum) {
    return vdotq_s32(sum, NeonDot<Level>::load(a), NeonDot<Level>::load(w));
  }
  static int32x4_t add_to_group(Word a, int8x16_t w, int32x4_t group) {
    return add(a, w, group);
  }
};
#endif

// The same with the matrix product of Armv8.6, smmla: two rows of eight inputs
// by two columns of eight inputs.
#ifdef __ARM_FEATURE_MATMUL_INT8
template <class Level>
struct NeonI8mm : NeonDotprod<Level> {
  // Of two rows and four columns: [2 rows][2 columns] each.
  struct PairSum {
    int32x4_t left, right;
  };
  // [2 columns][8 inputs] each.
  struct PairWeights {
    int8x16_t left, right;
  };
  using PairWords = int8x16_t;  // [2 rows][8 inputs]

  static PairSum zero_pair() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
  // One word of each row, or two.
  template <int kSteps>
  static PairWords pair_words(const char* first, const char* second) {
    return vcombine_s8(inputs<kSteps>(first), inputs<kSteps>(second));
  }
  // One vector of words, or two that lie `stride` bytes apart.
  template <int kSteps>
  static PairWeights pair_weights(const char* p, int64_t stride) {
    const int32x4_t near = words(p);
    const int32x4_t far = kSteps == 2 ? words(p + stride) : vdupq_n_s32(0);
    return {vreinterpretq_s8_s32(vzip1q_s32(near, far)),
            vreinterpretq_s8_s32(vzip2q_s32(near, far))};
  }
  static PairSum add_pair(PairWords a, PairWeights w, PairSum sum) {
    return {vmmlaq_s32(sum.left, a, w.left), vmmlaq_s32(sum.right, a, w.right)};
  }
  static int32x4_t row_of_pair(PairSum sum, int row) {
    return row == 0
               ? vcombine_s32(vget_low_s32(sum.left), vget_low_s32(sum.right))
               : vcombine_s32(vget_high_s32(sum.left),
                              vget_high_s32(sum.right));
  }

 private:
  template <int kSteps>
  static int8x8_t inputs(const char* p) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, p, 4 * kSteps);
    return vcreate_s8(bytes);
  }
  static int32x4_t words(const char* p) {
    return vreinterpretq_s32_s8(NeonDot<Level>::load(p));
  }
};
#endif

namespace neon {
struct Level;
using Vec = NeonVec<Level>;
using Dot = NeonDot<Level>;
}  // namespace neon

#ifdef __ARM_FEATURE_DOTPROD
namespace neon_dotprod {
struct Level;
using Vec = NeonVec<Level>;
using Dot = NeonDotprod<Level>;
}  // namespace neon_dotprod
#endif

#ifdef __ARM_FEATURE_MATMUL_INT8
namespace neon_i8mm {
struct Level;
using Vec = NeonVec<Level>;
using Dot = NeonI8mm<Level>;
}  // namespace neon_i8mm
#endif

}  // namespace pyattn
