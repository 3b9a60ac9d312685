#include "ops/linear_attention.h"

#include "base/buffer.h"
#include "base/threads.h"

namespace pyattn {

void linear_attention(const KernelTable& table,
                      const LinearAttentionCall& call) {
  const int64_t work = (call.time_q + call.time_k) * call.head_dim *
                       linear_attention_columns(call.value_dim);
  parallel_for(
      call.batch * call.heads, grain(work), [&](int64_t begin, int64_t end) {
        Buffer<float> scratch(
            linear_attention_scratch(call.head_dim, call.value_dim));
        for (int64_t part = begin; part < end; ++part) {
          const int64_t row = part / call.heads, head = part % call.heads;
          const auto at = [&](auto* base, const HeadStrides& strides) {
            return base + row * strides.batch + head * strides.head;
          };
          table.linear_attention(
              {.q = at(call.q, call.q_strides),
               .k = at(call.k, call.k_strides),
               .v = at(call.v, call.v_strides),
               .y = at(call.y, call.y_strides),
               .q_stride = call.q_strides.time,
               .k_stride = call.k_strides.time,
               .v_stride = call.v_strides.time,
               .y_stride = call.y_strides.time,
               .time_q = call.time_q,
               .time_k =
                   call.lengths == nullptr ? call.time_k : call.lengths[row],
               .head_dim = call.head_dim,
               .value_dim = call.value_dim,
               .columns = linear_attention_columns(call.value_dim),
               .causal = call.causal,
               .before = call.time_k - call.time_q,
               .scratch = scratch.data()});
        }
      });
}

}  // namespace pyattn
