// ops/vocabulary_search.h for NumPy.
#include "bindings/vocabulary_search.h"

#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/bindings.h"

namespace pyattn::bindings {
namespace {

// What a matrix of a number type is stored in.
struct Numbers {
  Storage storage;
  py::dtype numpy;
};

Numbers numbers_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return {Storage::kFloat32, py::dtype::of<float>()};
    case DType::kBFloat16:
      return {Storage::kBFloat16, py::dtype::of<uint16_t>()};
    case DType::kInt4:  // no output with a search is
    case DType::kInt8Grouped:
    case DType::kInt8:
      break;
  }
  return {Storage::kInt8, py::dtype::of<int8_t>()};
}

// A matrix of a field, without scales. The array must outlive it: `object` has
// it.
LinearPart part_from(const py::handle& object, const char* name, DType dtype,
                     const Shape& shape) {
  const Numbers numbers = numbers_of(dtype);
  const auto values = field<py::array>(object, name);
  check_that(values.dtype().equal(numbers.numpy) &&
                 (values.flags() & py::array::c_style) != 0,
             "search", [&] {
               return std::string(name) + " has numbers of another type";
             });
  check_shape("search", name, values, shape);
  LinearPart part = {
      {.data = values.data(), .storage = numbers.storage}, nullptr, shape[0]};
  return part;
}

// The best column of each row of x, its logit, and the logits apart. Rows are
// answered `batch` at a time: by the search or, `whole`, by the whole product.
py::tuple best(const VocabularySearch& search, py::handle x_object,
               const std::vector<int32_t>& apart, bool apart_logits,
               int64_t batch, bool whole, bool sum) {
  const py::array x = dense_floats("search", "x", x_object);
  const int64_t rows = leading(x), dim = last("search", x);
  check_that(dim == search.output().in(), "search", [&] {
    return "x has shape " + shape_text(shape_of(x)) +
           ", expected a last axis of " + std::to_string(search.output().in());
  });
  const auto kept = static_cast<int64_t>(apart.size());
  py::array_t<int32_t> ids(Shape{rows});
  py::array_t<float> logits = new_floats({rows});
  py::array_t<float> own = new_floats({rows, kept});
  int32_t* const id = ids.mutable_data();
  float* const logit = logits.mutable_data();
  float* const apart_logit = own.mutable_data();
  run_operation(rows * search.output().in() * search.output().out(), [&] {
    for (int64_t row = 0; row < rows; row += batch) {
      const int64_t count = std::min(batch, rows - row);
      const std::vector<Question> questions(static_cast<size_t>(count),
                                            {1, apart, 0, sum, apart_logits});
      const ConstRows from = {data_of(x) + row * dim, dim};
      const Answers answers =
          whole ? best_tokens({search.output(), nullptr}, from, questions)
                : search.best(from, questions);
      std::copy(answers.ids.begin(), answers.ids.end(), id + row);
      std::copy(answers.logits.begin(), answers.logits.end(), logit + row);
      std::copy(answers.apart_logits.begin(), answers.apart_logits.end(),
                apart_logit + row * kept);
    }
  });
  return py::make_tuple(ids, logits, own);
}

}  // namespace

std::unique_ptr<VocabularySearch> search_from(const PackedLinear& output,
                                              const py::handle& parts) {
  const auto kept = field<int64_t>(parts, "kept");
  const auto bias = field<py::array_t<float>>(parts, "axes_bias");
  const int64_t coordinates = bias.ndim() == 1 ? bias.shape(0) : 0;
  const std::vector<float> scale(static_cast<size_t>(output.out()), 1.0F);
  SearchParts made = {.axes = part_from(parts, "axes", output.dtype(),
                                        {coordinates, output.in()}),
                      .kept = kept,
                      .bounds = part_from(parts, "bounds", DType::kInt8,
                                          {output.out(), kept + kBoundNorms}),
                      .bounds_scale = field<float>(parts, "bounds_scale"),
                      .factors = field<std::vector<float>>(parts, "factors"),
                      .slack_per_norm = field<float>(parts, "slack_per_norm"),
                      .slack_per_kept = field<float>(parts, "slack_per_kept"),
                      .most_norm = field<float>(parts, "most_norm")};
  const auto axes_scale = field<py::array_t<float>>(parts, "axes_scale");
  check_shape("search", "axes_scale", axes_scale, {coordinates});
  made.axes.weight.scale =
      output.dtype() == DType::kInt8 ? axes_scale.data() : nullptr;
  made.axes.bias = bias.data();
  made.bounds.weight.scale = scale.data();  // of sums, which stay integers
  return std::make_unique<VocabularySearch>(output, made);
}

py::tuple output_rows(const PackedLinear& output, int64_t first,
                      int64_t count) {
  check(first >= 0 && count >= 0 && first + count <= output.out(), "search",
        "columns are out of range");
  py::array_t<float> weights = new_floats({count, output.in()});
  py::array_t<float> bias = new_floats({count});
  for (int64_t i = 0; i < count; ++i) {
    bias.mutable_data()[i] =
        output.read_column(first + i, weights.mutable_data() + i * output.in());
  }
  return py::make_tuple(weights, bias);
}

void bind_vocabulary_search(py::module_& module) {
  using Search = VocabularySearch;
  py::class_<Search>(module, "VocabularySearch")
      .def(py::init([](const PackedLinear& packed, const py::handle& parts) {
             return search_from(packed, parts);
           }),
           py::arg("packed"), py::arg("parts"), py::keep_alive<1, 2>())
      .def("best", &best, py::arg("x"), py::arg("apart"),
           py::arg("apart_logits"), py::arg("batch"), py::arg("whole"),
           py::arg("sum"))
      .def_property_readonly("nbytes", &Search::bytes)
      .def_property_readonly("counts", [](const Search& search) {
        const Search::Counts counts = search.counts();
        return py::make_tuple(counts.rows, counts.whole_rows, counts.logits);
      });
  module.def("output_rows", &output_rows, py::arg("packed"), py::arg("first"),
             py::arg("count"));
}

}  // namespace pyattn::bindings
