// ops/attention_step.h for NumPy.
#include "ops/attention_step.h"

#include <cstdint>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/attention_arguments.h"
#include "bindings/bindings.h"
#include "kernels/dispatch.h"

namespace pyattn::bindings {
namespace {

template <class Element>
bool holds(py::handle object) {
  return py::isinstance<py::array>(object) &&
         py::reinterpret_borrow<py::array>(object).dtype().equal(
             py::dtype::of<Element>());
}

template <class Element>
py::array dense(py::handle object) {
  return py::array_t<Element,
                     py::array::c_style | py::array::forcecast>::ensure(object);
}

// The slots of keys and values, [slots, 2, kv_heads, head_dim]: float32,
// bfloat16 in 16 bits, or int8.
py::array cache_array(const char* operation, py::handle object) {
  const py::array cache = holds<uint16_t>(object) ? dense<uint16_t>(object)
                          : holds<int8_t>(object)
                              ? dense<int8_t>(object)
                              : dense_floats(operation, "cache", object);
  check_that(cache.ndim() == 4 && cache.shape(1) == 2 && cache.shape(2) > 0 &&
                 cache.shape(3) > 0,
             operation, [&] {
               return "cache has shape " + shape_text(shape_of(cache)) +
                      ", expected [slots, 2, kv_heads, head_dim]";
             });
  return cache;
}

// What the int8 of each slot and head are multiplied by, [slots, 2, kv_heads];
// none for other types.
py::array scales_array(const char* operation, const py::array& cache,
                       py::handle object) {
  const bool wanted = cache.itemsize() == 1;
  check(wanted == !object.is_none(), operation,
        wanted ? "cache is int8, expected scales"
               : "scales are given, expected a cache in int8");
  if (!wanted) {
    return py::array();
  }
  const py::array scales = dense_floats(operation, "scales", object);
  const std::vector<py::ssize_t> expected = {cache.shape(0), 2, cache.shape(2)};
  check_that(shape_of(scales) == expected, operation, [&] {
    return "scales has shape " + shape_text(shape_of(scales)) + ", expected " +
           shape_text(expected);
  });
  return scales;
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
                const py::array& scales, const SlotTable& table,
                const std::vector<int64_t>& lengths, int64_t window)
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
          {tokens_.data() + row * time + first, length - first, 1});
      firsts_.push_back(first);
    }
    if (cache.itemsize() == 1) {
      add_scales(scales, table);
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
  // Of each row [keys, values][kv_heads, time].
  void add_scales(const py::array& scales, const SlotTable& table) {
    const int64_t of_slot = 2 * scales.shape(2);
    scales_.resize(tokens_.size() * of_slot);
    float* to = scales_.data();
    for (size_t row = 0; row < memories.size(); ++row) {
      memories[row].scales = to;
      const int64_t* const slots = table.data() +
                                   static_cast<int64_t>(row) * table.shape(1) +
                                   firsts_[row];
      for (int64_t i = 0; i < of_slot; ++i) {
        for (int64_t t = 0; t < memories[row].time; ++t) {
          *to++ = data_of(scales)[slots[t] * of_slot + i];
        }
      }
    }
  }

  std::vector<const void*> tokens_;
  std::vector<int64_t> firsts_;
  std::vector<float> scales_;
};

py::array run_attention_step(py::handle q_object, py::handle cache_object,
                             py::handle table_object, py::handle lengths_object,
                             py::handle scale, py::handle bias_object,
                             py::handle soft_cap, py::handle window,
                             py::handle scales_object, py::handle isa) {
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
  const StepCall call = {.cache_type = cache.itemsize() == 4 ? DType::kFloat32
                                       : cache.itemsize() == 2
                                           ? DType::kBFloat16
                                           : DType::kInt8,
                         .layer = 0,
                         .heads = heads,
                         .kv_heads = cache.shape(2),
                         .head_dim = cache.shape(3),
                         .keys = 0,
                         .values = cache.shape(2) * cache.shape(3),
                         .scales = 0,
                         .bias_stride = time,
                         .scale = scale_of(operation, scale, cache.shape(3)),
                         .soft_cap = soft_cap_of(operation, soft_cap)};
  std::vector<int64_t> lengths;
  if (!lengths_object.is_none()) {
    lengths = lengths_of(operation, lengths_object, rows, time);
  }
  TableMemories memories(operation, cache,
                         scales_array(operation, cache, scales_object), table,
                         lengths, window_of(operation, window, time));
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

void bind_attention_step(py::module_& module) {
  module.def("attention_step", &run_attention_step, py::arg("q"),
             py::arg("cache"), py::arg("table"), py::arg("lengths"),
             py::arg("scale"), py::arg("bias"), py::arg("soft_cap"),
             py::arg("window"), py::arg("scales"), py::arg("isa"));
}

}  // namespace pyattn::bindings
