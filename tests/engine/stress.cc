// Many threads on one engine, for ThreadSanitizer (.ci/tsan): they search,
// watch, cancel, encode and score at once, while the engine gets a search of
// the vocabulary, and every result is what it is alone.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <stdexcept>
#include <thread>

#include "base/threads.h"
#include "engine/engine.h"
#include "kernels/dispatch.h"

namespace {

using pyattn::Engine;
using pyattn::Found;
using pyattn::Request;
using pyattn::Sentence;
using pyattn::Sequence;

constexpr int kThreads = 8;
constexpr int kRounds = 30;
constexpr int kSentences = 24;
constexpr int32_t kVocab = 90;

void require(bool fact, const char* what) {
  if (!fact) {
    std::fprintf(stderr, "engine_stress: %s\n", what);
    std::abort();
  }
}

bool keep_waiting() { return true; }

// A small model with random weights.
class RandomModel {
 public:
  static pyattn::ModelConfig config(pyattn::Mixer mixer) {
    pyattn::ModelConfig config = {};
    const std::vector<pyattn::AttentionSizes> attention = {{4, 4, 8, 0},
                                                           {4, 4, 8, 4}};
    config.encoder = {.layers = 2,
                      .heads = 4,
                      .kv_heads = 4,
                      .head_dim = 8,
                      .vocab = kVocab,
                      .self_attention = attention,
                      .cross_attention = attention,
                      .ffn = {48, 48},
                      .attention_scale = 0.35F,
                      .windows = {0, 0},
                      .max_positions = 64};
    config.decoder = config.encoder;
    config.dim = 32;
    config.start = 1;
    config.end = 0;
    config.norm_epsilon = 1e-5F;
    config.embedding_scale = config.logits_scale = 1.0F;
    config.mixer = mixer;
    config.activation = pyattn::Activation::kRelu;
    return config;
  }

  const float* tensor(const std::string& name,
                      const std::vector<int64_t>& shape) {
    std::vector<float>& values = tensors_[name];
    int64_t size = 1;
    for (const int64_t extent : shape) {
      size *= extent;
    }
    std::normal_distribution<float> normal(0.0F, 0.3F);
    while (static_cast<int64_t>(values.size()) < size) {
      values.push_back(normal(random_));
    }
    return values.data();
  }

 private:
  std::mt19937 random_{7};
  std::map<std::string, std::vector<float>> tensors_;
};

std::vector<Sentence> make_sentences() {
  std::mt19937 random(3);
  std::vector<Sentence> sentences;
  for (int n = 0; n < kSentences; ++n) {
    pyattn::SearchOptions options = {};
    options.beam_size = options.num_hypotheses = 1 + n % 3;
    options.max_new_tokens = 4 + n;
    options.length_penalty = 1.0F;
    options.max_time = 1e30;
    pyattn::Source source;
    for (int t = 0; t < 1 + n % 9; ++t) {
      source.ids.push_back(static_cast<int32_t>(random() % kVocab));
    }
    sentences.push_back(
        {source, std::make_shared<const pyattn::SearchOptions>(options)});
  }
  return sentences;
}

bool same(const std::vector<Found>& a, const std::vector<Found>& b) {
  if (a.size() != b.size()) {
    return false;
  }
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].tokens != b[i].tokens || a[i].score != b[i].score) {
      return false;
    }
  }
  return true;
}

class Stress {
 public:
  explicit Stress(Engine& engine)
      : engine_(engine), sentences_(make_sentences()) {
    for (const Sentence& sentence : sentences_) {
      const auto request = engine_.submit({sentence}, false);
      request->wait(keep_waiting);
      alone_.push_back(request->take(0));
    }
  }

  void run(int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    for (int round = 0; round < kRounds; ++round) {
      const size_t first = random() % kSentences;
      const size_t count = 1 + random() % (kSentences - first);
      switch (random() % 5) {
        case 0:
        case 1:
          search(first, count);
          break;
        case 2:
          watch(first);
          break;
        case 3:
          give_up(first, count);
          break;
        default:
          read(first);
      }
    }
  }

 private:
  std::shared_ptr<Request> submit(size_t first, size_t count, bool watched) {
    return engine_.submit(
        {sentences_.begin() + first, sentences_.begin() + first + count},
        watched);
  }

  void search(size_t first, size_t count) {
    const auto request = submit(first, count, false);
    for (size_t n = count; n-- > 0;) {
      request->wait(n, keep_waiting);
      require(same(request->take(n), alone_[first + n]), "other bits");
    }
  }

  void watch(size_t sentence) {
    const auto request = submit(sentence, 1, true);
    size_t tokens = 0;
    while (request->next_token(keep_waiting)) {
      if (++tokens == 5) {
        request->cancel(0);
      }
    }
    require(request->complete(), "tokens ended before their sentence");
  }

  void give_up(size_t first, size_t count) {
    const auto request = submit(first, count, false);
    std::this_thread::yield();
    engine_.cancel(*request);
  }

  void read(size_t sentence) {
    const pyattn::Source& source = sentences_[sentence].source;
    std::vector<float> result(64 * 32);
    const auto output = [&](size_t) { return result.data(); };
    engine_.encode({source}).run(output, keep_waiting);
    engine_.score({source}, {source.ids}).run(output, keep_waiting);
    require(result[0] < 0, "no log-probability");
  }

  Engine& engine_;
  const std::vector<Sentence> sentences_;
  std::vector<std::vector<Found>> alone_;
};

template <class Work>
void in_threads(int count, const Work& work) {
  std::vector<std::thread> threads;
  for (int n = 0; n < count; ++n) {
    threads.emplace_back([&work, n] { work(n); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

// A search of the vocabulary with bounds that hold: any token may be the best,
// so that a logit is computed first and then, mostly, the whole product.
std::unique_ptr<const pyattn::VocabularySearch> make_vocabulary_search(
    const Engine& engine) {
  const pyattn::PackedLinear& output = engine.weights().output;
  const int64_t dim = output.in();
  std::vector<float> axes(dim * dim, 0.0F);
  for (int64_t i = 0; i < dim; ++i) {
    axes[i * dim + i] = 1.0F;
  }
  const std::vector<float> bias(dim, 0.0F);
  const int64_t columns = 1 + pyattn::kBoundNorms;
  std::vector<int8_t> bounds(output.out() * columns, 100);
  for (int64_t token = 0; token < output.out(); ++token) {
    bounds[token * columns] = 0;
  }
  const float step = 1.0F;
  const std::vector<float> steps(output.out(), step);
  return std::make_unique<const pyattn::VocabularySearch>(
      output, pyattn::SearchParts{
                  .axes = {.weight = {.data = axes.data()},
                           .bias = bias.data(),
                           .out = dim},
                  .kept = 1,
                  .bounds = {.weight = {.data = bounds.data(),
                                        .storage = pyattn::Storage::kInt8,
                                        .scale = steps.data()},
                             .bias = nullptr,
                             .out = output.out()},
                  .bounds_scale = step,
                  .factors = std::vector<float>(pyattn::kBoundNorms, 1.0F),
                  .slack_per_norm = 1e-3F,
                  .slack_per_kept = 1e-3F,
                  .most_norm = 1e6F});
}

void stress_engine(pyattn::Mixer mixer) {
  RandomModel model;
  const pyattn::ModelPacking packing = {
      pyattn::default_kernels(),
      [](const std::string&) { return pyattn::DType::kFloat32; }};
  const pyattn::TensorSource tensors = {
      .floats =
          [&model](const std::string& name, const std::vector<int64_t>& shape) {
            return model.tensor(name, shape);
          },
      .matrices =
          [&model](const std::string& product, const std::vector<int64_t>& rows,
                   int64_t columns) {
            std::vector<pyattn::LinearPart> parts;
            for (const int64_t out : rows) {
              const std::string name = product + std::to_string(parts.size());
              parts.push_back(
                  {.weight = {.data = model.tensor(name, {out, columns})},
                   .bias = model.tensor(name + ".bias", {out}),
                   .out = out});
            }
            return parts;
          }};
  // Room for few tokens, so that sentences have to start again, too.
  const pyattn::Limits limits = {
      .batch_tokens = 40, .rows = 12, .cache_bytes = 60'000};
  std::vector<std::shared_ptr<Request>> left;
  {
    Engine engine(RandomModel::config(mixer), packing, tensors, 3, limits);
    Stress stress(engine);
    in_threads(kThreads, [&](int n) {
      if (n == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        engine.set_search(make_vocabulary_search(engine));
      }
      stress.run(n);
    });
    require(engine.weights().search.get()->counts().rows > 0, "no search");
    for (int n = 0; n < 5; ++n) {
      left.push_back(engine.submit(make_sentences(), true));
    }
  }
  for (const auto& request : left) {
    require(request->cancelled() || request->complete(), "left over");
  }
}

// Callers that lead themselves where they can, and those that hand over; every
// loop is complete, alone with its crew, and a job's exception is its caller's.
void stress_team() {
  constexpr int kJobs = 60;
  constexpr int64_t kCount = 1000;
  pyattn::Team team(4);
  std::atomic<int> inside{0};
  in_threads(3, [&](int n) {
    std::vector<int64_t> cells(kCount, 0);
    int64_t loops = 0;
    for (int job = 0; job < kJobs; ++job) {
      const auto body = [&] {
        require(inside.fetch_add(1) == 0, "two jobs at once");
        for (int loop = 0; loop < job % 20; ++loop, ++loops) {
          pyattn::parallel_for(kCount, 1 + loop * 40,
                               [&](int64_t begin, int64_t end) {
                                 for (int64_t i = begin; i < end; ++i) {
                                   ++cells[i];
                                 }
                               });
          require(cells[loops % kCount] == loops + 1, "a part was not done");
        }
        require(pyattn::parallel_width() == 4, "not all threads help");
        inside.fetch_sub(1);
        if (job % 3 == 0) {
          pyattn::parallel_for(kCount, 1, [](int64_t begin, int64_t) {
            if (begin > 0) {
              throw std::out_of_range("");
            }
          });
        }
      };
      bool thrown = false;
      try {
        if ((job + n) % 2 == 0 || !team.run_here(body)) {
          team.run(body, [] { return true; });
        }
      } catch (const std::out_of_range&) {
        thrown = true;
      }
      require(thrown == (job % 3 == 0), "a job's exception was lost");
      require(pyattn::parallel_width() == 1, "the lead was not given back");
    }
  });
}

}  // namespace

int main() {
  stress_team();
  stress_engine(pyattn::Mixer::kAttention);
  stress_engine(pyattn::Mixer::kSsru);
  std::puts("engine_stress: all as it should be");
  return 0;
}
