// ops/*.h for NumPy: each function checks its arguments and calls the op.
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "kernels/dispatch.h"
#include "ops/attention.h"
#include "ops/feed_forward.h"
#include "ops/linear.h"
#include "ops/norm.h"

namespace pyattn::bindings {
namespace {

const KernelTable& table_of(const char* operation, py::handle isa) {
  return isa.is_none() ? default_kernels()
                       : kernels_named(argument<std::string>(operation, "isa",
                                                             "a string", isa));
}

Activation activation_from(const char* operation, py::handle object) {
  const std::string name =
      argument<std::string>(operation, "activation", "a string", object);
  for (const auto& [known, activation] : {
           std::pair{"none", Activation::kNone},
           {"relu", Activation::kRelu},
           {"gelu", Activation::kGelu},
           {"gelu_tanh", Activation::kGeluTanh},
           {"silu", Activation::kSilu},
       }) {
    if (name == known) {
      return activation;
    }
  }
  throw ArgumentError(std::string(operation) + ": activation is '" + name +
                      "', expected relu, gelu, gelu_tanh or silu");
}

// A vector [dim] of a norm.
py::array norm_vector(const char* operation, const char* name,
                      py::handle object, int64_t dim) {
  py::array vector = dense_floats(operation, name, object);
  check_shape(operation, name, vector, {dim});
  return vector;
}

// Layer norm, or RMS norm if there is no `beta`.
py::array norm(const char* operation, py::handle x_object,
               py::handle gamma_object, const std::optional<py::handle>& beta,
               py::handle epsilon_object, py::handle isa) {
  const py::array x = dense_floats(operation, "x", x_object);
  const int64_t dim = last(operation, x);
  check(dim > 0, operation, "x has rows of length 0, expected at least one");
  const py::array gamma = norm_vector(operation, "gamma", gamma_object, dim);
  const py::array shift =
      beta ? norm_vector(operation, "beta", *beta, dim) : py::array();
  const float epsilon =
      argument<float>(operation, "epsilon", "a number", epsilon_object);
  check(epsilon >= 0, operation,
        "epsilon is negative or not a number, expected 0 or more");
  py::array_t<float> y = new_floats(shape_of(x));
  const NormArgs args = {.x = data_of(x),
                         .gamma = data_of(gamma),
                         .beta = beta ? data_of(shift) : nullptr,
                         .y = y.mutable_data(),
                         .words = {},
                         .rows = leading(x),
                         .dim = dim,
                         .x_stride = dim,
                         .y_stride = dim,
                         .epsilon = epsilon};
  const KernelTable& table = table_of(operation, isa);
  run_operation(args.rows * dim * 4, [&] {
    if (beta) {
      layer_norm(table, args);
    } else {
      rms_norm(table, args);
    }
  });
  return y;
}

// A matrix [out, in] and its bias [out] or None, under the names that the
// caller knows.
struct Matrix {
  py::array weight, bias;

  Matrix(const char* operation, const std::string& weight_name,
         py::handle weight_object, const std::string& bias_name,
         py::handle bias_object)
      : weight(dense_floats(operation, weight_name.c_str(), weight_object)) {
    const Shape shape = shape_of(weight);
    check_that(shape.size() == 2, operation, [&] {
      return weight_name + " has shape " + shape_text(shape) +
             ", expected [out, in]";
    });
    check_that(shape[0] > 0 && shape[1] > 0, operation, [&] {
      return weight_name + " has shape " + shape_text(shape) +
             ", expected no axis of length 0";
    });
    if (!bias_object.is_none()) {
      bias = dense_floats(operation, bias_name.c_str(), bias_object);
      check_shape(operation, bias_name.c_str(), bias, {shape[0]});
    }
  }

  LinearPart part() const {
    return {data_of(weight), bias.size() == 0 ? nullptr : data_of(bias),
            weight.shape(0)};
  }
};

PackedLinear pack(const std::string& operation, const std::string& weight_name,
                  py::handle weight, const std::string& bias_name,
                  py::handle bias, const std::string& dtype, py::handle isa) {
  const char* what = operation.c_str();
  const Matrix matrix(what, weight_name, weight, bias_name, bias);
  const Packing packing = {table_of(what, isa), dtype_named(what, dtype)};
  const py::gil_scoped_release release;
  return PackedLinear(packing, {matrix.part()}, matrix.weight.shape(1),
                      std::make_shared<Arena>());
}

// The same with a gate, whose names are fixed.
PackedLinear pack_gated(const std::string& operation,
                        const std::string& weight_name, py::handle weight,
                        const std::string& bias_name, py::handle bias,
                        py::handle gate, py::handle gate_bias,
                        const std::string& dtype, py::handle isa) {
  const char* what = operation.c_str();
  const Matrix matrix(what, weight_name, weight, bias_name, bias);
  const Matrix gating(what, "gate", gate, "gate_bias", gate_bias);
  check_shape(what, "gate", gating.weight, shape_of(matrix.weight));
  const Packing packing = {table_of(what, isa), dtype_named(what, dtype)};
  const py::gil_scoped_release release;
  return PackedLinear(packing, {gating.part(), matrix.part()},
                      matrix.weight.shape(1), std::make_shared<Arena>(),
                      Joined::kGated);
}

// The shape of a product's output: x's, with another last axis.
Shape product_shape(const py::array& x, int64_t out) {
  Shape shape = shape_of(x);
  shape.back() = out;
  return shape;
}

py::array run_linear(py::handle x_object, py::handle packed_object,
                     py::handle activation) {
  const py::array x = dense_floats("linear", "x", x_object);
  const auto& packed = argument<const PackedLinear&>(
      "linear", "packed", "what pack returns", packed_object);
  check_that(last("linear", x) == packed.in(), "linear", [&] {
    return "x has shape " + shape_text(shape_of(x)) +
           ", expected a last axis of " + std::to_string(packed.in());
  });
  const Epilogue epilogue = {.activation =
                                 activation_from("linear", activation)};
  py::array_t<float> y = new_floats(product_shape(x, packed.out()));
  const int64_t rows = leading(x);
  const Rows to = {y.mutable_data(), packed.out()};
  run_operation(rows * packed.in() * packed.out(), [&] {
    linear(packed, {data_of(x), packed.in()}, rows, to, epilogue);
  });
  return y;
}

py::array run_feed_forward(py::handle x_object, const PackedLinear& up,
                           const PackedLinear& down,
                           py::handle activation_object) {
  const py::array x = dense_floats("feed_forward", "x", x_object);
  check_that(last("feed_forward", x) == up.in(), "feed_forward", [&] {
    return "x has shape " + shape_text(shape_of(x)) +
           ", expected a last axis of " + std::to_string(up.in());
  });
  const Activation activation =
      activation_from("feed_forward", activation_object);
  py::array_t<float> y = new_floats(product_shape(x, down.out()));
  const int64_t rows = leading(x);
  const Rows to = {y.mutable_data(), down.out()};
  run_operation(rows * up.out() * (up.in() + down.out()), [&] {
    Middle middle;
    feed_forward(up, down, activation,
                 LinearInput(up, {data_of(x), up.in()}, rows), rows,
                 {nullptr, 0}, middle, to);
  });
  return y;
}

HeadStrides strides_of(const py::array& array) {
  const auto stride = [&array](py::ssize_t axis) {
    // An axis of length 1 repeats, so that a mask for all batches or heads
    // needs no copy.
    return array.shape(axis) == 1 ? 0 : array.strides(axis) / array.itemsize();
  };
  return {stride(0), stride(1), stride(2)};
}

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

// `operation_name` is the operation that the caller knows.
py::array run_attention(const std::string& operation_name, py::handle q_object,
                        py::handle k_object, py::handle v_object,
                        py::handle lengths_object, py::handle mask_object,
                        py::handle causal, py::handle scale,
                        py::handle bias_object, py::handle isa) {
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
  call.scale = scale.is_none()
                   ? 1.0F / std::sqrt(static_cast<float>(call.head_dim))
                   : argument<float>(operation, "scale", "a number", scale);
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
  const int64_t work =
      call.batch * call.heads * call.time_q * call.time_k * call.head_dim * 2;
  run_operation(work, [&] { attention(table, call); });
  return y;
}

}  // namespace

void bind_ops(py::module_& module) {
  py::class_<PackedLinear, std::shared_ptr<PackedLinear>>(module,
                                                          "PackedLinear")
      .def_property_readonly("in_features", &PackedLinear::in)
      .def_property_readonly("out_features", &PackedLinear::out)
      .def_property_readonly("gated", &PackedLinear::gated)
      .def_property_readonly("nbytes", &PackedLinear::bytes)
      .def_property_readonly(
          "dtype",
          [](const PackedLinear& packed) { return dtype_name(packed.dtype()); })
      .def_property_readonly("isa", [](const PackedLinear& packed) {
        return isa_name(packed.table().isa);
      });
  module.def("pack", &pack, py::arg("operation"), py::arg("weight_name"),
             py::arg("weight"), py::arg("bias_name"), py::arg("bias"),
             py::arg("dtype"), py::arg("isa"));
  module.def("pack_gated", &pack_gated, py::arg("operation"),
             py::arg("weight_name"), py::arg("weight"), py::arg("bias_name"),
             py::arg("bias"), py::arg("gate"), py::arg("gate_bias"),
             py::arg("dtype"), py::arg("isa"));
  module.def("linear", &run_linear, py::arg("x"), py::arg("packed"),
             py::arg("activation"));
  module.def("feed_forward", &run_feed_forward, py::arg("x"), py::arg("up"),
             py::arg("down"), py::arg("activation"));
  module.def(
      "layer_norm",
      [](py::handle x, py::handle gamma, py::handle beta, py::handle epsilon,
         py::handle isa) {
        return norm("layer_norm", x, gamma, beta, epsilon, isa);
      },
      py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("epsilon"),
      py::arg("isa"));
  module.def(
      "rms_norm",
      [](py::handle x, py::handle gamma, py::handle epsilon, py::handle isa) {
        return norm("rms_norm", x, gamma, std::nullopt, epsilon, isa);
      },
      py::arg("x"), py::arg("gamma"), py::arg("epsilon"), py::arg("isa"));
  module.def("attention", &run_attention, py::arg("operation"), py::arg("q"),
             py::arg("k"), py::arg("v"), py::arg("lengths"), py::arg("mask"),
             py::arg("causal"), py::arg("scale"), py::arg("bias"),
             py::arg("isa"));
}

}  // namespace pyattn::bindings
