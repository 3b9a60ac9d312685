#pragma once

#include <immintrin.h>

#include <cstdint>

// Sixteen floats: AVX-512 F, BW, DQ and VL.
namespace pyattn::avx512 {

struct Vec {
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
  friend float reduce_add(Vec a) { return _mm512_reduce_add_ps(a.v); }
  friend float reduce_max(Vec a) { return _mm512_reduce_max_ps(a.v); }

 private:
  static __mmask16 first(int n) {
    return static_cast<__mmask16>((1U << n) - 1U);
  }
};

}  // namespace pyattn::avx512
