// ops/attention.h for NumPy.
#include "ops/attention.h"

#include <algorithm>

#include "bindings/arrays.h"
#include "bindings/attention_arguments.h"
#include "bindings/bindings.h"
#include "bindings/segments.h"
#include "kernels/dispatch.h"

namespace pyattn::bindings {
namespace {

// The mask as bytes with a contiguous last axis.
py::array mask_array(const char* operation, py::handle object) {
  if (!py::isinstance<py::array>(object) ||
      py::reinterpret_borrow<py::array>(object).dtype().kind() != 'b') {
    throw py::type_error(std::string(operation) + ": mask is not a bool array");
  }
  const py::array mask = py::reinterpret_borrow<py::array>(object);
  const py::ssize_t axes = mask.ndim();
  if (axes == 4 && (mask.shape(3) <= 1 || mask.strides(3) == 1)) {
    return mask;
  }
  return py::array_t<bool, py::array::c_style | py::array::forcecast>(mask);
}

// Checks that a mask or bias spreads over [batch, heads, time_q, time_k].
void check_spread(const char* operation, const char* name,
                  const py::array& array, const AttentionCall& call) {
  const Shape full = {call.batch, call.heads, call.time_q, call.time_k};
  const Shape shape = shape_of(array);
  const bool fits =
      shape.size() == 4 && (shape[0] == 1 || shape[0] == full[0]) &&
      (shape[1] == 1 || shape[1] == full[1]) &&
      (shape[2] == 1 || shape[2] == full[2]) && shape[3] == full[3];
  check_that(fits, operation, [&] {
    return std::string(name) + " has shape " + shape_text(shape) +
           ", expected " + shape_text(full) +
           " or 1 in place of any of the first three";
  });
}

void check_heads(const char* operation, const py::array& q, const py::array& k,
                 const py::array& v) {
  check_by_heads(operation, q, k, v);
  check(q.shape(3) > 0, operation, "q has head_dim 0, expected 1 or more");
  check_that(k.shape(1) > 0 && q.shape(1) % k.shape(1) == 0, operation, [&] {
    return "q has " + std::to_string(q.shape(1)) +
           " heads, expected a multiple of k's " + std::to_string(k.shape(1));
  });
  check_shape(operation, "k", k,
              {q.shape(0), k.shape(1), k.shape(2), q.shape(3)});
  check_shape(operation, "v", v, shape_of(k));
}

// A window is a number, or a pair of numbers for either side.
void set_window(const char* operation, py::handle window, AttentionCall& call) {
  const int64_t most = call.time_q + call.time_k;
  call.ahead = most;
  if (!py::isinstance<py::tuple>(window)) {
    call.window = window_of(operation, window, most);
    return;
  }
  const auto sides = py::reinterpret_borrow<py::tuple>(window);
  check(sides.size() == 2, operation,
        "window is not a number or a pair of numbers");
  const auto side = [&](size_t i) {
    const auto wanted =
        argument<int64_t>(operation, "window", "two whole numbers", sides[i]);
    check_that(wanted >= 0, operation, [&] {
      return "window has " + std::to_string(wanted) + ", expected 0 or more";
    });
    return std::min(wanted, most);
  };
  call.window = side(0) + 1;
  call.ahead = side(1);
}

// `operation_name` is the operation that the caller knows.
py::array run_attention(const std::string& operation_name, py::handle q_object,
                        py::handle k_object, py::handle v_object,
                        py::handle lengths_object, py::handle mask_object,
                        py::handle causal, py::handle scale,
                        py::handle bias_object, py::handle soft_cap,
                        py::handle window, py::handle segments_object,
                        const std::string& dtype, py::handle isa) {
  const char* operation = operation_name.c_str();
  const py::array q = floats(operation, "q", q_object);
  const py::array k = floats(operation, "k", k_object);
  const py::array v = floats(operation, "v", v_object);
  check_heads(operation, q, k, v);
  AttentionCall call = {};
  call.batch = q.shape(0);
  call.heads = q.shape(1);
  call.kv_heads = k.shape(1);
  call.time_q = q.shape(2);
  call.time_k = k.shape(2);
  call.head_dim = q.shape(3);
  call.causal = argument<bool>(operation, "causal", "True or False", causal);
  call.scale = scale_of(operation, scale, call.head_dim);
  call.soft_cap = soft_cap_of(operation, soft_cap);
  set_window(operation, window, call);
  call.dtype = dtype_named(operation, dtype);
  check_that(call.dtype == DType::kFloat32 || call.dtype == DType::kBFloat16,
             operation, [&] {
               return "dtype is " + dtype + ", expected float32 or bfloat16";
             });
  py::array mask, bias;
  if (!mask_object.is_none()) {
    mask = mask_array(operation, mask_object);
    check_spread(operation, "mask", mask, call);
    call.mask = static_cast<const uint8_t*>(mask.data());
    call.mask_strides = strides_of(mask);
  }
  if (!bias_object.is_none()) {
    bias = floats(operation, "bias", bias_object);
    check_spread(operation, "bias", bias, call);
    call.bias = data_of(bias);
    call.bias_strides = strides_of(bias);
  }
  std::vector<int64_t> lengths;
  if (!lengths_object.is_none()) {
    lengths = lengths_of(operation, lengths_object, call.batch, call.time_k);
    call.lengths = lengths.data();
  }
  const Segments segments(operation, segments_object, call);
  call.segments = segments.calls();
  py::array_t<float> y = new_floats(shape_of(q));
  call.q = data_of(q);
  call.k = data_of(k);
  call.v = data_of(v);
  call.y = y.mutable_data();
  call.q_strides = strides_of(q);
  call.k_strides = strides_of(k);
  call.v_strides = strides_of(v);
  call.y_strides = strides_of(y);
  const KernelTable& table = table_of(operation, isa);
  const int64_t seen =
      std::min(call.time_k, call.window + call.ahead) + segments.keys();
  const int64_t work =
      call.batch * call.heads * call.time_q * seen * call.head_dim * 2;
  run_operation(work, [&] { attention(table, call); });
  return y;
}

}  // namespace

void bind_attention(py::module_& module) {
  module.def("attention", &run_attention, py::arg("operation"), py::arg("q"),
             py::arg("k"), py::arg("v"), py::arg("lengths"), py::arg("mask"),
             py::arg("causal"), py::arg("scale"), py::arg("bias"),
             py::arg("soft_cap"), py::arg("window"), py::arg("segments"),
             py::arg("dtype"), py::arg("isa"));
}

}  // namespace pyattn::bindings
