#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "facts.h"
#include "kernels/isa/tables.h"
#include "ops/vocabulary.h"

namespace search_test {
namespace {

// Scores are float32 sums of a few numbers around 1.
constexpr double kTolerance = 2e-5;

// The vocabulary's product is with the identity: a state is its logits.
const pyattn::PackedLinear& identity() {
  static const pyattn::PackedLinear* const packed = [] {
    std::vector<float> matrix(kVocab * kVocab, 0.0F);
    for (int32_t i = 0; i < kVocab; ++i) {
      matrix[static_cast<size_t>(i * kVocab + i)] = 1.0F;
    }
    return new pyattn::PackedLinear(
        {pyattn::kReferenceKernels, pyattn::DType::kFloat32},
        {{.weight = {.data = matrix.data()}, .bias = nullptr, .out = kVocab}},
        kVocab, std::make_shared<pyattn::Arena>());
  }();
  return *packed;
}

uint32_t mixed(uint32_t seed, const Sequence& target) {
  for (const int32_t token : target) {
    seed = (seed ^ static_cast<uint32_t>(token + 1)) * 0x01000193U;
  }
  return seed;
}

std::string text(const Sequence& tokens) {
  std::ostringstream out;
  for (const int32_t token : tokens) {
    out << token << ' ';
  }
  return out.str();
}

}  // namespace

Model random_model(uint32_t seed, float end_logit) {
  return [seed, end_logit](const Sequence& target) {
    std::mt19937 random(mixed(seed, target));
    std::vector<float> logits;
    for (int32_t token = 0; token < kVocab; ++token) {
      // From -2 to 2, of so many values that two are hardly ever equal.
      logits.push_back(static_cast<float>(random() % 0x100000) * 0x4p-20F -
                       2.0F);
    }
    logits[kEnd] = end_logit;
    return logits;
  };
}

Attention random_attention(uint32_t seed, size_t source) {
  return [seed, source](const Sequence& target) {
    std::mt19937 random(mixed(seed, target));
    std::vector<float> weights;
    float sum = 0;
    for (size_t i = 0; i < source; ++i) {
      weights.push_back(static_cast<float>(1 + random() % 100));
      sum += weights.back();
    }
    for (float& weight : weights) {
      weight /= sum;
    }
    return weights;
  };
}

SearchOptions default_options() {
  SearchOptions options = {};
  options.beam_size = options.num_hypotheses = 1;
  options.patience = 1;
  options.early_stopping = pyattn::EarlyStopping::kHeuristic;
  options.max_time = std::numeric_limits<double>::infinity();
  options.max_new_tokens = 6;
  options.length_penalty = 1;
  options.return_prefix = options.end_behind_prefix = true;
  options.forced_bos_token = -1;
  options.repetition_penalty = options.encoder_repetition_penalty = 1;
  options.history_counts_start = true;
  options.temperature = options.top_p = 1;
  options.scores = true;
  return options;
}

Session::Session(const Task& task) : task_(task), targets_{{}} {
  search_ =
      pyattn::make_search({std::make_shared<const SearchOptions>(task_.options),
                           kStart, kEnd, task_.source});
  std::vector<float> attention;
  for (const int32_t token : search_->prefix()) {
    targets_[0].push_back(token);
    if (!task_.options.alignment_heads.empty()) {
      const std::vector<float> row = task_.attention(targets_[0]);
      attention.insert(attention.end(), row.begin(), row.end());
    }
  }
  search_->set_prefix_alignment(attention);
}

void Session::step() {
  std::vector<Sequence> targets;
  // A row of another search comes first.
  std::vector<float> states(kVocab, 1.0F);
  std::vector<std::vector<float>> attention(1);
  for (const pyattn::NextRow& row : search_->rows()) {
    Sequence target = targets_.at(static_cast<size_t>(row.parent));
    target.push_back(row.token);
    const std::vector<float> logits = task_.model(target);
    states.insert(states.end(), logits.begin(), logits.end());
    attention.push_back(task_.options.alignment_heads.empty()
                            ? std::vector<float>()
                            : task_.attention(target));
    targets.push_back(std::move(target));
  }
  targets_ = std::move(targets);
  std::vector<pyattn::Question> questions(1);
  search_->ask(questions);
  expect(questions.size() == 1 + targets_.size(), "one question for each row");
  pyattn::StepAnswers answers;
  answers.tokens = pyattn::best_tokens({identity(), nullptr},
                                       {states.data(), kVocab}, questions);
  answers.alignments.assign(attention.begin(), attention.end());
  search_->advance(answers, 1);
}

Outcome run(const Task& task) {
  Session session(task);
  int steps = 0;
  for (; !session.is_over(); ++steps) {
    session.step();
  }
  return {session.search().results(), steps};
}

void expect(bool fact, const std::string& what) {
  if (!fact) {
    throw std::runtime_error(what);
  }
}

void expect_near(double found, double wanted, const std::string& what) {
  expect(std::abs(found - wanted) <= kTolerance,
         what + ": " + std::to_string(found) + ", expected " +
             std::to_string(wanted));
}

void expect_tokens(const Sequence& found, const Sequence& wanted,
                   const std::string& what) {
  expect(found == wanted,
         what + ": tokens " + text(found) + ", expected " + text(wanted));
}

void expect_same(const std::vector<Found>& found,
                 const std::vector<Target>& wanted, const std::string& what) {
  expect(found.size() == wanted.size(),
         what + ": " + std::to_string(found.size()) + " targets, expected " +
             std::to_string(wanted.size()));
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string which = what + ", target " + std::to_string(i);
    expect_tokens(found[i].tokens, wanted[i].returned, which);
    expect(found[i].reason == wanted[i].reason, which + ": another reason");
    expect_near(found[i].score, wanted[i].rank, which + ": score");
    expect(found[i].token_scores.size() == wanted[i].scores.size(),
           which + ": number of scores");
    for (size_t t = 0; t < wanted[i].scores.size(); ++t) {
      expect_near(found[i].token_scores[t], wanted[i].scores[t],
                  which + ": score of token " + std::to_string(t));
    }
  }
}

}  // namespace search_test
