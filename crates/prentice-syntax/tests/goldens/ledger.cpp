// A ledger of accounts.
#include "stddef.h"
#include <cstddef>

namespace money {

using cents = long;
constexpr int limit = 3;

enum class Kind { deposit, withdrawal };

template <typename T, int N = limit>
class Stack {
public:
    void push(const T &item) { items[size++] = item; }
    T &operator[](std::size_t index) { return items[index]; }

private:
    T items[N];
    int size = 0;
};

struct Entry {
    Kind kind;
    cents amount;
};

class Named {
public:
    virtual ~Named() = default;
    virtual const char *name() const = 0;
};

class Account final : public Named {
public:
    explicit Account(const char *owner);
    ~Account() override;
    const char *name() const override { return owner_; }
    bool admit(Entry entry);
    cents balance() const;
    static int count;

private:
    const char *owner_;
    Stack<Entry> entries_;
    cents balance_{0};
};

int Account::count = 0;

Account::Account(const char *owner) : owner_(owner) { ++count; }

Account::~Account() { --count; }

bool Account::admit(Entry entry)
{
    if (auto amount = entry.amount; entry.kind == Kind::withdrawal) {
        balance_ -= amount;
        return balance() >= 0;
    }
    entries_.push(entry);
    balance_ += entry.amount;
    return true;
}

cents Account::balance() const { return balance_; }

namespace detail {
template <class Range, class Function>
cents sum(const Range &range, Function function)
{
    cents total = 0;
    for (const auto &item : range) {
        auto value = function(item);
        total += value;
    }
    return total;
}
} // namespace detail

} // namespace money

using money::Account;

int replay(int count)
{
    money::Entry entries[] = {{money::Kind::deposit, 5}, {money::Kind::withdrawal, 9}};
    auto *account = new Account("a");
    int admitted = 0;
    for (const auto &entry : entries) {
        admitted += account->admit(entry);
    }
    auto total = money::detail::sum(entries, [count](const money::Entry &entry) { return entry.amount * count; });
    delete account;
    return admitted + static_cast<int>(total);
}
