// The slow definition of every kernel: sums in double, one loop per index, no
// vectors. Tests hold every other table against this one.
#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/isa/tables.h"
#include "kernels/reference_attention.h"
#include "kernels/reference_prepare.h"
#include "kernels/reference_search.h"

namespace pyattn {
namespace {

constexpr int kPanel = 8;

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return x < 0 ? 0 : x;
    case Activation::kGelu:
      return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh: {
      const double u = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
      return x * 0.5 * (1 + std::tanh(u));
    }
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
  }
  return x;
}

// One output of int8_grouped: the sums of groups, exact, are added in double.
double grouped_product(const LinearArgs& args, int64_t row, int64_t column) {
  const int64_t groups = args.steps / kInputGroupSteps;
  const char* panel = static_cast<const char*>(args.weight) +
                      column / kPanel * groups * grouped_bytes(kPanel);
  const char* x = static_cast<const char*>(args.x) + row * args.x_stride * 4;
  const char* behind = x + args.steps * 4;
  const float* scales = reinterpret_cast<const float*>(behind);
  const int32_t* zeros = reinterpret_cast<const int32_t*>(behind + groups * 4);
  double sum = 0;
  for (int64_t g = 0; g < groups; ++g) {
    const char* words = panel + g * grouped_bytes(kPanel) + column % kPanel * 4;
    int products = 0, weights = 0;
    for (int64_t i = 0; i < kInputGroup; ++i) {
      const int weight = static_cast<int8_t>(words[i / 4 * kPanel * 4 + i % 4]);
      products += static_cast<int8_t>(x[g * kInputGroup + i]) * weight;
      weights += weight;
    }
    sum += static_cast<double>(scales[g]) * (products - zeros[g] * weights);
  }
  return sum * args.scale[column];
}

// The exact sum of one output, in the number type's own arithmetic but for
// rounding: doubles, or integers.
double product(DType dtype, const LinearArgs& args, int64_t row,
               int64_t column) {
  const int64_t first = column / kPanel * kPanel * args.steps + column % kPanel;
  const int64_t word = row * args.x_stride;
  double sum = 0;
  if (dtype == DType::kInt8Grouped) {
    return grouped_product(args, row, column);
  }
  if (dtype == DType::kInt4) {
    const char* panel = static_cast<const char*>(args.weight) +
                        column / kPanel * int4_panel_bytes(args.steps, kPanel);
    for (int64_t i = 0; i < args.steps * 4; ++i) {
      sum += static_cast<const int8_t*>(args.x)[word * 4 + i] *
             int4_weight(panel, kPanel, column % kPanel, i);
    }
  }
  for (int64_t i = 0; dtype != DType::kInt4 && i < args.steps; ++i) {
    const int64_t at = first + i * kPanel;
    if (dtype == DType::kInt8) {
      for (int64_t j = 0; j < 4; ++j) {
        sum += static_cast<const int8_t*>(args.x)[(word + i) * 4 + j] *
               static_cast<const int8_t*>(args.weight)[at * 4 + j];
      }
      continue;
    }
    const float weight =
        dtype == DType::kBFloat16
            ? std::bit_cast<float>(
                  static_cast<uint32_t>(
                      static_cast<const uint16_t*>(args.weight)[at])
                  << 16)
            : static_cast<const float*>(args.weight)[at];
    sum += static_cast<double>(static_cast<const float*>(args.x)[word + i]) *
           weight;
  }
  if (dtype == DType::kInt8 || dtype == DType::kInt4) {
    sum -= static_cast<double>(args.x_zero[row]) * args.column_sum[column];
    sum *= static_cast<double>(args.x_scale[row]) * args.scale[column];
  }
  return sum;
}

template <DType kDType>
void linear(const LinearArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    for (int64_t column = 0; column < args.out; ++column) {
      const auto biased = [&](int64_t at) {
        return product(kDType, args, row, at) + args.bias[at];
      };
      double y = args.gated ? activate(args.activation, biased(2 * column)) *
                                  biased(2 * column + 1)
                            : activate(args.activation, biased(column));
      if (args.residual != nullptr) {
        y += args.residual[row * args.residual_stride + column];
      }
      args.y[row * args.y_stride + column] = static_cast<float>(y);
    }
  }
}

void expand(const ExpandArgs& args) {
  for (int64_t lane = 0; lane < kPanel; ++lane) {
    for (int64_t i = 0; i < args.steps * 4; ++i) {
      static_cast<int8_t*>(args.words)[(i / 4 * kPanel + lane) * 4 + i % 4] =
          static_cast<int8_t>(int4_weight(static_cast<const char*>(args.weight),
                                          kPanel, lane, i));
    }
  }
}

void prepare_normal(const NormArgs& args) {
  if (args.words.data != nullptr) {
    reference_prepare({.x = args.y,
                       .words = args.words,
                       .rows = args.rows,
                       .dim = args.dim,
                       .x_stride = args.y_stride});
  }
}

void layer_norm(const NormArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.x_stride;
    double mean = 0;
    for (int64_t i = 0; i < args.dim; ++i) {
      mean += x[i];
    }
    mean /= static_cast<double>(args.dim);
    double variance = 0;
    for (int64_t i = 0; i < args.dim; ++i) {
      variance += (x[i] - mean) * (x[i] - mean);
    }
    variance /= static_cast<double>(args.dim);
    for (int64_t i = 0; i < args.dim; ++i) {
      args.y[row * args.y_stride + i] = static_cast<float>(
          (x[i] - mean) / std::sqrt(variance + args.epsilon) * args.gamma[i] +
          args.beta[i]);
    }
  }
  prepare_normal(args);
}

void rms_norm(const NormArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.x_stride;
    double square = 0;
    for (int64_t i = 0; i < args.dim; ++i) {
      square += static_cast<double>(x[i]) * x[i];
    }
    square /= static_cast<double>(args.dim);
    for (int64_t i = 0; i < args.dim; ++i) {
      args.y[row * args.y_stride + i] = static_cast<float>(
          x[i] / std::sqrt(square + args.epsilon) * args.gamma[i]);
    }
  }
  prepare_normal(args);
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

void ssru(const SsruArgs& args) {
  for (int64_t i = 0; i < args.dim; ++i) {
    const double f = sigmoid(args.forget[i]);
    const double past = args.past == nullptr ? 0 : args.past[i];
    const double state = f * past + (1 - f) * args.input[i];
    args.state[i] = static_cast<float>(state);
    args.y[i] =
        static_cast<float>(activate(Activation::kRelu, state) +
                           (args.residual == nullptr ? 0 : args.residual[i]));
  }
}

void gate(const GateArgs& args) {
  for (int64_t i = 0; i < args.dim; ++i) {
    double y = args.mixed[i];
    if (args.x_gate != nullptr) {
      y = sigmoid(args.x_gate[i]) * args.x[i] + sigmoid(args.mixed_gate[i]) * y;
    }
    args.y[i] = static_cast<float>(
        y + (args.residual == nullptr ? 0 : args.residual[i]));
  }
}

void soft_cap(const SoftCapArgs& args) {
  for (int64_t i = 0; i < args.count; ++i) {
    const double cap = args.cap;
    args.x[i] = static_cast<float>(cap * std::tanh(args.x[i] / cap));
  }
}

void embed(const EmbedArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    for (int64_t d = 0; d < args.dim; ++d) {
      const float token = args.table[args.ids[row] * args.dim + d] * args.scale;
      args.y[row * args.dim + d] =
          args.positions == nullptr
              ? token
              : token + args.positions[args.position_ids[row] * args.dim + d];
    }
  }
}

void log_sum_exp(const LogSumExpArgs& args) {
  float most = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < args.count; ++i) {
    most = args.x[i] > most ? args.x[i] : most;
  }
  const double base = most < -FLT_MAX ? 0 : most;
  double sum = 0;
  for (int64_t i = 0; i < args.count; ++i) {
    sum += std::exp(static_cast<double>(args.x[i]) - base) *
           (args.weights == nullptr ? 1.0 : args.weights[i]);
  }
  *args.max = most;
  *args.sum = static_cast<float>(sum);
}

void top_k(const TopKArgs& args) {
  for (int64_t i = 0; i < args.count; ++i) {
    int32_t at = *args.found;
    while (at > 0 && args.x[i] > args.scores[at - 1]) {
      --at;
    }
    if (at == args.k ||
        !(args.x[i] > -std::numeric_limits<float>::infinity())) {
      continue;
    }
    *args.found += *args.found < args.k ? 1 : 0;
    for (int32_t later = *args.found - 1; later > at; --later) {
      args.scores[later] = args.scores[later - 1];
      args.ids[later] = args.ids[later - 1];
    }
    args.scores[at] = args.x[i];
    args.ids[at] = args.first_id + static_cast<int32_t>(i);
  }
}

}  // namespace

extern const KernelTable kReferenceKernels = {
    .isa = Isa::kReference,
    .lanes = 1,
    .panel = kPanel,
    .least = kReferenceLeast,
    .products = {{.run = linear<DType::kFloat32>},
                 {.run = linear<DType::kBFloat16>},
                 {.run = linear<DType::kInt8>, .words = Words::kInt8},
                 {.run = linear<DType::kInt4>,
                  .words = Words::kInt8,
                  .steps = kInt4Steps,
                  .most_rows = 2},
                 {.run = linear<DType::kInt8Grouped>,
                  .words = Words::kInt8Groups,
                  .steps = kInputGroupSteps}},
    .expand = expand,
    .prepare = reference_prepare,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .attention = reference_attention,
    .attention_bfloat16 = reference_attention,
    .attention_step = reference_attention_step,
    .attention_step_bfloat16 = reference_attention_step_bfloat16,
    .attention_step_int8 = reference_attention_step_int8,
    .heads_to_int8 = reference_heads_to_int8,
    .linear_attention = reference_linear_attention,
    .ssru = ssru,
    .gate = gate,
    .soft_cap = soft_cap,
    .embed = embed,
    .log_sum_exp = log_sum_exp,
    .top_k = top_k,
    .bounds = reference_bounds,
    .bound_row = reference_bound_row,
    .dots = reference_dots,
};

}  // namespace pyattn
