// Both ends of the conversation between an examiner and a candidate in C++. The protocol is described in cpp.rs.
//
// Written for C++11, which the suites are compiled as, and included before any other code: it defines nothing outside
// its namespace and includes nothing beyond what <string> brings along anyway, so that the other code means what it
// would mean without it.
#pragma once
#include <sys/syscall.h>

#include <exception>
#include <string>
#include <type_traits>
#include <utility>
#if __cplusplus >= 201703L
#include <optional>
#endif

namespace prentice_bridge {

// All system calls go through this one function, under a name of its own. <unistd.h> would bring `read`, `link` and the
// like into the global scope; and a candidate's global variable `write` would stand in for the function of libc.
extern "C" long prentice_system_call(long, ...) __asm__("syscall");

__attribute__((noreturn)) inline void leave(int status) {
  for (;;) prentice_system_call(SYS_exit_group, status);
}

const unsigned message_bytes = PRENTICE_MESSAGE_BYTES;

// The other end is gone or talks nonsense.
__attribute__((noreturn)) inline void gone() { leave(PRENTICE_CANDIDATE_GONE_EXIT); }

struct Channel {
  int in, out;

  Channel() : in(prentice_system_call(SYS_dup, 0)), out(prentice_system_call(SYS_dup, 1)) {
    // What the program reads and prints is not the conversation. The lowest free descriptor is 0 after closing it.
    const int current_directory = -100, read_only = 0;
    prentice_system_call(SYS_close, 0);
    prentice_system_call(SYS_openat, current_directory, "/dev/null", read_only);
    prentice_system_call(SYS_dup3, 2, 1, 0);
    // Writing to an end that is gone is an error to see, not a signal to die of: SIGPIPE gets the handler SIG_IGN,
    // no flags, no restorer and an empty mask.
    const unsigned long ignore[4] = {1, 0, 0, 0};
    prentice_system_call(SYS_rt_sigaction, 13, ignore, 0ul, 8ul);
  }

  bool read(char* to, unsigned long size) const {
    while (size > 0) {
      long done = prentice_system_call(SYS_read, in, to, size);
      if (done <= 0) return false;
      to += done;
      size -= done;
    }
    return true;
  }

  void write(const char* from, unsigned long size) const {
    while (size > 0) {
      long done = prentice_system_call(SYS_write, out, from, size);
      if (done <= 0) gone();
      from += done;
      size -= done;
    }
  }

  bool receive(std::string& message) const {
    unsigned size;
    if (!read(reinterpret_cast<char*>(&size), sizeof size)) return false;
    if (size > message_bytes) gone();
    message.resize(size);
    return read(&message[0], size);
  }

  void send(const std::string& message) const {
    if (message.size() > message_bytes) gone();
    unsigned size = message.size();
    write(reinterpret_cast<const char*>(&size), sizeof size);
    write(message.data(), size);
  }
};

// Set aside before the program's own globals are initialised: those may print.
static const Channel channel;

struct Reader {
  const char *at, *end;
  explicit Reader(const std::string& message) : at(message.data()), end(message.data() + message.size()) {}
  const char* take(unsigned long size) {
    if (size > static_cast<unsigned long>(end - at)) gone();
    const char* taken = at;
    at += size;
    return taken;
  }
  void finish() const {
    if (at != end) gone();
  }
};

// How a type is sent. Types without a definition cannot be.
template <class T, class Enable = void>
struct Codec;

template <class T>
struct Codec<T, typename std::enable_if<std::is_arithmetic<T>::value>::type> {
  static void put(std::string& out, T value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); }
  static T get(Reader& in) {
    T value;
    const char* from = in.take(sizeof value);
    for (unsigned i = 0; i < sizeof value; i++) reinterpret_cast<char*>(&value)[i] = from[i];
    return value;
  }
};

// A byte other than 0 and 1 is no value of a bool.
template <>
struct Codec<bool> {
  static void put(std::string& out, bool value) { out.push_back(value ? 1 : 0); }
  static bool get(Reader& in) { return *in.take(1) != 0; }
};

template <class A, class B>
struct Codec<std::pair<A, B>> {
  typedef typename std::remove_const<A>::type First;
  static void put(std::string& out, const std::pair<A, B>& value) {
    Codec<First>::put(out, value.first);
    Codec<B>::put(out, value.second);
  }
  static std::pair<First, B> get(Reader& in) {
    First first = Codec<First>::get(in);
    return std::pair<First, B>(std::move(first), Codec<B>::get(in));
  }
};

template <class...>
struct Always {
  typedef void Type;
};

// All that elements can be inserted into: strings, vectors (of bool too), lists, sets, maps.
template <class T>
struct Codec<T, typename Always<typename T::value_type, typename T::iterator,
                                decltype(std::declval<T&>().insert(std::declval<T&>().end(),
                                                                   std::declval<typename T::value_type>()))>::Type> {
  typedef Codec<typename T::value_type> Element;
  static void put(std::string& out, const T& value) {
    Codec<unsigned long>::put(out, value.size());
    for (typename T::const_iterator i = value.begin(); i != value.end(); ++i) Element::put(out, *i);
  }
  static T get(Reader& in) {
    T value;
    unsigned long count = Codec<unsigned long>::get(in);
    for (unsigned long i = 0; i < count; i++) value.insert(value.end(), Element::get(in));
    return value;
  }
};

#if __cplusplus >= 201703L
template <class T>
struct Codec<std::optional<T>> {
  static void put(std::string& out, const std::optional<T>& value) {
    Codec<bool>::put(out, value.has_value());
    if (value) Codec<T>::put(out, *value);
  }
  static std::optional<T> get(Reader& in) {
    if (!Codec<bool>::get(in)) return std::nullopt;
    return Codec<T>::get(in);
  }
};
#endif

// Arguments that the function may change, as its declared type says, travel back.
template <class Declared>
struct Changed {
  template <class T>
  static void put(std::string&, const T&) {}
  template <class T>
  static void get(Reader&, const T&) {}
};

template <class T>
struct Changed<T&> {
  static void put(std::string& out, const T& value) { Codec<T>::put(out, value); }
  static void get(Reader& in, T& value) { value = Codec<T>::get(in); }
};

template <class T>
struct Changed<const T&> : Changed<T> {};

enum Outcome : char { returned, threw };

template <class Signature>
struct Function;

template <class R, class... A>
struct Function<R(A...)> {
  // The examiner's side of a call. Without a value in return, a candidate that threw ends the examiner.
  template <class... Given>
  static R ask(Given&... arguments) {
    std::string message;
    int sent[] = {0, (Codec<typename std::decay<A>::type>::put(message, arguments), 0)...};
    (void)sent;
    channel.send(message);
    if (!channel.receive(message)) gone();
    Reader in(message);
    if (Codec<char>::get(in) == threw) {
      std::string reason = "the candidate threw: " + Codec<std::string>::get(in) + "\n";
      prentice_system_call(SYS_write, 2, reason.data(), reason.size());
      leave(PRENTICE_CANDIDATE_THREW_EXIT);
    }
    int changed[] = {0, (Changed<A>::get(in, arguments), 0)...};
    (void)changed;
    return result(in, std::is_void<R>());
  }

  static R result(Reader& in, std::true_type) { in.finish(); }
  static R result(Reader& in, std::false_type) {
    R value = Codec<R>::get(in);
    in.finish();
    return value;
  }

  // The candidate's side: answers calls until there are no more.
  static int answer(R (*function)(A...)) {
    std::string message;
    while (channel.receive(message)) {
      std::string reply(1, returned);
      std::string reason;
      try {
        Reader in(message);
        Collect<A...>::call(function, in, reply);
        channel.send(reply);
        continue;
      } catch (const std::exception& exception) {
        reason = exception.what();
      } catch (...) {
        reason = "something that is no std::exception";
      }
      reply.assign(1, threw);
      Codec<std::string>::put(reply, reason);
      channel.send(reply);
    }
    // Without destructors of the program's globals: the last answer has been given.
    leave(0);
  }

  // Takes the arguments off the message one by one, then calls.
  template <class... Pending>
  struct Collect {
    template <class... Taken>
    static void call(R (*function)(A...), Reader& in, std::string& reply, Taken&... taken) {
      in.finish();
      invoke(std::is_void<R>(), function, reply, taken...);
    }
  };

  template <class Next, class... Rest>
  struct Collect<Next, Rest...> {
    template <class... Taken>
    static void call(R (*function)(A...), Reader& in, std::string& reply, Taken&... taken) {
      typename std::decay<Next>::type value = Codec<typename std::decay<Next>::type>::get(in);
      Collect<Rest...>::call(function, in, reply, taken..., value);
    }
  };

  static void invoke(std::true_type, R (*function)(A...), std::string& reply,
                     typename std::decay<A>::type&... arguments) {
    function(static_cast<A&&>(arguments)...);
    put_changed(reply, arguments...);
  }

  static void invoke(std::false_type, R (*function)(A...), std::string& reply,
                     typename std::decay<A>::type&... arguments) {
    R value = function(static_cast<A&&>(arguments)...);
    put_changed(reply, arguments...);
    Codec<R>::put(reply, value);
  }

  static void put_changed(std::string& reply, typename std::decay<A>::type&... arguments) {
    int put[] = {0, (Changed<A>::put(reply, arguments), 0)...};
    (void)put;
    (void)reply;
  }
};

}  // namespace prentice_bridge
