// ops/*.h for NumPy: each function checks its arguments and calls the op.
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "kernels/dispatch.h"
#include "ops/feed_forward.h"
#include "ops/linear.h"
#include "ops/norm.h"

namespace pyattn::bindings {
namespace {

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
    return {{.data = data_of(weight)},
            bias.size() == 0 ? nullptr : data_of(bias),
            weight.shape(0)};
  }
};

PackedLinear pack(const std::string& operation, const std::string& weight_name,
                  py::handle weight, const std::string& bias_name,
                  py::handle bias, const std::string& dtype, py::handle isa) {
  const char* what = operation.c_str();
  const Matrix matrix(what, weight_name, weight, bias_name, bias);
  const Packing packing = {table_of(what, isa), dtype_named(what, dtype)};
  const WithoutGil released;
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
  const WithoutGil released;
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
      .def_property_readonly("isa",
                             [](const PackedLinear& packed) {
                               return isa_name(packed.table().isa);
                             })
      .def("__repr__", [](const PackedLinear& packed) {
        return "<pyattn.PackedLinear [" + std::to_string(packed.out()) + ", " +
               std::to_string(packed.in()) + "] " +
               std::string(dtype_name(packed.dtype())) + ", " +
               std::string(isa_name(packed.table().isa)) + ">";
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
}

}  // namespace pyattn::bindings
