#pragma once

#include <immintrin.h>

#include <cstdint>

// Sixteen floats: AVX-512 F, BW, DQ and VL. `Level` tells apart the pages that
// use them, which are compiled with different flags and must not share symbols.
namespace pyattn {

template <class Level>
struct Avx512Vec {
  using Vec = Avx512Vec;

  static constexpr int kWidth = 16;
  // A tile of the matrix product holds 12 x 2 accumulators, 2 weights and a
  // broadcast in the 32 registers. 14 x 2 and 8 x 3 measured the same, 6 x 4
  // up to 10 % slower: it reads twice the weights per product from L2.
  static constexpr int kTileRows = 12;
  static constexpr int kPanelVecs = 2;

  __m512 v;

  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec load_first(const float* p, int n) {
    return {_mm512_maskz_loadu_ps(first(n), p)};
  }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store_first(float* p, int n) const {
    _mm512_mask_storeu_ps(p, first(n), v);
  }

  friend Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
  friend Vec fma(Vec a, Vec b, Vec c) {
    return {_mm512_fmadd_ps(a.v, b.v, c.v)};
  }
  // Both give b where either is not a number.
  friend Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
  friend Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
  friend Vec round(Vec a) {
    return {_mm512_roundscale_ps(
        a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  friend Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
  friend Vec copysign(Vec magnitude, Vec sign) {
    const __m512 bit = _mm512_set1_ps(-0.0F);
    return {_mm512_or_ps(_mm512_andnot_ps(bit, magnitude.v),
                         _mm512_and_ps(bit, sign.v))};
  }
  // a * 2^n for whole n.
  friend Vec ldexp(Vec a, Vec n) { return {_mm512_scalef_ps(a.v, n.v)}; }
  friend Vec where_less(Vec a, Vec b, Vec then, Vec otherwise) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ),
                                 otherwise.v, then.v)};
  }
  // Bit i is set where a[i] > b[i].
  friend uint32_t greater_bits(Vec a, Vec b) {
    return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ);
  }
  friend Vec keep_first(Vec a, int n) {
    return {_mm512_maskz_mov_ps(first(n), a.v)};
  }
  // The upper halves of sixteen floats.
  static Vec load_bfloat16(const uint16_t* p) {
    const __m256i halves =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
  }
  // Thirty-two: those of even places, and those of odd ones.
  static void load_bfloat16(const uint16_t* p, Vec& even, Vec& odd) {
    __m512i pairs = _mm512_loadu_si512(p);
    // Or each of the two would load it.
    asm("" : "+v"(pairs));
    even.v = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    odd.v =
        _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
  }
  static Vec load_int8(const int8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
  }
  // To the nearest, ties to even; a NaN stays one.
  friend void store_bfloat16(Vec a, uint16_t* p) {
#ifdef __AVX512BF16__
    const __m256i halves = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(a.v));
#else
    const __m512i bits = _mm512_castps_si512(a.v);
    const __m512i odd =
        _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i nearest = _mm512_add_epi32(
        _mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __m256i halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32(
        _mm512_mask_mov_epi32(
            nearest, _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q), quiet),
        16));
#endif
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), halves);
  }
  // Whole numbers, modulo 256.
  friend void store_bytes(Vec a, int8_t* p) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a.v)));
  }
  // rows[i][j] becomes rows[j][i].
  friend void transpose(Vec (&rows)[kWidth]) {
    // Within each quarter of the vectors, four rows at a time.
#pragma GCC unroll 4
    for (int i = 0; i < kWidth; i += 4) {
      const __m512d ab =
          _mm512_castps_pd(_mm512_unpacklo_ps(rows[i].v, rows[i + 1].v));
      const __m512d AB =
          _mm512_castps_pd(_mm512_unpackhi_ps(rows[i].v, rows[i + 1].v));
      const __m512d cd =
          _mm512_castps_pd(_mm512_unpacklo_ps(rows[i + 2].v, rows[i + 3].v));
      const __m512d CD =
          _mm512_castps_pd(_mm512_unpackhi_ps(rows[i + 2].v, rows[i + 3].v));
      rows[i].v = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
      rows[i + 1].v = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
      rows[i + 2].v = _mm512_castpd_ps(_mm512_unpacklo_pd(AB, CD));
      rows[i + 3].v = _mm512_castpd_ps(_mm512_unpackhi_pd(AB, CD));
    }
    // Then the quarters.
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m512 a = rows[i].v, b = rows[i + 4].v, c = rows[i + 8].v,
                   d = rows[i + 12].v;
      const __m512 ab = _mm512_shuffle_f32x4(a, b, 0x44);
      const __m512 AB = _mm512_shuffle_f32x4(a, b, 0xEE);
      const __m512 cd = _mm512_shuffle_f32x4(c, d, 0x44);
      const __m512 CD = _mm512_shuffle_f32x4(c, d, 0xEE);
      rows[i].v = _mm512_shuffle_f32x4(ab, cd, 0x88);
      rows[i + 4].v = _mm512_shuffle_f32x4(ab, cd, 0xDD);
      rows[i + 8].v = _mm512_shuffle_f32x4(AB, CD, 0x88);
      rows[i + 12].v = _mm512_shuffle_f32x4(AB, CD, 0xDD);
    }
  }
  friend Vec quarter_sums(const Vec (&x)[4]) {
    const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(x[0].v, x[1].v),
                                    _mm512_unpackhi_ps(x[0].v, x[1].v));
    const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(x[2].v, x[3].v),
                                    _mm512_unpackhi_ps(x[2].v, x[3].v));
    return {_mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44),
                          _mm512_shuffle_ps(ab, cd, 0xEE))};
  }
  friend void store_sums(const Vec (&quarters)[1], float* sums) {
    const __m256 halves =
        _mm256_add_ps(_mm512_castps512_ps256(quarters[0].v),
                      _mm512_extractf32x8_ps(quarters[0].v, 1));
    _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(halves),
                                   _mm256_extractf128_ps(halves, 1)));
  }
  // Not _mm512_reduce_add_ps, whose order is for the compiler to choose.
  friend float reduce_add(Vec a) {
    const __m256 halves = _mm256_add_ps(_mm512_castps512_ps256(a.v),
                                        _mm512_extractf32x8_ps(a.v, 1));
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(halves),
                            _mm256_extractf128_ps(halves, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
  }
  friend float reduce_max(Vec a) { return _mm512_reduce_max_ps(a.v); }

 private:
  static __mmask16 first(int n) {
    return static_cast<__mmask16>((1U << n) - 1U);
  }
};

// Four products of int8 in each of sixteen sums, without VNNI: the sign of an
// input goes to the weights, so that two products of at most 128 * 127 add up
// in 16 bits without saturating.
template <class Level>
struct Avx512Dot {
  static constexpr int kLeast = -128;  // of an input
  using Sum = __m512i;
  using Weights = __m512i;
  struct Word {
    __m512i size;
    __mmask64 negative;
  };

  static Sum zero() { return _mm512_setzero_si512(); }
  static Weights load(const char* p) { return _mm512_loadu_si512(p); }
  static Word word(int32_t four) {
    const __m512i a = _mm512_set1_epi32(four);
    return {_mm512_abs_epi8(a), _mm512_movepi8_mask(a)};
  }
  static Sum add(Word a, Weights w, Sum sum) {
    const __m512i turned =
        _mm512_mask_sub_epi8(w, a.negative, _mm512_setzero_si512(), w);
    const __m512i pairs = _mm512_maddubs_epi16(a.size, turned);
    return _mm512_add_epi32(sum,
                            _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
  // sum - zero * columns
  static __m512 to_floats(Sum sum, const int32_t* columns, int32_t zero) {
    return _mm512_cvtepi32_ps(
        _mm512_sub_epi32(sum, _mm512_mullo_epi32(_mm512_loadu_si512(columns),
                                                 _mm512_set1_epi32(zero))));
  }

  // A search of the vocabulary, see kernels/generic/bounds.h.
  static Sum add_inputs(const char* a, const char* w, Sum sum) {
    const __m512i inputs = _mm512_loadu_si512(a);
    return add({_mm512_abs_epi8(inputs), _mm512_movepi8_mask(inputs)}, load(w),
               sum);
  }
  static int32_t total(Sum sum) { return _mm512_reduce_add_epi32(sum); }
  static Sum times(const int32_t* p, int32_t factor) {
    return _mm512_mullo_epi32(_mm512_loadu_si512(p), _mm512_set1_epi32(factor));
  }
  static Sum minus(Sum a, Sum b) { return _mm512_sub_epi32(a, b); }
  static uint32_t greater_bits(Sum sum, int32_t bar) {
    return _mm512_cmpgt_epi32_mask(sum, _mm512_set1_epi32(bar));
  }
  static void store(Sum sum, int32_t* p) { _mm512_storeu_si512(p, sum); }

  // int4, see kernels/generic/linear_int4.h. A group's sums of two products
  // each fit 16 bits: 8 steps of 2 * 128 * 8.
  static constexpr int kMostInt4Rows = 32;
  using Group = __m512i;
  using Scales = __m512i;  // each twice, in 16 bits

  static Group group() { return _mm512_setzero_si512(); }
  static void nibbles(const char* p, Weights& low, Weights& high) {
    const __m512i table = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
    const __m512i half = _mm512_set1_epi8(15);
    const __m512i pairs = _mm512_loadu_si512(p);
    low = _mm512_shuffle_epi8(table, _mm512_and_si512(pairs, half));
    high = _mm512_shuffle_epi8(
        table, _mm512_and_si512(_mm512_srli_epi16(pairs, 4), half));
  }
  static Group add_to_group(Word a, Weights w, Group group) {
    const __m512i turned =
        _mm512_mask_sub_epi8(w, a.negative, _mm512_setzero_si512(), w);
    return _mm512_add_epi16(group, _mm512_maddubs_epi16(a.size, turned));
  }
  static Scales scales(const int8_t* p) {
    const __m512i s = _mm512_cvtepi8_epi32(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm512_mask_blend_epi16(0xAAAAAAAA, s, _mm512_slli_epi32(s, 16));
  }
  static Sum fold(Group group, Scales s, Sum sum) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(group, s));
  }
};

// The same with VNNI, which takes its first operand as unsigned.
#ifdef __AVX512VNNI__
template <class Level>
struct VnniDot : Avx512Dot<Level> {
  static constexpr int kLeast = 0;
  using Word = __m512i;

  static Word word(int32_t four) { return _mm512_set1_epi32(four); }
  static __m512i add(Word a, __m512i w, __m512i sum) {
    return _mm512_dpbusd_epi32(sum, a, w);
  }
  static __m512i add_inputs(const char* a, const char* w, __m512i sum) {
    return add(_mm512_loadu_si512(a), _mm512_loadu_si512(w), sum);
  }

  // int4: 16 * q takes an instruction less than q, and its sums are exact, too.
  static constexpr int kMostInt4Rows = 32;
  static void nibbles(const char* p, __m512i& low, __m512i& high) {
    const __m512i half = _mm512_set1_epi8(-16);
    const __m512i pairs = _mm512_loadu_si512(p);
    low = _mm512_and_si512(_mm512_slli_epi16(pairs, 4), half);
    high = _mm512_and_si512(pairs, half);
  }
  static __m512i add_to_group(Word a, __m512i w, __m512i group) {
    return add(a, w, group);
  }
  static __m512i scales(const int8_t* p) {
    return _mm512_cvtepi8_epi32(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static __m512i fold(__m512i group, __m512i s, __m512i sum) {
    return _mm512_add_epi32(sum,
                            _mm512_mullo_epi32(_mm512_srai_epi32(group, 4), s));
  }
};
#endif

// Two products of bfloat16 in each of sixteen sums, rounded one after the other
// to float32.
#ifdef __AVX512BF16__
template <class Level>
struct BFloat16Dot {
  using Word = __m512bh;
  using Weights = __m512bh;

  static Word word(int32_t two) {
    return reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
  }
  static Weights load(const char* p) {
    return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p));
  }
  static __m512 add(Word a, Weights w, __m512 sum) {
    return _mm512_dpbf16_ps(sum, a, w);
  }
  // Words of a float of `low` and one of `high` each.
  static __m512 pair(__m512 low, __m512 high) {
    const __m512i lanes = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
        6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(
        lanes, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low))));
  }
};
#endif

namespace avx512 {
struct Level;
using Vec = Avx512Vec<Level>;
using Dot = Avx512Dot<Level>;
}  // namespace avx512

#ifdef __AVX512VNNI__
namespace avx512_vnni {
struct Level;
using Vec = Avx512Vec<Level>;
using Dot = VnniDot<Level>;
}  // namespace avx512_vnni
#endif

#ifdef __AVX512BF16__
namespace avx512_bf16 {
struct Level;
using Vec = Avx512Vec<Level>;
using Dot = VnniDot<Level>;
using PairDot = BFloat16Dot<Level>;
}  // namespace avx512_bf16

namespace amx {
struct Level;
using Vec = Avx512Vec<Level>;
using Dot = VnniDot<Level>;
using PairDot = BFloat16Dot<Level>;
}  // namespace amx
#endif

}  // namespace pyattn
