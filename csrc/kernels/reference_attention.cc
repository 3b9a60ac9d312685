// The slow definition of attention: one query and one key at a time.
#include "kernels/reference_attention.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace pyattn {
namespace {

// Weights [time] from scores: softmax, or zeros where every score is -inf.
void softmax(std::vector<double>& scores) {
  double most = -std::numeric_limits<double>::infinity();
  for (const double score : scores) {
    most = score > most ? score : most;
  }
  // Where nothing may be seen, exp(-inf - 0) is the zero that is due.
  const double base = most < -FLT_MAX ? 0 : most;
  double total = 0;
  for (double& score : scores) {
    score = std::exp(score - base);
    total += score;
  }
  for (double& score : scores) {
    score = total == 0 ? 0 : score / total;
  }
}

double capped(double score, double cap) {
  return cap > 0 ? cap * std::tanh(score / cap) : score;
}

double scaled_score(const AttentionArgs& args, int64_t query, const float* k) {
  double score = 0;
  for (int64_t d = 0; d < args.head_dim; ++d) {
    score += static_cast<double>(args.q[query * args.q_stride + d]) * k[d];
  }
  return capped(score * args.scale, args.soft_cap);
}

// Of key j of the band.
double band_score(const AttentionArgs& args, int64_t i, int64_t j) {
  if (j < i + args.first || j > i + args.last ||
      (args.mask != nullptr && args.mask[i * args.mask_stride + j] == 0)) {
    return -std::numeric_limits<double>::infinity();
  }
  const double bias =
      args.bias == nullptr ? 0 : args.bias[i * args.bias_stride + j];
  return scaled_score(args, i, args.k + j * args.k_stride) + bias;
}

double segment_score(const AttentionArgs& args, const KeySegment& segment,
                     int64_t i, int64_t j) {
  if (segment.positions != nullptr && segment.positions[j] >= i + args.first &&
      segment.positions[j] <= i + args.last) {
    return -std::numeric_limits<double>::infinity();
  }
  double added = segment.constant;
  if (segment.distances != nullptr) {
    added += segment.distances[j - std::min((segment.query + i) / segment.block,
                                            segment.count - 1)];
  }
  return scaled_score(args, i, segment.k + j * segment.k_stride) + added;
}

}  // namespace

void reference_attention(const AttentionArgs& args) {
  for (int64_t i = 0; i < args.time_q; ++i) {
    std::vector<double> scores;
    std::vector<const float*> values;
    for (int64_t j = 0; j < args.time_k; ++j) {
      scores.push_back(band_score(args, i, j));
      values.push_back(args.v + j * args.v_stride);
    }
    for (int64_t n = 0; n < args.segment_count; ++n) {
      const KeySegment& segment = args.segments[n];
      for (int64_t j = 0; j < segment.count; ++j) {
        scores.push_back(segment_score(args, segment, i, j));
        values.push_back(segment.v + j * segment.v_stride);
      }
    }
    softmax(scores);
    for (int64_t d = 0; d < args.head_dim; ++d) {
      double sum = 0;
      for (size_t j = 0; j < scores.size(); ++j) {
        sum += scores[j] * values[j][d];
      }
      args.y[i * args.y_stride + d] = static_cast<float>(sum);
    }
  }
}

namespace {

// An element of what a token keeps.
template <DType kDType>
double kept(const void* token, int64_t at) {
  if (kDType == DType::kInt8) {
    return static_cast<const int8_t*>(token)[at];
  }
  return kDType == DType::kBFloat16
             ? std::bit_cast<float>(static_cast<uint32_t>(
                                        static_cast<const uint16_t*>(token)[at])
                                    << 16)
             : static_cast<const float*>(token)[at];
}

template <DType kDType>
void attention_step_row(const AttentionStepArgs& args, int64_t row) {
  const float* const q = args.q + row * args.q_stride;
  float* const y = args.y + row * args.y_stride;
  for (int64_t head = 0; head < args.heads; ++head) {
    const int64_t kv_head = head / (args.heads / args.kv_heads);
    const int64_t of_head = kv_head * args.head_dim;
    const auto factor = [&](const float* const* scales, int64_t t) -> double {
      return kDType == DType::kInt8
                 ? scales[row][kv_head * args.scale_stride + t]
                 : 1;
    };
    std::vector<double> scores(static_cast<size_t>(args.time));
    for (int64_t t = 0; t < args.time; ++t) {
      double score = 0;
      for (int64_t d = 0; d < args.head_dim; ++d) {
        score += q[head * args.head_dim + d] *
                 kept<kDType>(args.keys[row][t], args.k_offset + of_head + d);
      }
      scores[t] =
          capped(score * factor(args.k_scales, t) * args.scale, args.soft_cap);
      if (args.bias != nullptr) {
        scores[t] += args.bias[head * args.bias_stride + t];
      }
    }
    softmax(scores);
    for (int64_t d = 0; d < args.head_dim; ++d) {
      double sum = 0;
      for (int64_t t = 0; t < args.time; ++t) {
        sum += scores[t] * factor(args.v_scales, t) *
               kept<kDType>(args.values[row][t], args.v_offset + of_head + d);
      }
      y[head * args.head_dim + d] = static_cast<float>(sum);
    }
  }
}

template <DType kDType>
void attention_step(const AttentionStepArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    attention_step_row<kDType>(args, row);
  }
}

}  // namespace

void reference_attention_step(const AttentionStepArgs& args) {
  attention_step<DType::kFloat32>(args);
}

void reference_attention_step_bfloat16(const AttentionStepArgs& args) {
  attention_step<DType::kBFloat16>(args);
}

void reference_attention_step_int8(const AttentionStepArgs& args) {
  attention_step<DType::kInt8>(args);
}

void reference_linear_attention(const LinearAttentionArgs& args) {
  const auto feature = [](float x) {
    return x > 0 ? x + 1.0 : std::exp(static_cast<double>(x));
  };
  for (int64_t query = 0; query < args.time_q; ++query) {
    const int64_t seen = args.causal
                             ? std::min(args.time_k, args.before + query + 1)
                             : args.time_k;
    std::vector<double> sum(static_cast<size_t>(args.value_dim), 0.0);
    double total = 0;
    for (int64_t key = 0; key < seen; ++key) {
      double weight = 0;
      for (int64_t d = 0; d < args.head_dim; ++d) {
        weight += feature(args.q[query * args.q_stride + d]) *
                  feature(args.k[key * args.k_stride + d]);
      }
      total += weight;
      for (int64_t d = 0; d < args.value_dim; ++d) {
        sum[static_cast<size_t>(d)] += weight * args.v[key * args.v_stride + d];
      }
    }
    for (int64_t d = 0; d < args.value_dim; ++d) {
      args.y[query * args.y_stride + d] =
          total == 0 ? 0.0F
                     : static_cast<float>(sum[static_cast<size_t>(d)] / total);
    }
  }
}

}  // namespace pyattn
