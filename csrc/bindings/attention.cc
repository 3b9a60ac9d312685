// ops/attention.h and ops/attention_step.h for NumPy.
#include "ops/attention.h"

#include <algorithm>
#include <cmath>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/segments.h"
#include "kernels/dispatch.h"
#include "ops/attention_step.h"

namespace pyattn::bindings {
namespace {

// A cap whose inverse is a normal number.
constexpr float kLeastCap = 1e-30F;
constexpr float kMostCap = 1e30F;

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

std::vector<int64_t> lengths_of(const char* operation, py::handle object,
                                int64_t batch, int64_t time_k) {
  // Of any type at first: asking for integers would round numbers down.
  const py::array given = py::array::ensure(object);
  if (!given || (given.dtype().kind() != 'i' && given.dtype().kind() != 'u')) {
    PyErr_Clear();
    throw py::type_error(std::string(operation) +
                         ": lengths is not an array of integers");
  }
  check_shape(operation, "lengths", given, {batch});
  const py::array_t<int64_t, py::array::c_style | py::array::forcecast> array(
      given);
  std::vector<int64_t> lengths(array.data(), array.data() + array.size());
  for (const int64_t length : lengths) {
    check_that(length >= 0 && length <= time_k, operation, [&] {
      return "lengths has " + std::to_string(length) + ", expected 0 to " +
             std::to_string(time_k);
    });
  }
  return lengths;
}

void check_heads(const char* operation, const py::array& q, const py::array& k,
                 const py::array& v) {
  for (const auto& [name, array] :
       {std::pair{"q", &q}, std::pair{"k", &k}, std::pair{"v", &v}}) {
    check_that(array->ndim() == 4, operation, [&] {
      return std::string(name) + " has shape " + shape_text(shape_of(*array)) +
             ", expected [batch, heads, time, head_dim]";
    });
  }
  check(q.shape(3) > 0, operation, "q has head_dim 0, expected 1 or more");
  check_that(k.shape(1) > 0 && q.shape(1) % k.shape(1) == 0, operation, [&] {
    return "q has " + std::to_string(q.shape(1)) +
           " heads, expected a multiple of k's " + std::to_string(k.shape(1));
  });
  check_shape(operation, "k", k,
              {q.shape(0), k.shape(1), k.shape(2), q.shape(3)});
  check_shape(operation, "v", v, shape_of(k));
}

float scale_of(const char* operation, py::handle scale, int64_t head_dim) {
  return scale.is_none()
             ? 1.0F / std::sqrt(static_cast<float>(head_dim))
             : argument<float>(operation, "scale", "a number", scale);
}

float soft_cap_of(const char* operation, py::handle soft_cap) {
  if (soft_cap.is_none()) {
    return 0.0F;
  }
  const float cap =
      argument<float>(operation, "soft_cap", "a number", soft_cap);
  check(cap >= kLeastCap && cap <= kMostCap, operation,
        "soft_cap is out of range, expected 1e-30 to 1e30");
  return cap;
}

// 0 if there is none. No window needs to be above `most`.
int64_t window_of(const char* operation, py::handle window, int64_t most) {
  if (window.is_none()) {
    return 0;
  }
  const int64_t wanted =
      argument<int64_t>(operation, "window", "a whole number", window);
  check_that(wanted >= 1, operation, [&] {
    return "window is " + std::to_string(wanted) + ", expected 1 or more";
  });
  return std::min(wanted, std::max<int64_t>(most, 1));
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

// The slots of keys and values, [slots, 2, kv_heads, head_dim]: float32, or
// bfloat16 in 16 bits.
py::array cache_array(const char* operation, py::handle object) {
  const bool halves = py::isinstance<py::array>(object) &&
                      py::reinterpret_borrow<py::array>(object).dtype().equal(
                          py::dtype::of<uint16_t>());
  const py::array cache =
      halves
          ? py::array(
                py::array_t<uint16_t, py::array::c_style |
                                          py::array::forcecast>::ensure(object))
          : dense_floats(operation, "cache", object);
  check_that(cache.ndim() == 4 && cache.shape(1) == 2 && cache.shape(2) > 0 &&
                 cache.shape(3) > 0,
             operation, [&] {
               return "cache has shape " + shape_text(shape_of(cache)) +
                      ", expected [slots, 2, kv_heads, head_dim]";
             });
  return cache;
}

using SlotTable =
    py::array_t<int64_t, py::array::c_style | py::array::forcecast>;

SlotTable slot_table(const char* operation, py::handle object, int64_t rows) {
  const py::array given = py::array::ensure(object);
  if (!given || (given.dtype().kind() != 'i' && given.dtype().kind() != 'u')) {
    PyErr_Clear();
    throw py::type_error(std::string(operation) +
                         ": table is not an array of integers");
  }
  check_that(given.ndim() == 2 && given.shape(0) == rows, operation, [&] {
    return "table has shape " + shape_text(shape_of(given)) + ", expected [" +
           std::to_string(rows) + ", time]";
  });
  return SlotTable(given);
}

// Pointers to the slots of each row's last tokens, row behind row.
class TableMemories {
 public:
  TableMemories(const char* operation, const py::array& cache,
                const SlotTable& table, const std::vector<int64_t>& lengths,
                int64_t window)
      : tokens_(static_cast<size_t>(table.size())) {
    const int64_t rows = table.shape(0);
    const int64_t time = table.shape(1);
    const auto* start = static_cast<const char*>(cache.data());
    const int64_t bytes =
        cache.itemsize() * 2 * cache.shape(2) * cache.shape(3);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t length = lengths.empty() ? time : lengths[row];
      const int64_t first = window > 0 && window < length ? length - window : 0;
      for (int64_t t = first; t < length; ++t) {
        const int64_t slot = table.data()[row * time + t];
        check_that(slot >= 0 && slot < cache.shape(0), operation, [&] {
          return "table has " + std::to_string(slot) + ", expected 0 to " +
                 std::to_string(cache.shape(0) - 1);
        });
        tokens_[row * time + t] = start + slot * bytes;
      }
      memories.push_back(
          {tokens_.data() + row * time + first, length - first, nullptr});
      firsts_.push_back(first);
    }
  }

  // A bias [rows or 1, heads, time].
  void add_bias(const py::array& bias, int64_t heads) {
    const int64_t stride = bias.shape(0) == 1 ? 0 : heads * bias.shape(2);
    for (size_t row = 0; row < memories.size(); ++row) {
      memories[row].bias =
          data_of(bias) + static_cast<int64_t>(row) * stride + firsts_[row];
    }
  }

  std::vector<StepMemory> memories;

 private:
  std::vector<const void*> tokens_;
  std::vector<int64_t> firsts_;
};

py::array run_attention_step(py::handle q_object, py::handle cache_object,
                             py::handle table_object, py::handle lengths_object,
                             py::handle scale, py::handle bias_object,
                             py::handle soft_cap, py::handle window,
                             py::handle isa) {
  const char* operation = "attention_step";
  const py::array q = dense_floats(operation, "q", q_object);
  const py::array cache = cache_array(operation, cache_object);
  check_that(q.ndim() == 3 && q.shape(2) == cache.shape(3), operation, [&] {
    return "q has shape " + shape_text(shape_of(q)) +
           ", expected [rows, heads, " + std::to_string(cache.shape(3)) + "]";
  });
  const int64_t rows = q.shape(0);
  const int64_t heads = q.shape(1);
  check_that(heads > 0 && heads % cache.shape(2) == 0, operation, [&] {
    return "q has " + std::to_string(heads) +
           " heads, expected a multiple of cache's " +
           std::to_string(cache.shape(2));
  });
  const SlotTable table = slot_table(operation, table_object, rows);
  const int64_t time = table.shape(1);
  const StepCall call = {
      .cache_type = cache.itemsize() == 2 ? DType::kBFloat16 : DType::kFloat32,
      .heads = heads,
      .kv_heads = cache.shape(2),
      .head_dim = cache.shape(3),
      .k_offset = 0,
      .v_offset = cache.shape(2) * cache.shape(3),
      .bias_stride = time,
      .scale = scale_of(operation, scale, cache.shape(3)),
      .soft_cap = soft_cap_of(operation, soft_cap)};
  std::vector<int64_t> lengths;
  if (!lengths_object.is_none()) {
    lengths = lengths_of(operation, lengths_object, rows, time);
  }
  TableMemories memories(operation, cache, table, lengths,
                         window_of(operation, window, time));
  py::array bias;
  if (!bias_object.is_none()) {
    bias = dense_floats(operation, "bias", bias_object);
    check_that(bias.ndim() == 3 &&
                   (bias.shape(0) == 1 || bias.shape(0) == rows) &&
                   bias.shape(1) == heads && bias.shape(2) == time,
               operation, [&] {
                 return "bias has shape " + shape_text(shape_of(bias)) +
                        ", expected " + shape_text({rows, heads, time}) +
                        " or 1 in place of the first";
               });
    memories.add_bias(bias, heads);
  }
  py::array_t<float> y = new_floats(shape_of(q));
  const int64_t dim = heads * call.head_dim;
  const ConstRows from = {data_of(q), dim};
  const Rows to = {y.mutable_data(), dim};
  const KernelTable& kernels = table_of(operation, isa);
  run_operation(rows * time * dim * 2, [&] {
    attention_step(kernels, call, from, StepMemories(memories.memories), to);
  });
  return y;
}

}  // namespace

void bind_attention(py::module_& module) {
  module.def("attention", &run_attention, py::arg("operation"), py::arg("q"),
             py::arg("k"), py::arg("v"), py::arg("lengths"), py::arg("mask"),
             py::arg("causal"), py::arg("scale"), py::arg("bias"),
             py::arg("soft_cap"), py::arg("window"), py::arg("segments"),
             py::arg("dtype"), py::arg("isa"));
  module.def("attention_step", &run_attention_step, py::arg("q"),
             py::arg("cache"), py::arg("table"), py::arg("lengths"),
             py::arg("scale"), py::arg("bias"), py::arg("soft_cap"),
             py::arg("window"), py::arg("isa"));
}

}  // namespace pyattn::bindings
