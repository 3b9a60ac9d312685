// ops/vocabulary.h for NumPy.
#include "ops/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "bindings/arrays.h"
#include "bindings/bindings.h"

namespace pyattn::bindings {
namespace {

// Ids of columns, [any]; None is no ids.
std::vector<int32_t> ids_of(const char* operation, const char* name,
                            py::handle object, int64_t columns) {
  if (object.is_none()) {
    return {};
  }
  // Of any type at first: asking for integers would round numbers down.
  const py::array given = py::array::ensure(object);
  const bool empty = given && given.size() == 0;
  if (!given ||
      (!empty && given.dtype().kind() != 'i' && given.dtype().kind() != 'u')) {
    PyErr_Clear();
    throw py::type_error(std::string(operation) + ": " + name +
                         " is not an array of integers");
  }
  check_that(given.ndim() == 1, operation, [&] {
    return std::string(name) + " has shape " + shape_text(shape_of(given)) +
           ", expected [any]";
  });
  const py::array_t<int64_t, py::array::c_style | py::array::forcecast> array(
      given);
  std::vector<int32_t> ids;
  ids.reserve(static_cast<size_t>(array.size()));
  for (py::ssize_t i = 0; i < array.size(); ++i) {
    const int64_t id = array.data()[i];
    check_that(id >= 0 && id < columns, operation, [&] {
      return std::string(name) + " has " + std::to_string(id) +
             ", expected 0 to " + std::to_string(columns - 1);
    });
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

// `operation` is the one that the caller knows.
std::unique_ptr<Selection> select(const std::string& operation,
                                  py::handle packed_object,
                                  py::handle columns) {
  const char* what = operation.c_str();
  const auto& packed = argument<const PackedLinear&>(
      what, "packed", "what pack returns", packed_object);
  check(!packed.gated(), what, "packed has a gate, expected none");
  std::vector<int32_t> ids = ids_of(what, "columns", columns, packed.out());
  check(!ids.empty(), what, "columns is empty, expected at least one");
  const auto turn = std::adjacent_find(
      ids.begin(), ids.end(), [](int32_t a, int32_t b) { return a >= b; });
  check_that(turn == ids.end(), what, [&] {
    return "columns has " + std::to_string(turn[1]) + " behind " +
           std::to_string(turn[0]) + ", expected ascending ones";
  });
  std::unique_ptr<Selection> selection;
  const int64_t work = packed.in() * static_cast<int64_t>(ids.size());
  run_operation(work, [&] {
    selection = std::make_unique<Selection>(packed, std::move(ids));
  });
  return selection;
}

// What both operations are given.
struct Asked {
  py::array x;
  const PackedLinear& packed;
  std::unique_ptr<Selection> own;
  const Selection* selection;  // null: all columns
  std::vector<int32_t> apart;

  int64_t rows() const { return leading(x); }
  int64_t width() const {
    return selection ? static_cast<int64_t>(selection->ids().size())
                     : packed.out();
  }
  int64_t work() const { return rows() * packed.in() * width(); }
  Answers answer(const Question& question) const {
    return best_tokens({packed, selection}, {data_of(x), packed.in()},
                       std::vector<Question>(rows(), question));
  }
};

Asked asked(const char* operation, py::handle x_object,
            py::handle packed_object, py::handle columns,
            py::handle suppressed) {
  const auto& packed = argument<const PackedLinear&>(
      operation, "packed", "what pack returns", packed_object);
  Asked asked = {
      dense_floats(operation, "x", x_object), packed, nullptr, nullptr, {}};
  check_that(last(operation, asked.x) == packed.in(), operation, [&] {
    return "x has shape " + shape_text(shape_of(asked.x)) +
           ", expected a last axis of " + std::to_string(packed.in());
  });
  check(!packed.gated(), operation, "packed has a gate, expected none");
  if (py::isinstance<Selection>(columns)) {
    asked.selection = columns.cast<const Selection*>();
    check(&asked.selection->output() == &packed, operation,
          "columns are of another matrix, expected a selection of packed's");
  } else if (!columns.is_none()) {
    asked.own = select(operation, packed_object, columns);
    asked.selection = asked.own.get();
  }
  asked.apart = ids_of(operation, "suppressed", suppressed, packed.out());
  std::sort(asked.apart.begin(), asked.apart.end());
  asked.apart.erase(std::unique(asked.apart.begin(), asked.apart.end()),
                    asked.apart.end());
  return asked;
}

py::tuple run_best_tokens(py::handle x_object, py::handle packed_object,
                          py::handle k_object, py::handle columns,
                          py::handle suppressed) {
  const char* operation = "best_tokens";
  const int64_t k = argument<int64_t>(operation, "k", "an integer", k_object);
  check_that(k >= 1, operation, [&] {
    return "k is " + std::to_string(k) + ", expected 1 or more";
  });
  const Asked given =
      asked(operation, x_object, packed_object, columns, suppressed);
  Answers answers;
  run_operation(given.work(),
                [&] { answers = given.answer({k, given.apart}); });
  Shape shape = shape_of(given.x);
  shape.back() = std::min(k, given.width());
  py::array_t<int32_t> ids(shape);
  py::array_t<float> log_probs = new_floats(shape);
  std::copy(answers.ids.begin(), answers.ids.end(), ids.mutable_data());
  std::fill_n(log_probs.mutable_data(), log_probs.size(),
              -std::numeric_limits<float>::infinity());
  for (int64_t row = 0; row < given.rows(); ++row) {
    const LogSum all = answers.rest[row].with(answers.apart(row));
    for (int64_t i = 0; i < answers.found[row]; ++i) {
      const int64_t at = row * answers.k + i;
      log_probs.mutable_data()[at] = all.log_prob(answers.logits[at]);
    }
  }
  return py::make_tuple(ids, log_probs);
}

// Uniform numbers of each row of x, [..., draws].
py::array_t<double> uniforms_of(const char* operation, py::handle object,
                                const py::array& x) {
  const py::array given = py::array::ensure(object);
  if (!given || given.dtype().kind() != 'f' || given.itemsize() != 8) {
    PyErr_Clear();
    throw py::type_error(std::string(operation) +
                         ": uniforms is not an array of float64");
  }
  const py::array_t<double, py::array::c_style | py::array::forcecast> array(
      given);
  Shape expected = shape_of(x);
  const Shape shape = shape_of(array);
  expected.back() = shape.empty() ? 0 : shape.back();
  check_that(shape == expected, operation, [&] {
    return "uniforms has shape " + shape_text(shape) +
           ", expected the leading axes of x, " + shape_text(shape_of(x)) +
           ", and one of draws";
  });
  for (py::ssize_t i = 0; i < array.size(); ++i) {
    check_that(array.data()[i] >= 0 && array.data()[i] < 1, operation, [&] {
      return "uniforms has " + std::to_string(array.data()[i]) +
             ", expected 0 or more and less than 1";
    });
  }
  return array;
}

py::tuple run_sample_tokens(py::handle x_object, py::handle packed_object,
                            py::handle uniforms_object, double temperature,
                            double top_p, py::handle columns,
                            py::handle suppressed) {
  const char* operation = "sample_tokens";
  const float inverse = static_cast<float>(1 / temperature);
  check_that(inverse > 0 && std::isfinite(inverse), operation, [&] {
    return "temperature is " + std::to_string(temperature) +
           ", expected a positive number";
  });
  check_that(top_p > 0 && top_p <= 1, operation, [&] {
    return "top_p is " + std::to_string(top_p) +
           ", expected more than 0 and at most 1";
  });
  const Asked given =
      asked(operation, x_object, packed_object, columns, suppressed);
  const py::array_t<double> uniforms =
      uniforms_of(operation, uniforms_object, given.x);
  const int64_t draws = uniforms.shape(uniforms.ndim() - 1);
  py::array_t<int32_t> ids(shape_of(uniforms));
  py::array_t<float> log_probs = new_floats(shape_of(uniforms));
  const double* const uniform = uniforms.data();
  int32_t* const id = ids.mutable_data();
  float* const log_prob = log_probs.mutable_data();
  run_operation(given.work(), [&] {
    const Answers answers = given.answer({1, given.apart, inverse});
    parallel_for(given.rows() * draws, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / draws;
        const Token token = top_p < 1 ? answers.draw(row, uniform[i], top_p)
                                      : answers.draw(row, uniform[i]);
        id[i] = token.id;
        log_prob[i] = token.id < 0 ? token.logit
                                   : answers.rest[row]
                                         .with(answers.apart(row))
                                         .log_prob(token.logit);
      }
    });
  });
  return py::make_tuple(ids, log_probs);
}

}  // namespace

void bind_vocabulary(py::module_& module) {
  py::class_<Selection>(module, "Selection")
      .def_property_readonly(
          "columns",
          [](const Selection& selection) {
            const std::vector<int32_t>& ids = selection.ids();
            return py::array_t<int32_t>(static_cast<py::ssize_t>(ids.size()),
                                        ids.data());
          })
      .def_property_readonly("nbytes", &Selection::bytes);
  module.def("select", &select, py::arg("operation"), py::arg("packed"),
             py::arg("columns"), py::keep_alive<0, 2>());
  module.def("best_tokens", &run_best_tokens, py::arg("x"), py::arg("packed"),
             py::arg("k"), py::arg("columns"), py::arg("suppressed"));
  module.def("sample_tokens", &run_sample_tokens, py::arg("x"),
             py::arg("packed"), py::arg("uniforms"), py::arg("temperature"),
             py::arg("top_p"), py::arg("columns"), py::arg("suppressed"));
}

}  // namespace pyattn::bindings
