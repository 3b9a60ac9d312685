#pragma once

#include <immintrin.h>

#include <cstdint>

// Eight floats: AVX2 and FMA.
namespace pyattn::avx2 {

struct Vec {
  static constexpr int kWidth = 8;
  // 6 x 2 accumulators, 2 weights and a broadcast fill the 16 registers.
  static constexpr int kTileRows = 6;
  static constexpr int kPanelVecs = 2;

  __m256 v;

  static Vec zero() { return {_mm256_setzero_ps()}; }
  static Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec load_first(const float* p, int n) {
    return {_mm256_maskload_ps(p, first(n))};
  }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store_first(float* p, int n) const {
    _mm256_maskstore_ps(p, first(n), v);
  }

  friend Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
  friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
  friend Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
  friend Vec fma(Vec a, Vec b, Vec c) {
    return {_mm256_fmadd_ps(a.v, b.v, c.v)};
  }
  // Both give b where either is not a number.
  friend Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
  friend Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
  friend Vec round(Vec a) {
    return {
        _mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  friend Vec abs(Vec a) {
    return {_mm256_andnot_ps(_mm256_set1_ps(-0.0F), a.v)};
  }
  friend Vec copysign(Vec magnitude, Vec sign) {
    const __m256 bit = _mm256_set1_ps(-0.0F);
    return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.v),
                         _mm256_and_ps(bit, sign.v))};
  }
  // a * 2^n for whole n in [-126, 127].
  friend Vec ldexp(Vec a, Vec n) {
    const __m256i exponent = _mm256_slli_epi32(
        _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127)), 23);
    return {_mm256_mul_ps(a.v, _mm256_castsi256_ps(exponent))};
  }
  friend Vec where_less(Vec a, Vec b, Vec then, Vec otherwise) {
    return {_mm256_blendv_ps(otherwise.v, then.v,
                             _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
  }
  // Bit i is set where a[i] > b[i].
  friend uint32_t greater_bits(Vec a, Vec b) {
    return static_cast<uint32_t>(
        _mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)));
  }
  // Of each and its neighbour: a[0] + a[1], twice, and so on.
  friend Vec pair_sums(Vec a) {
    return a + Vec{_mm256_permute_ps(a.v, _MM_SHUFFLE(2, 3, 0, 1))};
  }
  friend Vec keep_first(Vec a, int n) {
    return {_mm256_and_ps(a.v, _mm256_castsi256_ps(first(n)))};
  }
  // The upper halves of eight floats.
  static Vec load_bfloat16(const uint16_t* p) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16))};
  }
  // Sixteen: those of even places, and those of odd ones.
  static void load_bfloat16(const uint16_t* p, Vec& even, Vec& odd) {
    __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    // Or each of the two would load it.
    asm("" : "+x"(pairs));
    even.v = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    odd.v =
        _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-65536)));
  }
  static Vec load_int8(const int8_t* p) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))};
  }
  // To the nearest, ties to even; a NaN stays one.
  friend void store_bfloat16(Vec a, uint16_t* p) {
    const __m256i bits = _mm256_castps_si256(a.v);
    const __m256i odd =
        _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i nearest = _mm256_add_epi32(
        _mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan =
        _mm256_castps_si256(_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q));
    const __m256i words =
        _mm256_srli_epi32(_mm256_blendv_epi8(nearest, quiet, nan), 16);
    const __m256i halves = _mm256_permute4x64_epi64(
        _mm256_packus_epi32(words, words), _MM_SHUFFLE(3, 1, 2, 0));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_castsi256_si128(halves));
  }
  // Whole numbers; those past [-128, 127] become these.
  friend void store_bytes(Vec a, int8_t* p) {
    const __m256i whole = _mm256_cvtps_epi32(a.v);
    const __m128i shorts = _mm_packs_epi32(_mm256_castsi256_si128(whole),
                                           _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p),
                     _mm_packs_epi16(shorts, shorts));
  }
  // rows[i][j] becomes rows[j][i].
  friend void transpose(Vec (&rows)[kWidth]) {
    // Within each half of the vectors, four rows at a time.
#pragma GCC unroll 2
    for (int i = 0; i < kWidth; i += 4) {
      const __m256d ab =
          _mm256_castps_pd(_mm256_unpacklo_ps(rows[i].v, rows[i + 1].v));
      const __m256d AB =
          _mm256_castps_pd(_mm256_unpackhi_ps(rows[i].v, rows[i + 1].v));
      const __m256d cd =
          _mm256_castps_pd(_mm256_unpacklo_ps(rows[i + 2].v, rows[i + 3].v));
      const __m256d CD =
          _mm256_castps_pd(_mm256_unpackhi_ps(rows[i + 2].v, rows[i + 3].v));
      rows[i].v = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
      rows[i + 1].v = _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
      rows[i + 2].v = _mm256_castpd_ps(_mm256_unpacklo_pd(AB, CD));
      rows[i + 3].v = _mm256_castpd_ps(_mm256_unpackhi_pd(AB, CD));
    }
    // Then the halves.
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m256 low = rows[i].v, high = rows[i + 4].v;
      rows[i].v = _mm256_permute2f128_ps(low, high, 0x20);
      rows[i + 4].v = _mm256_permute2f128_ps(low, high, 0x31);
    }
  }
  friend Vec quarter_sums(const Vec (&x)[4]) {
    const __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(x[0].v, x[1].v),
                                    _mm256_unpackhi_ps(x[0].v, x[1].v));
    const __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(x[2].v, x[3].v),
                                    _mm256_unpackhi_ps(x[2].v, x[3].v));
    return {_mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44),
                          _mm256_shuffle_ps(ab, cd, 0xEE))};
  }
  friend void store_sums(const Vec (&quarters)[2], float* sums) {
    const __m256 halves = _mm256_add_ps(quarters[0].v, quarters[1].v);
    _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(halves),
                                   _mm256_extractf128_ps(halves, 1)));
  }
  friend float reduce_add(Vec a) {
    __m128 sum =
        _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
  }
  friend float reduce_max(Vec a) {
    __m128 most =
        _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    most = _mm_max_ps(most, _mm_movehl_ps(most, most));
    return _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
  }

 private:
  static __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

// Four products of int8 in each of eight sums. The sign of an input goes to
// the weights, so that two products of at most 128 * 127 add up in 16 bits
// without saturating.
struct Dot {
  static constexpr int kLeast = -128;  // of an input
  using Sum = __m256i;
  using Weights = __m256i;
  using Word = __m256i;

  static Sum zero() { return _mm256_setzero_si256(); }
  static Weights load(const char* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Word word(int32_t four) { return _mm256_set1_epi32(four); }
  static Sum add(Word a, Weights w, Sum sum) {
    const __m256i pairs =
        _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(w, a));
    return _mm256_add_epi32(sum,
                            _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  // sum - zero * columns
  static __m256 to_floats(Sum sum, const int32_t* columns, int32_t zero) {
    const __m256i weights =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns));
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(
        sum, _mm256_mullo_epi32(weights, _mm256_set1_epi32(zero))));
  }

  // A search of the vocabulary, see kernels/generic/bounds.h.
  static Sum add_inputs(const char* a, const char* w, Sum sum) {
    return add(load(a), load(w), sum);
  }
  static int32_t total(Sum sum) {
    const __m128i halves = _mm_add_epi32(_mm256_castsi256_si128(sum),
                                         _mm256_extracti128_si256(sum, 1));
    const __m128i pairs =
        _mm_add_epi32(halves, _mm_unpackhi_epi64(halves, halves));
    return _mm_cvtsi128_si32(pairs) + _mm_extract_epi32(pairs, 1);
  }
  static Sum times(const int32_t* p, int32_t factor) {
    return _mm256_mullo_epi32(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
        _mm256_set1_epi32(factor));
  }
  static Sum minus(Sum a, Sum b) { return _mm256_sub_epi32(a, b); }
  static uint32_t greater_bits(Sum sum, int32_t bar) {
    return static_cast<uint32_t>(_mm256_movemask_ps(
        _mm256_castsi256_ps(_mm256_cmpgt_epi32(sum, _mm256_set1_epi32(bar)))));
  }
  static void store(Sum sum, int32_t* p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), sum);
  }

  // int4, see kernels/generic/linear_int4.h. A group's sums of two products
  // each fit 16 bits: 8 steps of 2 * 128 * 8.
  static constexpr int kMostInt4Rows = 12;
  using Group = __m256i;
  using Scales = __m256i;  // each twice, in 16 bits

  static Group group() { return _mm256_setzero_si256(); }
  static void nibbles(const char* p, Weights& low, Weights& high) {
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i pairs = load(p);
    low = _mm256_shuffle_epi8(table, _mm256_and_si256(pairs, half));
    high = _mm256_shuffle_epi8(
        table, _mm256_and_si256(_mm256_srli_epi16(pairs, 4), half));
  }
  static Group add_to_group(Word a, Weights w, Group group) {
    return _mm256_add_epi16(
        group,
        _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(w, a)));
  }
  static Scales scales(const int8_t* p) {
    const __m256i s = _mm256_cvtepi8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    return _mm256_blend_epi16(s, _mm256_slli_epi32(s, 16), 0xAA);
  }
  static Sum fold(Group group, Scales s, Sum sum) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(group, s));
  }
};

// The same for inputs whose neighbours add up to [-128, 128], see
// kernels/generic/split.h: with them, a weight may be an unsigned number, 128
// above its own, and no sign is left to be moved. 255 * 128 fits 16 bits.
struct SplitDot : Dot {
  // With groups; a tile's floats are in memory while one is summed up.
  static constexpr int kGroupedTileRows = 4;

  static Weights load(const char* p) {
    return _mm256_xor_si256(Dot::load(p), _mm256_set1_epi8(-128));
  }
  static Sum add(Word a, Weights w, Sum sum) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, a),
                                                   _mm256_set1_epi16(1)));
  }
};

}  // namespace pyattn::avx2
