#pragma once

#include "kernels/generic/math.h"
#include "kernels/table.h"

// What is done to the elements of a row each by itself.
namespace pyattn::kernels {

// A vector of a row that may be absent, which is zeros.
template <class Vec>
Vec load_or_zero(const float* row, int64_t i, int64_t count) {
  return row == nullptr ? Vec::zero() : load_up_to<Vec>(row + i, count);
}

template <class Vec>
void ssru(const SsruArgs& args) {
  for (int64_t i = 0; i < args.dim; i += Vec::kWidth) {
    const int64_t count = args.dim - i;
    const Vec input = load_up_to<Vec>(args.input + i, count);
    const Vec f = sigmoid(load_up_to<Vec>(args.forget + i, count));
    const Vec past = load_or_zero<Vec>(args.past, i, count);
    const Vec state = fma(f, past - input, input);
    store_up_to(state, args.state + i, count);
    store_up_to(
        max(Vec::zero(), state) + load_or_zero<Vec>(args.residual, i, count),
        args.y + i, count);
  }
}

template <class Vec>
void gate(const GateArgs& args) {
  for (int64_t i = 0; i < args.dim; i += Vec::kWidth) {
    const int64_t count = args.dim - i;
    Vec y = load_up_to<Vec>(args.mixed + i, count);
    if (args.x_gate != nullptr) {
      const Vec x = load_up_to<Vec>(args.x + i, count);
      y = y * sigmoid(load_up_to<Vec>(args.mixed_gate + i, count));
      y = fma(x, sigmoid(load_up_to<Vec>(args.x_gate + i, count)), y);
    }
    store_up_to(y + load_or_zero<Vec>(args.residual, i, count), args.y + i,
                count);
  }
}

template <class Vec>
void soft_cap(const SoftCapArgs& args) {
  const Vec cap = Vec::broadcast(args.cap);
  const Vec part = Vec::broadcast(1.0F / args.cap);
  for (int64_t i = 0; i < args.count; i += Vec::kWidth) {
    const int64_t count = args.count - i;
    store_up_to(tanh(load_up_to<Vec>(args.x + i, count) * part) * cap,
                args.x + i, count);
  }
}

}  // namespace pyattn::kernels
