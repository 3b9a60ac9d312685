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

}  // namespace pyattn::portable
