// engine/engine.h for Python: ids and arrays in, ids and arrays out.
#include <pybind11/stl.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/process.h"
#include "base/threads.h"
#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/config.h"
#include "bindings/gil.h"
#include "bindings/ids.h"
#include "bindings/options.h"
#include "bindings/request.h"
#include "bindings/tensors.h"
#include "bindings/vocabulary_search.h"
#include "engine/engine.h"
#include "kernels/dispatch.h"
#include "model/cache.h"

namespace pyattn::bindings {
namespace {

using DTypeNames = std::map<std::string, std::string>;

DType dtype_of(const DTypeNames& dtypes, const std::string& product) {
  const auto found = dtypes.find(product);
  check_that(found != dtypes.end(), "model",
             [&] { return "no number type for the product " + product; });
  return dtype_named("model", found->second);
}

// An engine, and the arrays that it reads in place.
class Loaded {
 public:
  // Embeddings and positions are read where they are; the rest is packed.
  // `dtypes` maps products to number types.
  Loaded(const py::handle& config, const py::dict& floats,
         const py::dict& matrices, const DTypeNames& dtypes,
         const std::optional<std::string>& isa,
         const std::optional<int>& threads, const Limits& limits)
      : tensors_(floats, matrices) {
    const int team_size = threads ? *threads : default_threads();
    // A team of its own, whose threads end with it: a process that loads a
    // model and then forks has no threads to lose.
    Team packers(team_size);
    const ModelPacking packing = {isa ? kernels_named(*isa) : default_kernels(),
                                  [&dtypes](const std::string& product) {
                                    return dtype_of(dtypes, product);
                                  },
                                  [&packers](const std::function<void()>& job) {
                                    const WithoutGil released;
                                    packers.run(job, [] { return true; });
                                  }};
    engine_ = std::make_unique<Engine>(config_from(config), packing,
                                       tensors_.source(), team_size, limits);
    tensors_.keep_only(engine_->weights());
  }

  // Its threads may be at work still, and to wait for them takes no GIL; to let
  // the arrays go does.
  ~Loaded() {
    const WithoutGil released;
    engine_.reset();
  }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;

  Engine& engine() { return *engine_; }

 private:
  Tensors tensors_;
  std::unique_ptr<Engine> engine_;  // goes before the arrays that it reads
};

class BoundModel {
 public:
  BoundModel(const py::handle& config, const py::dict& floats,
             const py::dict& matrices, const DTypeNames& dtypes,
             const std::optional<std::string>& isa,
             const std::optional<int>& threads, int64_t batch_tokens,
             int64_t batch_rows, int64_t cache_bytes)
      : loaded_(std::make_shared<Loaded>(
            config, floats, matrices, dtypes, isa, threads,
            Limits{batch_tokens, batch_rows, cache_bytes})) {}

  py::list encode(const py::handle& sources, const py::handle& types,
                  const py::handle& globals) {
    const auto model = loaded();
    return run(model->engine().encode(
        sources_from("encode", sources, types, globals)));
  }

  py::list logits(const py::handle& sources, const py::handle& targets,
                  const py::handle& globals) {
    const auto model = loaded();
    return run(model->engine().logits(
        sources_from("logits", sources, py::none(), globals),
        sequences_from("logits", "target", targets)));
  }

  py::list score(const py::handle& sources, const py::handle& targets,
                 const py::handle& globals) {
    const auto model = loaded();
    return run(model->engine().score(
        sources_from("score", sources, py::none(), globals),
        sequences_from("score", "target", targets)));
  }

  py::list align(const py::handle& sources, const py::handle& targets,
                 const py::handle& globals, const py::handle& pairs) {
    const auto model = loaded();
    return run(model->engine().align(
        sources_from("align", sources, py::none(), globals),
        sequences_from("align", "target", targets),
        alignment_heads_from(pairs)));
  }

  // `options` and `shortlists` are one for each source. Returns at once.
  std::unique_ptr<BoundRequest> submit(const py::handle& source_object,
                                       const py::sequence& options,
                                       const py::sequence& shortlists,
                                       const py::handle& globals,
                                       bool watched) {
    const auto model = loaded();
    std::vector<Source> sources =
        sources_from("generate", source_object, py::none(), globals);
    check_that(options.size() == sources.size(), "generate", [&] {
      return "there are " + std::to_string(options.size()) +
             " options, expected " + std::to_string(sources.size()) +
             ", one for each source";
    });
    const auto own_shortlists = shortlists_from(shortlists);
    check_that(own_shortlists.size() == sources.size(), "generate", [&] {
      return "there are " + std::to_string(own_shortlists.size()) +
             " shortlists, expected " + std::to_string(sources.size()) +
             ", one for each source";
    });
    std::map<PyObject*, std::shared_ptr<const SearchOptions>> known;
    std::vector<Sentence> sentences;
    for (size_t i = 0; i < sources.size(); ++i) {
      const py::object own = options[i];
      std::shared_ptr<const SearchOptions>& search = known[own.ptr()];
      if (search == nullptr) {
        search = options_from(own);
      }
      sentences.push_back({std::move(sources[i]), search, own_shortlists[i]});
    }
    Engine& engine = model->engine();
    return std::make_unique<BoundRequest>(
        std::shared_ptr<Engine>(model, &engine),
        engine.submit(std::move(sentences), watched));
  }

  py::tuple output_rows(int64_t first, int64_t count) {
    const auto model = loaded();
    return bindings::output_rows(model->engine().weights().output, first,
                                 count);
  }

  void want_states(int64_t count) {
    const auto model = loaded();
    model->engine().sample().want(count, model->engine().weights().config.dim);
  }

  // [wanted, dim], or None while some are missing.
  py::object states() {
    const auto model = loaded();
    const std::vector<float> states = model->engine().sample().take();
    if (states.empty()) {
      return py::none();
    }
    const int64_t dim = model->engine().weights().config.dim;
    py::array_t<float> array =
        new_floats({static_cast<int64_t>(states.size()) / dim, dim});
    std::copy(states.begin(), states.end(), array.mutable_data());
    return array;
  }

  void set_vocabulary_search(const py::handle& parts) {
    const auto model = loaded();
    auto search = search_from(model->engine().weights().output, parts);
    const ForkLock lock;
    model->engine().set_search(std::move(search));
  }

  // Rows, those that were computed whole, and panels of the others; or None.
  py::object search_counts() {
    const auto model = loaded();
    const VocabularySearch* search = model->engine().weights().search.get();
    if (search == nullptr) {
      return py::none();
    }
    const VocabularySearch::Counts counts = search->counts();
    return py::make_tuple(counts.rows, counts.whole_rows, counts.logits);
  }

  // Calls that still run in other threads finish; the last frees the engine.
  void close() {
    std::shared_ptr<Loaded> last;  // ends without the lock
    const ForkLock lock;
    last.swap(loaded_);
  }

  int threads() { return loaded()->engine().threads(); }
  const char* isa() { return isa_name(loaded()->engine().weights().table.isa); }
  int64_t bytes() { return loaded()->engine().weights().bytes(); }

  // Of keys and values of so many tokens of targets and of a source.
  int64_t cache_bytes(int64_t tokens, int64_t source_tokens) {
    const ModelWeights& weights = loaded()->engine().weights();
    return TokenPool::bytes_for(token_bytes(weights), tokens) +
           SourceMemory::bytes(weights, source_tokens);
  }

 private:
  std::shared_ptr<Loaded> loaded() {
    const ForkLock lock;
    check(loaded_ != nullptr, "model", "it is closed");
    return loaded_;
  }

  // The results, one array for each sequence.
  static py::list run(const Computation& computation) {
    py::list list;
    std::vector<float*> outputs;
    for (const Shape& shape : computation.shapes) {
      py::array_t<float> array = new_floats(shape);
      outputs.push_back(array.mutable_data());
      list.append(std::move(array));
    }
    run_without_gil([&](const KeepWaiting& keep_waiting) {
      computation.run([&](size_t i) { return outputs[i]; }, keep_waiting);
    });
    return list;
  }

  // Guarded by a ForkLock: Python may be one without a GIL.
  std::shared_ptr<Loaded> loaded_;
};

}  // namespace

void bind_model(py::module_& module) {
  py::class_<BoundModel>(module, "Model")
      .def(py::init<const py::handle&, const py::dict&, const py::dict&,
                    const DTypeNames&, const std::optional<std::string>&,
                    const std::optional<int>&, int64_t, int64_t, int64_t>(),
           py::arg("config"), py::arg("floats"), py::arg("matrices"),
           py::arg("dtypes"), py::arg("isa"), py::arg("threads"),
           py::arg("batch_tokens"), py::arg("batch_rows"),
           py::arg("cache_bytes"))
      .def("encode", &BoundModel::encode, py::arg("sources"), py::arg("types"),
           py::arg("global_tokens"))
      .def("logits", &BoundModel::logits, py::arg("sources"),
           py::arg("targets"), py::arg("global_tokens"))
      .def("score", &BoundModel::score, py::arg("sources"), py::arg("targets"),
           py::arg("global_tokens"))
      .def("align", &BoundModel::align, py::arg("sources"), py::arg("targets"),
           py::arg("global_tokens"), py::arg("heads"))
      .def("submit", &BoundModel::submit, py::arg("sources"),
           py::arg("options"), py::arg("shortlists"), py::arg("global_tokens"),
           py::arg("watched"))
      .def("output_rows", &BoundModel::output_rows, py::arg("first"),
           py::arg("count"))
      .def("want_states", &BoundModel::want_states, py::arg("count"))
      .def("states", &BoundModel::states)
      .def("set_vocabulary_search", &BoundModel::set_vocabulary_search,
           py::arg("parts"))
      .def_property_readonly("search_counts", &BoundModel::search_counts)
      .def("cache_bytes", &BoundModel::cache_bytes, py::arg("tokens"),
           py::arg("source_tokens"))
      .def("close", &BoundModel::close)
      .def_property_readonly("threads", &BoundModel::threads)
      .def_property_readonly("isa", &BoundModel::isa)
      .def_property_readonly("nbytes", &BoundModel::bytes);
}

}  // namespace pyattn::bindings
