#include "model/mixers.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "base/threads.h"
#include "model/cache.h"

namespace pyattn {
namespace {

// An element of a state or a gate needs exponentials: it counts as so many.
constexpr int64_t kWorkPerElement = 4;

// A row's state, and that of the token before it, null for the first.
struct States {
  float* own;
  const float* past;
};

// Calls `body(row, states)` on every row. Those of one sentence go on one
// thread in their order, since one may take its state from another.
void by_sentence(const ModelWeights& weights, int64_t layer,
                 std::span<const DecoderRow> rows,
                 const std::function<void(int64_t, const States&)>& body) {
  std::vector<int64_t> starts;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r == 0 || rows[r].source.tokens != rows[r - 1].source.tokens) {
      starts.push_back(static_cast<int64_t>(r));
    }
  }
  const int64_t sentences = static_cast<int64_t>(starts.size());
  starts.push_back(static_cast<int64_t>(rows.size()));
  const auto state_of = [&](const void* slot) {
    return slot_state(weights.config, const_cast<void*>(slot), layer);
  };
  const int64_t work = weights.config.dim * static_cast<int64_t>(rows.size()) /
                       std::max<int64_t>(sentences, 1);
  parallel_for(sentences, grain(kWorkPerElement * work),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = starts[begin]; r < starts[end]; ++r) {
                   const StepMemory& past = rows[r].past;
                   body(r, {state_of(rows[r].slot),
                            past.time > 1 ? state_of(past.tokens[past.time - 2])
                                          : nullptr});
                 }
               });
}

}  // namespace

void ssru(const ModelWeights& weights, const SsruWeights& ssru, int64_t layer,
          std::span<const DecoderRow> rows, Stream& stream) {
  const int64_t dim = weights.config.dim;
  stream.sublayer(
      ssru.norms, &ssru.input_forget,
      [&](const LinearInput& in, ConstRows residual, Rows out) {
        const Rows made = {stream.scratch().at_least(stream.rows() * 2 * dim),
                           2 * dim};
        linear(ssru.input_forget, in, stream.rows(), made, {});
        by_sentence(weights, layer, rows, [&](int64_t r, const States& states) {
          weights.table.ssru({.input = made.from(r).data,
                              .forget = made.from(r).data + dim,
                              .past = states.past,
                              .state = states.own,
                              .residual = residual.from(r).data,
                              .y = out.from(r).data,
                              .dim = dim});
        });
      });
}

void average(const ModelWeights& weights, const AverageWeights& average,
             int64_t layer, std::span<const DecoderRow> rows, Stream& stream) {
  const ModelConfig& config = weights.config;
  const int64_t dim = config.dim;
  const int64_t count = stream.rows();
  Middle middle;
  stream.sublayer(
      average.norms, config.average_gates ? &average.input_gate : nullptr,
      [&](const LinearInput& in, ConstRows residual, Rows out) {
        float* const scratch = stream.scratch().at_least(count * 4 * dim);
        const auto part = [&](int64_t n) {
          return Rows{scratch + n * count * dim, dim};
        };
        const Rows means = part(0);
        by_sentence(weights, layer, rows, [&](int64_t r, const States& states) {
          const float share = 1.0F / static_cast<float>(rows[r].past.time);
          const float* const x = stream.input().from(r).data;
          for (int64_t i = 0; i < dim; ++i) {
            states.own[i] =
                states.past == nullptr ? x[i] : states.past[i] + x[i];
            means.from(r).data[i] = states.own[i] * share;
          }
        });
        Rows mixed = means;
        if (config.average_ffn > 0) {
          mixed = part(1);
          feed_forward(average.up, average.down, config.average_activation,
                       LinearInput(average.up, means.read(), count), count,
                       {nullptr, 0}, middle, mixed);
        }
        Rows input_gate = {nullptr, 0};
        Rows forget_gate = {nullptr, 0};
        if (config.average_gates) {
          input_gate = part(2);
          forget_gate = part(3);
          linear(average.input_gate, in, count, input_gate, {});
          linear(average.forget_gate, mixed.read(), count, forget_gate, {});
        }
        parallel_for(
            count, grain(kWorkPerElement * dim),
            [&](int64_t begin, int64_t end) {
              for (int64_t r = begin; r < end; ++r) {
                weights.table.gate({.x = stream.input().from(r).data,
                                    .mixed = mixed.from(r).data,
                                    .x_gate = input_gate.from(r).data,
                                    .mixed_gate = forget_gate.from(r).data,
                                    .residual = residual.from(r).data,
                                    .y = out.from(r).data,
                                    .dim = dim});
              }
            });
      });
}

}  // namespace pyattn
