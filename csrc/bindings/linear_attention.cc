// ops/linear_attention.h for NumPy.
#include "ops/linear_attention.h"

#include "bindings/arrays.h"
#include "bindings/attention_arguments.h"
#include "bindings/bindings.h"
#include "bindings/segments.h"

namespace pyattn::bindings {
namespace {

constexpr const char* kOperation = "linear_attention";

py::array run_linear_attention(py::handle q_object, py::handle k_object,
                               py::handle v_object, py::handle lengths_object,
                               py::handle causal, py::handle isa) {
  const py::array q = floats(kOperation, "q", q_object);
  const py::array k = floats(kOperation, "k", k_object);
  const py::array v = floats(kOperation, "v", v_object);
  check_by_heads(kOperation, q, k, v);
  check_shape(kOperation, "k", k,
              {q.shape(0), q.shape(1), k.shape(2), q.shape(3)});
  check_shape(kOperation, "v", v,
              {q.shape(0), q.shape(1), k.shape(2), v.shape(3)});
  LinearAttentionCall call = {};
  call.batch = q.shape(0);
  call.heads = q.shape(1);
  call.time_q = q.shape(2);
  call.time_k = k.shape(2);
  call.head_dim = q.shape(3);
  call.value_dim = v.shape(3);
  call.causal = argument<bool>(kOperation, "causal", "True or False", causal);
  check_that(!call.causal || call.time_q <= call.time_k, kOperation, [&] {
    return "q has " + std::to_string(call.time_q) +
           " positions, expected at most k's " + std::to_string(call.time_k) +
           " if causal";
  });
  std::vector<int64_t> lengths;
  if (!lengths_object.is_none()) {
    lengths = lengths_of(kOperation, lengths_object, call.batch, call.time_k);
    call.lengths = lengths.data();
  }
  py::array_t<float> y =
      new_floats({call.batch, call.heads, call.time_q, call.value_dim});
  call.q = data_of(q);
  call.k = data_of(k);
  call.v = data_of(v);
  call.y = y.mutable_data();
  call.q_strides = strides_of(q);
  call.k_strides = strides_of(k);
  call.v_strides = strides_of(v);
  call.y_strides = strides_of(y);
  const KernelTable& table = table_of(kOperation, isa);
  const int64_t work = call.batch * call.heads * (call.time_q + call.time_k) *
                       call.head_dim * call.value_dim;
  run_operation(work, [&] { linear_attention(table, call); });
  return y;
}

}  // namespace

void bind_linear_attention(py::module_& module) {
  module.def(kOperation, &run_linear_attention, py::arg("q"), py::arg("k"),
             py::arg("v"), py::arg("lengths"), py::arg("causal"),
             py::arg("isa"));
}

}  // namespace pyattn::bindings
