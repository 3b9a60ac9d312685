#pragma once

#include <cstdint>

#include "kernels/table.h"

// Functions of one vector. Everything takes the vector type as a template
// parameter, so that no two levels can share a symbol: the linker keeps one
// copy of an inline function, and it may be the one an older CPU cannot run.
namespace pyattn::kernels {

// e^x with a relative error below 2e-7 where it is a normal number; 0 below
// that and for -inf, about 2.4e38 from 88.3 on, NaN for NaN. Split by Cody and
// Waite: x = n ln 2 + r, e^r by a polynomial of degree 6 fitted at Chebyshev
// nodes on |r| <= ln 2 / 2.
template <class Vec>
Vec exp(Vec x) {
  const Vec low = Vec::broadcast(-87.3F);
  const Vec high = Vec::broadcast(88.3F);
  const Vec within = min(high, max(low, x));
  const Vec n = round(within * Vec::broadcast(1.44269504F));
  // The first part of ln 2 has few bits: n times it is exact.
  Vec r = fma(n, Vec::broadcast(-0.693359375F), within);
  r = fma(n, Vec::broadcast(2.12194440e-4F), r);
  Vec p = Vec::broadcast(0.0013933688F);
  p = fma(p, r, Vec::broadcast(0.008363205F));
  p = fma(p, r, Vec::broadcast(0.041666463F));
  p = fma(p, r, Vec::broadcast(0.16666576F));
  p = fma(p, r, Vec::broadcast(0.5F));
  p = fma(p, r * r, r) + Vec::broadcast(1.0F);
  return where_less(x, low, Vec::zero(), ldexp(p, n));
}

// e^x for x <= 0 with a relative error below 2e-7 * (1 + |x|): 2^(x log2 e),
// the fraction by a polynomial of degree 5, fitted for the smallest relative
// error, that is 1 at 0. What is below 2^-126 is 0; NaN stays NaN.
template <class Vec>
Vec exp_of_negative(Vec x) {
  const Vec low = Vec::broadcast(-126.5F);
  const Vec y = x * Vec::broadcast(1.44269504F);
  const Vec within = max(low, y);
  const Vec n = round(within);
  const Vec f = within - n;
  Vec p = Vec::broadcast(0.00132647271F);
  p = fma(p, f, Vec::broadcast(0.00967151264F));
  p = fma(p, f, Vec::broadcast(0.0555073374F));
  p = fma(p, f, Vec::broadcast(0.240222421F));
  p = fma(p, f, Vec::broadcast(0.693146978F));
  p = fma(p, f, Vec::broadcast(1.0F));
  return where_less(y, low, Vec::zero(), ldexp(p, n));
}

// Absolute error below 2e-7, relative error below 1e-6: an odd polynomial,
// fitted for the smallest relative error, near zero, where the exponential
// would lose digits.
template <class Vec>
Vec tanh(Vec x) {
  const Vec one = Vec::broadcast(1.0F);
  const Vec size = abs(x);
  const Vec square = x * x;
  Vec p = Vec::broadcast(0.0151953727F);
  p = fma(p, square, Vec::broadcast(-0.051947904F));
  p = fma(p, square, Vec::broadcast(0.133081751F));
  p = fma(p, square, Vec::broadcast(-0.333323412F));
  const Vec near = fma(p * square, x, x);
  const Vec e = exp_of_negative(size * Vec::broadcast(-2.0F));
  const Vec far = copysign((one - e) / (one + e), x);
  return where_less(size, Vec::broadcast(0.625F), near, far);
}

template <class Vec>
Vec sigmoid(Vec x) {
  const Vec one = Vec::broadcast(1.0F);
  return one / (one + exp(Vec::zero() - x));
}

// The error function, absolute error below 2e-7: Abramowitz and Stegun, formula
// 7.1.26.
template <class Vec>
Vec erf(Vec x) {
  const Vec one = Vec::broadcast(1.0F);
  const Vec size = abs(x);
  const Vec t = one / fma(size, Vec::broadcast(0.3275911F), one);
  Vec p = Vec::broadcast(1.061405429F);
  p = fma(p, t, Vec::broadcast(-1.453152027F));
  p = fma(p, t, Vec::broadcast(1.421413741F));
  p = fma(p, t, Vec::broadcast(-0.284496736F));
  p = fma(p, t, Vec::broadcast(0.254829592F));
  const Vec tail = p * t * exp(Vec::zero() - size * size);
  return copysign(one - tail, x);
}

template <class Vec>
Vec relu(Vec x) {
  return max(Vec::zero(), x);  // in this order NaN stays NaN
}

template <class Vec>
Vec silu(Vec x) {
  return x * sigmoid(x);
}

template <class Vec>
Vec activate(Activation activation, Vec x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return relu(x);
    case Activation::kGelu: {
      const Vec half = Vec::broadcast(0.5F);
      const Vec phi = fma(erf(x * Vec::broadcast(0.70710678F)), half, half);
      return x * phi;
    }
    case Activation::kGeluTanh: {
      // (1 + tanh u) / 2 is sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3).
      const Vec cube = x * x * x;
      const Vec u = fma(cube, Vec::broadcast(0.044715F), x);
      return x * sigmoid(u * Vec::broadcast(1.59576912F));
    }
    case Activation::kSilu:
      return silu(x);
  }
  return x;
}

// One that is known, where `activate` would be a call.
template <Activation kActivation, class Vec>
Vec activate_as(Vec x) {
  if constexpr (kActivation == Activation::kRelu) {
    return relu(x);
  } else if constexpr (kActivation == Activation::kSilu) {
    return silu(x);
  } else {
    static_assert(kActivation == Activation::kNone);
    return x;
  }
}

// Loads `count` floats at most one vector's worth; the rest is zero.
template <class Vec>
Vec load_up_to(const float* p, int64_t count) {
  return count >= Vec::kWidth ? Vec::load(p)
                              : Vec::load_first(p, static_cast<int>(count));
}

template <class Vec>
void store_up_to(Vec x, float* p, int64_t count) {
  if (count >= Vec::kWidth) {
    x.store(p);
  } else {
    x.store_first(p, static_cast<int>(count));
  }
}

}  // namespace pyattn::kernels
