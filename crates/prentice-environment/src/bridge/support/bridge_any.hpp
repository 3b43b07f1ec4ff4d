// How a boost::any is sent: only for programs that include it, since the library may not be there.
#pragma once
#include <boost/any.hpp>

#include "bridge.hpp"

namespace prentice_bridge {

// Stands for a content that cannot be sent: a cast to any type of a test fails.
struct Opaque {};

template <char tag, class... T>
struct Alternatives {
  static void put(std::string& out, const boost::any&) { out.push_back(-1); }
  static boost::any get(Reader&, char found) {
    if (found != -1) gone();
    return Opaque();
  }
};

template <char tag, class T, class... Rest>
struct Alternatives<tag, T, Rest...> {
  static void put(std::string& out, const boost::any& value) {
    if (value.type() != typeid(T)) return Alternatives<tag + 1, Rest...>::put(out, value);
    out.push_back(tag);
    Codec<T>::put(out, boost::any_cast<T>(value));
  }
  static boost::any get(Reader& in, char found) {
    if (found != tag) return Alternatives<tag + 1, Rest...>::get(in, found);
    return Codec<T>::get(in);
  }
};

template <>
struct Codec<boost::any> {
  typedef Alternatives<1, bool, char, int, long, long long, float, double, std::string> Contents;
  static void put(std::string& out, const boost::any& value) {
    if (value.empty()) return out.push_back(0);
    Contents::put(out, value);
  }
  static boost::any get(Reader& in) {
    char tag = *in.take(1);
    return tag == 0 ? boost::any() : Contents::get(in, tag);
  }
};

}  // namespace prentice_bridge
