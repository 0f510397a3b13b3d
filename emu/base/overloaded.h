// Several functions as one, for std::visit: Overloaded{[](const A&) {...}, [](const auto&) {...}}.
#pragma once

namespace assay {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace assay
