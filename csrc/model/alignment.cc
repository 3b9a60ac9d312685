#include "model/alignment.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/threads.h"

namespace pyattn {
namespace {

// Rows that are worth a thread: a head over 30 tokens takes about 1 us.
constexpr int64_t kRowsPerThread = 8;

// Sums side by side, which a compiler may put into vectors.
constexpr int64_t kSums = 16;

float widened(float x) { return x; }
float widened(int8_t x) { return x; }
float widened(uint16_t bfloat16) {
  return std::bit_cast<float>(uint32_t{bfloat16} << 16);
}

template <class Key>
float dot(const float* q, const Key* k, int64_t count) {
  float sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int64_t lane = 0; lane < kSums; ++lane) {
      sums[lane] += q[i + lane] * widened(k[i + lane]);
    }
  }
  for (; i < count; ++i) {
    sums[i % kSums] += q[i] * widened(k[i]);
  }
  for (int64_t half = kSums / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; ++lane) {
      sums[lane] += sums[lane + half];
    }
  }
  return sums[0];
}

// weights += share * softmax(q k^T * scale), of one query of one head.
template <class Key>
void add_head(const StepCall& call, int64_t head, const float* q,
              const StepMemory& memory, float share, float* weights) {
  const int64_t key_head = head * call.kv_heads / call.heads;
  const int64_t offset = call.keys * memory.together + key_head * call.head_dim;
  const float* const scales =
      memory.scales == nullptr
          ? nullptr
          : memory.scales + (call.scales + key_head) * memory.time;
  std::vector<float> scores;
  for (int64_t t = 0; t < memory.time; ++t) {
    const Key* const k = static_cast<const Key*>(memory.tokens[t]) + offset;
    const float score = dot(q + head * call.head_dim, k, call.head_dim) *
                        call.scale * (scales == nullptr ? 1.0F : scales[t]);
    scores.push_back(call.soft_cap > 0
                         ? call.soft_cap * std::tanh(score / call.soft_cap)
                         : score);
  }
  const float most = *std::max_element(scores.begin(), scores.end());
  float sum = 0;
  for (float& score : scores) {
    score = std::exp(score - most);
    sum += score;
  }
  for (int64_t t = 0; t < memory.time; ++t) {
    weights[t] += share * (scores[t] / sum);
  }
}

}  // namespace

void Alignments::add_row(const AlignmentHeads* heads, int64_t time) {
  heads_.push_back(heads);
  starts_.push_back(starts_.back() + (heads == nullptr ? 0 : time));
  weights_.resize(starts_.back());
}

void Alignments::add_layer(const StepCall& call, ConstRows q,
                           const std::vector<StepMemory>& memories) {
  if (weights_.empty()) {
    return;
  }
  const auto add = call.cache_type == DType::kInt8       ? add_head<int8_t>
                   : call.cache_type == DType::kBFloat16 ? add_head<uint16_t>
                                                         : add_head<float>;
  parallel_for(static_cast<int64_t>(heads_.size()), kRowsPerThread,
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) {
                   if (heads_[row] == nullptr) {
                     continue;
                   }
                   const float share =
                       1.0F / static_cast<float>(heads_[row]->size());
                   for (const AlignmentHead& one : *heads_[row]) {
                     if (one.layer == call.layer) {
                       add(call, one.head, q.from(row).data, memories[row],
                           share, weights_.data() + starts_[row]);
                     }
                   }
                 }
               });
}

}  // namespace pyattn
