#include "engine/batch.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/threads.h"
#include "model/decoder.h"
#include "model/encoder.h"

namespace pyattn {

// One step: the rows of all sentences pass through the decoder together; the
// states that searches have questions about are projected to the vocabulary.
class Batch::Step {
 public:
  Step(const ModelWeights& weights, StateSample& sample)
      : weights_(weights), sample_(sample) {}

  /// Adds a sentence's rows and questions. The keys and values of its first
  /// tokens are those of a sentence that was added before, if `common` has any.
  void add(Live& live, const Common& common);

  void run();

  /// The answers to all questions in the sentence's group.
  const StepAnswers& answers(const Live& live) const {
    return groups_[live.group].answers;
  }

 private:
  // Questions about the same columns of the vocabulary, all of them with or
  // all without sums: the latter have a faster way.
  struct Group {
    const Selection* selection;  // null: all columns
    bool sum;
    std::vector<int64_t> rows;  // [questions]: the rows that they are about
    std::vector<Question> questions;
    StepAnswers answers;
  };
  // A prefix whose tokens are rows [begin, end).
  struct FedPrefix {
    Search* search;
    int64_t begin, end;
  };

  int64_t row_count() const { return static_cast<int64_t>(rows_.size()); }
  void add_row(const Live& live, int32_t token, const std::vector<void*>& past,
               size_t time);
  Group& join_group(Live& live, bool sum);
  void gather_states();
  void answer(Group& group, const float* states) const;
  void answer_all();

  const ModelWeights& weights_;
  StateSample& sample_;
  std::vector<DecoderRow> rows_;
  std::vector<Group> groups_;
  std::vector<FedPrefix> fed_;
  Decoded decoded_;  // once gathered, a state per question, by groups
};

void Batch::Step::add(Live& live, const Common& common) {
  const Search& search = *live.search;
  const size_t prefix = live.prefix_rows();
  const size_t shared = static_cast<size_t>(common.tokens);
  live.started = true;
  if (shared > 0) {
    live.pasts.begin_like(common.with->pasts, common.tokens);
  }
  for (size_t t = shared; t < prefix; ++t) {
    const int32_t only_row = 0;
    live.pasts.extend({&only_row, 1});
  }
  std::vector<int32_t> parents;
  for (const NextRow& row : search.rows()) {
    parents.push_back(row.parent);
  }
  live.pasts.extend(parents);

  if (prefix > shared) {
    fed_.push_back({live.search.get(), row_count(),
                    row_count() + static_cast<int64_t>(prefix - shared)});
  }
  for (size_t t = shared; t < prefix; ++t) {
    add_row(live, search.prefix()[t], live.pasts.of(0), t + 1);
  }
  std::vector<Question> questions;
  search.ask(questions);
  Group& group = join_group(live, questions.front().sum);
  for (size_t r = 0; r < parents.size(); ++r) {
    const std::vector<void*>& past = live.pasts.of(static_cast<int64_t>(r));
    group.rows.push_back(row_count());
    add_row(live, search.rows()[r].token, past, past.size());
  }
  group.questions.insert(group.questions.end(), questions.begin(),
                         questions.end());
}

// A row of a token that is the `time`-th, from 1, of its past.
void Batch::Step::add_row(const Live& live, int32_t token,
                          const std::vector<void*>& past, size_t time) {
  const AlignmentHeads& heads =
      live.sentence.sentence().options->alignment_heads;
  rows_.push_back({token, static_cast<int32_t>(time) - 1, past[time - 1],
                   slots_memory(past.data(), static_cast<int64_t>(time)),
                   live.source.memory(), heads.empty() ? nullptr : &heads});
}

Batch::Step::Group& Batch::Step::join_group(Live& live, bool sum) {
  const Selection* const selection = live.selection.get();
  const auto same =
      std::find_if(groups_.begin(), groups_.end(), [&](const Group& group) {
        return group.selection == selection && group.sum == sum;
      });
  live.group = static_cast<size_t>(same - groups_.begin());
  if (same == groups_.end()) {
    groups_.push_back({selection, sum, {}, {}, {}});
  }
  Group& group = groups_[live.group];
  live.first = static_cast<int64_t>(group.rows.size());
  return group;
}

void Batch::Step::run() {
  decoded_ = decode(weights_, rows_);
  gather_states();
  answer_all();
  for (const FedPrefix& one : fed_) {
    one.search->set_prefix_alignment(
        decoded_.alignments.of(one.begin, one.end));
  }
}

// Moves the states that there are questions about next to each other.
void Batch::Step::gather_states() {
  std::vector<int64_t> wanted;
  for (const Group& group : groups_) {
    wanted.insert(wanted.end(), group.rows.begin(), group.rows.end());
  }
  std::vector<int64_t> all(rows_.size());
  std::iota(all.begin(), all.end(), int64_t{0});
  if (wanted == all) {
    return;
  }
  const int64_t dim = weights_.config.dim;
  Buffer<float> states(static_cast<int64_t>(wanted.size()) * dim);
  for (size_t i = 0; i < wanted.size(); ++i) {
    std::copy_n(decoded_.states.data() + wanted[i] * dim, dim,
                states.data() + i * dim);
  }
  decoded_.states = std::move(states);
}

void Batch::Step::answer(Group& group, const float* states) const {
  group.answers.tokens =
      best_tokens(weights_.vocabulary(group.selection),
                  {states, weights_.config.dim}, group.questions);
  for (const int64_t row : group.rows) {
    group.answers.alignments.push_back(decoded_.alignments.of(row));
  }
}

// A product with all columns is split over the threads. One with a shortlist's
// is too small for that, so each thread computes some of these.
void Batch::Step::answer_all() {
  struct Short {
    Group& group;
    const float* states;
  };
  std::vector<Short> shortlists;
  const float* states = decoded_.states.data();
  for (Group& group : groups_) {
    if (group.selection == nullptr) {
      if (!group.sum) {
        sample_.add(states, static_cast<int64_t>(group.rows.size()));
      }
      answer(group, states);
    } else {
      shortlists.push_back({group, states});
    }
    states += static_cast<int64_t>(group.rows.size()) * weights_.config.dim;
  }
  parallel_for(static_cast<int64_t>(shortlists.size()), 1,
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   answer(shortlists[i].group, shortlists[i].states);
                 }
               });
}

Batch::Batch(const ModelWeights& weights, StateSample& sample,
             int64_t cache_bytes)
    : weights_(weights),
      sample_(sample),
      pool_(token_bytes(weights), cache_bytes) {}

int64_t Batch::rows() const {
  int64_t rows = 0;
  for (const Live& live : live_) {
    rows += live.sentence.width();
  }
  return rows;
}

void Batch::join(const std::vector<SentenceRef>& sentences) {
  const bool encodes = weights_.config.has_encoder();
  Buffer<float> encoded;
  if (encodes) {
    Ragged ragged;
    for (const SentenceRef& sentence : sentences) {
      ragged.add(sentence.sentence().source);
    }
    encoded = encode(weights_, ragged);
  }
  for (const SentenceRef& sentence : sentences) {
    const int64_t remembered = encodes ? sentence.source_tokens() : 0;
    live_.push_back({.sentence = sentence,
                     .search = sentence.new_search(weights_.config),
                     .selection = selection_of(sentence),
                     .source = SourceMemory(weights_, pool_, remembered),
                     .pasts = Pasts(pool_)});
  }
  if (encodes) {
    std::vector<SourceMemory*> stored;
    for (size_t i = live_.size() - sentences.size(); i < live_.size(); ++i) {
      stored.push_back(&live_[i].source);
    }
    store_sources(weights_, encoded.data(), stored);
  }
}

// A prompt is stored as a part of its target.
int64_t Batch::source_bytes(const SentenceRef& sentence) const {
  return weights_.config.has_encoder()
             ? SourceMemory::bytes(weights_, sentence.source_tokens())
             : target_bytes(sentence.source_tokens() -
                            common_beginning(sentence, live_.size()).tokens);
}

Batch::Common Batch::common_beginning(const SentenceRef& sentence,
                                      size_t count) const {
  Common best;
  if (weights_.config.has_encoder()) {
    return best;
  }
  const Sequence& prompt = sentence.sentence().source.ids;
  for (size_t i = 0; i < count; ++i) {
    const Sequence& other = live_[i].sentence.sentence().source.ids;
    const auto [end, _] =
        std::mismatch(prompt.begin(), prompt.end(), other.begin(), other.end());
    if (end - prompt.begin() > best.tokens) {
      best = {&live_[i], end - prompt.begin()};
    }
  }
  // The first question is about the last token of the prompt, which is fed.
  best.tokens = std::min(best.tokens, sentence.source_tokens() - 1);
  return best;
}

// Sentences with the same shortlist share the copy of its columns.
std::shared_ptr<const Selection> Batch::selection_of(
    const SentenceRef& sentence) const {
  const std::shared_ptr<const Sequence>& ids = sentence.sentence().shortlist;
  if (ids == nullptr) {
    return nullptr;
  }
  const auto same =
      std::find_if(live_.begin(), live_.end(), [&](const Live& live) {
        return live.sentence.sentence().shortlist == ids;
      });
  return same != live_.end() ? same->selection
                             : std::make_shared<const Selection>(
                                   weights_.output, *ids, weights_.output_rows);
}

SentenceRef Batch::remove_youngest() {
  SentenceRef youngest = std::move(live_.back().sentence);
  live_.pop_back();
  return youngest;
}

void Batch::remove_ended(Clock::time_point now) {
  std::erase_if(live_, [&](const Live& live) {
    if (!live.sentence.must_end(now)) {
      return false;
    }
    live.sentence.deliver_unfinished(*live.search);
    return true;
  });
}

int64_t Batch::step_tokens() const {
  int64_t tokens = 0;
  for (size_t i = 0; i < live_.size(); ++i) {
    const Live& live = live_[i];
    tokens +=
        static_cast<int64_t>(live.search->rows().size() + live.prefix_rows());
    if (!live.started) {
      tokens -= common_beginning(live.sentence, i).tokens;
    }
  }
  return tokens;
}

void Batch::step() {
  pool_.reserve(step_tokens());
  Step step(weights_, sample_);
  for (size_t i = 0; i < live_.size(); ++i) {
    Live& live = live_[i];
    step.add(live,
             live.started ? Common() : common_beginning(live.sentence, i));
  }
  step.run();
  std::erase_if(live_, [&](Live& live) { return !advance(live, step); });
}

// Whether the sentence needs another step.
bool Batch::advance(Live& live, const Step& step) {
  Request& request = *live.sentence.request;
  const size_t index = live.sentence.index;
  try {
    live.search->advance(step.answers(live), live.first);
    const bool over = live.search->rows().empty();
    request.report(index, live.search->decided(), over);
    if (over) {
      request.deliver(index, live.search->results());
    }
    return !over;
  } catch (...) {
    request.fail(std::current_exception());
    return false;
  }
}

}  // namespace pyattn
